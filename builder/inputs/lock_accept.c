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

#define ARCHES 2 /* what is built for, and what builds it, if another */

struct judging {
	struct deb_archive *a;
	const struct lock *l;
	char *arches[ARCHES];
	size_t narches;
	struct index_suite v[ARCHIVE_SUITES];
	size_t n;
};

/* "main/binary-ARCH/Packages.xz": as the first suite has it. */
static int
find_arches(struct judging *j, struct err *err)
{
	static const char before[] = "main/binary-", behind[] = "/Packages.xz";
	const struct lock_suite *s = &j->l->suites[0];
	bool own = false;

	for (size_t i = 0; i < s->nindexes; i++) {
		const char *path = s->indexes[i].path;
		size_t n = strlen(path);

		if (strncmp(path, before, strlen(before)) != 0 ||
		    n <= strlen(before) + strlen(behind) ||
		    strcmp(path + n - strlen(behind), behind) != 0)
			continue;
		if (j->narches == ARCHES)
			return err_set(err, ERR_TRUST,
			    "the lock has indexes of more than %d "
			    "architectures",
			    ARCHES);
		path += strlen(before);
		j->arches[j->narches] =
		    mem_strn(path, n - strlen(before) - strlen(behind));
		own |= strcmp(j->arches[j->narches++], j->l->arch) == 0;
	}
	return own ? 0
		   : err_set(err, ERR_TRUST,
			 "the lock has no index of its own architecture, %s",
			 j->l->arch);
}

static size_t
listed(const struct lock_suite *s, const struct hash *h)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nindexes; i++)
		n += hash_equal(&s->indexes[i].sha256, h);
	return n;
}

/* The lock's own list of indexes must be what the InRelease lists. */
static int
check_suite(struct judging *j, const struct lock_suite *s, const char *arch,
    bool sources, struct err *err)
{
	struct store *store = j->a->store;
	struct hash indexes[ARCHIVE_INDEXES];
	struct index_suite *out = &j->v[j->n];

	if (archive_proof(j->a, s->name, &s->inrelease, arch, indexes, err) ==
	    -1)
		return -1;
	if (s->nindexes != j->narches + 1 ||
	    listed(s, &indexes[ARCHIVE_PACKAGES]) != 1 ||
	    listed(s, &indexes[ARCHIVE_SOURCES]) != 1)
		return err_set(err, ERR_TRUST,
		    "suite %s: the lock names indexes that its InRelease does "
		    "not list",
		    s->name);
	*out = (struct index_suite){
		.name = s->name,
		.arch = arch,
		.packages = indexes[ARCHIVE_PACKAGES],
		.sources = indexes[ARCHIVE_SOURCES],
		.packages_fd = -1,
		.sources_fd = -1,
	};
	j->n++;
	if (store_get(store, &out->packages, &out->packages_fd, err) == -1)
		return -1;
	return sources ? store_get(store, &out->sources, &out->sources_fd, err)
		       : 0;
}

/* Nobody asks for source indexes of a lock without Debian sources. */
static int
check_suites(struct judging *j, struct err *err)
{
	const struct lock *l = j->l;

	for (size_t k = 0; k < j->narches; k++)
		for (size_t i = 0; i < l->nsuites; i++)
			if (check_suite(j, &l->suites[i], j->arches[k],
				k == 0 && l->sources.n > 0, err) == -1)
				return -1;
	return 0;
}

/* An index knows nothing of how a lock qualifies names. */
static int
check_package(struct worker *w, const struct lock_package *p, struct err *err)
{
	auto_free char *plain = mem_strn(p->name, lock_package_plain(p->name));
	struct lock_package bare = *p;

	bare.name = plain;
	if (p->name[strlen(plain)] &&
	    strcmp(p->name + strlen(plain) + 1, p->arch) != 0)
		return err_set(err, ERR_TRUST, "package %s is one of %s",
		    p->name, p->arch);
	return index_check_package(w, &bare, err);
}

static int
check_files(struct deb_archive *a, const struct lock *l, struct err *err)
{
	struct worker *w = &a->workers->index;
	const struct lock_packages *lists[] = { &l->build, &l->image };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			if (check_package(w, &lists[i]->v[k], err) == -1)
				return -1;
	for (size_t i = 0; i < l->sources.n; i++)
		if (index_check_source(w, &l->sources.v[i], err) == -1)
			return -1;
	return 0;
}

int
lock_judge(struct deb_archive *a, const struct lock *l, struct err *err)
{
	struct judging j = { .a = a, .l = l };
	size_t n = l->nsuites;
	int r = 0;

	if (n == 0 || n > ARCHIVE_SUITES)
		return err_set(err, ERR_TRUST,
		    "the lock has a proof of %zu suites, not 1 to %d", n,
		    ARCHIVE_SUITES);
	r = find_arches(&j, err);
	if (r == 0 && n * j.narches > ARCHIVE_SUITES)
		r = err_set(err, ERR_TRUST,
		    "the lock has a proof of %zu indexes, not 1 to %d",
		    n * j.narches, ARCHIVE_SUITES);
	if (r == 0)
		r = check_suites(&j, err);
	if (r == 0)
		r = index_open(&a->workers->index, j.v, j.n, err);
	if (r == 0)
		r = check_files(a, l, err);
	for (size_t i = 0; i < j.n; i++) {
		own_close(&j.v[i].packages_fd);
		own_close(&j.v[i].sources_fd);
	}
	for (size_t i = 0; i < j.narches; i++)
		free(j.arches[i]);
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
