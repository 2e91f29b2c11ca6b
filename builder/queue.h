/*
 * Which run starts next, and why another does not yet.
 *
 * Security updates go first, and nothing overtakes one that waits for room.
 * All runs together stay within the settings' memory and processors; what a
 * run will take is known from its past, else from its recipe's budget.  One
 * that alone wants more runs alone.
 */
#ifndef KILN_QUEUE_H
#define KILN_QUEUE_H

#include "builder/task.h"

/* Starts what there is room for; *started: anything? */
int queue_start(struct builder *, struct task *, size_t n, bool *started,
    struct err *) KILN_MUST;
/* Writes each task's state and what it waits for (farm.db, `task`), as far as
 * it is other than what was written last. */
int queue_tell(
    struct builder *, struct task *, size_t n, struct err *) KILN_MUST;

#endif
