/* A task's runs: when one starts, in what environment. */
#include "builder/bake/lane.h"
#include "builder/progress.h"
#include "builder/task.h"
#include "lib/mem.h"
#include "lib/own.h"

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
		progress_begin(&pr, b->db, "environment", t->recipe->name,
		    "packages", (int64_t)p->npackages);
		rc = env_make(&at, list, p->npackages, &t->env, &err);
		progress_end(&pr);
	}
	/* Did anybody change it?  A glance at all of it, and another part in
	 * full each time. */
	if (rc == 0 && lane == 1 &&
	    (rc = env_same(&at, &t->env.digest, &err)) == 0)
		rc = env_check(&at, list, p->npackages,
		    (size_t)t->lanes[1].id * 2, 2, &err);
	if (rc == 0)
		return true;
	event_add(b->db, "environment-failed", t->recipe->name, t->event, "%s",
	    err.msg);
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
