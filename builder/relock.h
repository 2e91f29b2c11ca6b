/* What "now" means for one recipe in this cycle, and what led to it. */
#ifndef KILN_RELOCK_H
#define KILN_RELOCK_H

#include "builder/cycle.h"
#include "builder/inputs/lock.h"

/*
 * Finds the lock that holds, or holds the recipe, and writes its row; with
 * what is other than farm.db remembers, the event that tells so, in one
 * transaction.  `since`: of struct cycle; *event: newer than that, or 0.
 * -1: the database failed.
 */
int relock(struct builder *, struct recipe *, int64_t since, struct lock **,
    int64_t *event, struct err *) KILN_MUST;
/* Asks all locks at once whether the archive as it is now touches them, so
 * that relock() need not ask each. */
int relock_ask_all(
    struct builder *, const struct recipes *, struct err *) KILN_MUST;
/* Tells of each suite that the settings switch on or off since the last time
 * that was told. */
void relock_tell_suites(struct builder *, const struct recipes *);

#endif
