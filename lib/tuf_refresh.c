#include "lib/tuf_refresh.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_read.h"

#define FILE_MODE 0644

struct tuf_refresh {
	char *url; /* ends in a slash */
	int dirfd; /* -1: nothing is kept */
	const struct buf *root;
	tuf_get *get;
	void *arg;
	struct tuf_trust *trust;
	bool ran;
};

static char *
with_slash(const char *url)
{
	size_t n = strlen(url);

	return mem_printf("%s%s", url, n > 0 && url[n - 1] == '/' ? "" : "/");
}

int
tuf_refresh_init(int dirfd, const void *bytes, size_t n, struct err *err)
{
	struct tuf_trust *t = tuf_trust_new(0);
	int rc = tuf_trust_root(t, bytes, n, err);

	tuf_trust_free(t);
	if (rc == -1)
		return err_prefix(err, "trusted root");
	return file_write_at(dirfd, "root.json", bytes, n, FILE_MODE, err);
}

struct tuf_refresh *
tuf_refresh_open(const struct tuf_refresh_opts *o, struct err *err)
{
	struct tuf_refresh *r;
	int dirfd = o->dirfd == -1 ? -1 : dir_open_at(o->dirfd, ".", err);

	if (dirfd == -1 && o->dirfd != -1)
		return NULL;
	r = mem_zero(1, sizeof(*r));
	r->dirfd = dirfd;
	r->root = o->root;
	r->url = with_slash(o->metadata_url);
	r->get = o->get;
	r->arg = o->arg;
	r->trust = tuf_trust_new(o->now);
	return r;
}

void
tuf_refresh_free(struct tuf_refresh *r)
{
	if (!r)
		return;
	tuf_trust_free(r->trust);
	own_close(&r->dirfd);
	free(r->url);
	free(r);
}

struct tuf_trust *
tuf_refresh_trust(struct tuf_refresh *r)
{
	return r->trust;
}

/* "3.snapshot.json"; version 0: "timestamp.json". */
static int
fetch_meta(struct tuf_refresh *r, const char *role, int64_t version,
    int64_t limit, struct buf *out, int *status, struct err *err)
{
	auto_free char *name = tuf_role_filename(role);
	auto_free char *url =
	    version ? mem_printf("%s%" PRId64 ".%s.json", r->url, version, name)
		    : mem_printf("%s%s.json", r->url, name);

	*status = 0;
	if (r->get(r->arg, url, limit, out, status, err) == -1)
		return -1;
	if (*status == 200 &&
	    span_begins((struct span){ out->data, out->len }, '{'))
		return 0;
	buf_clear(out);
	/* Nor is what cannot be metadata at all: a network that wants a login
	 * answers whatever is asked. */
	if (*status == 200)
		return err_set(err, ERR_BUSY,
		    "%.200s: a page came and no metadata: does this network "
		    "want a login?",
		    url);
	if (*status == 404 || *status == 403)
		return err_set(
		    err, ERR_MISSING, "%.200s: not there (%d)", url, *status);
	/* A proxy's word, or a server's: nothing that metadata says. */
	return err_set(
	    err, ERR_BUSY, "%.200s: the server answered %d", url, *status);
}

static int
persist(struct tuf_refresh *r, const char *role, const struct buf *b,
    struct err *err)
{
	auto_free char *enc = tuf_role_filename(role);
	auto_free char *name = mem_printf("%s.json", enc);

	if (r->dirfd == -1)
		return 0;
	return file_write_at(r->dirfd, name, b->data, b->len, FILE_MODE, err);
}

/* Our own copy; anything wrong with it means only that it is not there. */
static bool
load(struct tuf_refresh *r, const char *role, size_t limit, struct buf *out)
{
	auto_free char *enc = tuf_role_filename(role);
	auto_free char *name = mem_printf("%s.json", enc);
	struct err why = ERR_INIT;

	buf_clear(out);
	return r->dirfd != -1 &&
	       file_read_at(r->dirfd, name, limit, out, &why) == 0;
}

/*
 * TUF 5.3.11.  A stored file that the new keys do not sign falls away when it
 * is loaded; one that they still sign, though a key was taken away, must be
 * removed, or versions that the lost key made would bind us for ever.  Before
 * root.json is written: a stop in between repeats it.
 */
static int
forget_rotated(struct tuf_refresh *r, struct err *err)
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
run_root(struct tuf_refresh *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (r->dirfd == -1)
		buf_add(&b, r->root->data, r->root->len);
	else if (file_read_at(r->dirfd, "root.json", TUF_ROOT_MAX, &b, err) ==
		 -1)
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
run_timestamp(struct tuf_refresh *r, struct err *err)
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
url_version(const struct tuf_refresh *r, const struct tuf_meta *m)
{
	return tuf_root(r->trust)->consistent_snapshot ? m->version : 0;
}

/* TUF 5.5 */
static int
run_snapshot(struct tuf_refresh *r, struct err *err)
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
tuf_refresh_role(struct tuf_refresh *r, const char *role, const char *parent,
    struct err *err)
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
tuf_refresh_run(struct tuf_refresh *r, struct err *err)
{
	assert(!r->ran);
	r->ran = true;
	if (run_root(r, err) == -1 || run_timestamp(r, err) == -1 ||
	    run_snapshot(r, err) == -1)
		return -1;
	return tuf_refresh_role(r, "targets", "root", err);
}

static int
need(void *arg, const char *role, const char *parent, struct err *err)
{
	return tuf_refresh_role(arg, role, parent, err);
}

int
tuf_refresh_target(struct tuf_refresh *r, const char *path,
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
