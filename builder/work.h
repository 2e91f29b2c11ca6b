/*
 * Runs in hand: a plan's lanes, each in a thread of its own, since collecting
 * one build's outputs must not keep another from being watched.  Threads
 * touch no database; whoever owns the pool does, when a run has ended.
 */
#ifndef KILN_WORK_H
#define KILN_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "builder/bake/build.h"
#include "builder/progress.h"

struct work_slot {
	bool busy;
	pthread_t thread;
	struct work *work;
	void *owner; /* the caller's: what it is for */
	struct build_order order;
	struct build_result result;
	struct err err;
	int rc; /* of build_run */
	atomic_bool done;
	atomic_bool stop; /* give to the order: this one, not all, is to end */
	struct progress progress;
	int64_t estimate, started_ms;
};

struct work {
	struct build_place place;
	struct work_slot *slots;
	int nslots, nbusy;
	int event;   /* eventfd: one of them has ended */
	bool jailed; /* the sandbox was seen to work here */
};

int work_init(struct work *, const struct build_place *, int slots,
    struct err *) KILN_MUST;
void work_release(struct work *); /* nothing may be running */

/* Before the first run, and not for a farm that has nothing to run: does the
 * sandbox work here?  The error names what is missing. */
int work_ready(struct work *, struct err *) KILN_MUST;
/* NULL: all are busy. */
struct work_slot *work_free(struct work *);
/* The plan and the root must live until it has ended. */
int work_start(struct work_slot *, const struct build_order *, void *owner,
    struct err *) KILN_MUST;
/* Waits up to `timeout_ms` for one that has ended; NULL: none has.  The
 * caller takes what it wants from the slot and calls work_done. */
struct work_slot *work_wait(struct work *, int timeout_ms);
void work_done(struct work_slot *);

#endif
