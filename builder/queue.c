#include "builder/queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"

#define MIB ((int64_t)1 << 20)
#define LEAST_MCPU 100

/* --- room ---------------------------------------------------------------- */

/* What the run will take: by past runs half as much again, since they were
 * looked at now and then; never more than the budget, which is enforced. */
static void
estimate(const struct builder *b, const struct task *t, struct task_lane *l)
{
	struct ledger_past past;
	int64_t most = t->recipe->budget.memory;

	if (l->memory)
		return;
	l->memory = most;
	l->mcpu = 1000;
	if (!ledger_past(b->db, t->recipe->name, t->stage, l->name, &past))
		return;
	if (past.rss > 0) {
		int64_t sum = past.rss / 2 * 3 + 16 * MIB;

		l->memory = sum < most ? sum : most;
	}
	l->mcpu = past.mcpu < LEAST_MCPU       ? LEAST_MCPU
		  : past.mcpu > 1000 * b->cpus ? 1000 * b->cpus
					       : past.mcpu;
}

static const struct task_lane *
lane_of(const struct work_slot *s)
{
	const struct task *t = s->owner;

	return t->state == TASK_AUDITS ? &t->audit
				       : &t->lanes[s->order.lane - 'A'];
}

/* NULL: there is room; else what is missing. */
static char *
no_room(const struct builder *b, const struct task_lane *l)
{
	int64_t memory = 0, mcpu = 0;

	if (!work_free((struct work *)&b->work))
		return mem_printf("all %d places are taken", b->work.nslots);
	/* Elsewhere it is the engine's to say. */
	if (b->work.nbusy == 0 || b->work.remote)
		return NULL;
	for (int i = 0; i < b->work.nslots; i++) {
		const struct work_slot *s = &b->work.slots[i];

		if (!s->busy)
			continue;
		memory += lane_of(s)->memory;
		mcpu += lane_of(s)->mcpu;
	}
	if (memory + l->memory > b->memory)
		return mem_printf("it may take %" PRId64 " MiB of memory, and"
				  " %" PRId64 " of %" PRId64 " are taken",
		    l->memory / MIB, memory / MIB, b->memory / MIB);
	if (mcpu + l->mcpu > 1000 * b->cpus)
		return mem_printf("it takes %.1f processors, and %.1f of"
				  " %" PRId64 " are taken",
		    (double)l->mcpu / 1000, (double)mcpu / 1000, b->cpus);
	return NULL;
}

/* --- order --------------------------------------------------------------- */

static void
set_waits(struct task *t, char *why)
{
	free(t->waits);
	t->waits = why;
}

/* All of one kind, in the order of the graph.  `first`: the security update
 * that waits for room, which nobody may overtake. */
static int
start_some(struct builder *b, struct task *tasks, size_t n, bool urgent,
    const struct task **first, bool *started, struct err *err)
{
	for (size_t i = 0; i < n && !b->stop; i++) {
		struct task *t = &tasks[i];
		struct task_lane *l;
		char *why;

		if (t->urgent != urgent)
			continue;
		while ((l = task_next_lane(t)) && !b->stop) {
			estimate(b, t, l);
			why = *first ? mem_printf("after %s, a security update",
					   (*first)->recipe->name)
				     : no_room(b, l);
			set_waits(t, why);
			if (why) {
				if (urgent && !*first)
					*first = t;
				break;
			}
			if (task_start(b, t, l, err) == -1)
				return -1;
			*started = *started || l->active;
			if (!l->active) /* held */
				break;
		}
		if (!l)
			set_waits(t, NULL);
	}
	return 0;
}

int
queue_start(struct builder *b, struct task *tasks, size_t n, bool *started,
    struct err *err)
{
	const struct task *first = NULL;

	if (start_some(b, tasks, n, true, &first, started, err) == -1)
		return -1;
	return start_some(b, tasks, n, false, &first, started, err);
}

/* --- telling ------------------------------------------------------------- */

static void
describe(const struct task *t, struct ledger_task *row, struct buf *why)
{
	*row = (struct ledger_task){ .urgent = t->urgent,
		.plan = t->plan ? &t->plan->digest : NULL };
	switch (t->state) {
	case TASK_WAITS:
		row->state = "waits";
		buf_str(why, "waits for ");
		if (t->blocker)
			buf_printf(why, "the %s of %s",
			    recipe_stage_name(t->blocker->stage),
			    t->blocker->recipe->name);
		else
			buf_str(why, "outputs that it uses");
		break;
	case TASK_JOINS:
		row->state = "waits";
		buf_printf(why, "has the plan of %s, which runs once for both",
		    t->twin->recipe->name);
		break;
	case TASK_RUNS:
	case TASK_AUDITS:
		row->state = task_is_active(t) ? "runs" : "queued";
		if (t->waits)
			buf_str(why, t->waits);
		else if (!task_is_active(t))
			buf_str(why, "is next");
		break;
	case TASK_DONE:
		row->state = "done";
		break;
	case TASK_HELD:
		row->state = "held";
		buf_str(why, t->why);
		break;
	}
	row->why = why->len ? why->data : NULL;
}

static int
tell(struct builder *b, struct task *t, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
	auto_free char *now = NULL;
	struct ledger_task row;

	describe(t, &row, &why);
	now = mem_printf(
	    "%s %d %d %s", row.state, row.urgent, row.plan != NULL, why.data);
	if (t->told && strcmp(now, t->told) == 0)
		return 0;
	free(t->told);
	t->told = take_ptr(&now);
	return ledger_task(b->db, t->recipe->name, t->stage, &row, err);
}

int
queue_tell(struct builder *b, struct task *tasks, size_t n, struct err *err)
{
	int rc = 0;

	if (db_begin(b->db, err) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = tell(b, &tasks[i], err);
	if (rc == 0)
		rc = db_commit(b->db, err);
	if (rc == -1)
		db_rollback(b->db);
	return rc;
}
