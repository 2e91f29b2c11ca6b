/* What the parent of kiln-agent-fetch has to do for lib/tuf_refresh.h, and
 * downloads that go on where they broke. */
#include "router-agent/trust/refresh.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/trust/refresh_url.h"

struct refresh {
	struct fetcher *fetcher;
	struct tuf_refresh *tuf;
};

static int
get(void *arg, const char *url, int64_t limit, struct buf *out, int *status,
    struct err *err)
{
	const struct refresh *r = arg;
	struct fetch_more more = { .body = out };
	struct fetch_answer a;

	if (fetcher_get(r->fetcher, url, limit, -1, &more, &a, err) == -1)
		return -1;
	*status = a.status;
	return 0;
}

int
refresh_init(int dirfd, const void *bytes, size_t n, struct err *err)
{
	return tuf_refresh_init(dirfd, bytes, n, err);
}

struct refresh *
refresh_open(const struct refresh_opts *o, struct err *err)
{
	struct refresh *r = mem_zero(1, sizeof(*r));
	struct tuf_refresh_opts t = { .metadata_url = o->metadata_url,
		.dirfd = o->dirfd,
		.now = o->now,
		.get = get,
		.arg = r };

	r->fetcher = o->fetcher;
	r->tuf = tuf_refresh_open(&t, err);
	if (r->tuf)
		return r;
	free(r);
	return NULL;
}

void
refresh_free(struct refresh *r)
{
	if (!r)
		return;
	tuf_refresh_free(r->tuf);
	free(r);
}

struct tuf_trust *
refresh_trust(struct refresh *r)
{
	return tuf_refresh_trust(r->tuf);
}

int
refresh_run(struct refresh *r, struct err *err)
{
	return tuf_refresh_run(r->tuf, err);
}

int
refresh_role(
    struct refresh *r, const char *role, const char *parent, struct err *err)
{
	return tuf_refresh_role(r->tuf, role, parent, err);
}

int
refresh_target(struct refresh *r, const char *path,
    const struct tuf_target **target, const char **role, struct err *err)
{
	return tuf_refresh_target(r->tuf, path, target, role, err);
}

/* What was refused may be the page of a network that wants a login: nobody
 * lists one that begins so. */
static bool
is_page(int fd)
{
	char head[64];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	struct span s = { head, n > 0 ? (size_t)n : 0 };

	return span_begins(s, '<');
}

/* After the transfer, from our own file, which no other process holds. */
static int
verify_file(const struct tuf_target *t, int fd, struct err *err)
{
	crypto_hash_sha512_state st;
	uint8_t h512[64], chunk[16384];
	struct hash h;
	int64_t size;
	off_t at = 0;
	ssize_t n = 0;

	if (hash_fd(fd, &h, &size, err) == -1)
		return -1;
	crypto_hash_sha512_init(&st);
	while (t->has_sha512 && (n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		crypto_hash_sha512_update(&st, chunk, (size_t)n);
		at += n;
	}
	if (n == -1)
		return err_sys(err, "read target %.80s", t->path);
	crypto_hash_sha512_final(&st, h512);
	return tuf_target_check(t, size, &h, h512, err);
}

bool
refresh_have(const struct tuf_target *t, int fd)
{
	struct err why = ERR_INIT;

	return verify_file(t, fd, &why) == 0;
}

static int
fetch_rest(struct refresh *r, const char *url, int64_t have, int64_t want,
    int fd, const struct refresh_watch *w, struct err *err)
{
	struct fetch_more more = { .from = have };
	struct fetch_answer a = { 0 };

	if (w) {
		more.deadline_ms = w->deadline_ms;
		more.progress = w->progress;
		more.arg = w->arg;
	}
	if (fetcher_get(r->fetcher, url, want - have, fd, &more, &a, err) == -1)
		return -1;
	if (a.status == 200 || a.status == 206)
		return 0;
	if (a.status == 404 || a.status == 403)
		return err_set(
		    err, ERR_MISSING, "%.200s: not there (%d)", url, a.status);
	return err_set(
	    err, ERR_BUSY, "%.200s: the server answered %d", url, a.status);
}

static int
download(struct refresh *r, const char *base, const struct tuf_target *t,
    int fd, const struct refresh_watch *w, struct err *err)
{
	bool prefixed = tuf_root(refresh_trust(r))->consistent_snapshot;
	auto_free char *url = url_target(base, t, prefixed);
	int64_t have;

	if (fd_size(fd, &have, err) == -1)
		return -1;
	if (have >= t->length && refresh_have(t, fd))
		return 0;
	/* What is as long and not it is no first part. */
	if (have >= t->length) {
		have = 0;
		if (ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a file for a target");
	}
	if (lseek(fd, have, SEEK_SET) == -1)
		return err_sys(err, "find the end of a part of a target");
	if (fetch_rest(r, url, have, t->length, fd, w, err) == -1)
		return -1;
	if (verify_file(t, fd, err) == -1) {
		if (have > 0 || !is_page(fd))
			return -1;
		if (ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a file for a target");
		return err_set(err, ERR_BUSY,
		    "%.200s: a page came and no target: does this network "
		    "want a login?",
		    url);
	}
	return fsync(fd) == -1 ? err_sys(err, "sync target %.80s", t->path) : 0;
}

int
refresh_download(struct refresh *r, const char *targets_url,
    const struct tuf_target *t, int fd, const struct refresh_watch *w,
    struct err *err)
{
	struct err why = ERR_INIT;

	if (download(r, targets_url, t, fd, w, err) == 0)
		return 0;
	if (err->cls != ERR_BUSY && ftruncate(fd, 0) == -1)
		err_sys(&why, "empty a file"); /* the first error is told */
	return -1;
}
