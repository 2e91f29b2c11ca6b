#include "builder/task.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/policy.h"
#include "builder/inputs/lock_change.h"
#include "builder/judge/publish.h"
#include "builder/plan/recipe_tree.h"
#include "builder/plan/why.h"
#include "builder/progress.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/own.h"

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
	free(t->waits);
	free(t->told);
	free(t->cancelled);
}

/* --- planning ------------------------------------------------------------ */

struct uses {
	struct plan_use *v;
	size_t n, cap;
};

/* 1: all there; 0: not yet, or held.  `as`: what the recipe calls it. */
static int
find_use(struct builder *b, struct task *t, struct uses *u, const char *as,
    const char *recipe, const char *output, struct err *err)
{
	char verdict[16];
	struct plan_use one = { .recipe = as, .output = output };
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
			    r->uses[i].from, r->uses[i].outputs.v[k], err);
	for (size_t k = 0;
	     t->stage == STAGE_IMAGE && k < r->outputs.n && got == 1; k++)
		got = find_use(b, t, u, r->name, r->name, r->outputs.v[k], err);
	return got;
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

/* The plan's rows and the event that tells of it: both, or neither. */
static int
write_plan(struct builder *b, struct task *t, const struct cycle *c,
    int64_t before, const char *why, struct err *err)
{
	auto_free char *subject =
	    mem_printf("%s/%s", t->recipe->name, recipe_stage_name(t->stage));
	int64_t led = 0;

	if (db_begin(b->db, err) == -1)
		return -1;
	/* Of this cycle; else what a plan held since then did not see. */
	if (ledger_led(b->db, t->recipe, t->stage, c->since, &led, err) == -1 ||
	    (!led && ledger_led(b->db, t->recipe, t->stage, before, &led,
			 err) == -1) ||
	    event_put(b->db, "plan-made", subject, led, &t->event, err,
		"new plan: %s", why) == -1 ||
	    ledger_plan(b->db, t->recipe->name, t->plan, &t->lock->digest,
		t->event, err) == -1 ||
	    db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

static int
keep_plan(
    struct builder *b, struct task *t, const struct cycle *c, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
	struct ledger_standing was;
	struct hash stored;

	if (ledger_standing(b->db, t->recipe->name, t->stage, &was, err) == -1)
		return -1;
	if (was.there && hash_equal(&was.plan, &t->plan->digest)) {
		t->event = was.last;
		return 0;
	}
	if (store_put_bytes(b->store, t->plan->text.data, t->plan->text.len,
		&stored, err) == -1)
		return -1;
	t->replaces = was.there;
	t->before = was.plan;
	if (say_why(b, t, was.there ? &was.plan : NULL, &why, err) == -1)
		return -1;
	return write_plan(b, t, c, was.event, why.data, err);
}

int
task_settle(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	const struct recipe *r = t->recipe;
	bool last =
	    recipe_is_service(r) && (t->stage == STAGE_IMAGE || !r->has_image);
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
		} else if (l->state != RUN_QUEUED) {
			apart_began(&t->apart);
		}
	}
	return 0;
}

/* Whoever derives it again wants the files it comes from. */
static int
keep_tree(struct builder *b, const struct task *t, struct err *err)
{
	struct hash tree;

	if (recipe_tree_put(t->recipe, b->store, &tree, err) == -1)
		return -1;
	return ledger_tree(b->db, &t->plan->digest, t->recipe, &tree, err);
}

int
task_plan(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
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
	if (keep_plan(b, t, c, err) == -1 || keep_tree(b, t, err) == -1 ||
	    ledger_verdict(b->db, &t->plan->digest, t->verdict, err) == -1)
		return err_prefix(err, "plan of %s", t->recipe->name);
	if (t->verdict[0])
		return task_settle(b, t, c, err);
	got = wishes_cancelled(b->db, &t->plan->digest, &why, err);
	if (got == 1)
		task_hold(t, "%s", why.data);
	if (got != 0)
		return got == -1 ? -1 : 0;
	t->state = TASK_RUNS;
	if (t->urgent)
		return 0;
	/* Known since it was made: this cycle may only go on with it. */
	return ledger_urgent(b->db,
	    ledger_standing_event(b->db, t->recipe->name, t->stage), &t->urgent,
	    err);
}

int
task_join(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	if (t->twin->state == TASK_HELD) {
		task_hold(t, "%s", t->twin->why);
		return 0;
	}
	if (ledger_verdict(b->db, &t->plan->digest, t->verdict, err) == -1)
		return err_prefix(err, "plan of %s", t->recipe->name);
	return task_settle(b, t, c, err);
}

int
task_queue(struct builder *b, struct task *t, struct cycle *c, struct err *err)
{
	if (find_lanes(b, t, err) == -1)
		return -1;
	/* Killed between the last run and the verdict? */
	return task_judge(b, t, c, err);
}
