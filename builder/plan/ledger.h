/*
 * What farm.db remembers of recipes, plans, runs and verdicts.  Every change
 * that belongs together is one transaction; artifacts are in the store before
 * a row names them.
 */
#ifndef KILN_LEDGER_H
#define KILN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/plan/plan.h"
#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"

/* Writes the recipe's row; `lock` NULL: it has none (yet).  One that is held
 * keeps the lock it had; `event` 0: nothing new led here. */
int ledger_recipe(struct db *, const struct recipe *, const struct hash *lock,
    int64_t event, struct err *) KILN_MUST;
/* Rows of recipes that are gone are removed. */
int ledger_recipes_keep(
    struct db *, const struct recipes *, struct err *) KILN_MUST;

/* What stands for a recipe and stage now.  `event` tells why, `last` what was
 * told of it since: a verdict; 0: nothing. */
struct ledger_standing {
	bool there;
	struct hash plan;
	int64_t event, last;
};
int ledger_standing(struct db *, const char *recipe, enum recipe_stage,
    struct ledger_standing *, struct err *) KILN_MUST;
/*
 * What, after the event `since`, leads to a new plan of it: its files or its
 * lock changed, else something came of what it uses.  *event 0: nothing.
 */
int ledger_led(struct db *, const struct recipe *, enum recipe_stage,
    int64_t since, int64_t *event, struct err *) KILN_MUST;
int ledger_told(struct db *, const char *recipe, enum recipe_stage,
    int64_t event, struct err *) KILN_MUST;

/* Adds a plan's row unless it is there, and makes it the one that stands for
 * the recipe, because of `event`. */
int ledger_plan(struct db *, const char *recipe, const struct plan *,
    const struct hash *lock, int64_t event, struct err *) KILN_MUST;
/* Which files of the recipe the plan was asked for with, last: the record and
 * the signature lie in the store. */
int ledger_tree(struct db *, const struct hash *plan, const struct recipe *,
    const struct hash *tree, struct err *) KILN_MUST;
/* *verdict: "reproduced" …, or "" when there is none yet. */
int ledger_verdict(struct db *, const struct hash *plan, char verdict[16],
    struct err *) KILN_MUST;
int ledger_judged(struct db *, const struct hash *plan, const char *verdict,
    const struct hash *record, struct err *) KILN_MUST;
/*
 * The output of a recipe's standing build plan.  1: *digest is set; 0: there
 * is none, and verdict says why (see above; "" when it may still come).
 */
int ledger_output(struct db *, const char *recipe, const char *output,
    struct hash *digest, char verdict[16], struct err *) KILN_MUST;

enum run_state {
	RUN_NONE, /* never run, or lost */
	RUN_QUEUED,
	RUN_SUCCEEDED,
	RUN_FAILED,
};

/* The run of a plan in a lane that counts.  `record`: of one that ended. */
int ledger_run(struct db *, const struct hash *plan, char lane,
    enum run_state *, int64_t *id, struct hash *record, struct err *) KILN_MUST;
/* How often the machine failed it. */
int ledger_lost(struct db *, const struct hash *plan, char lane, int64_t *n,
    struct err *) KILN_MUST;
int ledger_queue(struct db *, const struct hash *plan, char lane, int64_t *id,
    struct err *) KILN_MUST;
/* `environment` NULL: known when it has ended. */
int ledger_start(struct db *, int64_t id, const struct hash *environment,
    struct err *) KILN_MUST;
/* The same for a plan that has its verdict. */
int ledger_queue_audit(struct db *, const struct hash *plan, char lane,
    int64_t *id, struct err *) KILN_MUST;
/* Nobody will run it: its row goes. */
int ledger_unqueue(struct db *, int64_t id, struct err *) KILN_MUST;
/* The machine failed, or we were told to stop. */
int ledger_lose(struct db *, int64_t id, const char *cause, const char *message,
    struct err *) KILN_MUST;

struct ledger_end {
	int64_t id;
	bool succeeded;
	int64_t finished;
	struct hash log, record, environment;
	const char *attempt;	     /* that it was; NULL: of this machine */
	const char *cause, *message; /* NULL when it succeeded */
	int64_t wall_ms, cpu_ms, max_rss_kib;
	struct {
		const char *name;
		struct hash sha256;
		int64_t size;
	} * outputs;
	size_t noutputs;
	/* An audit's, which takes the plan's verdict back, and the event that
	 * tells it, all in the same transaction; else NULL. */
	const struct ledger_alarm {
		const struct hash *plan;
		const char *verdict;
		struct hash verdict_record;
		const char *subject, *text;
		int64_t parent;
	} * alarm;
};
int ledger_end(struct db *, const struct ledger_end *, struct err *) KILN_MUST;

/* How long such a run took last time, in ms; -1: not known. */
int64_t ledger_estimate(
    struct db *, const char *recipe, enum recipe_stage, char lane);
/* At start: runs a killed predecessor left as running are lost, its cycle
 * ended.  Those that an attempt elsewhere goes on with are not: to whoever
 * plans they are queued. */
int ledger_recover(struct db *, struct err *) KILN_MUST;

/* --- who goes next (ledger_task.c) --- */

struct ledger_task {
	const char *state;	 /* waits, queued, runs, done, held */
	bool urgent;		 /* a security update */
	const struct hash *plan; /* NULL: not yet */
	const char *why;	 /* not yet, or held; or NULL */
};
int ledger_task(struct db *, const char *recipe, enum recipe_stage,
    const struct ledger_task *, struct err *) KILN_MUST;
/* Rows of recipes that are gone or held are removed. */
int ledger_tasks_keep(struct db *, struct err *) KILN_MUST;
/* Is there a security update among the locks' changes that led to it? */
int ledger_urgent(
    struct db *, int64_t event, bool *urgent, struct err *) KILN_MUST;
/* Why the standing plan stands; 0: there is none, or it does not say. */
int64_t ledger_standing_event(
    struct db *, const char *recipe, enum recipe_stage);
/* What such runs took: all processes in bytes, 1/1000 processors.  False:
 * there were none. */
struct ledger_past {
	int64_t rss, mcpu;
};
bool ledger_past(struct db *, const char *recipe, enum recipe_stage, char lane,
    struct ledger_past *);

/* *since: events after that one are of this cycle, or of cycles before it that
 * did not come to their end. */
int ledger_cycle_begin(
    struct db *, int64_t *id, int64_t *since, struct err *) KILN_MUST;
struct ledger_cycle {
	int64_t executed, failed; /* sandboxes started; runs lost */
	int64_t needed;		  /* the fewest that would have done */
	int64_t solved, kept;	  /* locks */
	const char *error;	  /* why it stopped early, or NULL */
};
int ledger_cycle_end(struct db *, int64_t id, const struct ledger_cycle *,
    struct err *) KILN_MUST;
/* A plan's share of it; `reason` of the excess, or NULL; `event`: what led to
 * the runs, whose first cause the row keeps. */
int ledger_cycle_task(struct db *, int64_t cycle, const struct hash *plan,
    int64_t executed, int64_t needed, const char *reason, int64_t event,
    struct err *) KILN_MUST;
/* Did two plans give the same bytes? */
int ledger_same_outputs(struct db *, const struct hash *, const struct hash *,
    bool *same, struct err *) KILN_MUST;

#endif
