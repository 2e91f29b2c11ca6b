/* The rows that say who goes next, and why not yet. */
#include "builder/plan/ledger.h"
#include "lib/num.h"

int
ledger_task(struct db *db, const char *recipe, enum recipe_stage stage,
    const struct ledger_task *t, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO task (recipe, stage, state, urgent, plan, why, since)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	    " ON CONFLICT (recipe, stage) DO UPDATE SET state = ?3,"
	    " urgent = ?4, plan = ?5, why = ?6, since = ?7"
	    " WHERE state <> ?3 OR urgent <> ?4 OR plan IS NOT ?5"
	    " OR why IS NOT ?6";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	stmt_bind_str(q, 3, t->state);
	stmt_bind_int(q, 4, t->urgent);
	if (t->plan)
		stmt_bind_hash(q, 5, t->plan);
	stmt_bind_str(q, 6, t->why);
	stmt_bind_int(q, 7, time_now());
	return stmt_run(q, err);
}

int
ledger_tasks_keep(struct db *db, struct err *err)
{
	/* A stage that is gone has no plan that could stand. */
	return db_exec(db,
	    "DELETE FROM task WHERE recipe NOT IN"
	    " (SELECT name FROM recipe WHERE error IS NULL)",
	    err);
}

int
ledger_urgent(struct db *db, int64_t event, bool *urgent, struct err *err)
{
	static const char sql[] =
	    "WITH RECURSIVE up (id, depth) AS (SELECT ?1, 0"
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    " SELECT EXISTS (SELECT 1 FROM lock_change"
	    " WHERE security AND event IN (SELECT id FROM up))";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	*urgent = false;
	if (event == 0)
		return 0;
	stmt_bind_int(q, 1, event);
	if (stmt_step(q, err) != 1)
		return -1;
	*urgent = stmt_int(q, 0) == 1;
	return 0;
}

int64_t
ledger_standing_event(
    struct db *db, const char *recipe, enum recipe_stage stage)
{
	static const char sql[] =
	    "SELECT coalesce(c.event, p.event, 0) FROM current c"
	    " JOIN plan p ON p.digest = c.plan"
	    " WHERE c.recipe = ?1 AND c.stage = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	return stmt_step(q, &err) == 1 ? stmt_int(q, 0) : 0;
}

bool
ledger_past(struct db *db, const char *recipe, enum recipe_stage stage,
    char lane, struct ledger_past *out)
{
	/* Of the last few: the largest, since too little is worse. */
	static const char sql[] =
	    "SELECT max(rss), max(1000 * cpu / wall) FROM (SELECT"
	    " ifnull(r.max_rss_kib, 0) AS rss, ifnull(r.cpu_ms, 0) AS cpu,"
	    " r.wall_ms AS wall FROM run r JOIN plan p ON p.digest = r.plan"
	    " WHERE p.recipe = ?1 AND p.stage = ?2 AND r.lane = ?3"
	    " AND r.state = 'succeeded' AND r.wall_ms > 0"
	    " ORDER BY r.id DESC LIMIT 3)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, recipe);
	stmt_bind_str(q, 2, recipe_stage_name(stage));
	stmt_bind_text(q, 3, &lane, 1);
	if (stmt_step(q, &err) != 1 || stmt_null(q, 0))
		return false;
	out->rss = stmt_int(q, 0) * 1024;
	out->mcpu = stmt_int(q, 1);
	return true;
}
