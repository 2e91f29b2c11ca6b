#include "builder/exec/attempt.h"

#include <stdio.h>
#include <string.h>

#include "lib/num.h"
#include "lib/secret.h"

#define OPEN "('submitting', 'waits', 'runs')"
#define COLUMNS                                  \
	"id, run, number, quota, state IN " OPEN \
	", taken_at IS NOT NULL, ticket, state, node"

static int
take_row(struct stmt *q, struct attempt *a, struct err *err)
{
	int got = stmt_step(q, err);

	if (got != 1)
		return got;
	snprintf(a->id, sizeof(a->id), "%s", stmt_str(q, 0));
	a->run = stmt_int(q, 1);
	a->number = stmt_int(q, 2);
	a->quota = stmt_int(q, 3);
	a->open = stmt_int(q, 4) == 1;
	a->taken = stmt_int(q, 5) == 1;
	if (!stmt_hash(q, 6, &a->ticket))
		return err_set(
		    err, ERR_INPUT, "attempt %s has no ticket", a->id);
	snprintf(a->state, sizeof(a->state), "%s", stmt_str(q, 7));
	snprintf(a->node, sizeof(a->node), "%s", stmt_str(q, 8));
	return 1;
}

int
attempt_newest(struct db *db, int64_t run, struct attempt *a, struct err *err)
{
	static const char sql[] = "SELECT " COLUMNS " FROM attempt WHERE"
				  " run = ?1 ORDER BY number DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, run);
	return take_row(q, a, err);
}

int
attempt_find(struct db *db, const char *id, struct attempt *a, struct err *err)
{
	static const char sql[] =
	    "SELECT " COLUMNS " FROM attempt WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, id);
	return take_row(q, a, err);
}

int
attempt_add(struct db *db, const struct attempt_new *n, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO attempt (id, run, number, engine, state, secret,"
	    " ticket, quota, exclude, made_at) VALUES (?1, ?2, ?3, ?4,"
	    " 'submitting', ?5, ?6, ?7, ?8, ?9)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char digest[HASH_HEX];

	secret_digest(n->secret, digest);
	stmt_bind_str(q, 1, n->id);
	stmt_bind_int(q, 2, n->run);
	stmt_bind_int(q, 3, n->number);
	stmt_bind_str(q, 4, n->engine);
	stmt_bind_str(q, 5, digest);
	stmt_bind_hash(q, 6, n->ticket);
	stmt_bind_int(q, 7, n->quota);
	stmt_bind_str(q, 8, n->exclude);
	stmt_bind_int(q, 9, time_now());
	return stmt_run(q, err);
}

int
attempt_taken_in(
    struct db *db, const char *id, const char *job, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET state = 'waits', job = ?2, why = '' WHERE"
	    " id = ?1 AND state = 'submitting'";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, id);
	stmt_bind_str(q, 2, job);
	return stmt_run(q, err);
}

int
attempt_seen(struct db *db, const struct exec_seen *s, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET state = ?2, job = ?3, node = CASE WHEN ?4 = ''"
	    " THEN node ELSE ?4 END, why = ?5, started_at = CASE WHEN ?2 ="
	    " 'runs' THEN ifnull(started_at, ?6) ELSE started_at END"
	    " WHERE id = ?1 AND state IN " OPEN " AND (state, job, why) IS NOT"
	    " (?2, ?3, ?5)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, s->id);
	stmt_bind_str(q, 2, s->state == EXEC_WAITS ? "waits" : "runs");
	stmt_bind_str(q, 3, s->job);
	stmt_bind_str(q, 4, strlen(s->node) < ATTEMPT_NODE ? s->node : "");
	stmt_bind_str(q, 5, s->why);
	stmt_bind_int(q, 6, time_now());
	return stmt_run(q, err);
}

int
attempt_end(struct db *db, const char *id, const char *state, const char *why,
    bool taken, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET state = ?2, why = ?3, ended_at ="
	    " ifnull(ended_at, ?4), taken_at = CASE WHEN ?5 THEN ?4 ELSE"
	    " taken_at END WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, id);
	stmt_bind_str(q, 2, state);
	stmt_bind_str(q, 3, why);
	stmt_bind_int(q, 4, time_now());
	stmt_bind_int(q, 5, taken);
	return stmt_run(q, err);
}

int
attempt_node(struct db *db, int64_t run, char node[ATTEMPT_NODE], bool *open,
    struct err *err)
{
	struct attempt a;
	int got = attempt_newest(db, run, &a, err);

	node[0] = '\0';
	*open = false;
	if (got != 1)
		return got;
	*open = a.open;
	if (a.open || strcmp(a.state, "won") == 0)
		memcpy(node, a.node, ATTEMPT_NODE);
	return 0;
}

int
attempt_note_node(
    struct db *db, const char *id, const char *node, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET node = ?2 WHERE id = ?1 AND node = ''";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, id);
	stmt_bind_str(q, 2, node);
	return stmt_run(q, err);
}

int
attempt_forget_all(struct db *db, struct err *err)
{
	static const char sql[] =
	    "UPDATE attempt SET state = 'cancelled', why = 'the farm builds on"
	    " its own machine again', ended_at ="
	    " CAST(strftime('%s', 'now') AS INTEGER) WHERE state IN " OPEN
	    "; DELETE FROM node; DELETE FROM engine";

	return db_exec(db, sql, err);
}

int
attempt_engine(struct db *db, const char *name, bool healthy, const char *text,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO engine (name, healthy, text, seen_at) VALUES (?1, ?2,"
	    " ?3, ?4) ON CONFLICT (name) DO UPDATE SET healthy = ?2,"
	    " text = ?3, seen_at = ?4";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, name);
	stmt_bind_int(q, 2, healthy);
	stmt_bind_str(q, 3, text);
	stmt_bind_int(q, 4, time_now());
	return stmt_run(q, err);
}

int
attempt_node_row(struct db *db, const struct exec_node *n, struct err *err)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO node (name, state, features, cpus,"
	    " cpus_free, memory, memory_free, why) VALUES (?1, ?2, ?3, ?4, ?5,"
	    " ?6, ?7, ?8)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, n->name);
	stmt_bind_str(q, 2, n->state);
	stmt_bind_str(q, 3, n->features);
	stmt_bind_int(q, 4, n->cpus);
	stmt_bind_int(q, 5, n->cpus_free);
	stmt_bind_int(q, 6, n->memory);
	stmt_bind_int(q, 7, n->memory_free);
	stmt_bind_str(q, 8, n->why);
	return stmt_run(q, err);
}
