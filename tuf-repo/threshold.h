/*
 * The stop that nobody has to ask for.  Of the newest set of a channel and
 * architecture, when too many routers went back from it after their probes, a
 * brake is ordered, as an operator's stop would be.
 *
 * A router counts once, by what it said last, and only if
 *   an operator let it in (web.db: accepted),
 *   its own key signed the report, which names this very set,
 *   its wave had come by the time of this pass: who is not due yet and tries
 *   all the same says nothing about those who were meant to go first.
 * What its owner stopped counts neither way.
 *
 * Failures are counted by signature alone.  How many did well is web.db's
 * word, since a web server that lies can at worst keep a stop from coming,
 * which it can by losing reports as well.  A set that was stopped before, by
 * whomever, is left to the release key.
 */
#ifndef KILN_THRESHOLD_H
#define KILN_THRESHOLD_H

#include "tuf-repo/repo.h"

/* Orders the brakes that are due; nothing without web.db, or when the farm's
 * percentage is 0. */
int threshold_check(struct repo *, struct err *) KILN_MUST;

#endif
