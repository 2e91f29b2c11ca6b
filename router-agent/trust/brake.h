/*
 * A brake: a signed word that stops one release for a while.  It never starts
 * one and never stops what runs; and however often it is renewed, a router
 * obeys it for at most 14 days from when it first saw it.
 */
#ifndef AGENT_BRAKE_H
#define AGENT_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "router-agent/clock.h"

#define BRAKE_SECONDS (14 * CLOCK_DAY)

struct brake {
	int64_t counter; /* of the set that it stops */
	int64_t until;
	char until_text[32], reason[121];
};

int brake_read(struct brake *, const struct buf *, struct err *) KILN_MUST;
/* Does it stop set `counter` of the channel now?  `seen` keeps the first
 * sight; NULL: nothing is kept. */
bool brake_holds(const struct brake *, const char *channel, int64_t counter,
    int64_t now, struct clock *seen);

#endif
