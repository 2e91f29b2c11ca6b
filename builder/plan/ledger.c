#include "builder/plan/ledger.h"

#include <stdio.h>
#include <string.h>

#include "lib/num.h"

int
ledger_recipe(struct db *db, const struct recipe *r, const struct hash *lock,
    int64_t event, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO recipe"
	    " (name, kind, summary, tree, lock, error, loaded_at, event,"
	    " origin, image_max)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), ?9,"
	    " nullif(?10, 0))"
	    " ON CONFLICT (name) DO UPDATE SET kind = ?2, summary = ?3,"
	    " tree = ?4, lock = ifnull(?5, lock), error = ?6, loaded_at = ?7,"
	    " event = ifnull(nullif(?8, 0), event), origin = ?9,"
	    " image_max = nullif(?10, 0)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	/* An unreadable one has neither kind nor summary. */
	bool known = r->conf && r->summary;

	stmt_bind_str(q, 1, r->name);
	stmt_bind_str(q, 2, known ? recipe_kind_name(r->kind) : "unknown");
	stmt_bind_str(q, 3, known ? r->summary : "");
	stmt_bind_hash(q, 4, &r->tree_digest);
	if (lock)
		stmt_bind_hash(q, 5, lock);
	stmt_bind_str(q, 6, r->error);
	stmt_bind_int(q, 7, time_now());
	stmt_bind_int(q, 8, event);
	stmt_bind_str(q, 9, r->origin);
	stmt_bind_int(q, 10, known ? r->budget.image : 0);
	return stmt_run(q, err);
}

int
ledger_recipes_keep(struct db *db, const struct recipes *all, struct err *err)
{
	static const char list[] = "SELECT name FROM recipe";
	static const char sql[] = "DELETE FROM recipe WHERE name = ?1";
	struct buf gone = BUF_INIT;
	struct span rest, name;
	int got, rc = 0;

	{
		auto_stmt struct stmt *q = db_stmt(db, list);

		while ((got = stmt_step(q, err)) == 1)
			if (!recipes_find(all, stmt_str(q, 0)))
				buf_printf(&gone, "%s\n", stmt_str(q, 0));
	}
	rest = span_buf(&gone);
	while (got == 0 && rc == 0 && span_next(&rest, '\n', &name)) {
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_text(q, 1, name.p, name.n);
		rc = stmt_run(q, err);
	}
	buf_release(&gone);
	return got == -1 ? -1 : rc;
}

static int
plan_rows(struct db *db, const char *recipe, const struct plan *p,
    const struct hash *lock, int64_t event, struct err *err)
{
	static const char add[] =
	    "INSERT OR IGNORE INTO plan"
	    " (digest, recipe, stage, lock, made_at, event)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0))";
	static const char stand[] =
	    "INSERT INTO current (recipe, stage, plan, event, last)"
	    " VALUES (?1, ?2, ?3, nullif(?4, 0), nullif(?4, 0))"
	    " ON CONFLICT (recipe, stage) DO UPDATE SET plan = ?3,"
	    " event = nullif(?4, 0), last = nullif(?4, 0)"
	    " WHERE plan <> ?3";
	auto_stmt struct stmt *q = db_stmt(db, add);
	auto_stmt struct stmt *s = db_stmt(db, stand);

	stmt_bind_hash(q, 1, &p->digest);
	stmt_bind_str(q, 2, recipe);
	stmt_bind_str(q, 3, recipe_stage_name(p->stage));
	stmt_bind_hash(q, 4, lock);
	stmt_bind_int(q, 5, time_now());
	stmt_bind_int(q, 6, event);
	stmt_bind_str(s, 1, recipe);
	stmt_bind_str(s, 2, recipe_stage_name(p->stage));
	stmt_bind_hash(s, 3, &p->digest);
	stmt_bind_int(s, 4, event);
	return stmt_run(q, err) == -1 ? -1 : stmt_run(s, err);
}

int
ledger_plan(struct db *db, const char *recipe, const struct plan *p,
    const struct hash *lock, int64_t event, struct err *err)
{
	if (db_begin(db, err) == -1)
		return -1;
	if (plan_rows(db, recipe, p, lock, event, err) == -1 ||
	    db_commit(db, err) == -1) {
		db_rollback(db);
		return err_prefix(err, "plan of %s", recipe);
	}
	return 0;
}

/* Written when it says something else alone: this is asked in each cycle. */
int
ledger_tree(struct db *db, const struct hash *plan, const struct recipe *r,
    const struct hash *tree, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO plan_tree (plan, recipe, tree, signature)"
	    " SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM plan_tree"
	    "  WHERE plan = ?1 AND recipe = ?2 AND tree = ?3"
	    "  AND signature IS ?4)"
	    " ON CONFLICT (plan, recipe) DO UPDATE SET tree = ?3,"
	    " signature = ?4";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, plan);
	stmt_bind_str(q, 2, r->name);
	stmt_bind_hash(q, 3, tree);
	if (r->is_signed)
		stmt_bind_hash(q, 4, &r->signature);
	return stmt_run(q, err);
}

int
ledger_standing(struct db *db, const char *recipe, enum recipe_stage stage,
    struct ledger_standing *s, struct err *err)
{
	static const char sql[] =
	    "SELECT plan, event, ifnull(last, event) FROM current"
	    " WHERE recipe = ?1 AND stage = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	*s = (struct ledger_standing){ 0 };
	s->there = got == 1 && stmt_hash(q, 0, &s->plan);
	if (s->there) {
		s->event = stmt_int(q, 1);
		s->last = stmt_int(q, 2);
	}
	return 0;
}

int
ledger_led(struct db *db, const struct recipe *r, enum recipe_stage stage,
    int64_t since, int64_t *event, struct err *err)
{
	static const char sql[] =
	    "SELECT event FROM recipe WHERE name = ?1 AND event > ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct ledger_standing used;
	int64_t newest = since;
	int got;

	stmt_bind_str(q, 1, r->name);
	stmt_bind_int(q, 2, since);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	*event = got == 1 ? stmt_int(q, 0) : 0;
	if (*event)
		return 0;
	for (size_t i = 0; i < r->nuses + (stage == STAGE_IMAGE); i++) {
		const char *name = i < r->nuses ? r->uses[i].from : r->name;

		if (ledger_standing(db, name, STAGE_BUILD, &used, err) == -1)
			return -1;
		if (used.last > newest)
			*event = newest = used.last;
	}
	return 0;
}

int
ledger_told(struct db *db, const char *recipe, enum recipe_stage stage,
    int64_t event, struct err *err)
{
	static const char sql[] = "UPDATE current SET last = ?3"
				  " WHERE recipe = ?1 AND stage = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	stmt_bind_int(q, 3, event);
	return stmt_run(q, err);
}

int
ledger_verdict(
    struct db *db, const struct hash *plan, char verdict[16], struct err *err)
{
	static const char sql[] = "SELECT verdict FROM plan WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	snprintf(verdict, 16, "%s",
	    got == 1 && !stmt_null(q, 0) ? stmt_str(q, 0) : "");
	return 0;
}

int
ledger_judged(struct db *db, const struct hash *plan, const char *verdict,
    const struct hash *record, struct err *err)
{
	/* The first verdict stays. */
	static const char sql[] =
	    "UPDATE plan SET verdict = ?2, verdict_record = ?3, judged_at = ?4"
	    " WHERE digest = ?1 AND verdict IS NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, plan);
	stmt_bind_str(q, 2, verdict);
	stmt_bind_hash(q, 3, record);
	stmt_bind_int(q, 4, time_now());
	return stmt_run(q, err);
}

int
ledger_output(struct db *db, const char *recipe, const char *output,
    struct hash *digest, char verdict[16], struct err *err)
{
	static const char sql[] =
	    "SELECT p.verdict, o.digest FROM current c"
	    " JOIN plan p ON p.digest = c.plan"
	    " LEFT JOIN run r ON r.plan = p.digest AND r.state = 'succeeded'"
	    " LEFT JOIN output o ON o.run = r.id AND o.name = ?2"
	    " WHERE c.recipe = ?1 AND c.stage = 'build'"
	    " ORDER BY o.digest IS NULL LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, output);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	snprintf(verdict, 16, "%s",
	    got == 1 && !stmt_null(q, 0) ? stmt_str(q, 0) : "");
	return got == 1 && strcmp(verdict, "reproduced") == 0 &&
	       stmt_hash(q, 1, digest);
}

int64_t
ledger_estimate(
    struct db *db, const char *recipe, enum recipe_stage stage, char lane)
{
	static const char sql[] =
	    "SELECT r.wall_ms FROM run r JOIN plan p ON p.digest = r.plan"
	    " WHERE p.recipe = ?1 AND p.stage = ?2 AND r.lane = ?3"
	    " AND r.state = 'succeeded' AND r.wall_ms > 0"
	    " ORDER BY r.id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	stmt_bind_text(q, 3, &lane, 1);
	return stmt_step(q, &err) == 1 ? stmt_int(q, 0) : -1;
}

int
ledger_recover(struct db *db, struct err *err)
{
	/* Not shown as running any more; whoever plans next queues it anew. */
	static const char sql[] =
	    "UPDATE run SET state = 'lost', cause = 'lost',"
	    " message = 'kiln-builder ended while it ran',"
	    " finished_at = CAST(strftime('%s', 'now') AS INTEGER)"
	    " WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM attempt"
	    "  WHERE run = run.id AND attempt.state IN ('submitting',"
	    "  'waits', 'runs'));"
	    "UPDATE cycle SET finished_at ="
	    " CAST(strftime('%s', 'now') AS INTEGER),"
	    " interrupted = 1, error = 'kiln-builder ended'"
	    " WHERE finished_at IS NULL;"
	    "DELETE FROM run WHERE audit = 1 AND state = 'queued';"
	    "DELETE FROM task WHERE state IN ('waits', 'queued', 'runs')";

	return db_exec(db, sql, err);
}
