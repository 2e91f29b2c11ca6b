/* What came of a task's runs: records, then the verdict. */
#include <stdlib.h>
#include <string.h>

#include "builder/audit.h"
#include "builder/judge/attest.h"
#include "builder/judge/verdict.h"
#include "builder/progress.h"
#include "builder/task.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define RECORD_MAX ((size_t)16 << 20)
#define LOST_MAX 3 /* failures of the machine before it is inconclusive */

int
task_put(
    struct builder *b, const json_t *j, struct hash *digest, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	return store_put_bytes(b->store, text.data, text.len, digest, err);
}

int
task_put_run(struct builder *b, const struct work_slot *s, struct hash *record,
    struct err *err)
{
	auto_json json_t *j = build_record(&s->order, &s->result, "farm");

	return task_put(b, j, record, err);
}

int
task_end_run(struct builder *b, const struct task_lane *l,
    const struct work_slot *s, const struct ledger_alarm *alarm,
    struct err *err)
{
	const struct build_result *r = &s->result;
	struct ledger_end e = { .id = l->id,
		.alarm = alarm,
		.record = l->record,
		.succeeded = r->succeeded,
		.finished = r->finished,
		.log = r->log,
		.environment = s->order.environment,
		.attempt = s->work->remote ? s->id : NULL,
		.cause = r->succeeded ? NULL : r->cause,
		.message = r->succeeded ? NULL : r->message,
		.wall_ms = r->wall_ms,
		.cpu_ms = r->cpu_ms,
		.max_rss_kib = r->max_rss_kib };
	int rc;

	e.outputs = mem_zero(r->outputs.n + 1, sizeof(*e.outputs));
	for (; e.noutputs < r->outputs.n; e.noutputs++) {
		e.outputs[e.noutputs].name = r->outputs.v[e.noutputs].name;
		e.outputs[e.noutputs].sha256 = r->outputs.v[e.noutputs].sha256;
		e.outputs[e.noutputs].size = r->outputs.v[e.noutputs].size;
	}
	rc = ledger_end(b->db, &e, err);
	free(e.outputs);
	return rc;
}

static int
write_end(struct builder *b, const struct task *t, const struct task_lane *l,
    const struct work_slot *s, struct err *err)
{
	const struct build_result *r = &s->result;
	int64_t event;

	if (db_begin(b->db, err) == -1)
		return -1;
	if (task_end_run(b, l, s, NULL, err) == -1 ||
	    (!r->succeeded &&
		event_put(b->db, "run-failed", t->recipe->name, t->event,
		    &event, err, "lane %c of %s: %s (cause=%s)", l->name,
		    recipe_stage_name(t->stage), r->message, r->cause) == -1) ||
	    db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

/* A disk that stays full is tried again and again, and told of once. */
static bool
told_already(struct db *db, const char *recipe, const char *text)
{
	static const char sql[] =
	    "SELECT text FROM event WHERE kind = 'run-lost' AND subject = ?1"
	    " ORDER BY id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, recipe);
	return stmt_step(q, &err) == 1 && strcmp(stmt_str(q, 0), text) == 0;
}

static int
write_loss(struct builder *b, const struct task *t, const struct task_lane *l,
    const char *cause, const char *message, bool stopped, bool no_room,
    struct err *err)
{
	auto_free char *text = mem_printf("lane %c of %s: %s (cause=%s)",
	    l->name, recipe_stage_name(t->stage), message, cause);
	bool tell = !stopped &&
		    !(no_room && told_already(b->db, t->recipe->name, text));
	int64_t event;

	if (db_begin(b->db, err) == -1)
		return -1;
	if (ledger_lose(b->db, l->id, cause, message, err) == -1 ||
	    (tell && event_put(b->db, "run-lost", t->recipe->name, t->event,
			 &event, err, "%s", text) == -1) ||
	    db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

/* Enough attempts were made: the plan waits for a person, who asks for it
 * again as for one that was cancelled. */
static int
hold_plan(struct builder *b, struct task *t, const char *why, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO cancelled (plan, at, by, reason) VALUES (?1, ?2,"
	    " 'kiln', ?3) ON CONFLICT (plan) DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(b->db, sql);

	stmt_bind_hash(q, 1, &t->plan->digest);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_str(q, 3, why);
	if (stmt_run(q, err) == -1)
		return -1;
	t->cancelled = mem_str(why);
	event_add(
	    b->db, "needs-operator", t->recipe->name, t->event, "%s", why);
	return 0;
}

/* The machine failed, or we were told to stop: nothing counts. */
static int
lose(struct builder *b, struct task *t, struct task_lane *l,
    const struct work_slot *s, struct cycle *c, struct err *err)
{
	bool stopped = s->rc == 0 || s->hold;
	const char *cause, *message;

	if (s->left) {
		/* Its row goes on, too. */
		task_hold(t, "it goes on without us");
		return 0;
	}
	if (s->hold && !t->cancelled && hold_plan(b, t, s->err.msg, err) == -1)
		return -1;
	cause = !stopped       ? err_cause(&s->err)
		: t->cancelled ? "cancelled"
			       : "stopped";
	message = !stopped	 ? s->err.msg
		  : t->cancelled ? t->cancelled
				 : s->result.message;
	l->state = RUN_NONE;
	t->lost++;
	if (write_loss(b, t, l, cause, message, stopped, err_no_room(&s->err),
		err) == -1)
		return -1;
	if (stopped) {
		task_hold(t, "%s", t->cancelled ? t->cancelled : "stopped");
		return 0;
	}
	c->failed++;
	b->no_room = b->no_room || err_no_room(&s->err);
	task_hold(t, "%s (cause=%s)", message, cause);
	return 0;
}

int
task_load_record(
    struct builder *b, const struct hash *digest, json_t **out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (store_read(b->store, digest, RECORD_MAX, &text, err) == -1)
		return -1;
	*out = js_record("run", "kiln/run", 1, text.data, text.len, err);
	return *out ? 0 : -1;
}

static int
tell_verdict(struct builder *b, struct task *t, const char *verdict,
    const struct attest *said, const struct attest_rows *rows, struct err *err)
{
	const struct hash *record = said->record;

	if (db_begin(b->db, err) == -1)
		return -1;
	if (attest_list(b->db, said, rows, err) == -1 ||
	    ledger_judged(b->db, &t->plan->digest, verdict, record, err) ==
		-1 ||
	    event_put(b->db, "verdict", t->recipe->name, t->event, &t->event,
		err, "%s of %s: %s", recipe_stage_name(t->stage),
		t->recipe->name, verdict) == -1 ||
	    ledger_told(b->db, t->recipe->name, t->stage, t->event, err) ==
		-1 ||
	    db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

static int
write_verdict(struct builder *b, struct task *t, const struct verdict_run *runs,
    size_t n, struct err *err)
{
	auto_attest_rows struct attest_rows rows = ATTEST_ROWS_INIT;
	auto_json json_t *record = NULL;
	enum verdict verdict;
	struct hash digest;
	struct attest said = { t->plan, t->lock, NULL, &digest };

	record = verdict_make(&t->plan->digest, runs, n, &verdict, err);
	if (!record || task_put(b, record, &digest, err) == -1)
		return -1;
	said.judged = record;
	if (attest_store(b->store, &said, runs, n, &rows, err) == -1 ||
	    tell_verdict(b, t, verdict_name(verdict), &said, &rows, err) == -1)
		return -1;
	return ledger_verdict(b->db, &t->plan->digest, t->verdict, err);
}

/* Copies of a run that gave other bytes count as runs. */
static int
add_copies(struct builder *b, const struct task *t, struct verdict_run **runs,
    size_t *n, struct err *err)
{
	static const char sql[] =
	    "SELECT record FROM run WHERE plan = ?1 AND audit = 2"
	    " AND state = 'succeeded' ORDER BY id LIMIT 16";
	auto_stmt struct stmt *q = db_stmt(b->db, sql);
	int got;

	stmt_bind_hash(q, 1, &t->plan->digest);
	while ((got = stmt_step(q, err)) == 1) {
		struct verdict_run *all;
		struct verdict_run one = { 0 };

		if (!stmt_hash(q, 0, &one.digest))
			continue;
		if (task_load_record(b, &one.digest, &one.record, err) == -1)
			return -1;
		all = mem_zero(*n + 1, sizeof(*all));
		memcpy(all, *runs, *n * sizeof(*all));
		all[(*n)++] = one;
		free(*runs);
		*runs = all;
	}
	return got;
}

static int
judge_runs(struct builder *b, struct task *t, struct err *err)
{
	struct verdict_run *runs = mem_zero(ARRAY_LEN(t->lanes), sizeof(*runs));
	auto_free char *subject =
	    mem_printf("%s/%s", t->recipe->name, recipe_stage_name(t->stage));
	struct progress pr;
	size_t n = 0;
	int rc = 0;

	progress_begin(&pr, b->db, "compare", subject, "runs", 2);
	for (size_t i = 0; i < ARRAY_LEN(t->lanes) && rc == 0; i++) {
		const struct task_lane *l = &t->lanes[i];

		if (l->state != RUN_SUCCEEDED && l->state != RUN_FAILED)
			continue;
		runs[n].digest = l->record;
		rc = task_load_record(b, &l->record, &runs[n].record, err);
		n += rc == 0;
	}
	if (rc == 0)
		rc = add_copies(b, t, &runs, &n, err);
	if (rc == 0)
		rc = write_verdict(b, t, runs, n, err);
	for (size_t i = 0; i < n; i++)
		json_decref(runs[i].record);
	free(runs);
	progress_end(&pr);
	return rc;
}

/* Has the machine failed it too often? */
static int
given_up(struct builder *b, const struct task *t, bool *yes, struct err *err)
{
	*yes = false;
	for (size_t i = 0; i < ARRAY_LEN(t->lanes); i++) {
		int64_t n;

		if (t->lanes[i].state != RUN_NONE)
			continue;
		if (ledger_lost(b->db, &t->plan->digest, t->lanes[i].name, &n,
			err) == -1)
			return -1;
		*yes = *yes || n >= LOST_MAX;
	}
	return 0;
}

static bool
has_ended(const struct task_lane *l)
{
	return l->state == RUN_SUCCEEDED || l->state == RUN_FAILED;
}

static int
unqueue(struct builder *b, struct task_lane *l, struct err *err)
{
	if (l->state != RUN_QUEUED)
		return 0;
	l->state = RUN_NONE;
	return ledger_unqueue(b->db, l->id, err);
}

int
task_judge(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	struct task_lane *a = &t->lanes[0], *other = &t->lanes[1];
	bool give_up;

	if (a->active || other->active)
		return 0;
	if (given_up(b, t, &give_up, err) == -1)
		return -1;
	if (a->state == RUN_FAILED || give_up) {
		if (unqueue(b, a, err) == -1 || unqueue(b, other, err) == -1)
			return -1;
	} else if (!has_ended(a) || !has_ended(other)) {
		return 0;
	}
	if (judge_runs(b, t, err) == -1)
		return err_prefix(err, "judge %s", t->recipe->name);
	return task_settle(b, t, c, err);
}

int
task_ended(struct builder *b, struct task *t, struct work_slot *s,
    struct cycle *c, struct err *err)
{
	struct task_lane *l = &t->lanes[s->order.lane - 'A'];

	progress_end(&s->progress);
	c->executed++;
	if (t->state == TASK_AUDITS)
		return audit_ended(b, t, s, c, err);
	l->active = false;
	t->executed++;
	if (s->rc == -1 || s->result.stopped) {
		if (lose(b, t, l, s, c, err) == -1)
			return -1;
	} else {
		l->state = s->result.succeeded ? RUN_SUCCEEDED : RUN_FAILED;
		if (task_put_run(b, s, &l->record, err) == -1 ||
		    write_end(b, t, l, s, err) == -1)
			return -1;
	}
	if (task_judge(b, t, c, err) == -1)
		return -1;
	/* One that ended just before it could be stopped. */
	if (t->cancelled && t->state == TASK_RUNS && !task_is_active(t))
		task_hold(t, "%s", t->cancelled);
	return 0;
}
