/*
 * How many bytes were fetched today, for owners whose link is dear: kept in
 * the state folder, written only after something was fetched.  A day is one of
 * UTC by the router's clock; a clock that jumps costs or gives at most a day's
 * worth.
 */
#ifndef AGENT_TRAFFIC_H
#define AGENT_TRAFFIC_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

struct traffic {
	int64_t day; /* since 1970 */
	int64_t bytes;
};

/* Nothing there, or damaged, is nothing fetched. */
void traffic_load(int statefd, struct traffic *);
/* What may still be fetched today; `budget` 0: any amount. */
int64_t traffic_left(const struct traffic *, int64_t budget, int64_t now);
/* Seconds until the next day. */
int64_t traffic_wait(int64_t now);
int traffic_add(int statefd, struct traffic *, int64_t bytes, int64_t now,
    struct err *) KILN_MUST;

#endif
