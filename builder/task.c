#include "builder/task.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/lane.h"
#include "builder/bake/policy.h"
#include "builder/inputs/lock_change.h"
#include "builder/judge/publish.h"
#include "builder/judge/verdict.h"
#include "builder/plan/why.h"
#include "builder/progress.h"
#include "lib/canon.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define RECORD_MAX ((size_t)16 << 20)
#define LOST_MAX 3 /* failures of the machine before it is inconclusive */

void
task_hold(struct task *t, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	free(t->why);
	t->why = buf_take(&text);
	t->state = TASK_HELD;
}

void
task_release(struct task *t)
{
	plan_free(t->plan);
	env_release(&t->env);
	free(t->why);
}

/* --- planning ------------------------------------------------------------ */

struct uses {
	struct plan_use *v;
	size_t n, cap;
};

/* 1: all there; 0: not yet, or held. */
static int
find_use(struct builder *b, struct task *t, struct uses *u, const char *recipe,
    const char *output, struct err *err)
{
	char verdict[16];
	struct plan_use one = { .recipe = recipe, .output = output };
	int got =
	    ledger_output(b->db, recipe, output, &one.sha256, verdict, err);

	if (got == -1)
		return -1;
	if (got == 1) {
		MEM_GROW(u->v, u->n, u->cap);
		u->v[u->n++] = one;
		return 1;
	}
	if (strcmp(verdict, "reproduced") == 0)
		return err_set(err, ERR_INPUT,
		    "%s: the ledger lacks its output %s", recipe, output);
	if (verdict[0])
		task_hold(t, "uses %s of %s, whose verdict is %s", output,
		    recipe, verdict);
	return 0;
}

static int
find_uses(struct builder *b, struct task *t, struct uses *u, struct err *err)
{
	const struct recipe *r = t->recipe;
	int got = 1;

	for (size_t i = 0; i < r->nuses && got == 1; i++)
		for (size_t k = 0; k < r->uses[i].outputs.n && got == 1; k++)
			got = find_use(b, t, u, r->uses[i].recipe,
			    r->uses[i].outputs.v[k], err);
	for (size_t k = 0;
	     t->stage == STAGE_IMAGE && k < r->outputs.n && got == 1; k++)
		got = find_use(b, t, u, r->name, r->outputs.v[k], err);
	return got;
}

/* The plan that stood before, or NULL. */
static int
standing(struct builder *b, const struct task *t, struct hash *digest,
    struct err *err)
{
	static const char sql[] =
	    "SELECT plan FROM current WHERE recipe = ?1 AND stage = ?2";
	auto_stmt struct stmt *q = db_stmt(b->db, sql);
	int got;

	stmt_bind_str(q, 1, t->recipe->name);
	stmt_bind_str(q, 2, recipe_stage_name(t->stage));
	got = stmt_step(q, err);
	return got == 1 && !stmt_hash(q, 0, digest) ? 0 : got;
}

/* Between the lock of that plan and the one in hand. */
static int
lock_since(struct builder *b, const struct task *t, const struct hash *plan,
    struct lock **old, struct err *err)
{
	static const char sql[] = "SELECT lock FROM plan WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(b->db, sql);
	struct err gone = ERR_INIT;
	struct hash lock;
	int got;

	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	if (got == 1 && stmt_hash(q, 0, &lock) &&
	    !hash_equal(&lock, &t->lock->digest))
		*old = lock_load(b->store, &lock, &gone);
	return got == -1 ? -1 : 0;
}

static int
say_why(struct builder *b, struct task *t, const struct hash *before,
    struct buf *why, struct err *err)
{
	auto_plan struct plan *old = NULL;
	auto_lock struct lock *lock = NULL;
	struct lock_changes changes = { 0 };
	struct err gone = ERR_INIT;

	if (before) {
		if (lock_since(b, t, before, &lock, err) == -1)
			return -1;
		old = plan_load(b->store, before, &gone);
	}
	if (lock)
		lock_diff(lock, t->lock, &changes);
	plan_why(old, t->plan, &changes, why);
	lock_changes_release(&changes);
	return 0;
}

static int
keep_plan(struct builder *b, struct task *t, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
	auto_free char *subject = NULL;
	struct hash before, stored;
	int had = standing(b, t, &before, err);

	if (had == -1)
		return -1;
	if (had == 1 && hash_equal(&before, &t->plan->digest))
		return 0;
	if (store_put_bytes(b->store, t->plan->text.data, t->plan->text.len,
		&stored, err) == -1)
		return -1;
	t->replaces = had == 1;
	if (had == 1)
		t->before = before;
	if (say_why(b, t, had == 1 ? &before : NULL, &why, err) == -1)
		return -1;
	subject =
	    mem_printf("%s/%s", t->recipe->name, recipe_stage_name(t->stage));
	t->event = event_add(
	    b->db, "plan-made", subject, t->event, "new plan: %s", why.data);
	return ledger_plan(b->db, t->plan, &t->lock->digest, t->event, err);
}

/* The bytes a verdict rests on and the release that follows from it. */
static int
settle(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	const struct recipe *r = t->recipe;
	bool last = t->stage == STAGE_IMAGE || r->kind == RECIPE_KERNEL;
	struct err why = ERR_INIT;
	bool made;

	t->state = TASK_DONE;
	if (!last || strcmp(t->verdict, "reproduced") != 0)
		return 0;
	if (publish_release(b->db, b->store, r, t->lock, t->plan, t->event,
		&made, &why) == -1) {
		if (why.cls != ERR_INPUT) {
			*err = why;
			return -1;
		}
		/* The recipe says something that cannot be published. */
		task_hold(t, "%s", why.msg);
		return 0;
	}
	if (made) {
		c->released++;
		wake_send(b->rundir, "tuf");
	}
	return 0;
}

static int
find_lanes(struct builder *b, struct task *t, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(t->lanes); i++) {
		struct task_lane *l = &t->lanes[i];

		l->name = (char)('A' + i);
		if (ledger_run(b->db, &t->plan->digest, l->name, &l->state,
			&l->id, &l->record, err) == -1)
			return -1;
		if (l->state == RUN_NONE) {
			if (ledger_queue(b->db, &t->plan->digest, l->name,
				&l->id, err) == -1)
				return -1;
			l->state = RUN_QUEUED;
		}
	}
	return 0;
}

static int judge(struct builder *, struct task *, struct cycle *, struct err *);

int
task_plan(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	struct uses u = { 0 };
	struct hash policy;
	int got = find_uses(b, t, &u, err);

	if (got == 1) {
		policy_digest(&policy);
		t->plan = plan_make(
		    t->recipe, t->stage, t->lock, u.v, u.n, &policy, err);
		if (!t->plan)
			got = -1;
	}
	free(u.v);
	if (got != 1)
		return got;
	if (keep_plan(b, t, err) == -1 ||
	    ledger_verdict(b->db, &t->plan->digest, t->verdict, err) == -1)
		return err_prefix(err, "plan of %s", t->recipe->name);
	if (t->verdict[0])
		return settle(b, t, c, err);
	t->state = TASK_RUNS;
	if (find_lanes(b, t, err) == -1)
		return -1;
	/* Killed between the last run and the verdict? */
	return judge(b, t, c, err);
}

/* --- running ------------------------------------------------------------- */

static void
env_progress(void *arg, int64_t done, int64_t total)
{
	progress_set(arg, done, total);
}

/* False and held when it cannot be made. */
static bool
make_env(struct builder *b, struct task *t, size_t lane)
{
	const struct plan *p = t->plan;
	auto_free struct env_package *list =
	    mem_zero(p->npackages + 1, sizeof(*list));
	struct progress pr;
	struct env_place at = { .dirfd = b->envdir,
		.path = b->env_path,
		.store = b->store,
		.crew = b->crew,
		.progress = env_progress,
		.arg = &pr };
	struct err err = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < p->npackages; i++)
		list[i] = (struct env_package){ p->packages[i].name,
			p->packages[i].sha256 };
	if (!t->env.root) {
		progress_begin(&pr, b->db, "environment", p->recipe, "packages",
		    (int64_t)p->npackages);
		rc = env_make(&at, list, p->npackages, &t->env, &err);
		progress_end(&pr);
	}
	/* Another part of it each time: did anybody change it? */
	if (rc == 0 && lane == 1)
		rc = env_check(&at, list, p->npackages,
		    (size_t)t->lanes[1].id * 2, 2, &err);
	if (rc == 0)
		return true;
	event_add(
	    b->db, "environment-failed", p->recipe, t->event, "%s", err.msg);
	task_hold(t, "%s (cause=%s)", err.msg, err_cause(&err));
	return false;
}

static void
begin_progress(
    struct builder *b, struct task *t, struct task_lane *l, struct work_slot *s)
{
	auto_free char *subject = mem_printf(
	    "%s/%s %c", t->recipe->name, recipe_stage_name(t->stage), l->name);

	s->estimate =
	    ledger_estimate(b->db, t->recipe->name, t->stage, l->name);
	progress_begin(
	    &s->progress, b->db, "build", subject, "ms", s->estimate);
}

/* B starts once A runs or has succeeded: a plan that fails at once fails
 * once. */
static struct task_lane *
next_lane(struct task *t)
{
	struct task_lane *a = &t->lanes[0], *other = &t->lanes[1];

	if (a->state == RUN_QUEUED && !a->active)
		return a;
	if (other->state == RUN_QUEUED && !other->active &&
	    (a->active || a->state == RUN_SUCCEEDED))
		return other;
	return NULL;
}

/* Would the memory that runs may take be more than there is for them?  One
 * alone always may. */
static bool
too_big_now(const struct builder *b, const struct task *t)
{
	int64_t sum = t->recipe->budget.memory;

	if (b->settings.memory == 0 || b->work.nbusy == 0)
		return false;
	for (int i = 0; i < b->work.nslots; i++) {
		const struct work_slot *s = &b->work.slots[i];

		if (s->busy)
			sum += ((const struct task *)s->owner)
				   ->recipe->budget.memory;
	}
	return sum > b->settings.memory;
}

int
task_start(struct builder *b, struct task *t, bool *started, struct err *err)
{
	struct task_lane *l = next_lane(t);
	struct work_slot *s = work_free(&b->work);
	struct build_order o;

	*started = false;
	if (!l || !s || too_big_now(b, t) ||
	    !make_env(b, t, (size_t)(l - t->lanes)))
		return 0;
	o = (struct build_order){ .id = l->id,
		.plan = t->plan,
		.lane = l->name,
		.vary = l->name == 'A' ? VARY_NONE : VARY_ALL,
		.environment = t->env.digest,
		.root = t->env.root,
		.first_cpu = (int)(s - b->work.slots),
		.stop = &b->stop };
	build_limits(&t->recipe->budget, &o.process_memory, &o.limits);
	if (work_ready(&b->work, err) == -1 ||
	    ledger_start(b->db, l->id, &t->env.digest, err) == -1)
		return -1;
	if (work_start(s, &o, t, err) == -1)
		return -1;
	begin_progress(b, t, l, s);
	l->active = true;
	*started = true;
	return 0;
}

/* --- what came of it ----------------------------------------------------- */

static int
put_record(
    struct builder *b, const json_t *j, struct hash *digest, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	return store_put_bytes(b->store, text.data, text.len, digest, err);
}

static int
write_end(struct builder *b, struct task_lane *l, const struct work_slot *s,
    struct err *err)
{
	const struct build_result *r = &s->result;
	auto_json json_t *record = build_record(&s->order, r, "farm");
	struct ledger_end e = { .id = l->id,
		.succeeded = r->succeeded,
		.finished = r->finished,
		.log = r->log,
		.cause = r->succeeded ? NULL : r->cause,
		.message = r->succeeded ? NULL : r->message,
		.wall_ms = r->wall_ms,
		.cpu_ms = r->cpu_ms,
		.max_rss_kib = r->max_rss_kib };
	int rc;

	if (put_record(b, record, &l->record, err) == -1)
		return -1;
	e.record = l->record;
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

/* The machine failed, or we were told to stop: nothing counts. */
static int
lose(struct builder *b, struct task *t, struct task_lane *l,
    const struct work_slot *s, struct cycle *c, struct err *err)
{
	bool stopped = s->rc == 0;
	const char *cause = stopped ? "stopped" : err_cause(&s->err);
	const char *message = stopped ? s->result.message : s->err.msg;

	l->state = RUN_NONE;
	t->lost++;
	if (ledger_lose(b->db, l->id, cause, message, err) == -1)
		return -1;
	if (stopped) {
		task_hold(t, "stopped");
		return 0;
	}
	c->failed++;
	event_add(b->db, "run-lost", t->recipe->name, t->event,
	    "lane %c of %s: %s", l->name, recipe_stage_name(t->stage), message);
	task_hold(t, "%s (cause=%s)", message, cause);
	return 0;
}

static int
load_record(
    struct builder *b, const struct hash *digest, json_t **out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (store_read(b->store, digest, RECORD_MAX, &text, err) == -1)
		return -1;
	*out = js_record("run", "kiln/run", 1, text.data, text.len, err);
	return *out ? 0 : -1;
}

static int
write_verdict(struct builder *b, struct task *t, const struct verdict_run *runs,
    size_t n, struct err *err)
{
	auto_json json_t *record = NULL;
	enum verdict verdict;
	struct hash digest;

	record = verdict_make(&t->plan->digest, runs, n, &verdict, err);
	if (!record || put_record(b, record, &digest, err) == -1 ||
	    ledger_judged(b->db, &t->plan->digest, verdict_name(verdict),
		&digest, err) == -1)
		return -1;
	t->event = event_add(b->db, "verdict", t->recipe->name, t->event,
	    "%s of %s: %s", recipe_stage_name(t->stage), t->recipe->name,
	    verdict_name(verdict));
	return ledger_verdict(b->db, &t->plan->digest, t->verdict, err);
}

static int
judge_runs(struct builder *b, struct task *t, struct err *err)
{
	struct verdict_run runs[ARRAY_LEN(t->lanes)] = { 0 };
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
		rc = load_record(b, &l->record, &runs[n].record, err);
		n += rc == 0;
	}
	if (rc == 0)
		rc = write_verdict(b, t, runs, n, err);
	for (size_t i = 0; i < n; i++)
		json_decref(runs[i].record);
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

/* Judges once nothing is left to run. */
static int
judge(struct builder *b, struct task *t, struct cycle *c, struct err *err)
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
	return settle(b, t, c, err);
}

int
task_ended(struct builder *b, struct task *t, struct work_slot *s,
    struct cycle *c, struct err *err)
{
	struct task_lane *l = &t->lanes[s->order.lane - 'A'];

	l->active = false;
	progress_end(&s->progress);
	c->executed++;
	t->executed++;
	if (s->rc == -1 || s->result.stopped) {
		if (lose(b, t, l, s, c, err) == -1)
			return -1;
	} else {
		l->state = s->result.succeeded ? RUN_SUCCEEDED : RUN_FAILED;
		if (write_end(b, l, s, err) == -1)
			return -1;
		if (!s->result.succeeded)
			event_add(b->db, "run-failed", t->recipe->name,
			    t->event, "lane %c of %s: %s (cause=%s)", l->name,
			    recipe_stage_name(t->stage), s->result.message,
			    s->result.cause);
	}
	return judge(b, t, c, err);
}
