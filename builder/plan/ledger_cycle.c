/* The cycles' rows: what was executed, and what had to be. */
#include "builder/plan/ledger.h"
#include "lib/num.h"

int
ledger_cycle_begin(struct db *db, int64_t *id, int64_t *since, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO cycle (started_at, since) SELECT ?1, ifnull("
	    "  (SELECT since FROM cycle WHERE error IS NOT NULL"
	    "   AND id = (SELECT max(id) FROM cycle)),"
	    "  (SELECT ifnull(max(id), 0) FROM event)) RETURNING id, since";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, time_now());
	if (stmt_step(q, err) != 1)
		return -1;
	*id = stmt_int(q, 0);
	*since = stmt_int(q, 1);
	return stmt_run(q, err);
}

int
ledger_cycle_end(
    struct db *db, int64_t id, const struct ledger_cycle *c, struct err *err)
{
	static const char sql[] =
	    "UPDATE cycle SET finished_at = ?2, executed = ?3, failed = ?4,"
	    " error = ?5, needed = ?6, solved = ?7, kept = ?8 WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_int(q, 3, c->executed);
	stmt_bind_int(q, 4, c->failed);
	stmt_bind_str(q, 5, c->error);
	stmt_bind_int(q, 6, c->needed);
	stmt_bind_int(q, 7, c->solved);
	stmt_bind_int(q, 8, c->kept);
	return stmt_run(q, err);
}

int
ledger_cycle_task(struct db *db, int64_t cycle, const struct hash *plan,
    int64_t executed, int64_t needed, const char *reason, int64_t event,
    struct err *err)
{
	static const char sql[] =
	    "WITH RECURSIVE up (id, depth) AS (SELECT ?6, 0"
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    "INSERT INTO cycle_task"
	    " (cycle, plan, executed, needed, reason, event)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, (SELECT up.id FROM up JOIN event e"
	    "  ON e.id = up.id ORDER BY depth DESC LIMIT 1)"
	    " WHERE true ON CONFLICT (cycle, plan) DO UPDATE"
	    " SET executed = executed + ?3, needed = needed + ?4,"
	    " reason = ifnull(?5, reason)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, cycle);
	stmt_bind_hash(q, 2, plan);
	stmt_bind_int(q, 3, executed);
	stmt_bind_int(q, 4, needed);
	stmt_bind_str(q, 5, reason);
	stmt_bind_int(q, 6, event);
	return stmt_run(q, err);
}

int
ledger_same_outputs(struct db *db, const struct hash *a, const struct hash *b,
    bool *same, struct err *err)
{
	/* Each output of one is one of the other, and there is one. */
	static const char sql[] =
	    "WITH x AS (SELECT DISTINCT o.name, o.digest FROM output o"
	    "  JOIN run r ON r.id = o.run WHERE r.plan = ?1"
	    "  AND r.state = 'succeeded'),"
	    " y AS (SELECT DISTINCT o.name, o.digest FROM output o"
	    "  JOIN run r ON r.id = o.run WHERE r.plan = ?2"
	    "  AND r.state = 'succeeded')"
	    " SELECT EXISTS (SELECT * FROM x)"
	    " AND NOT EXISTS (SELECT * FROM x EXCEPT SELECT * FROM y)"
	    " AND NOT EXISTS (SELECT * FROM y EXCEPT SELECT * FROM x)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, a);
	stmt_bind_hash(q, 2, b);
	if (stmt_step(q, err) != 1)
		return -1;
	*same = stmt_int(q, 0) == 1;
	return 0;
}
