/* Whose packages an environment holds: for lock_make.c. */
#ifndef KILN_LOCK_CLOSURE_H
#define KILN_LOCK_CLOSURE_H

#include "builder/inputs/lock_make.h"
#include "builder/inputs/worker.h"

/* The architecture that builds what is asked for. */
const char *lock_machine(const struct lock_request *);
/* A closure's roots, sorted: nothing when nothing is asked for. */
void lock_roots(const char *const *, size_t, struct lock_names *);
/*
 * Appends the packages that these names bring along: of the machine, and
 * behind them, as "NAME:ARCH", those of the architecture that is built for.
 * The index worker has the indexes of both.  Adds to `consulted`, unsorted.
 */
int lock_closure(struct worker *, const struct lock_request *,
    const char *const *names, size_t, struct lock_packages *,
    struct lock_names *consulted, struct err *) KILN_MUST;

#endif
