/* A plan to be had in this cycle, from its recipe to its verdict. */
#ifndef KILN_TASK_H
#define KILN_TASK_H

#include "builder/bake/env.h"
#include "builder/cycle.h"
#include "builder/plan/ledger.h"

enum task_state {
	TASK_WAITS,  /* for outputs of others */
	TASK_RUNS,   /* planned, no verdict yet */
	TASK_JOINS,  /* … and another task's runs are its own: `twin` */
	TASK_DONE,   /* it has a verdict */
	TASK_AUDITS, /* … and a lane of it runs once more */
	TASK_HELD,   /* nothing more in this cycle; `why` */
};

struct task_lane {
	char name;
	enum run_state state;
	bool active; /* in a slot */
	int64_t id;
	struct hash record;   /* once it ended */
	int64_t memory, mcpu; /* what it may take: bytes, 1/1000 processors */
};

struct task {
	struct recipe *recipe;
	enum recipe_stage stage;
	struct lock *lock; /* borrowed */
	int64_t event;	   /* what was told of it last */
	bool reached;	   /* something new led here in this cycle */
	enum task_state state;
	struct plan *plan;
	const struct task *twin; /* the plan's other task */
	struct env env;
	struct task_lane lanes[2];  /* A, B */
	struct task_lane audit;	    /* TASK_AUDITS: one of them again */
	bool urgent;		    /* a security update led here */
	const struct task *blocker; /* TASK_WAITS: for that one */
	char *waits; /* why a run of it that could start does not, or NULL */
	char *told;  /* what farm.db was told last */
	char *cancelled;    /* by whom and why: its runs end; or NULL */
	struct apart apart; /* when its runs begin */
	char verdict[16];
	char *why;
	/* For the ledger: this cycle's runs, those the machine failed, and
	 * those that looked again at what was known. */
	int64_t executed, lost, audited;
	bool replaces; /* the plan that stood before: */
	struct hash before;
};

void task_hold(struct task *, const char *fmt, ...) KILN_PRINTF(2, 3);
void task_release(struct task *);

/*
 * Makes the plan if all outputs it uses are there; if it has its verdict, it
 * is done.  Stays waiting otherwise, or is held when they will not come.
 */
int task_plan(
    struct builder *, struct task *, struct cycle *, struct err *) KILN_MUST;
/* A plan without a verdict: its runs are queued, unless they are known. */
int task_queue(
    struct builder *, struct task *, struct cycle *, struct err *) KILN_MUST;
/* Its twin has ended: so has this one. */
int task_join(
    struct builder *, struct task *, struct cycle *, struct err *) KILN_MUST;
/* The lane that may start now, or NULL. */
struct task_lane *task_next_lane(struct task *);
bool task_is_active(const struct task *);
/* Starts it in a free slot, unless its environment cannot be made. */
int task_start(struct builder *, struct task *, struct task_lane *,
    struct err *) KILN_MUST;
/* A run of it has ended: writes what came of it, judges when all have. */
int task_ended(struct builder *, struct task *, struct work_slot *,
    struct cycle *, struct err *) KILN_MUST;

/* Judges once nothing is left to run. */
int task_judge(
    struct builder *, struct task *, struct cycle *, struct err *) KILN_MUST;
/* It has a verdict: done, and the release that follows is made. */
int task_settle(
    struct builder *, struct task *, struct cycle *, struct err *) KILN_MUST;

/* Records into the store and out of it. */
int task_put(struct builder *, const json_t *, struct hash *digest,
    struct err *) KILN_MUST;
int task_put_run(struct builder *, const struct work_slot *,
    struct hash *record, struct err *) KILN_MUST;
int task_load_record(
    struct builder *, const struct hash *, json_t **, struct err *) KILN_MUST;
/* The run's row, and with it what it takes back, if anything. */
int task_end_run(struct builder *, const struct task_lane *,
    const struct work_slot *, const struct ledger_alarm *,
    struct err *) KILN_MUST;

/* What it cost in this cycle beside what it had to: *needed, and a row. */
int task_account(struct builder *, const struct task *, int64_t cycle,
    int64_t *needed, struct err *) KILN_MUST;

#endif
