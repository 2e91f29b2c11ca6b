/* Locks in farm.db, and which imported one still holds. */
#include <string.h>

#include "builder/inputs/lock_make.h"
#include "lib/num.h"

int
lock_row_add(struct db *db, const struct lock *l, const char *origin,
    const struct hash *request, int64_t event, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO lock (digest, recipe, made_at, origin, request,"
	    " event) VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0))"
	    " ON CONFLICT (digest) DO UPDATE SET made_at = ?3, origin = ?4,"
	    " request = ?5, event = ifnull(nullif(?6, 0), event)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, &l->digest);
	stmt_bind_str(q, 2, l->recipe);
	stmt_bind_int(q, 3, time_now());
	stmt_bind_str(q, 4, origin);
	stmt_bind_hash(q, 5, request);
	stmt_bind_int(q, 6, event);
	return stmt_run(q, err);
}

int
lock_row_newest(
    struct db *db, const char *recipe, struct hash *digest, struct err *err)
{
	static const char sql[] =
	    "SELECT ifnull((SELECT lock FROM recipe WHERE name = ?1),"
	    " (SELECT digest FROM lock WHERE recipe = ?1"
	    "  ORDER BY made_at DESC, rowid DESC LIMIT 1))";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int r;

	stmt_bind_str(q, 1, recipe);
	r = stmt_step(q, err);
	if (r == 1 && !stmt_hash(q, 0, digest))
		r = 0;
	return r;
}

static bool
has_packages(const struct lock_packages *l, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!lock_package_find(l, names[i]))
			return false;
	return true;
}

static bool
has_source(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->sources.n; i++)
		if (strcmp(l->sources.v[i].name, name) == 0)
			return true;
	return false;
}

static bool
has_git(const struct lock *l, const struct upstream_git *g)
{
	for (size_t i = 0; i < l->git.n; i++)
		if (strcmp(l->git.v[i].url, g->url) == 0 &&
		    strcmp(l->git.v[i].ref, g->ref) == 0 &&
		    strncmp(l->git.v[i].file, g->name, strlen(g->name)) == 0 &&
		    strcmp(l->git.v[i].file + strlen(g->name), ".tar") == 0)
			return true;
	return false;
}

static bool
has_file(const struct lock *l, const struct upstream_file *f)
{
	for (size_t i = 0; i < l->files.n; i++)
		if (strcmp(l->files.v[i].file, f->file) == 0 &&
		    hash_equal(&l->files.v[i].sha256, &f->sha256))
			return true;
	return false;
}

static bool
has_suite(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->nsuites; i++)
		if (strcmp(l->suites[i].name, name) == 0)
			return true;
	return false;
}

/* Does a lock made elsewhere give what this recipe asks for?  It may have
 * been made for a recipe that asked for more. */
static bool
gives(const struct lock *l, const struct lock_request *rq)
{
	bool ok = strcmp(l->arch, rq->arch) == 0 && l->nsuites == rq->nsuites &&
		  has_packages(&l->build, rq->build, rq->nbuild) &&
		  has_packages(&l->image, rq->image, rq->nimage) &&
		  (l->build.n == 0) == (rq->nbuild == 0) &&
		  (l->image.n == 0) == (rq->nimage == 0);

	for (size_t i = 0; ok && i < rq->nsuites; i++)
		ok = has_suite(l, rq->suites[i]);
	for (size_t i = 0; ok && i < rq->nsources; i++)
		ok = has_source(l, rq->sources[i]);
	for (size_t i = 0; ok && i < rq->ngit; i++)
		ok = has_git(l, &rq->git[i]);
	for (size_t i = 0; ok && i < rq->nfiles; i++)
		ok = has_file(l, &rq->files[i]);
	return ok;
}

/* Has a suite, or a repository, changed since? */
static int
outdated(struct db *db, const struct lock_request *rq, int64_t since,
    struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM suite WHERE name = ?1 AND changed_at > ?2";
	static const char git[] = "SELECT 1 FROM git_ref WHERE url = ?1 AND"
				  " ref = ?2 AND changed_at > ?3";

	for (size_t i = 0; i < rq->ngit; i++) {
		auto_stmt struct stmt *q = db_stmt(db, git);
		int r;

		stmt_bind_str(q, 1, rq->git[i].url);
		stmt_bind_str(q, 2, rq->git[i].ref);
		stmt_bind_int(q, 3, since);
		r = stmt_step(q, err);
		if (r != 0)
			return r;
	}

	for (size_t i = 0; i < rq->nsuites; i++) {
		auto_stmt struct stmt *q = db_stmt(db, sql);
		int r;

		stmt_bind_str(q, 1, rq->suites[i]);
		stmt_bind_int(q, 2, since);
		r = stmt_step(q, err);
		if (r != 0)
			return r;
	}
	return 0;
}

int
lock_row_imported(struct deb_archive *a, const struct lock_request *rq,
    struct hash *digest, struct err *err)
{
	static const char sql[] =
	    "SELECT digest, made_at FROM lock WHERE recipe = ?1 AND"
	    " origin = 'import' ORDER BY made_at DESC, rowid DESC LIMIT 1";
	auto_lock struct lock *l = NULL;
	struct err unusable = ERR_INIT;
	struct hash h;
	int64_t made_at;
	int r;

	{
		auto_stmt struct stmt *q = db_stmt(a->db, sql);

		stmt_bind_str(q, 1, rq->recipe);
		r = stmt_step(q, err);
		if (r != 1 || !stmt_hash(q, 0, &h))
			return r == -1 ? -1 : 0;
		made_at = stmt_int(q, 1);
	}
	r = outdated(a->db, rq, made_at, err);
	if (r != 0)
		return r == 1 ? 0 : -1;
	/* One that has lost bytes does not count: the archive decides. */
	l = lock_load(a->store, &h, &unusable);
	if (!l || !gives(l, rq) || lock_complete(a->store, l, &unusable) == -1)
		return 0;
	*digest = h;
	return 1;
}
