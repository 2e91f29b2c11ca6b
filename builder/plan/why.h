/* "Why now": what is new in a plan, in one sentence for people. */
#ifndef KILN_WHY_H
#define KILN_WHY_H

#include "builder/inputs/lock_change.h"
#include "builder/plan/plan.h"
#include "lib/buf.h"

/* `old` NULL: there was none.  `changes` of the lock between the two, or
 * NULL: then names have to do.  Appends "packages: libssl3 3.0.20 → 3.0.22
 * (security), zlib1g 1.2 → 1.3 and 3 more; the recipe's files: build.sh". */
void plan_why(const struct plan *old, const struct plan *new,
    const struct lock_changes *changes, struct buf *);

#endif
