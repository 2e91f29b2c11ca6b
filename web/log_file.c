#include "web/log_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/store.h"

int
log_file_open(struct web *w, int64_t run, struct log_file *l, struct err *err)
{
	static const char sql[] = "SELECT log, state FROM run WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);
	struct err none = ERR_INIT;
	char path[STORE_PATH];
	struct hash h;
	const char *state;
	int got;

	stmt_bind_int(q, 1, run);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_MISSING, "no such build");
	*l = (struct log_file){ .fd = -1 };
	state = stmt_str(q, 1);
	l->running =
	    strcmp(state, "running") == 0 || strcmp(state, "queued") == 0;
	if (stmt_hash(q, 0, &h)) {
		hash_hex(&h, l->digest);
		store_path(&h, path);
		l->fd = file_open_at(w->store, path, O_RDONLY, 0, err);
		/* A build stays when its log has been collected. */
		l->gone = l->fd == -1 && err->cls == ERR_MISSING;
		return l->fd == -1 && !l->gone ? -1 : 0;
	}
	/* It still runs: the builder lets us read the growing file. */
	snprintf(path, sizeof(path), "run-%lld.log", (long long)run);
	if (w->live != -1)
		l->fd = file_open_at(
		    w->live, path, O_RDONLY | O_NONBLOCK, 0, &none);
	return 0;
}

/* Whole lines: the one that the page's start cuts is on the page before. */
static void
whole_lines(struct log_part *p, bool cut_start)
{
	char *text = p->text.data, *first, *last;

	if (cut_start && (first = strchr(text, '\n')) != NULL) {
		size_t cut = (size_t)(first + 1 - text);

		memmove(text, first + 1, p->text.len - cut + 1);
		p->text.len -= cut;
		p->from += (int64_t)cut;
	}
	last = memrchr(text, '\n', p->text.len);
	if (p->to < p->size && last) {
		p->to -= (int64_t)(p->text.len - (size_t)(last + 1 - text));
		p->text.len = (size_t)(last + 1 - text);
	}
	p->text.data[p->text.len] = '\0';
}

/* from -1: the end. */
int
log_file_read(
    int fd, int64_t from, size_t max, struct log_part *p, struct err *err)
{
	bool tail = from == -1;
	ssize_t got;

	if (fd_size(fd, &p->size, err) == -1)
		return -1;
	if (tail)
		from = p->size > (int64_t)max ? p->size - (int64_t)max : 0;
	if (from > p->size)
		from = p->size;
	buf_reserve(&p->text, max + 1);
	got = pread(fd, p->text.data, max, from);
	if (got == -1)
		return err_sys(err, "read the log");
	p->text.len = (size_t)got;
	p->text.data[got] = '\0';
	p->from = from;
	p->to = from + got;
	if (p->to > p->size)
		p->size = p->to; /* it grew */
	whole_lines(p, tail && from > 0);
	return 0;
}
