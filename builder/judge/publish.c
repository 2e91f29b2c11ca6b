#include "builder/judge/publish.h"

#include <string.h>

#include "builder/judge/closure.h"
#include "builder/judge/documents.h"
#include "builder/judge/terms.h"
#include "builder/progress.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define RECORD_MAX ((size_t)16 << 20)

/* --- the record ---------------------------------------------------------- */

static int
load(struct store *store, const struct hash *digest, const char *kind,
    json_t **out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (store_read(store, digest, RECORD_MAX, &text, err) == -1)
		return -1;
	*out = js_record(kind, kind, 1, text.data, text.len, err);
	return *out ? 0 : -1;
}

static int
put(struct store *store, const json_t *j, struct hash *digest, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	return store_put_bytes(store, text.data, text.len, digest, err);
}

/* --- the same as the last one? ------------------------------------------- */

static json_t *
without_sboms(const json_t *targets)
{
	json_t *copy = json_deep_copy(targets), *one;
	size_t i;

	json_array_foreach(copy, i, one)
	    json_object_del(json_object_get(one, "custom"), "sbom");
	return copy;
}

/* Of the service, or of the recipe: two may be released as one service, and
 * each of them would have something new to say for ever. */
static int
says_the_same(struct db *db, struct store *store, const struct recipe *r,
    const char *arch, const json_t *targets, bool *same, struct err *err)
{
#define NEWEST                                                         \
	" WHERE l.service = ?1 AND l.arch = ?2 AND l.withheld IS NULL" \
	" ORDER BY l.made_at DESC, l.rowid DESC LIMIT 1)"
	static const char sql[] =
	    "SELECT digest FROM (SELECT l.digest FROM release l" NEWEST
	    " UNION SELECT digest FROM (SELECT l.digest FROM release l"
	    " JOIN plan p ON p.digest = l.plan AND p.recipe = ?3" NEWEST;
#undef NEWEST
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct hash digest;
	int got;

	*same = false;
	stmt_bind_str(q, 1, recipe_service(r));
	stmt_bind_str(q, 2, arch);
	stmt_bind_str(q, 3, r->name);
	while (!*same && (got = stmt_step(q, err)) == 1) {
		auto_json json_t *last = NULL, *b = NULL;

		if (!stmt_hash(q, 0, &digest))
			return err_set(
			    err, ERR_INPUT, "a release has no digest");
		if (load(store, &digest, "kiln/release", &last, err) == -1)
			return -1;
		b = without_sboms(json_object_get(last, "targets"));
		*same = json_equal(targets, b);
	}
	return *same ? 0 : got;
}

/* One that was made before stands again: it is the newest now. */
static int
add_row(struct db *db, const struct hash *digest, const char *service,
    const struct plan *p, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO release (digest, service, arch, plan, made_at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (digest) DO UPDATE"
	    " SET made_at = excluded.made_at,"
	    " rowid = (SELECT max(rowid) + 1 FROM release)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, digest);
	stmt_bind_str(q, 2, service);
	stmt_bind_str(q, 3, p->arch);
	stmt_bind_hash(q, 4, &p->digest);
	stmt_bind_int(q, 5, time_now());
	return stmt_run(q, err);
}

static int
add_parts(struct db *db, const struct hash *digest, const struct closure *c,
    struct err *err)
{
	static const char sql[] = "INSERT OR IGNORE INTO release_part"
				  " (release, plan) VALUES (?1, ?2)";

	for (size_t i = 0; i < c->n; i++) {
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_hash(q, 1, digest);
		stmt_bind_hash(q, 2, &c->v[i].plan->digest);
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}

int
publish_add(struct db *db, const struct hash *digest, const char *service,
    const char *version, const struct closure *c, const struct documents *told,
    int64_t event, struct err *err)
{
	if (db_begin(db, err) == -1)
		return -1;
	if (documents_list(db, told, err) == -1 ||
	    add_row(db, digest, service, c->v[0].plan, err) == -1 ||
	    add_parts(db, digest, c, err) == -1 ||
	    event_put(db, "release-made", service, event, &event, err,
		"%s %s may be published", service, version) == -1 ||
	    db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* Of what was published before farms told of it. */
static int
add_documents(struct db *db, const struct documents *told, struct err *err)
{
	if (db_begin(db, err) == -1)
		return -1;
	if (documents_list(db, told, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int
verdict_of(struct db *db, const struct hash *plan, struct hash *record,
    bool *reproduced, struct err *err)
{
	static const char sql[] =
	    "SELECT verdict_record FROM plan"
	    " WHERE digest = ?1 AND verdict = 'reproduced'";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	*reproduced = got == 1 && stmt_hash(q, 0, record);
	return got == -1 ? -1 : 0;
}

/* Makes the release of targets that nobody has been told of. */
static int
release(struct db *db, struct store *store, const struct recipe *r,
    const struct plan *p, const struct hash *verdict, json_t *targets,
    const struct documents_of *of, const struct documents *told, int64_t event,
    struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/release", 1);
	struct hash digest;
	json_t *one;
	size_t i;

	json_array_foreach(targets, i, one)
	    js_set_hash(json_object_get(one, "custom"), "sbom", &told->spdx);
	js_set(j, "targets", json_incref(targets));
	js_set_str(j, "service", of->service);
	js_set_str(j, "recipe", r->name);
	js_set_str(j, "arch", p->arch);
	js_set_str(j, "version", of->version);
	js_set_hash(j, "plan", &p->digest);
	js_set_hash(j, "verdict", verdict);
	if (put(store, j, &digest, err) == -1)
		return -1;
	return publish_add(db, &digest, of->service, of->version, of->closure,
	    told, event, err);
}

int
publish_release(struct db *db, struct store *store, const struct recipe *r,
    const struct lock *lock, const struct plan *p, int64_t event, bool *made,
    struct err *err)
{
	auto_closure struct closure c = CLOSURE_INIT;
	auto_documents struct documents told = DOCUMENTS_INIT;
	auto_buf struct buf version = BUF_INIT;
	auto_json json_t *verdict = NULL, *targets = NULL;
	struct documents_of of = { &c, r->name, recipe_service(r), NULL, NULL };
	struct hash record;
	bool yes, same, known;

	*made = false;
	if (verdict_of(db, &p->digest, &record, &yes, err) == -1)
		return -1;
	if (!yes)
		return 0;
	if (closure_collect(db, store, &p->digest, &c, &yes, err) == -1)
		return -1;
	if (!yes)
		return 0;
	if (terms_version(r, store, lock, &c, &version, err) == -1)
		return -1;
	of.version = version.data;
	if (load(store, &record, "kiln/verdict", &verdict, err) == -1)
		return err_prefix(err, "release of %s", of.service);
	of.outputs = json_object_get(verdict, "outputs");
	targets = terms_targets(r, store, of.outputs, of.version, err);
	if (!targets ||
	    says_the_same(db, store, r, p->arch, targets, &same, err) == -1 ||
	    documents_known(db, of.outputs, &known, err) == -1)
		return err_prefix(err, "release of %s", of.service);
	if (same && known)
		return 0;
	if (documents_make(store, &of, &told, err) == -1 ||
	    (same ? add_documents(db, &told, err)
		  : release(db, store, r, p, &record, targets, &of, &told,
			event, err)) == -1)
		return err_prefix(err, "release of %s", of.service);
	*made = !same;
	return 0;
}

/* --- what an audit took back ---------------------------------------------- */

static int
any_taken_back(struct db *db, bool *any, struct err *err)
{
	static const char sql[] =
	    "SELECT EXISTS (SELECT 1 FROM run r JOIN plan p ON"
	    " p.digest = r.plan WHERE r.audit = 1"
	    " AND p.verdict <> 'reproduced')";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	if (stmt_step(q, err) != 1)
		return -1;
	*any = stmt_int(q, 0) == 1;
	return 0;
}

struct shown_release {
	struct hash digest, plan;
};

static int
shown(struct db *db, struct shown_release **v, size_t *n, struct err *err)
{
	static const char sql[] =
	    "SELECT digest, plan FROM release WHERE withheld IS NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	size_t cap = 0;
	int got;

	while ((got = stmt_step(q, err)) == 1) {
		MEM_GROW(*v, *n, cap);
		if (!stmt_hash(q, 0, &(*v)[*n].digest) ||
		    !stmt_hash(q, 1, &(*v)[*n].plan))
			return err_set(
			    err, ERR_INPUT, "a release has no digest");
		(*n)++;
	}
	return got;
}

static int
withhold(struct db *db, struct store *store, const struct shown_release *r,
    struct err *err)
{
	static const char sql[] =
	    "UPDATE release SET withheld = 'it rests on a build that was"
	    " reproduced once and is not any more' WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_closure struct closure c = CLOSURE_INIT;
	struct hash record;
	bool yes;

	if (verdict_of(db, &r->plan, &record, &yes, err) == -1 ||
	    (yes && closure_collect(db, store, &r->plan, &c, &yes, err) == -1))
		return -1;
	if (yes)
		return 0;
	stmt_bind_hash(q, 1, &r->digest);
	return stmt_run(q, err);
}

int
publish_withhold(struct db *db, struct store *store, struct err *err)
{
	auto_free struct shown_release *v = NULL;
	size_t n = 0;
	bool any;

	if (any_taken_back(db, &any, err) == -1)
		return -1;
	if (!any)
		return 0;
	if (shown(db, &v, &n, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (withhold(db, store, &v[i], err) == -1)
			return err_prefix(err, "withhold releases");
	return 0;
}
