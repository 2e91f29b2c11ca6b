#include "builder/relock.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/lane.h"
#include "builder/inputs/lock_change.h"
#include "builder/inputs/lock_keep.h"
#include "builder/inputs/lock_make.h"
#include "builder/plan/ledger.h"
#include "builder/progress.h"
#include "builder/repos.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

/* What the recipe asks for and what every lane needs besides. */
static const char **
with_lane_packages(const struct strs *s, size_t *n)
{
	const char **all = mem_zero(s->n + 8, sizeof(*all));

	*n = s->n;
	if (s->n)
		memcpy(all, s->v, s->n * sizeof(*all));
	for (size_t i = 0; lane_packages[i]; i++)
		if (!strs_has(s, lane_packages[i]))
			all[(*n)++] = lane_packages[i];
	return all;
}

static int
find_lock(struct builder *b, const struct recipe *r, int64_t event,
    struct lock **out, struct err *err)
{
	auto_free const char **build = NULL, **image = NULL;
	auto_free const char **suites =
	    mem_zero(r->suites.n + 1, sizeof(*suites));
	struct lock_request rq = { .recipe = r->name,
		.arch = r->arch,
		.on = r->on,
		.suites = suites,
		.sources = r->sources.v,
		.nsources = r->sources.n,
		.git = r->git,
		.ngit = r->ngit,
		.files = r->fetched,
		.nfiles = r->nfetched };
	struct hash digest;

	for (size_t i = 0; i < r->suites.n; i++)
		if (settings_suite_enabled(&b->settings, r->suites.v[i]))
			suites[rq.nsuites++] = r->suites.v[i];
	if (rq.nsuites == 0)
		return err_set(err, ERR_INPUT,
		    "all suites of the recipe %s are switched off in kiln.yaml",
		    r->name);
	if (r->has_build)
		rq.build = build =
		    with_lane_packages(&r->packages[STAGE_BUILD], &rq.nbuild);
	if (r->has_image)
		rq.image = image =
		    with_lane_packages(&r->packages[STAGE_IMAGE], &rq.nimage);
	if (lock_make(&b->archive, &rq, event, &digest, err) == -1)
		return -1;
	*out = lock_load(b->store, &digest, err);
	return *out ? 0 : -1;
}

/* --- suites switched on and off ------------------------------------------ */

static bool
was_disabled(struct db *db, const char *suite)
{
	static const char sql[] =
	    "SELECT kind = 'suite-disabled' FROM event WHERE subject = ?1 AND"
	    " kind IN ('suite-enabled', 'suite-disabled')"
	    " ORDER BY id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, suite);
	return stmt_step(q, &err) == 1 && stmt_int(q, 0) == 1;
}

static void
tell_suite(struct builder *b, const char *suite)
{
	bool enabled = settings_suite_enabled(&b->settings, suite);

	if (enabled != was_disabled(b->db, suite))
		return;
	event_add(b->db, enabled ? "suite-enabled" : "suite-disabled", suite, 0,
	    "suite %s is switched %s in kiln.yaml", suite,
	    enabled ? "on again" : "off");
}

void
relock_tell_suites(struct builder *b, const struct recipes *all)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; !all->v[i].error && k < all->v[i].suites.n;
		     k++)
			tell_suite(b, all->v[i].suites.v[k]);
}

/* --- all at once --------------------------------------------------------- */

static bool
has_suite(
    const struct archive_suite *v, size_t n, const char *name, const char *arch)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0 &&
		    strcmp(v[i].arch, arch) == 0)
			return true;
	return false;
}

/* One that cannot be read is told by whose lock it is asked for. */
static void
add_suite(struct builder *b, struct archive_suite *v, size_t *n,
    const char *name, const char *arch)
{
	struct err unread = ERR_INIT;

	if (*n < ARCHIVE_SUITES && !has_suite(v, *n, name, arch) &&
	    settings_suite_enabled(&b->settings, name) &&
	    archive_suite_load(&b->archive, name, arch, &v[*n], &unread) == 0)
		++*n;
}

int
relock_ask_all(struct builder *b, const struct recipes *all, struct err *err)
{
	struct archive_suite v[ARCHIVE_SUITES] = { 0 };
	struct lock_set now;
	size_t n = 0, held = 0, touched = 0;
	int rc = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct recipe *r = &all->v[i];

		for (size_t k = 0; !r->error && k < r->suites.n; k++) {
			add_suite(b, v, &n, r->suites.v[k], b->arch);
			if (r->on)
				add_suite(b, v, &n, r->suites.v[k], r->arch);
		}
	}
	lock_set_of(v, n, b->arch, &now);
	if (n > 0)
		rc = lock_keep_all(
		    &b->archive, b->arch, &now, &held, &touched, err);
	for (size_t i = 0; i < n; i++)
		archive_suite_release(&v[i]);
	if (held || touched)
		log_info("archive-asked", "locks-hold=%zu touched=%zu", held,
		    touched);
	return rc;
}

/* --- what led here ------------------------------------------------------- */

/* What farm.db remembers. */
struct before {
	bool there, has_lock, changed;
	struct hash tree, lock;
	int64_t event;
};

static int
remember(struct db *db, const char *recipe, struct before *was, struct err *err)
{
	static const char sql[] =
	    "SELECT tree, lock, event FROM recipe WHERE name = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, recipe);
	got = stmt_step(q, err);
	if (got != 1)
		return got;
	was->there = stmt_hash(q, 0, &was->tree);
	was->has_lock = stmt_hash(q, 1, &was->lock);
	was->event = stmt_int(q, 2);
	return 0;
}

/* The last of this cycle that says something new of a suite or repository. */
static int64_t
event_of(struct db *db, const char *subject, int64_t since)
{
	static const char sql[] =
	    "SELECT id FROM event WHERE id > ?2 AND subject = ?1 AND kind IN"
	    " ('archive-changed', 'suite-enabled', 'suite-disabled',"
	    " 'git-changed') ORDER BY id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, subject);
	stmt_bind_int(q, 2, since);
	return stmt_step(q, &err) == 1 ? stmt_int(q, 0) : 0;
}

/* That of the suite, else the last of any that the recipe names. */
static int64_t
input_event(
    struct db *db, const struct recipe *r, const char *suite, int64_t since)
{
	int64_t found = 0;

	for (size_t i = 0; i < r->suites.n; i++) {
		int64_t id = event_of(db, r->suites.v[i], since);

		if (id && suite && strcmp(suite, r->suites.v[i]) == 0)
			return id;
		if (id > found)
			found = id;
	}
	for (size_t i = 0; i < r->ngit; i++) {
		auto_free char *subject =
		    upstream_subject(r->git[i].url, r->git[i].ref);
		int64_t id = event_of(db, subject, since);

		if (id > found)
			found = id;
	}
	return found;
}

/* The suite of the change that is told first. */
static const char *
first_suite(const struct lock_changes *l)
{
	for (int security = 1; security >= 0; security--)
		for (size_t i = 0; i < l->n; i++)
			if (l->v[i].suite && l->v[i].security == security)
				return l->v[i].suite;
	return NULL;
}

/* What is other in the lock; false: nothing that could be told. */
static bool
compare_locks(struct builder *b, const struct before *was,
    const struct lock *now, struct lock_changes *l)
{
	auto_lock struct lock *old = NULL;
	struct err unreadable = ERR_INIT;

	if (!now || !was->has_lock || hash_equal(&was->lock, &now->digest))
		return false;
	old = lock_load(b->store, &was->lock, &unreadable);
	if (!old)
		return false; /* it does not say any more what it was */
	lock_diff(old, now, l);
	return true;
}

static int
tell_lock(struct builder *b, const struct recipe *r,
    const struct lock_changes *l, int64_t since, int64_t *event,
    struct err *err)
{
	int64_t parent = input_event(b->db, r, first_suite(l), since);

	if (!parent)
		parent = *event;
	if (!parent) /* from before the builder was stopped? */
		parent = input_event(b->db, r, first_suite(l), 0);
	return lock_changes_write(b->db, r->name, l, parent, event, err);
}

static int
write_recipe(struct builder *b, const struct recipe *r,
    const struct before *was, const struct lock *now,
    const struct lock_changes *l, int64_t since, int64_t *event,
    struct err *err)
{
	int rc = db_begin(b->db, err);

	if (rc == -1)
		return -1;
	if (was->changed)
		rc = event_put(b->db, "recipe-changed", r->name,
		    repos_event(b, r, since), event, err,
		    "the files of the recipe %s changed%s%s", r->name,
		    r->origin ? ": it is of " : "", r->origin ? r->origin : "");
	if (rc == 0 && l)
		rc = tell_lock(b, r, l, since, event, err);
	if (rc == 0)
		rc = ledger_recipe(
		    b->db, r, now ? &now->digest : NULL, *event, err);
	if (rc == -1 || db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

int
relock(struct builder *b, struct recipe *r, int64_t since, struct lock **lock,
    int64_t *event, struct err *err)
{
	struct before was = { 0 };
	struct lock_changes l = { 0 };
	struct err why = ERR_INIT;
	bool other;
	int rc;

	if (remember(b->db, r->name, &was, err) == -1)
		return -1;
	*event = 0;
	was.changed =
	    !r->error && was.there && !hash_equal(&was.tree, &r->tree_digest);
	if (!r->error && find_lock(b, r, input_event(b->db, r, NULL, since),
			     lock, &why) == -1) {
		b->no_room = b->no_room || err_no_room(&why);
		recipe_hold(r, true, "%s (cause=%s)", why.msg, err_cause(&why));
	}
	other = compare_locks(b, &was, *lock, &l);
	rc = write_recipe(
	    b, r, &was, *lock, other ? &l : NULL, since, event, err);
	lock_changes_release(&l);
	/* Told by a cycle that did not come to its end. */
	if (rc == 0 && *event == 0 && was.event > since)
		*event = was.event;
	return rc;
}
