/* A task's runs: when one starts, in what environment. */
#include <assert.h>
#include <string.h>

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

/* Was the last verdict of its recipe `differs`?  Then nothing of the
 * environment is taken on trust. */
static bool
differed(struct db *db, const struct task *t)
{
	static const char sql[] =
	    "SELECT verdict FROM plan WHERE recipe = ?1 AND stage = ?2"
	    " AND verdict IS NOT NULL ORDER BY judged_at DESC, rowid DESC"
	    " LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err gone = ERR_INIT;

	stmt_bind_str(q, 1, t->recipe->name);
	stmt_bind_str(q, 2, recipe_stage_name(t->stage));
	return stmt_step(q, &gone) == 1 &&
	       strcmp(stmt_str(q, 0), "differs") == 0;
}

static int
make_env(struct builder *b, struct task *t, const struct task_lane *l,
    struct err *err)
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
	int rc = 0;

	for (size_t i = 0; i < p->npackages; i++)
		list[i] = (struct env_package){ p->packages[i].name,
			p->packages[i].sha256 };
	if (!t->env.root) {
		progress_begin(&pr, b->db, "environment", t->recipe->name,
		    "packages", (int64_t)p->npackages);
		rc = env_make(&at, list, p->npackages, &t->env, err);
		progress_end(&pr);
	}
	/* Did anybody change it?  A glance at all of it, and another part in
	 * full each time. */
	if (rc == 0 && l->name == 'A' && t->lanes[0].id == l->id &&
	    differed(b->db, t))
		rc = env_check(&at, list, p->npackages, 0, p->npackages, err);
	if (rc == 0 && l->name == 'B' &&
	    (rc = env_same(&at, &t->env.digest, err)) == 0)
		rc = env_check(
		    &at, list, p->npackages, (size_t)l->id * 2, 2, err);
	return rc;
}

/* Held: nothing can run in it.  An audit was only a wish. */
static int
no_env(struct builder *b, struct task *t, const struct task_lane *l,
    const struct err *why, struct err *err)
{
	b->no_room = b->no_room || err_no_room(why);
	event_add(b->db, "environment-failed", t->recipe->name, t->event, "%s",
	    why->msg);
	if (t->state == TASK_AUDITS) {
		t->state = TASK_DONE;
		return ledger_lose(b->db, l->id, err_cause(why), why->msg, err);
	}
	task_hold(t, "%s (cause=%s)", why->msg, err_cause(why));
	return 0;
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

bool
task_is_active(const struct task *t)
{
	return t->lanes[0].active || t->lanes[1].active || t->audit.active;
}

/* B starts once A runs or has succeeded: a plan that fails at once fails
 * once. */
struct task_lane *
task_next_lane(struct task *t)
{
	struct task_lane *a = &t->lanes[0], *other = &t->lanes[1];

	if (t->state == TASK_AUDITS)
		return t->audit.active ? NULL : &t->audit;
	if (t->state != TASK_RUNS)
		return NULL;
	if (a->state == RUN_QUEUED && !a->active)
		return a;
	if (other->state == RUN_QUEUED && !other->active &&
	    (a->active || a->state == RUN_SUCCEEDED))
		return other;
	return NULL;
}

int
task_start(
    struct builder *b, struct task *t, struct task_lane *l, struct err *err)
{
	struct work_slot *s = work_free(&b->work);
	struct err why = ERR_INIT;
	struct build_order o;

	assert(s);
	/* A node makes its own. */
	if (!b->work.remote && make_env(b, t, l, &why) == -1)
		return no_env(b, t, l, &why, err);
	o = (struct build_order){ .id = l->id,
		.plan = t->plan,
		.lane = l->name,
		.vary = l->name == 'A' ? VARY_NONE : VARY_ALL,
		.environment = t->env.digest,
		.root = t->env.root,
		.first_cpu = (int)(s - b->work.slots),
		.apart = &t->apart };
	build_limits(&t->recipe->budget, &o.process_memory, &o.limits);
	if (t->stage == STAGE_IMAGE && t->recipe->budget.image > 0)
		o.limits.output = t->recipe->budget.image;
	if (work_ready(&b->work, err) == -1 ||
	    ledger_start(b->db, l->id, b->work.remote ? NULL : &t->env.digest,
		err) == -1)
		return -1;
	if (work_start(s, &o, t->lanes[l->name == 'A'].id, t, err) == -1)
		return -1;
	begin_progress(b, t, l, s);
	l->active = true;
	return 0;
}
