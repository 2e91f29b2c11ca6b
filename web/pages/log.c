/*
 * A build's log, a page at a time from its end: a log may be many megabytes,
 * and there is one thread.  The whole of a finished one is an artifact.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define LOG_PAGE (256 << 10)

/* Bytes that begin a whole UTF-8 character at s, or 0. */
static size_t
utf8_length(const char *s, size_t n)
{
	size_t len = 0;
	json_t *j = NULL;

	while (j == NULL && len < 4 && len < n)
		j = json_stringn(s, ++len);
	if (j == NULL)
		len = 0;
	json_decref(j);
	return len;
}

/* A build may print any bytes; JSON and HTML want UTF-8 without NUL. */
static void
add_utf8(struct buf *out, const char *s, size_t n)
{
	while (n > 0) {
		size_t len = 1;

		if (*s == '\0' || ((unsigned char)*s >= 0x80 &&
				      (len = utf8_length(s, n)) == 0)) {
			buf_str(out, "\xef\xbf\xbd");
			len = 1;
		} else {
			buf_add(out, s, len);
		}
		s += len;
		n -= len;
	}
}

struct part {
	int64_t size, from, to; /* of the log, and what is shown */
	struct buf text;
};

/* Whole lines: the one that the page's start cuts is on the page before. */
static void
whole_lines(struct part *p, bool cut_start)
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
static int
read_part(int fd, int64_t from, struct part *p, struct err *err)
{
	bool tail = from == -1;
	ssize_t got;

	if (fd_size(fd, &p->size, err) == -1)
		return -1;
	if (tail)
		from = p->size > LOG_PAGE ? p->size - LOG_PAGE : 0;
	if (from > p->size)
		from = p->size;
	buf_reserve(&p->text, LOG_PAGE + 1);
	got = pread(fd, p->text.data, LOG_PAGE, from);
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

/* 1: open, *digest empty while it grows; 0: nothing was said yet. */
static int
open_log(struct req *req, int64_t id, char digest[HASH_HEX], int *fd,
    struct err *err)
{
	static const char sql[] = "SELECT log, state FROM run WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);
	char path[STORE_PATH];
	struct hash h;
	int got;

	stmt_bind_int(q, 1, id);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_MISSING, "no such build");
	digest[0] = '\0';
	if (stmt_hash(q, 0, &h)) {
		hash_hex(&h, digest);
		store_path(&h, path);
		*fd = file_open_at(req->web->store, path, O_RDONLY, 0, err);
		return *fd == -1 ? -1 : 1;
	}
	/* It still runs: the builder lets us read the growing file. */
	snprintf(path, sizeof(path), "run-%lld.log", (long long)id);
	if (req->web->live == -1)
		return 0;
	*fd = file_open_at(req->web->live, path, O_RDONLY | O_NONBLOCK, 0, err);
	return *fd == -1 ? 0 : 1;
}

static json_t *
model(struct req *req, struct err *err)
{
	struct part p = { .text = BUF_INIT };
	auto_buf struct buf text = BUF_INIT;
	auto_free char *title = NULL;
	const char *from_arg = req_arg(req, "from");
	char digest[HASH_HEX];
	int64_t id, from = -1;
	auto_fd int fd = -1;
	json_t *m;
	int got;

	if (run_id(req, &id, err) == -1)
		return NULL;
	if (from_arg && num_int(from_arg, 0, INT64_MAX, &from, err) == -1) {
		err_set(err, ERR_MISSING, "from: a byte of the log is meant");
		return NULL;
	}
	got = open_log(req, id, digest, &fd, err);
	if (got == -1 || (got == 1 && read_part(fd, from, &p, err) == -1)) {
		buf_release(&p.text);
		return NULL;
	}
	add_utf8(&text, p.text.data, p.text.len);
	buf_release(&p.text);
	m = json_object();
	title = mem_printf("Log of build %lld", (long long)id);
	js_set_str(m, "title", title);
	js_set_int(m, "id", id);
	js_set_int(m, "size", p.size);
	js_set_int(m, "from", p.from);
	js_set_int(m, "to", p.to);
	js_set_str(m, "digest", digest[0] ? digest : NULL);
	js_set_str(m, "log", text.data);
	/* Who reads its end wants to see what comes. */
	if (digest[0] == '\0' && from == -1)
		js_set_int(m, "refresh", 5);
	return m;
}

static void
view(struct html *h, const json_t *m)
{
	int64_t id = m_int(m, "id"), from = m_int(m, "from");

	html_open(h, "p", NULL);
	html_link(h, "build", "/build/%lld", (long long)id);
	if (m_int(m, "size") > LOG_PAGE) {
		html_textf(h, " \302\267 bytes %lld to %lld of %lld",
		    (long long)from, (long long)m_int(m, "to"),
		    (long long)m_int(m, "size"));
	}
	if (from > 0) {
		html_text(h, " \302\267 ");
		html_link(h, "earlier", "/build/%lld/log?from=%lld",
		    (long long)id,
		    (long long)(from > LOG_PAGE ? from - LOG_PAGE : 0));
	}
	if (m_int(m, "to") < m_int(m, "size")) {
		html_text(h, " \302\267 ");
		html_link(h, "later", "/build/%lld/log?from=%lld",
		    (long long)id, (long long)m_int(m, "to"));
		html_text(h, " \302\267 ");
		html_link(h, "end", "/build/%lld/log", (long long)id);
	}
	if (m_str(m, "digest")[0]) {
		html_text(h, " \302\267 ");
		html_link(
		    h, "all of it", "/blob/%s?as=text", m_str(m, "digest"));
	}
	html_close(h, "p");
	html_element(h, "pre",
	    m_str(m, "log")[0] ? m_str(m, "log") : "(no output yet)", NULL);
}

void
page_log(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Log",
		.section = "/builds",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
