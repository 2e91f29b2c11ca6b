/* "Why now": what is new in a plan, in one sentence for people. */
#ifndef KILN_WHY_H
#define KILN_WHY_H

#include "builder/plan/plan.h"
#include "lib/buf.h"

/* `old` NULL: there was none.  Appends "packages: libssl3, zlib1g and 3 more;
 * the recipe's files". */
void plan_why(const struct plan *old, const struct plan *new, struct buf *);

#endif
