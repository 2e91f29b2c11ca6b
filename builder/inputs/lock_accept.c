/* A lock from another farm: signature, index, each file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/index.h"
#include "builder/inputs/lock_make.h"
#include "builder/progress.h"
#include "lib/mem.h"
#include "lib/own.h"

static int
rehash(void *arg, const struct hash *h, int64_t size, const char *name,
    struct err *err)
{
	struct store *st = arg;
	auto_fd int fd = -1;
	struct hash is;
	int64_t n;

	if (store_get(st, h, &fd, err) == -1 || hash_fd(fd, &is, &n, err) == -1)
		return err_prefix(err, "%s", name);
	if (!hash_equal(h, &is))
		return err_set(
		    err, ERR_TRUST, "%s: the store's copy is damaged", name);
	if (size != -1 && n != size)
		return err_set(err, ERR_TRUST,
		    "%s has %lld bytes, the lock says %lld", name, (long long)n,
		    (long long)size);
	return 0;
}

/* The lock's own list of indexes must be what the InRelease lists. */
static int
check_suite(struct deb_archive *a, const struct lock *l,
    const struct lock_suite *s, struct index_suite *out, struct err *err)
{
	struct hash indexes[ARCHIVE_INDEXES];
	size_t same = 0;

	if (archive_proof(a, s->name, &s->inrelease, l->arch, indexes, err) ==
	    -1)
		return -1;
	for (size_t i = 0; i < s->nindexes; i++)
		for (size_t k = 0; k < ARCHIVE_INDEXES; k++)
			same += hash_equal(&s->indexes[i].sha256, &indexes[k]);
	if (s->nindexes != ARCHIVE_INDEXES || same != ARCHIVE_INDEXES)
		return err_set(err, ERR_TRUST,
		    "suite %s: the lock names indexes that its InRelease does "
		    "not list",
		    s->name);
	*out = (struct index_suite){
		.name = s->name,
		.packages = indexes[ARCHIVE_PACKAGES],
		.sources = indexes[ARCHIVE_SOURCES],
		.packages_fd = -1,
		.sources_fd = -1,
	};
	if (store_get(a->store, &out->packages, &out->packages_fd, err) == -1)
		return -1;
	/* Nobody asks it for a lock without Debian sources. */
	if (l->sources.n == 0)
		return 0;
	return store_get(a->store, &out->sources, &out->sources_fd, err);
}

static int
check_files(struct deb_archive *a, const struct lock *l, struct err *err)
{
	struct worker *w = &a->workers->index;
	const struct lock_packages *lists[] = { &l->build, &l->image };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			if (index_check_package(w, &lists[i]->v[k], err) == -1)
				return -1;
	for (size_t i = 0; i < l->sources.n; i++)
		if (index_check_source(w, &l->sources.v[i], err) == -1)
			return -1;
	return 0;
}

int
lock_judge(struct deb_archive *a, const struct lock *l, struct err *err)
{
	struct index_suite v[ARCHIVE_SUITES];
	size_t n = 0;
	int r = 0;

	if (l->nsuites == 0 || l->nsuites > ARCHIVE_SUITES)
		return err_set(err, ERR_TRUST,
		    "the lock has a proof of %zu suites, not 1 to %d",
		    l->nsuites, ARCHIVE_SUITES);
	while (r == 0 && n < l->nsuites) {
		v[n].packages_fd = v[n].sources_fd = -1;
		r = check_suite(a, l, &l->suites[n], &v[n], err);
		n++;
	}
	if (r == 0)
		r = index_open(&a->workers->index, l->arch, v, n, err);
	if (r == 0)
		r = check_files(a, l, err);
	for (size_t i = 0; i < n; i++) {
		if (v[i].packages_fd != -1)
			close(v[i].packages_fd);
		if (v[i].sources_fd != -1)
			close(v[i].sources_fd);
	}
	return r;
}

static int
write_rows(struct deb_archive *a, const struct lock *l, struct err *err)
{
	static const char sql[] = "UPDATE recipe SET lock = ?2 WHERE name = ?1";
	/* A foreign lock answers no request of ours: see lock_row_imported. */
	static const struct hash no_request = { 0 };
	int64_t event;
	char hex[HASH_HEX];

	hash_hex(&l->digest, hex);
	if (db_begin(a->db, err) == -1)
		return -1;
	event = event_add(a->db, "lock-imported", l->recipe, 0,
	    "lock %.12s of %s was imported: %zu packages, %zu source files",
	    hex, l->recipe, l->build.n + l->image.n, l->sources.n);
	if (lock_row_add(a->db, l, "import", &no_request, event, err) == 0) {
		auto_stmt struct stmt *q = db_stmt(a->db, sql);

		stmt_bind_str(q, 1, l->recipe);
		stmt_bind_hash(q, 2, &l->digest);
		if (stmt_run(q, err) == 0 && db_commit(a->db, err) == 0)
			return 0;
	}
	db_rollback(a->db);
	return -1;
}

int
lock_accept(struct deb_archive *a, struct lock *l, struct err *err)
{
	if (lock_blobs(l, rehash, a->store, err) == -1 ||
	    lock_judge(a, l, err) == -1)
		return err_prefix(err, "lock of %s", l->recipe);
	if (lock_store(a->store, l, err) == -1)
		return -1;
	return write_rows(a, l, err);
}
