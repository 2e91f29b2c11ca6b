#include "builder/cycle.h"

#include <stdlib.h>
#include <string.h>

#include "builder/audit.h"
#include "builder/bake/turn.h"
#include "builder/inputs/lock_keep.h"
#include "builder/judge/publish.h"
#include "builder/plan/ledger.h"
#include "builder/poll.h"
#include "builder/progress.h"
#include "builder/queue.h"
#include "builder/relock.h"
#include "builder/repos.h"
#include "builder/task.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WAIT_MS 1000

/* One pass: everything it holds. */
struct pass {
	struct builder *b;
	struct cycle *c;
	struct recipes recipes;
	bool *wanted;	     /* by recipe */
	struct lock **locks; /* by recipe */
	struct task *tasks;
	size_t ntasks;
	int64_t id;	 /* of the cycle */
	int64_t *events; /* by recipe: what is new of its lock or files, or 0 */
	bool *urgent;	 /* by recipe: a security update, or used by one */
};

static void
pass_release(struct pass *p)
{
	for (size_t i = 0; i < p->ntasks; i++)
		task_release(&p->tasks[i]);
	for (size_t i = 0; p->locks && i < p->recipes.n; i++)
		lock_free(p->locks[i]);
	free(p->tasks);
	free(p->locks);
	free(p->wanted);
	free(p->urgent);
	free(p->events);
	recipes_release(&p->recipes);
}

/* --- recipes and their locks --------------------------------------------- */

static void
want(struct pass *p, size_t i)
{
	const struct recipe *r = &p->recipes.v[i];

	if (p->wanted[i])
		return;
	p->wanted[i] = true;
	for (size_t k = 0; r->conf && k < r->nuses; k++) {
		const struct recipe *used =
		    recipes_find(&p->recipes, r->uses[k].from);

		if (used)
			want(p, (size_t)(used - p->recipes.v));
	}
}

/* Not wrong, since a farm may go from one to the other; but nobody should have
 * to find out which of them his routers run. */
static void
tell_same_services(const struct pass *p)
{
	for (size_t i = 0; i < p->recipes.n; i++)
		for (size_t k = 0; p->wanted[i] && k < i; k++) {
			const struct recipe *r = &p->recipes.v[i],
					    *other = &p->recipes.v[k];

			if (p->wanted[k] && recipe_same_service(r, other))
				log_warn("same-service",
				    "recipe=%s msg=\"it is released as %s for "
				    "%s, and so is %s: routers get only "
				    "one of them\"",
				    r->name, recipe_service(r), r->arch,
				    other->name);
		}
}

static int
load(struct pass *p, struct err *err)
{
	struct builder *b = p->b;
	int rc = repos_load(b, &p->recipes, err);

	if (rc != 1) {
		p->c->no_recipes = rc == 0;
		return rc;
	}
	p->wanted = mem_zero(p->recipes.n + 1, sizeof(*p->wanted));
	p->locks = mem_zero(p->recipes.n + 1, sizeof(struct lock *));
	p->urgent = mem_zero(p->recipes.n + 1, sizeof(*p->urgent));
	p->events = mem_zero(p->recipes.n + 1, sizeof(*p->events));
	for (size_t i = 0; !b->nonly && i < p->recipes.n; i++)
		p->wanted[i] = true;
	for (size_t i = 0; i < b->nonly; i++) {
		const struct recipe *only =
		    recipes_find(&p->recipes, b->only[i]);

		if (!only)
			return err_set(err, ERR_INPUT,
			    "there is no recipe \"%s\"", b->only[i]);
		want(p, (size_t)(only - p->recipes.v));
	}
	tell_same_services(p);
	return 0;
}

/* In the order of use, so that a held recipe holds its users. */
static int
lock_all(struct pass *p, struct err *err)
{
	for (size_t k = 0; k < p->recipes.n && !p->b->stop; k++) {
		size_t i = p->recipes.order[k];
		struct recipe *r = &p->recipes.v[i];

		if (!p->wanted[i])
			continue;
		for (size_t u = 0; !r->error && u < r->nuses; u++) {
			const struct recipe *used =
			    recipes_find(&p->recipes, r->uses[u].from);

			if (used && used->error)
				recipe_hold(r, false,
				    "waits for %s, which is held", used->name);
		}
		if (relock(p->b, r, p->c->since, &p->locks[i], &p->events[i],
			err) == -1)
			return -1;
		if (r->error)
			log_warn("recipe-held", "recipe=%s why=\"%s\"", r->name,
			    r->error);
	}
	return ledger_recipes_keep(p->b->db, &p->recipes, err);
}

static void
mark_urgent(struct pass *p, size_t i)
{
	const struct recipe *r = &p->recipes.v[i];

	if (p->urgent[i])
		return;
	p->urgent[i] = true;
	for (size_t k = 0; r->conf && k < r->nuses; k++) {
		const struct recipe *used =
		    recipes_find(&p->recipes, r->uses[k].from);

		if (used)
			mark_urgent(p, (size_t)(used - p->recipes.v));
	}
}

/* A security update, and all that it waits for. */
static int
find_urgent(struct pass *p, struct err *err)
{
	for (size_t i = 0; i < p->recipes.n; i++) {
		bool yes;

		if (ledger_urgent(p->b->db, p->events[i], &yes, err) == -1)
			return -1;
		if (yes)
			mark_urgent(p, i);
	}
	return 0;
}

/* --- tasks --------------------------------------------------------------- */

static void
make_tasks(struct pass *p)
{
	p->tasks = mem_zero(2 * p->recipes.n + 1, sizeof(*p->tasks));
	for (size_t k = 0; k < p->recipes.n; k++) {
		size_t i = p->recipes.order[k];
		struct recipe *r = &p->recipes.v[i];

		for (int s = 0; p->locks[i] && !r->error && s < STAGE_COUNT;
		     s++) {
			if (s == STAGE_BUILD ? !r->has_build : !r->has_image)
				continue;
			p->tasks[p->ntasks++] = (struct task){ .recipe = r,
				.urgent = p->urgent[i],
				.reached = p->events[i] != 0,
				.stage = (enum recipe_stage)s,
				.lock = p->locks[i] };
		}
	}
}

/* Does this one wait for that one?  By the recipe, not yet by the plan. */
static bool
waits_for(const struct task *t, const struct task *other)
{
	if (other->stage != STAGE_BUILD)
		return false;
	if (t->recipe == other->recipe)
		return t->stage == STAGE_IMAGE;
	for (size_t i = 0; i < t->recipe->nuses; i++)
		if (strcmp(t->recipe->uses[i].from, other->recipe->name) == 0)
			return true;
	return false;
}

/* The task that runs the same plan already. */
static const struct task *
find_twin(const struct pass *p, const struct task *t)
{
	for (size_t i = 0; i < p->ntasks; i++) {
		const struct task *other = &p->tasks[i];

		if (other != t && other->state == TASK_RUNS &&
		    hash_equal(&other->plan->digest, &t->plan->digest))
			return other;
	}
	return NULL;
}

/*
 * Plans a task once all it waits for is done: what stands in the ledger may
 * be of yesterday until then.
 */
static int
plan_task(struct pass *p, struct task *t, bool *moved, struct err *err)
{
	for (size_t i = 0; i < p->ntasks; i++) {
		const struct task *other = &p->tasks[i];

		if (!waits_for(t, other))
			continue;
		if (other->state == TASK_DONE) {
			t->reached = t->reached || other->reached;
			continue;
		}
		t->blocker = other;
		if (other->state == TASK_HELD) {
			task_hold(t, "waits for %s, which is held",
			    other->recipe->name);
			*moved = true;
		}
		return 0;
	}
	if (task_plan(p->b, t, p->c, err) == -1)
		return -1;
	if (t->state != TASK_WAITS)
		*moved = true;
	if (t->state != TASK_RUNS)
		return 0;
	t->twin = find_twin(p, t);
	if (t->twin) {
		t->state = TASK_JOINS;
		return 0;
	}
	return task_queue(p->b, t, p->c, err);
}

static int
join(struct pass *p, struct task *t, bool *moved, struct err *err)
{
	if (t->twin->state != TASK_DONE && t->twin->state != TASK_HELD)
		return 0;
	*moved = true;
	return task_join(p->b, t, p->c, err);
}

/* Plans and starts what can be, again and again until nothing moves. */
static int
push(struct pass *p, struct err *err)
{
	bool moved = true;

	while (moved && !p->b->stop) {
		moved = false;
		for (size_t i = 0; i < p->ntasks; i++) {
			struct task *t = &p->tasks[i];

			if ((t->state == TASK_WAITS &&
				plan_task(p, t, &moved, err) == -1) ||
			    (t->state == TASK_JOINS &&
				join(p, t, &moved, err) == -1))
				return -1;
		}
		if (queue_start(p->b, p->tasks, p->ntasks, &moved, err) == -1)
			return -1;
	}
	return queue_tell(p->b, p->tasks, p->ntasks, err);
}

static void
show_progress(struct work *w)
{
	for (int i = 0; i < w->nslots; i++) {
		struct work_slot *s = &w->slots[i];
		int64_t ms = time_mono_ms() - s->started_ms;

		if (!s->busy)
			continue;
		/* It takes longer than last time: nobody knows how long. */
		if (s->estimate != -1 && ms >= s->estimate)
			s->estimate = -1;
		progress_set(&s->progress, ms, s->estimate);
	}
}

/* Told to stop: so is each of them. */
static void
stop_all(struct builder *b)
{
	if (!atomic_load(&b->stop))
		return;
	work_leave(&b->work);
}

/* What is asked for while they run. */
static int
look_at_wishes(struct pass *p, struct err *err)
{
	if (wishes_take(p->b, p->tasks, p->ntasks, err) == -1)
		return -1;
	return queue_tell(p->b, p->tasks, p->ntasks, err);
}

/* Until nothing runs and nothing can. */
static int
drain(struct pass *p, struct err *err)
{
	struct work *w = &p->b->work;
	struct err first = ERR_INIT;
	int rc = push(p, &first);

	while (w->nbusy > 0) {
		struct err why = ERR_INIT;
		struct work_slot *s;

		stop_all(p->b);
		s = work_wait(w, WAIT_MS);
		show_progress(w);
		if (rc == 0 && look_at_wishes(p, &first) == -1) {
			rc = -1;
			p->b->stop = true;
		}
		if (w->failed && rc == 0) {
			first = w->failure;
			rc = -1;
			p->b->stop = true;
			w->failed = false;
		}
		if (!s)
			continue;
		if (task_ended(p->b, s->owner, s, p->c, &why) == -1 &&
		    rc == 0) {
			first = why;
			rc = -1;
		}
		work_done(s);
		/* The database or the disk is lost: only wait for the rest. */
		if (rc == -1)
			p->b->stop = true;
		else if (push(p, &first) == -1)
			rc = -1;
	}
	if (rc == -1)
		*err = first;
	return rc;
}

static int
work(struct pass *p, struct err *err)
{
	bool audits = false;

	if (drain(p, err) == -1)
		return -1;
	if (p->b->stop)
		return 0;
	if (work_idle(&p->b->work, p->b->nonly == 0, err) == -1)
		return -1;
	if (audit_choose(p->b, p->tasks, p->ntasks, &audits, err) == -1)
		return -1;
	return audits ? drain(p, err) : 0;
}

/* --- the outcome --------------------------------------------------------- */

static struct outcome *
add_outcome(struct cycle *c, const char *recipe, const char *stage)
{
	struct outcome *o;

	MEM_GROW(c->outcomes, c->noutcomes, c->capoutcomes);
	o = &c->outcomes[c->noutcomes++];
	*o = (struct outcome){ .recipe = mem_str(recipe) };
	memcpy(o->stage, stage, strlen(stage) + 1);
	return o;
}

static void
note_task(struct cycle *c, const struct task *t)
{
	struct outcome *o =
	    add_outcome(c, t->recipe->name, recipe_stage_name(t->stage));

	if (t->plan) {
		o->planned = true;
		o->plan = t->plan->digest;
	}
	if (t->state == TASK_DONE)
		memcpy(o->verdict, t->verdict, sizeof(o->verdict));
	else
		memcpy(o->verdict, "held", 5);
	o->why = mem_str(t->why);
}

static void
note_outcomes(struct pass *p)
{
	for (size_t k = 0; k < p->recipes.n; k++) {
		size_t i = p->recipes.order[k];
		struct recipe *r = &p->recipes.v[i];

		if (p->wanted[i] && r->error) {
			struct outcome *o = add_outcome(p->c, r->name, "");

			memcpy(o->verdict, "held", 5);
			o->why = mem_str(r->error);
		}
		for (size_t t = 0; t < p->ntasks; t++)
			if (p->tasks[t].recipe == r)
				note_task(p->c, &p->tasks[t]);
	}
}

static int
account(struct pass *p, struct err *err)
{
	for (size_t i = 0; i < p->ntasks; i++)
		if (task_account(
			p->b, &p->tasks[i], p->id, &p->c->needed, err) == -1)
			return -1;
	return 0;
}

static int
pass_run(struct pass *p, bool poll, struct err *err)
{
	p->c->archive_reached = true;
	if (poll && repos_poll(p->b, &p->c->archive_reached, err) == -1)
		return -1;
	if (load(p, err) == -1)
		return -1;
	if (p->c->no_recipes) {
		p->c->archive_reached = false; /* soon again */
		return 0;
	}
	relock_tell_suites(p->b, &p->recipes);
	if (poll &&
	    poll_inputs(p->b, &p->recipes, &p->c->archive_reached, err) == -1)
		return -1;
	if (publish_withhold(p->b->db, p->b->store, err) == -1 ||
	    relock_ask_all(p->b, &p->recipes, err) == -1 ||
	    lock_all(p, err) == -1 || find_urgent(p, err) == -1 ||
	    ledger_tasks_keep(p->b->db, err) == -1)
		return -1;
	make_tasks(p);
	if (work(p, err) == -1)
		return -1;
	note_outcomes(p);
	return account(p, err);
}

int
cycle_run(struct builder *b, bool poll, struct cycle *c, struct err *err)
{
	struct pass p = { .b = b, .c = c };
	struct ledger_cycle row = { 0 };
	struct err why = ERR_INIT;
	auto_fd int turn = -1;
	int rc;

	*c = (struct cycle){ 0 };
	turn = turn_take(b->workdir, -1, &b->stop, err);
	if (turn == -1)
		return b->stop && err->cls == ERR_BUSY ? 0 : -1;
	if (ledger_cycle_begin(b->db, &p.id, &c->since, err) == -1)
		return -1;
	b->archive.solved = b->archive.kept = 0;
	rc = pass_run(&p, poll, err);
	pass_release(&p);
	lock_keep_forget(b->archive.news);
	b->archive.news = NULL;
	row = (struct ledger_cycle){ .executed = c->executed,
		.failed = c->failed,
		.needed = c->needed,
		.solved = b->archive.solved,
		.kept = b->archive.kept,
		.error = rc == -1  ? err->msg
			 : b->stop ? "told to stop"
				   : NULL };
	if (ledger_cycle_end(b->db, p.id, &row, &why) == -1 && rc == 0) {
		*err = why;
		rc = -1;
	}
	return rc;
}

void
cycle_release(struct cycle *c)
{
	for (size_t i = 0; i < c->noutcomes; i++) {
		free(c->outcomes[i].recipe);
		free(c->outcomes[i].why);
	}
	free(c->outcomes);
	*c = (struct cycle){ 0 };
}

bool
cycle_all_good(const struct cycle *c)
{
	if (c->no_recipes)
		return false;
	for (size_t i = 0; i < c->noutcomes; i++)
		if (strcmp(c->outcomes[i].verdict, "reproduced") != 0 ||
		    c->outcomes[i].why)
			return false;
	return true;
}
