#include "lib/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/store.h"

#define PLAN_MAX ((size_t)16 << 20)
#define DEPTH_MAX 64

struct origin {
	struct db *db;
	int store;
	json_t *plans;	     /* array, in order */
	json_t *known;	     /* digest → true; false: being added */
	const char *release; /* whose parts go first, or NULL */
	bool reproduced;     /* builds that are, and no others */
	bool missing;	     /* … and there was none */
};

/* Who gave a digest. */
struct giver {
	int64_t run;
	char *plan;
};

/*
 * Of several plans one that is wanted anyway; else the newest of those that
 * are reproduced, of the recipe that is asked for if that is among them.  One
 * that is being added gives nothing to itself.  1: there are several, and
 * `sole` says to leave that for later.
 */
static int
find_giver(struct origin *o, const char *digest, const char *name,
    const char *recipe, bool sole, struct giver *g, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, r.plan FROM output o JOIN run r ON r.id = o.run"
	    " JOIN plan p ON p.digest = r.plan WHERE o.digest = ?1"
	    " AND (?2 IS NULL OR o.name = ?2) AND r.state = 'succeeded'"
	    " AND (?5 = 0 OR (p.stage = 'build' AND p.verdict IS"
	    "  'reproduced'))"
	    " ORDER BY EXISTS (SELECT 1 FROM release_part WHERE release = ?4"
	    "  AND plan = r.plan) DESC, p.verdict IS 'reproduced' DESC,"
	    " p.recipe IS ?3 DESC, r.id DESC LIMIT 200";
	auto_stmt struct stmt *q = db_stmt(o->db, sql);
	bool several = false, wanted = false;
	int got;

	stmt_bind_str(q, 1, digest);
	stmt_bind_str(q, 2, name);
	stmt_bind_str(q, 3, recipe);
	stmt_bind_str(q, 4, o->release);
	stmt_bind_int(q, 5, o->reproduced);
	while (!wanted && (got = stmt_step(q, err)) == 1) {
		const json_t *known = json_object_get(o->known, stmt_str(q, 1));

		if (json_is_false(known))
			continue;
		wanted = json_is_true(known);
		several = several ||
			  (g->plan && strcmp(g->plan, stmt_str(q, 1)) != 0);
		if (g->plan && !wanted)
			continue;
		free(g->plan);
		g->run = stmt_int(q, 0);
		g->plan = mem_str(stmt_str(q, 1));
	}
	if (!wanted && got == -1)
		return -1;
	if (!g->plan) {
		o->missing = true;
		return err_set(
		    err, ERR_MISSING, "no build on record gave %.64s", digest);
	}
	return sole && several && !wanted ? 1 : 0;
}

static json_t *
read_plan(struct origin *o, const char *hex, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char path[STORE_PATH];
	struct hash want, is;

	if (!hash_parse(&want, hex)) {
		err_set(err, ERR_INPUT, "farm.db: a plan without digest");
		return NULL;
	}
	store_path(&want, path);
	if (file_read_at(o->store, path, PLAN_MAX, &text, err) == -1) {
		err_prefix(err, "plan %.12s", hex);
		return NULL;
	}
	hash_bytes(&is, text.data, text.len);
	if (!hash_equal(&want, &is)) {
		err_set(err, ERR_SYSTEM, "plan %.12s is damaged", hex);
		return NULL;
	}
	return js_parse("plan", text.data, text.len, err);
}

/* --- one plan ------------------------------------------------------------ */

static int
add_outputs(struct origin *o, json_t *j, int64_t run, struct err *err)
{
	static const char sql[] =
	    "SELECT name, digest, size FROM output WHERE run = ?1"
	    " ORDER BY name";
	auto_stmt struct stmt *q = db_stmt(o->db, sql);
	json_t *list = json_array();
	int got;

	js_set(j, "outputs", list);
	stmt_bind_int(q, 1, run);
	while ((got = stmt_step(q, err)) == 1) {
		json_t *one = json_object();

		js_set_str(one, "name", stmt_str(q, 0));
		js_set_str(one, "sha256", stmt_str(q, 1));
		js_set_int(one, "size", stmt_int(q, 2));
		json_array_append_new(list, one);
	}
	return got;
}

/* The newest records of runs, good and bad. */
static int
add_runs(struct origin *o, json_t *j, const char *plan, struct err *err)
{
	static const char sql[] =
	    "SELECT record FROM run WHERE plan = ?1 AND record IS NOT NULL"
	    " ORDER BY id DESC LIMIT 20";
	auto_stmt struct stmt *q = db_stmt(o->db, sql);
	json_t *list = json_array();
	int got;

	js_set(j, "runs", list);
	stmt_bind_str(q, 1, plan);
	while ((got = stmt_step(q, err)) == 1)
		json_array_append_new(list, json_string(stmt_str(q, 0)));
	return got;
}

/* Files of the recipes that asked for it, and who signed them. */
static int
add_trees(struct origin *o, json_t *j, const char *plan, struct err *err)
{
	static const char sql[] =
	    "SELECT recipe, tree, signature FROM plan_tree WHERE plan = ?1"
	    " ORDER BY recipe LIMIT 64";
	auto_stmt struct stmt *q = db_stmt(o->db, sql);
	json_t *list = json_array();
	int got;

	js_set(j, "trees", list);
	stmt_bind_str(q, 1, plan);
	while ((got = stmt_step(q, err)) == 1) {
		json_t *one = json_object();

		js_set_str(one, "recipe", stmt_str(q, 0));
		js_set_str(one, "tree", stmt_str(q, 1));
		js_set_str(one, "signature", stmt_str(q, 2));
		json_array_append_new(list, one);
	}
	return got;
}

/* *recipe is a copy. */
static json_t *
plan_row(
    struct origin *o, const struct giver *g, char **recipe, struct err *err)
{
	static const char sql[] =
	    "SELECT lock, recipe, stage, verdict, verdict_record FROM plan"
	    " WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(o->db, sql);
	auto_json json_t *j = json_object();
	int got;

	stmt_bind_str(q, 1, g->plan);
	got = stmt_step(q, err);
	if (got == 0)
		err_set(err, ERR_MISSING, "plan %.12s has gone", g->plan);
	if (got != 1)
		return NULL;
	js_set_str(j, "plan", g->plan);
	js_set_str(j, "lock", stmt_str(q, 0));
	js_set_str(j, "recipe", stmt_str(q, 1));
	js_set_str(j, "stage", stmt_str(q, 2));
	js_set_str(j, "verdict", stmt_str(q, 3));
	js_set_str(j, "judged", stmt_str(q, 4));
	*recipe = mem_str(stmt_str(q, 1));
	return json_incref(j);
}

static int add_plan(
    struct origin *o, const struct giver *g, int depth, struct err *err);

static int
add_use(struct origin *o, const char *recipe, const json_t *use, bool sole,
    int depth, struct err *err)
{
	const char *of, *output, *digest;
	struct giver g = { 0 };
	int rc;

	if (js_str("plan", use, "recipe", &of, err) == -1 ||
	    js_str("plan", use, "output", &output, err) == -1 ||
	    js_str("plan", use, "sha256", &digest, err) == -1)
		return -1;
	rc = find_giver(o, digest, output,
	    strcmp(of, "self") == 0 ? recipe : of, sole, &g, err);
	if (rc == -1)
		err_prefix(err, "%s of %s", output, of);
	else
		rc = rc == 1 ? 0 : add_plan(o, &g, depth + 1, err);
	free(g.plan);
	return rc;
}

/* First what one plan alone gave: it may give the rest, too. */
static int
add_uses(struct origin *o, const json_t *plan, const char *recipe, int depth,
    struct err *err)
{
	const json_t *one;
	json_t *uses;
	size_t i;

	if (js_array("plan", plan, "uses", &uses, err) == -1)
		return -1;
	for (int sole = 1; sole >= 0; sole--)
		json_array_foreach(uses, i, one)
		{
			if (add_use(o, recipe, one, sole, depth, err) == -1)
				return -1;
		}
	return 0;
}

static int
add_plan(struct origin *o, const struct giver *g, int depth, struct err *err)
{
	auto_json json_t *plan = NULL, *row = NULL;
	auto_free char *recipe = NULL;

	if (json_object_get(o->known, g->plan))
		return 0;
	if (depth > DEPTH_MAX || json_object_size(o->known) >= ORIGIN_PLANS)
		return err_set(err, ERR_INPUT,
		    "more than %d plans, or %d of them one upon the other",
		    ORIGIN_PLANS, DEPTH_MAX);
	js_set_bool(o->known, g->plan, false);
	if (!(plan = read_plan(o, g->plan, err)) ||
	    !(row = plan_row(o, g, &recipe, err)) ||
	    add_outputs(o, row, g->run, err) == -1 ||
	    add_runs(o, row, g->plan, err) == -1 ||
	    add_trees(o, row, g->plan, err) == -1 ||
	    add_uses(o, plan, recipe, depth, err) == -1)
		return -1;
	json_array_append(o->plans, row);
	js_set_bool(o->known, g->plan, true);
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static int
add_service(struct db *db, json_t *j, const char *plan, struct err *err)
{
	static const char sql[] = "SELECT service FROM release WHERE plan = ?1"
				  " ORDER BY made_at DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, plan);
	got = stmt_step(q, err);
	js_set_str(j, "service", got == 1 ? stmt_str(q, 0) : NULL);
	return got == -1 ? -1 : 0;
}

static json_t *
make(struct origin *o, const struct hash *digest, const struct giver *g,
    struct err *err)
{
	auto_json json_t *plans = json_array(), *known = json_object();
	auto_json json_t *j = js_record_new("kiln/origin", 2);

	o->plans = plans;
	o->known = known;
	if (digest)
		js_set_hash(j, "digest", digest);
	else
		js_set(j, "digest", json_null());
	if (add_plan(o, g, 0, err) == -1 ||
	    add_service(o->db, j, g->plan, err) == -1)
		return NULL;
	js_set(j, "plans", json_incref(plans));
	return json_incref(j);
}

/* The newest that it was published as; *release NULL: it was not.  Owned. */
static int
find_release(struct db *db, const char *digest, char **release, struct err *err)
{
	static const char sql[] =
	    "SELECT l.digest FROM output o JOIN run r ON r.id = o.run"
	    " JOIN release l ON l.plan = r.plan WHERE o.digest = ?1"
	    " AND l.withheld IS NULL"
	    " ORDER BY l.made_at DESC, l.rowid DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, digest);
	got = stmt_step(q, err);
	*release = got == 1 ? mem_str(stmt_str(q, 0)) : NULL;
	return got == -1 ? -1 : 0;
}

json_t *
origin_of_digest(
    struct db *farm, int store, const struct hash *digest, struct err *err)
{
	auto_free char *release = NULL;
	struct origin o = { .db = farm, .store = store };
	struct giver g = { 0 };
	char hex[HASH_HEX];
	json_t *j = NULL;

	hash_hex(digest, hex);
	if (find_release(farm, hex, &release, err) == -1)
		return NULL;
	o.release = release;
	if (find_giver(&o, hex, NULL, NULL, false, &g, err) != -1)
		j = make(&o, digest, &g, err);
	free(g.plan);
	return j;
}

/* The newest run of it that left something. */
static int
run_of_plan(
    struct db *db, const struct hash *plan, struct giver *g, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, p.digest, p.verdict_record IS NULL FROM plan p"
	    " LEFT JOIN run r ON r.plan = p.digest AND r.state = 'succeeded'"
	    " WHERE p.digest = ?1 ORDER BY r.id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	if (got == 0 || (got == 1 && stmt_int(q, 2)))
		return err_set(err, ERR_MISSING, "a plan has no verdict");
	if (got == -1)
		return -1;
	g->run = stmt_int(q, 0);
	g->plan = mem_str(stmt_str(q, 1));
	return 0;
}

json_t *
origin_of_plan(struct db *farm, int store, const struct hash *plan, bool *whole,
    struct err *err)
{
	struct origin o = { .db = farm, .store = store, .reproduced = true };
	struct giver g = { 0 };
	json_t *j = NULL;

	*whole = true;
	if (run_of_plan(farm, plan, &g, err) == 0)
		j = make(&o, NULL, &g, err);
	if (!j && o.missing) {
		*whole = false;
		err_clear(err);
	}
	free(g.plan);
	return j;
}

json_t *
origin_of_run(struct db *farm, int store, int64_t run, struct err *err)
{
	static const char sql[] =
	    "SELECT plan FROM run WHERE id = ?1 AND state = 'succeeded'";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct origin o = { .db = farm, .store = store };
	struct giver g = { .run = run };
	json_t *j;
	int got;

	stmt_bind_int(q, 1, run);
	got = stmt_step(q, err);
	if (got == 0)
		err_set(err, ERR_MISSING,
		    "no build %" PRId64 " on record left outputs", run);
	if (got != 1)
		return NULL;
	g.plan = mem_str(stmt_str(q, 0));
	j = make(&o, NULL, &g, err);
	free(g.plan);
	return j;
}
