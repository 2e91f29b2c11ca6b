/* Looking at everything that recipes are made from. */
#ifndef KILN_POLL_H
#define KILN_POLL_H

#include "builder/cycle.h"

/*
 * The suites and repositories that the recipes name.  Failing is no end:
 * locks made from what was seen before still hold, and there is an event with
 * the cause.  *reached turns false when something failed that may pass.  -1:
 * the database failed.
 */
int poll_inputs(struct builder *, const struct recipes *, bool *reached,
    struct err *) KILN_MUST;

#endif
