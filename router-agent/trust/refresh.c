#include "router-agent/trust/refresh.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "router-agent/trust/refresh_url.h"

#define FILE_MODE 0644

struct refresh {
	char *url; /* ends in a slash */
	int dirfd;
	struct fetcher *fetcher;
	struct tuf_trust *trust;
	bool ran;
};

int
refresh_init(int dirfd, const void *bytes, size_t n, struct err *err)
{
	struct tuf_trust *t = tuf_trust_new(0);
	int rc = tuf_trust_root(t, bytes, n, err);

	tuf_trust_free(t);
	if (rc == -1)
		return err_prefix(err, "trusted root");
	return file_write_at(dirfd, "root.json", bytes, n, FILE_MODE, err);
}

struct refresh *
refresh_open(const struct refresh_opts *o, struct err *err)
{
	struct refresh *r;
	int dirfd = dir_open_at(o->dirfd, ".", err);

	if (dirfd == -1)
		return NULL;
	r = mem_zero(1, sizeof(*r));
	r->dirfd = dirfd;
	r->url = url_base(o->metadata_url);
	r->fetcher = o->fetcher;
	r->trust = tuf_trust_new(o->now);
	return r;
}

void
refresh_free(struct refresh *r)
{
	if (!r)
		return;
	tuf_trust_free(r->trust);
	close(r->dirfd);
	free(r->url);
	free(r);
}

struct tuf_trust *
refresh_trust(struct refresh *r)
{
	return r->trust;
}

/* "3.snapshot.json"; version 0: "timestamp.json". */
static int
fetch_meta(struct refresh *r, const char *role, int64_t version, int64_t limit,
    struct buf *out, int *status, struct err *err)
{
	auto_free char *name = tuf_role_filename(role);
	auto_free char *url =
	    version ? mem_printf("%s%" PRId64 ".%s.json", r->url, version, name)
		    : mem_printf("%s%s.json", r->url, name);
	struct fetch_more more = { .body = out };
	struct fetch_answer a;

	if (fetcher_get(r->fetcher, url, limit, -1, &more, &a, err) == -1)
		return -1;
	*status = a.status;
	if (a.status == 200)
		return 0;
	buf_clear(out);
	if (a.status == 404 || a.status == 403)
		return err_set(
		    err, ERR_MISSING, "%.200s: not there (%d)", url, a.status);
	return err_set(err,
	    a.status >= 500 || a.status == 429 ? ERR_BUSY : ERR_INPUT,
	    "%.200s: the server answered %d", url, a.status);
}

static int
persist(
    struct refresh *r, const char *role, const struct buf *b, struct err *err)
{
	auto_free char *enc = tuf_role_filename(role);
	auto_free char *name = mem_printf("%s.json", enc);

	return file_write_at(r->dirfd, name, b->data, b->len, FILE_MODE, err);
}

/* Our own copy; anything wrong with it means only that it is not there. */
static bool
load(struct refresh *r, const char *role, size_t limit, struct buf *out)
{
	auto_free char *enc = tuf_role_filename(role);
	auto_free char *name = mem_printf("%s.json", enc);
	struct err why = ERR_INIT;

	buf_clear(out);
	return file_read_at(r->dirfd, name, limit, out, &why) == 0;
}

/*
 * TUF 5.3.11.  A stored file that the new keys do not sign falls away when it
 * is loaded; one that they still sign, though a key was taken away, must be
 * removed, or versions that the lost key made would bind us for ever.  Before
 * root.json is written: a stop in between repeats it.
 */
static int
forget_rotated(struct refresh *r, struct err *err)
{
	static const size_t limits[] = { [TUF_TIMESTAMP] = TUF_TIMESTAMP_MAX,
		[TUF_SNAPSHOT] = TUF_SNAPSHOT_MAX };

	if (!tuf_rotated(r->trust))
		return 0;
	for (int type = TUF_TIMESTAMP; type <= TUF_SNAPSHOT; type++) {
		auto_free char *name =
		    mem_printf("%s.json", tuf_type_name(type));
		auto_buf struct buf b = BUF_INIT;
		auto_tuf struct tuf_file *f = NULL;
		struct err why = ERR_INIT;

		if (!load(r, tuf_type_name(type), limits[type], &b))
			continue;
		f = tuf_read(type, tuf_type_name(type), b.data, b.len, &why);
		if (!f || !tuf_signed_by_root(r->trust, f))
			continue;
		if (file_remove_at(r->dirfd, name, err) == -1)
			return -1;
	}
	return 0;
}

/* TUF 5.3 */
static int
run_root(struct refresh *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (file_read_at(r->dirfd, "root.json", TUF_ROOT_MAX, &b, err) == -1)
		return err_prefix(err, "trusted root");
	if (tuf_trust_root(r->trust, b.data, b.len, err) == -1)
		return err_prefix(err, "trusted root");
	for (int i = 0; i < TUF_ROOTS_MAX; i++) {
		int64_t next = tuf_root(r->trust)->version + 1;
		int status = 0;

		buf_clear(&b);
		if (fetch_meta(r, "root", next, TUF_ROOT_MAX, &b, &status,
			err) == -1) {
			if (status != 404 && status != 403)
				return -1;
			break;
		}
		if (tuf_accept_root(r->trust, b.data, b.len, err) == -1 ||
		    forget_rotated(r, err) == -1 ||
		    persist(r, "root", &b, err) == -1)
			return -1;
	}
	err_clear(err);
	return tuf_root_done(r->trust, err);
}

/* TUF 5.4 */
static int
run_timestamp(struct refresh *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	bool kept = false;
	int status;

	if (load(r, "timestamp", TUF_TIMESTAMP_MAX, &b) &&
	    tuf_accept_timestamp(r->trust, b.data, b.len, true, &kept, &why) ==
		-1)
		err_clear(&why);
	buf_clear(&b);
	if (fetch_meta(
		r, "timestamp", 0, TUF_TIMESTAMP_MAX, &b, &status, err) == -1)
		return -1;
	if (tuf_accept_timestamp(r->trust, b.data, b.len, false, &kept, err) ==
	    -1)
		return -1;
	return kept ? 0 : persist(r, "timestamp", &b, err);
}

static int64_t
limit_of(const struct tuf_meta *m, int64_t most)
{
	return m->length >= 0 && m->length < most ? m->length : most;
}

/* The version that goes into a URL; 0: none. */
static int64_t
url_version(const struct refresh *r, const struct tuf_meta *m)
{
	return tuf_root(r->trust)->consistent_snapshot ? m->version : 0;
}

/* TUF 5.5 */
static int
run_snapshot(struct refresh *r, struct err *err)
{
	const struct tuf_meta *m =
	    tuf_meta_find(tuf_timestamp(r->trust), "snapshot.json");
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	bool final = false;
	int status;

	if (load(r, "snapshot", TUF_SNAPSHOT_MAX, &b) &&
	    tuf_accept_snapshot(r->trust, b.data, b.len, true, &final, &why) ==
		0 &&
	    final)
		return 0;
	buf_clear(&b);
	if (fetch_meta(r, "snapshot", url_version(r, m),
		limit_of(m, TUF_SNAPSHOT_MAX), &b, &status, err) == -1)
		return -1;
	if (tuf_accept_snapshot(r->trust, b.data, b.len, false, &final, err) ==
	    -1)
		return -1;
	return persist(r, "snapshot", &b, err);
}

/* TUF 5.6 */
int
refresh_role(
    struct refresh *r, const char *role, const char *parent, struct err *err)
{
	auto_free char *name = mem_printf("%s.json", role);
	const struct tuf_meta *m = tuf_meta_find(tuf_snapshot(r->trust), name);
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	int status;

	if (!m)
		return err_set(err, ERR_TRUST,
		    "%s: snapshot does not list it (mix-and-match)", name);
	if (load(r, role, TUF_TARGETS_MAX, &b) &&
	    tuf_accept_targets(r->trust, role, parent, b.data, b.len, &why) ==
		0)
		return 0;
	buf_clear(&b);
	if (fetch_meta(r, role, url_version(r, m), limit_of(m, TUF_TARGETS_MAX),
		&b, &status, err) == -1)
		return -1;
	if (tuf_accept_targets(r->trust, role, parent, b.data, b.len, err) ==
	    -1)
		return -1;
	return persist(r, role, &b, err);
}

int
refresh_run(struct refresh *r, struct err *err)
{
	assert(!r->ran);
	r->ran = true;
	if (run_root(r, err) == -1 || run_timestamp(r, err) == -1 ||
	    run_snapshot(r, err) == -1)
		return -1;
	return refresh_role(r, "targets", "root", err);
}

static int
need(void *arg, const char *role, const char *parent, struct err *err)
{
	return refresh_role(arg, role, parent, err);
}

int
refresh_target(struct refresh *r, const char *path,
    const struct tuf_target **target, const char **role, struct err *err)
{
	const struct tuf_target *found = NULL;
	const char *by = NULL;

	if (tuf_find(r->trust, path, need, r, &found, &by, err) == -1)
		return -1;
	if (!found)
		return err_set(err, ERR_MISSING,
		    "target %.200s: no trusted role lists it", path);
	*target = found;
	*role = by;
	return 0;
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
	return err_set(err,
	    a.status >= 500 || a.status == 429 ? ERR_BUSY : ERR_INPUT,
	    "%.200s: the server answered %d", url, a.status);
}

static int
download(struct refresh *r, const char *base, const struct tuf_target *t,
    int fd, const struct refresh_watch *w, struct err *err)
{
	bool prefixed = tuf_root(r->trust)->consistent_snapshot;
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
	if (fetch_rest(r, url, have, t->length, fd, w, err) == -1 ||
	    verify_file(t, fd, err) == -1)
		return -1;
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
