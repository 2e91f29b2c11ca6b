/* The runs' rows. */
#include <string.h>

#include "builder/plan/ledger.h"
#include "lib/num.h"

int
ledger_run(struct db *db, const struct hash *plan, char lane,
    enum run_state *state, int64_t *id, struct hash *record, struct err *err)
{
	static const char sql[] =
	    "SELECT id, state, record FROM run WHERE plan = ?1 AND lane = ?2"
	    " AND audit = 0 AND set_aside = 0"
	    " AND state IN ('queued', 'running', 'succeeded', 'failed')"
	    /* one that ended before one that runs or waits */
	    " ORDER BY state = 'queued', state = 'running', id LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	const char *text;
	int got;

	stmt_bind_hash(q, 1, plan);
	stmt_bind_text(q, 2, &lane, 1);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	*state = RUN_NONE;
	if (got == 0)
		return 0;
	*id = stmt_int(q, 0);
	text = stmt_str(q, 1);
	if (strcmp(text, "queued") == 0 || strcmp(text, "running") == 0) {
		*state = RUN_QUEUED;
		return 0;
	}
	*state = strcmp(text, "succeeded") == 0 ? RUN_SUCCEEDED : RUN_FAILED;
	if (!stmt_hash(q, 2, record))
		return err_set(
		    err, ERR_INPUT, "run %lld has no record", (long long)*id);
	return 0;
}

int
ledger_lost(struct db *db, const struct hash *plan, char lane, int64_t *n,
    struct err *err)
{
	/* Being stopped or killed is no failure of the machine, and a disk
	 * without room is waited for. */
	static const char sql[] =
	    "SELECT count(*) FROM run WHERE plan = ?1 AND lane = ?2"
	    " AND audit = 0 AND set_aside = 0 AND state = 'lost'"
	    " AND cause NOT IN ('lost', 'stopped', 'cancelled', 'collected',"
	    " 'no-space', 'read-only')";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, plan);
	stmt_bind_text(q, 2, &lane, 1);
	if (stmt_step(q, err) != 1)
		return -1;
	*n = stmt_int(q, 0);
	return 0;
}

static int
queue(struct db *db, const struct hash *plan, char lane, int audit, int64_t *id,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO run (plan, lane, state, queued_at, audit)"
	    " VALUES (?1, ?2, 'queued', ?3, ?4)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, plan);
	stmt_bind_text(q, 2, &lane, 1);
	stmt_bind_int(q, 3, time_now());
	stmt_bind_int(q, 4, audit);
	if (stmt_run(q, err) == -1)
		return -1;
	*id = db_last_id(db);
	return 0;
}

int
ledger_queue(struct db *db, const struct hash *plan, char lane, int64_t *id,
    struct err *err)
{
	return queue(db, plan, lane, 0, id, err);
}

int
ledger_queue_audit(struct db *db, const struct hash *plan, char lane,
    int64_t *id, struct err *err)
{
	return queue(db, plan, lane, 1, id, err);
}

int
ledger_start(
    struct db *db, int64_t id, const struct hash *environment, struct err *err)
{
	static const char sql[] =
	    "UPDATE run SET state = 'running', started_at = ?2,"
	    " environment = ?3 WHERE id = ?1 AND state = 'queued'";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	stmt_bind_int(q, 2, time_now());
	if (environment)
		stmt_bind_hash(q, 3, environment);
	return stmt_run(q, err);
}

int
ledger_unqueue(struct db *db, int64_t id, struct err *err)
{
	static const char sql[] =
	    "DELETE FROM run WHERE id = ?1 AND state = 'queued'";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	return stmt_run(q, err);
}

int
ledger_lose(struct db *db, int64_t id, const char *cause, const char *message,
    struct err *err)
{
	static const char sql[] =
	    "UPDATE run SET state = 'lost', cause = ?2, message = ?3,"
	    " finished_at = ?4 WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	stmt_bind_str(q, 2, cause);
	stmt_bind_str(q, 3, message);
	stmt_bind_int(q, 4, time_now());
	return stmt_run(q, err);
}

static int
end_row(struct db *db, const struct ledger_end *e, struct err *err)
{
	static const char sql[] =
	    "UPDATE run SET state = ?2, finished_at = ?3, log = ?4,"
	    " record = ?5, cause = ?6, message = ?7, wall_ms = ?8,"
	    " cpu_ms = ?9, max_rss_kib = ?10, environment = ?11 WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, e->id);
	stmt_bind_str(q, 2, e->succeeded ? "succeeded" : "failed");
	stmt_bind_int(q, 3, e->finished);
	stmt_bind_hash(q, 4, &e->log);
	stmt_bind_hash(q, 5, &e->record);
	stmt_bind_str(q, 6, e->cause);
	stmt_bind_str(q, 7, e->message);
	stmt_bind_int(q, 8, e->wall_ms);
	stmt_bind_int(q, 9, e->cpu_ms);
	stmt_bind_int(q, 10, e->max_rss_kib);
	stmt_bind_hash(q, 11, &e->environment);
	return stmt_run(q, err);
}

/* The first report that counts; all others of the run are only compared. */
static int
attempt_row(struct db *db, const struct ledger_end *e, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET state = CASE WHEN id = ?2 THEN 'won' WHEN"
	    " state IN ('submitting', 'waits', 'runs') THEN 'cancelled' ELSE"
	    " state END, ended_at = ifnull(ended_at, ?3), taken_at = CASE WHEN"
	    " id = ?2 THEN ?3 ELSE taken_at END WHERE run = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	if (!e->attempt)
		return 0;
	stmt_bind_int(q, 1, e->id);
	stmt_bind_str(q, 2, e->attempt);
	stmt_bind_int(q, 3, time_now());
	return stmt_run(q, err);
}

static int
output_row(struct db *db, const struct ledger_end *e, size_t i, struct err *err)
{
	static const char sql[] = "INSERT INTO output (run, name, digest, size)"
				  " VALUES (?1, ?2, ?3, ?4)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, e->id);
	stmt_bind_str(q, 2, e->outputs[i].name);
	stmt_bind_hash(q, 3, &e->outputs[i].sha256);
	stmt_bind_int(q, 4, e->outputs[i].size);
	return stmt_run(q, err);
}

static int
verdict_row(struct db *db, const struct ledger_alarm *a, struct err *err)
{
	static const char sql[] =
	    "UPDATE plan SET verdict = ?2, verdict_record = ?3, judged_at = ?4"
	    " WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, a->plan);
	stmt_bind_str(q, 2, a->verdict);
	stmt_bind_hash(q, 3, &a->verdict_record);
	stmt_bind_int(q, 4, time_now());
	return stmt_run(q, err);
}

static int
alarm_row(struct db *db, const struct ledger_alarm *a, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO event (at, kind, subject, text, parent)"
	    " VALUES (?1, 'audit-alarm', ?2, ?3, nullif(?4, 0))";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, time_now());
	stmt_bind_str(q, 2, a->subject);
	stmt_bind_str(q, 3, a->text);
	stmt_bind_int(q, 4, a->parent);
	return stmt_run(q, err);
}

int
ledger_end(struct db *db, const struct ledger_end *e, struct err *err)
{
	int rc;

	if (db_begin(db, err) == -1)
		return -1;
	rc = end_row(db, e, err);
	if (rc == 0)
		rc = attempt_row(db, e, err);
	for (size_t i = 0; rc == 0 && i < e->noutputs; i++)
		rc = output_row(db, e, i, err);
	if (rc == 0 && e->alarm)
		rc = verdict_row(db, e->alarm, err);
	if (rc == 0 && e->alarm)
		rc = alarm_row(db, e->alarm, err);
	if (rc == 0)
		rc = db_commit(db, err);
	if (rc == -1)
		db_rollback(db);
	return rc;
}
