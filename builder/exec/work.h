/*
 * Runs in hand: a plan's lanes, each in a slot from its start to its end.
 * The engine runs them; whoever owns the slots owns the database, and writes
 * what came of a run when it has ended.
 */
#ifndef KILN_WORK_H
#define KILN_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "builder/bake/build.h"
#include "builder/exec/exec.h"
#include "builder/progress.h"

struct work_slot {
	bool busy, ended;
	bool left; /* it goes on elsewhere without us */
	bool hold; /* rc -1 for good: an operator is needed */
	struct work *work;
	void *owner; /* the caller's: what it is for */
	char id[EXEC_ID];
	struct build_order order;
	struct build_result result;
	int64_t apart; /* run that it shall not share a node with, or 0 */
	struct err err;
	int rc;		  /* of build_run */
	atomic_bool stop; /* it was told to end */
	struct progress progress;
	int64_t estimate, started_ms;
};

struct remote;
struct work {
	struct exec *engine; /* owned; NULL: not opened */
	struct build_place place;
	struct remote *remote; /* NULL: the engine is this machine */
	bool again;	       /* a verdict was taken back: look once more */
	bool failed;	       /* the database or the disk did: `failure` */
	struct err failure;
	struct work_slot *slots;
	int nslots, nbusy;
	bool healthy; /* it was seen to work here */
};

/* With the engine of this machine. */
int work_init(struct work *, const struct build_place *, int slots,
    struct err *) KILN_MUST;
struct exec_conf;
struct remote_place;
/* With Slurm. */
void work_init_remote(
    struct work *, const struct exec_conf *, const struct remote_place *);
void work_release(struct work *); /* nothing may be running */

/* Before the first run, and not for a farm that has nothing to run: does the
 * engine work?  The error names what is missing. */
int work_ready(struct work *, struct err *) KILN_MUST;
/* NULL: all are busy. */
struct work_slot *work_free(struct work *);
/* The plan and the root must live until it has ended.  `apart`: slot.apart. */
int work_start(struct work_slot *, const struct build_order *, int64_t apart,
    void *owner, struct err *) KILN_MUST;
/* This one, not all, is to end; it still has to be waited for. */
void work_stop(struct work_slot *);
/* We end: so do all, but for those that can go on without us. */
void work_leave(struct work *);
/* Between two cycles: what came late.  Nobody's runs are ended. */
int work_idle(struct work *, bool sweep, struct err *) KILN_MUST;
/* Waits up to `timeout_ms` for one that has ended; NULL: none has.  The
 * caller takes what it wants from the slot and calls work_done. */
struct work_slot *work_wait(struct work *, int timeout_ms);
void work_done(struct work_slot *);

#endif
