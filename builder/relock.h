/* What "now" means for one recipe in this cycle, and what led to it. */
#ifndef KILN_RELOCK_H
#define KILN_RELOCK_H

#include "builder/cycle.h"
#include "builder/inputs/lock.h"

/*
 * Finds the lock that holds, or holds the recipe.  When its lock or its files
 * are others than farm.db remembers, *event tells so, else it is 0.  `since`:
 * events after that one are of this cycle.  -1: the database failed.
 */
int relock(struct builder *, struct recipe *, int64_t since, struct lock **,
    int64_t *event, struct err *) KILN_MUST;
/* Tells of each suite that the settings switch on or off since the last time
 * that was told. */
void relock_tell_suites(struct builder *, const struct recipes *);
/* The newest event's id, 0 when there is none. */
int64_t relock_now(struct db *);

#endif
