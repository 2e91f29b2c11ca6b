#include "tuf-repo/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/roles.h"

#define JOURNAL_MAX (64 * 1024 * 1024)

struct last {
	char role[SERVICE_MAX + 8];
	int64_t version;
	struct hash content;
};

struct journal {
	int fd;
	int64_t end; /* length of what is whole */
	bool broken; /* an append failed: nothing more is signed */
	struct last *last;
	size_t n, cap;
};

static struct last *
find(struct journal *j, const char *role)
{
	for (size_t i = 0; i < j->n; i++)
		if (strcmp(j->last[i].role, role) == 0)
			return &j->last[i];
	return NULL;
}

static void
remember(struct journal *j, const char *role, int64_t version,
    const struct hash *content)
{
	struct last *l = find(j, role);

	if (!l) {
		MEM_GROW(j->last, j->n, j->cap);
		l = &j->last[j->n++];
		memcpy(l->role, role, strlen(role) + 1);
	}
	l->version = version;
	l->content = *content;
}

static int
read_line(struct journal *j, struct span line, size_t number, struct err *err)
{
	struct span role, version, hex;
	char name[SERVICE_MAX + 8], digits[HASH_HEX];
	struct hash h;
	int64_t v;
	const struct last *l;

	if (!span_next(&line, ' ', &role) || !span_next(&line, ' ', &version))
		goto damaged;
	hex = line;
	if (!span_copy(role, name, sizeof(name)) ||
	    !num_span(version, 1, INT64_MAX, &v) || hex.n != 64 ||
	    !span_copy(hex, digits, sizeof(digits)))
		goto damaged;
	if ((!rule_of(name) && strcmp(name, JOURNAL_LOG) != 0) ||
	    !hash_parse(&h, digits))
		goto damaged;
	l = find(j, name);
	if (l && (v < l->version ||
		     (v == l->version && !hash_equal(&h, &l->content))))
		goto damaged;
	remember(j, name, v, &h);
	return 0;
damaged:
	return err_set(err, ERR_TRUST,
	    "signer's journal: line %zu is damaged; nothing is signed until"
	    " it is put back from a copy",
	    number);
}

static int
read_all(struct journal *j, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	size_t number = 0, start = 0;

	if (fd_read_all(j->fd, JOURNAL_MAX, &text, err) == -1)
		return err_prefix(err, "signer's journal");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '\n')
			continue;
		struct span line = { text.data + start, i - start };

		if (read_line(j, line, ++number, err) == -1)
			return -1;
		start = i + 1;
	}
	j->end = (int64_t)start;
	if (start < text.len &&
	    (ftruncate(j->fd, j->end) == -1 || fsync(j->fd) == -1))
		return err_sys(err, "cut the torn end of the signer's journal");
	return 0;
}

struct journal *
journal_open(int dirfd, int wait_ms, struct err *err)
{
	struct journal *j = mem_zero(1, sizeof(*j));
	const struct timespec pause = { 0, 20 * 1000 * 1000 };

	j->fd = file_open_at(dirfd, "journal", O_RDWR | O_CREAT, 0600, err);
	if (j->fd == -1) {
		err_prefix(err, "signer's journal");
		goto fail;
	}
	while (flock(j->fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			err_sys(err, "lock the signer's journal");
			goto fail;
		}
		if (wait_ms <= 0) {
			err_set(
			    err, ERR_BUSY, "another signer has the journal");
			goto fail;
		}
		nanosleep(&pause, NULL);
		wait_ms -= 20;
	}
	if (dir_sync(dirfd, err) == -1 || read_all(j, err) == -1)
		goto fail;
	return j;
fail:
	journal_free(j);
	return NULL;
}

void
journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->fd != -1)
		close(j->fd);
	free(j->last);
	free(j);
}

int64_t
journal_version(struct journal *j, const char *role)
{
	const struct last *l = find(j, role);

	return l ? l->version : 0;
}

const char *
journal_role(const struct journal *j, size_t i)
{
	return i < j->n ? j->last[i].role : NULL;
}

int
journal_enter(struct journal *j, const char *role, int64_t version,
    const struct hash *content, struct err *err)
{
	const struct last *l = find(j, role);
	auto_buf struct buf line = BUF_INIT;
	char hex[HASH_HEX];

	if (j->broken)
		return err_set(err, ERR_SYSTEM,
		    "signer's journal: an earlier write failed");
	if (l && version < l->version)
		return err_set(err, ERR_TRUST,
		    "%s: version %lld asked, but %lld was already signed", role,
		    (long long)version, (long long)l->version);
	if (l && version == l->version) {
		if (hash_equal(content, &l->content))
			return 0;
		return err_set(err, ERR_TRUST,
		    "%s: version %lld was already signed with other content",
		    role, (long long)version);
	}
	hash_hex(content, hex);
	buf_printf(&line, "%s %lld %s\n", role, (long long)version, hex);
	/* After a failed write or sync nobody knows what is on disk: stop, and
	 * let the next start read what is there. */
	j->broken = true;
	if (lseek(j->fd, j->end, SEEK_SET) == -1)
		return err_sys(err, "signer's journal");
	if (fd_write_all(j->fd, line.data, line.len, err) == -1)
		return err_prefix(err, "signer's journal");
	if (fsync(j->fd) == -1)
		return err_sys(err, "sync the signer's journal");
	j->broken = false;
	j->end += (int64_t)line.len;
	remember(j, role, version, content);
	return 0;
}
