/*
 * When a router asks again.  Routers that were switched on together must not
 * all ask together: half more or less than `every_s`, by chance.  After a
 * server that could not be asked it is soon, and later each time; what a
 * server asks for (Retry-After) is obeyed, up to a day.
 *
 * Nothing here looks at a clock or draws a number: both come from the caller.
 */
#ifndef AGENT_POLL_H
#define AGENT_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct poll_plan {
	int64_t every_s;     /* of the owner's */
	int64_t wait_s;	     /* until what waits may begin; 0: nothing does */
	int64_t retry_after; /* what a server asked for, in seconds; 0 */
	unsigned fails;	     /* polls in a row that could not be asked */
};

/*
 * Milliseconds from the start of a router that was booted and runs a set to
 * its first poll: power that comes back to a region brings all of its routers
 * at once.
 */
#define POLL_FIRST_S 600
int64_t poll_first(int64_t every_s, uint32_t chance);

/* Milliseconds from now; `unreachable`: nobody could be asked this time, else
 * `fails` begins anew.  `chance`: any 32 bits, of a good source. */
int64_t poll_next(struct poll_plan *, bool unreachable, uint32_t chance);

#endif
