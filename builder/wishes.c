#include "builder/wishes.h"

#include <stdlib.h>
#include <string.h>

#include "builder/progress.h"
#include "builder/task.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"

#define AT_ONCE 100
#define REASON_MAX 500

struct wish {
	int64_t id, at;
	char *kind, *argument, *by; /* owned */
};

static void
wish_release(struct wish *w)
{
	free(w->kind);
	free(w->argument);
	free(w->by);
}
#define auto_wish __attribute__((cleanup(wish_release)))

/* What a wish is about, and what comes of it. */
struct about {
	int64_t run;
	const char *reason; /* of the argument */
	struct hash plan;
	bool audit;
	char subject[128]; /* RECIPE/STAGE */
	char verdict[16];
	char state[16]; /* of the run */
	struct buf text;
	bool cancels, frees;
};

/* --- which was the last --------------------------------------------------- */

static int
served(struct db *db, int64_t *id, struct err *err)
{
	static const char sql[] =
	    "SELECT id FROM served WHERE source = 'web.request'";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got = stmt_step(q, err);

	if (got == -1)
		return -1;
	*id = got ? stmt_int(q, 0) : 0;
	return 0;
}

static int
set_served(struct db *db, int64_t id, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO served (source, id) VALUES ('web.request', ?1)"
	    " ON CONFLICT (source) DO UPDATE SET id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	return stmt_run(q, err);
}

/* --- what a wish says ----------------------------------------------------- */

static bool
reason_ok(const char *s)
{
	size_t n = 0;

	for (; s[n]; n++)
		if ((unsigned char)s[n] < ' ' || s[n] == 127)
			return false;
	return n > 0 && n <= REASON_MAX;
}

static int
read_argument(const json_t *o, struct about *a, struct err *err)
{
	static const char *const keys[] = { "run", "reason", NULL };

	if (js_only("request", o, keys, err) == -1 ||
	    js_int("request", o, "run", 1, JS_INT_MAX, &a->run, err) == -1 ||
	    js_str("request", o, "reason", &a->reason, err) == -1)
		return -1;
	if (!reason_ok(a->reason))
		return err_set(err, ERR_INPUT,
		    "request: the reason has 1 to %d characters in one line",
		    REASON_MAX);
	return 0;
}

static int
find_run(struct db *db, struct about *a, struct err *err)
{
	static const char sql[] =
	    "SELECT r.plan, r.state, r.audit, coalesce(p.verdict, ''),"
	    " p.recipe || '/' || p.stage FROM run r JOIN plan p ON p.digest ="
	    " r.plan WHERE r.id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_int(q, 1, a->run);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	if (got == 0 || !stmt_hash(q, 0, &a->plan))
		return err_set(err, ERR_INPUT, "there is no build %lld",
		    (long long)a->run);
	snprintf(a->state, sizeof(a->state), "%s", stmt_str(q, 1));
	a->audit = stmt_int(q, 2) == 1;
	snprintf(a->verdict, sizeof(a->verdict), "%s", stmt_str(q, 3));
	snprintf(a->subject, sizeof(a->subject), "%s", stmt_str(q, 4));
	return 0;
}

/* --- cancel --------------------------------------------------------------- */

static int
cancel(struct db *db, const struct wish *w, struct about *a, struct err *err)
{
	static const char hold[] =
	    "INSERT INTO cancelled (plan, at, by, reason) VALUES (?1, ?2, ?3,"
	    " ?4) ON CONFLICT (plan) DO UPDATE SET at = ?2, by = ?3,"
	    " reason = ?4";
	static const char lose[] =
	    "UPDATE run SET state = 'lost', cause = 'cancelled', message = ?2,"
	    " finished_at = ?3 WHERE plan = ?1 AND state = 'queued'"
	    " AND audit = 0";
	auto_stmt struct stmt *h = db_stmt(db, hold);
	auto_stmt struct stmt *l = db_stmt(db, lose);
	auto_free char *message =
	    mem_printf("cancelled by %s: %s", w->by, a->reason);

	if (strcmp(a->state, "queued") != 0 && strcmp(a->state, "running") != 0)
		return err_set(err, ERR_INPUT,
		    "build %lld has ended: nothing is left to cancel",
		    (long long)a->run);
	a->cancels = true;
	if (a->audit) {
		buf_str(&a->text, "stopped; its plan keeps its verdict");
		return 0;
	}
	stmt_bind_hash(h, 1, &a->plan);
	stmt_bind_int(h, 2, time_now());
	stmt_bind_str(h, 3, w->by);
	stmt_bind_str(h, 4, a->reason);
	stmt_bind_hash(l, 1, &a->plan);
	stmt_bind_str(l, 2, message);
	stmt_bind_int(l, 3, time_now());
	buf_str(&a->text, "cancelled, and held until it is asked for again");
	return stmt_run(h, err) == -1 ? -1 : stmt_run(l, err);
}

static void
stop_task(struct builder *b, struct task *t, const char *why)
{
	for (int i = 0; i < b->work.nslots; i++)
		if (b->work.slots[i].busy && b->work.slots[i].owner == t)
			work_stop(&b->work.slots[i]);
	free(t->cancelled);
	t->cancelled = mem_str(why);
	/* Its rows say already that what was queued is lost. */
	for (size_t i = 0; i < ARRAY_LEN(t->lanes); i++)
		if (t->lanes[i].state == RUN_QUEUED && !t->lanes[i].active)
			t->lanes[i].state = RUN_NONE;
	if (t->state == TASK_RUNS && !task_is_active(t))
		task_hold(t, "%s", t->cancelled);
}

static void
stop_tasks(struct builder *b, struct task *tasks, size_t n,
    const struct wish *w, const struct about *a)
{
	auto_free char *why =
	    mem_printf("cancelled by %s: %s", w->by, a->reason);

	for (size_t i = 0; i < n; i++) {
		struct task *t = &tasks[i];
		enum task_state in = a->audit ? TASK_AUDITS : TASK_RUNS;

		if (t->state == in && t->plan &&
		    hash_equal(&t->plan->digest, &a->plan))
			stop_task(b, t, why);
	}
}

int
wishes_cancelled(
    struct db *db, const struct hash *plan, struct buf *why, struct err *err)
{
	static const char sql[] =
	    "SELECT by, reason FROM cancelled WHERE plan = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	if (got == 1)
		buf_printf(
		    why, "cancelled by %s: %s", stmt_str(q, 0), stmt_str(q, 1));
	return got;
}

/* --- retry ---------------------------------------------------------------- */

static int
set_free(struct db *db, const struct about *a, bool *was, struct err *err)
{
	static const char sql[] = "DELETE FROM cancelled WHERE plan = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, &a->plan);
	if (stmt_run(q, err) == -1)
		return -1;
	*was = db_changes(db) > 0;
	return 0;
}

/* What was judged stays told: its records and what was said of them. */
static int
set_aside(struct db *db, const struct about *a, struct err *err)
{
	static const char runs[] =
	    "UPDATE run SET set_aside = 1 WHERE plan = ?1 AND audit = 0"
	    " AND state IN ('failed', 'lost')";
	static const char verdict[] =
	    "UPDATE plan SET verdict = NULL, verdict_record = NULL,"
	    " judged_at = NULL WHERE digest = ?1"
	    " AND verdict IN ('failed', 'inconclusive')";
	auto_stmt struct stmt *r = db_stmt(db, runs);
	auto_stmt struct stmt *v = db_stmt(db, verdict);

	stmt_bind_hash(r, 1, &a->plan);
	stmt_bind_hash(v, 1, &a->plan);
	return stmt_run(r, err) == -1 ? -1 : stmt_run(v, err);
}

static int
stands(struct db *db, const struct about *a, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM current WHERE plan = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, &a->plan);
	if (stmt_step(q, err) != 1)
		return -1;
	*yes = stmt_int(q, 0) > 0;
	return 0;
}

static int
retry(struct db *db, struct about *a, struct err *err)
{
	bool judged = strcmp(a->verdict, "failed") == 0 ||
		      strcmp(a->verdict, "inconclusive") == 0;
	bool current, was;

	if (stands(db, a, &current, err) == -1)
		return -1;
	if (!current)
		return err_set(
		    err, ERR_INPUT, "its plan stands for no recipe any more");
	if (!judged && a->verdict[0])
		return err_set(err, ERR_INPUT,
		    "its plan's verdict is %s, which trying again does not"
		    " change",
		    a->verdict);
	if (set_free(db, a, &was, err) == -1)
		return -1;
	if (!judged && !was)
		return err_set(err, ERR_INPUT,
		    "its plan is in hand: it was neither cancelled nor judged");
	if (set_aside(db, a, err) == -1)
		return -1;
	a->frees = true;
	buf_printf(&a->text, "%s%s; it goes into the next cycle",
	    judged ? "its verdict was " : "it had been cancelled",
	    judged ? a->verdict : "");
	return 0;
}

/* --- taking --------------------------------------------------------------- */

static int
answer(struct db *db, const struct wish *w, const struct about *a,
    const char *text, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO asked (id, at, kind, by, run, plan, reason, text)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
	static const struct hash none;
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, w->id);
	stmt_bind_int(q, 2, w->at);
	stmt_bind_str(q, 3, w->kind);
	stmt_bind_str(q, 4, w->by);
	stmt_bind_int(q, 5, a->run);
	if (!hash_equal(&a->plan, &none))
		stmt_bind_hash(q, 6, &a->plan);
	stmt_bind_str(q, 7, a->reason ? a->reason : "");
	stmt_bind_str(q, 8, text);
	return stmt_run(q, err);
}

static int
decide(struct db *db, const struct wish *w, const json_t *argument,
    struct about *a, struct err *err)
{
	bool stop = strcmp(w->kind, "cancel") == 0;
	int64_t event;

	if (read_argument(argument, a, err) == -1 ||
	    find_run(db, a, err) == -1 ||
	    (stop ? cancel(db, w, a, err) : retry(db, a, err)) == -1)
		return -1;
	return event_put(db, stop ? "cancelled" : "retried", a->subject, 0,
	    &event, err, "%s asked to %s build %lld (%s): %s", w->by, w->kind,
	    (long long)a->run, a->reason, a->text.data);
}

/* All of a wish in one transaction. */
static int
carry_out(struct db *db, const struct wish *w, const json_t *argument,
    struct about *a, struct err *err)
{
	if (db_begin(db, err) == -1)
		return -1;
	if (decide(db, w, argument, a, err) == -1 ||
	    answer(db, w, a, a->text.data, err) == -1 ||
	    set_served(db, w->id, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int
refuse(struct db *db, const struct wish *w, struct about *a, const char *text,
    struct err *err)
{
	a->cancels = a->frees = false;
	if (db_begin(db, err) == -1)
		return -1;
	if (answer(db, w, a, text, err) == -1 ||
	    set_served(db, w->id, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int
take(struct builder *b, struct task *tasks, size_t n, const struct wish *w,
    struct err *err)
{
	struct err why = ERR_INIT;
	struct about a = { .text = BUF_INIT };
	auto_json json_t *argument = NULL;
	int rc = 0;

	if (strcmp(w->kind, "poll") == 0)
		b->wishes.poll = true;
	if (strcmp(w->kind, "cancel") != 0 && strcmp(w->kind, "retry") != 0)
		return set_served(b->db, w->id, err);
	argument = js_parse("request", w->argument, strlen(w->argument), &why);
	if (!argument || carry_out(b->db, w, argument, &a, &why) == -1) {
		rc = why.cls == ERR_INPUT ? refuse(b->db, w, &a, why.msg, err)
					  : -1;
		if (rc == -1 && why.cls != ERR_INPUT)
			*err = why;
	}
	if (rc == 0 && a.cancels)
		stop_tasks(b, tasks, n, w, &a);
	b->wishes.again = b->wishes.again || (rc == 0 && a.frees);
	if (rc == 0)
		log_info("asked", "kind=%s run=%lld by=\"%s\"", w->kind,
		    (long long)a.run, w->by);
	buf_release(&a.text);
	return rc;
}

/* 1: *w is the next; 0: none. */
static int
next(struct db *web, int64_t after, struct wish *w)
{
	static const char sql[] =
	    "SELECT id, at, kind, argument, by FROM request WHERE id > ?1"
	    " ORDER BY id LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(web, sql);
	struct err gone = ERR_INIT;

	stmt_bind_int(q, 1, after);
	if (stmt_step(q, &gone) != 1)
		return 0;
	w->id = stmt_int(q, 0);
	w->at = stmt_int(q, 1);
	w->kind = mem_str(stmt_str(q, 2));
	w->argument = mem_str(stmt_str(q, 3));
	w->by = mem_str(stmt_str(q, 4));
	return 1;
}

int
wishes_take(struct builder *b, struct task *tasks, size_t n, struct err *err)
{
	struct wishes *w = &b->wishes;
	struct err none = ERR_INIT;
	int64_t version, last;

	if (!w->web && w->web_db)
		w->web = db_open_reader_of(w->web_db, WEB_SCHEMA, &none);
	if (!w->web)
		return 0;
	version = db_data_version(w->web);
	if (version == w->version)
		return 0;
	if (served(b->db, &last, err) == -1)
		return -1;
	for (int i = 0; i < AT_ONCE; i++) {
		auto_wish struct wish one = { 0 };

		if (next(w->web, last, &one) == 0) {
			w->version = version;
			return 0;
		}
		if (take(b, tasks, n, &one, err) == -1)
			return -1;
		last = one.id;
	}
	return 0;
}

void
wishes_close(struct wishes *w)
{
	db_close(w->web);
	w->web = NULL;
}
