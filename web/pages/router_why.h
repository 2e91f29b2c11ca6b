/* Why a router runs nothing newer than it does: one sentence, from what it
 * said last and what is published. */
#ifndef KILN_PAGES_ROUTER_WHY_H
#define KILN_PAGES_ROUTER_WHY_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "web/req.h"

/* m["newest"]: the newest published set of each channel and architecture,
 * its waves, and why it is stopped, if it is. */
int router_newest(json_t *m, struct web *, struct err *) KILN_MUST;

/*
 * `router`: "id", "state", "cause", "channel", "arch", "counter", "seen_at",
 * "timestamp"; `newest`: as above.  Gives it "why", and where a set of waves
 * is offered "turn_at": not before then does it start that set (0: never, no
 * wave has it).  A router counts the hours from when it saw the set first,
 * which is never before it was published.
 */
void router_why(json_t *router, const json_t *newest);

#endif
