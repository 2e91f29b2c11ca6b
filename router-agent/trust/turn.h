/*
 * When a release is this router's to take: its wave (lib/wave.h), whose hours
 * count from when the router first saw the release, and the hours of the day.
 */
#ifndef AGENT_TURN_H
#define AGENT_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "router-agent/clock.h"
#include "router-agent/set.h"

#define TURN_NEVER INT64_MAX /* no wave has this router */

struct turn {
	int64_t at; /* Unix seconds */
	/* Minutes of the router's own day; equal: all of it. */
	int64_t from, to;
};

/* `place`: lib/wave.h.  `set`: waves and window of it; both may be missing or
 * null. */
int turn_read(struct turn *, const json_t *set, unsigned place,
    int64_t first_seen, struct err *) KILN_MUST;
/* The same of a set that has passed the rules; `seen` keeps its first sight. */
int turn_of(struct turn *, const json_t *set, const struct set *,
    const struct hash *device, int64_t now, struct clock *seen,
    struct err *) KILN_MUST;
/* Minutes until the window opens; 0: it is open. */
int64_t turn_closed(const struct turn *, int64_t minute_of_day);

#endif
