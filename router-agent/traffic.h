/*
 * How many bytes were fetched today, for owners whose link is dear, and since
 * the last report, which says what an update cost: kept in the state folder,
 * written only while something is fetched.  A day is one of UTC by the
 * router's clock; a clock that jumps costs or gives at most a day's worth.
 *
 * What was fetched since a report names that report: one made after it was
 * written makes it void, so that a report costs no other write, and no byte
 * is told twice, wherever a restart comes.
 */
#ifndef AGENT_TRAFFIC_H
#define AGENT_TRAFFIC_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

struct traffic {
	int64_t day;	/* since 1970 */
	int64_t bytes;	/* of that day */
	int64_t update; /* fetched since the report of that number */
	int64_t since;	/* 0: there was none */
};

/* Nothing there, or damaged, is nothing fetched.  `told`: number of the last
 * report. */
void traffic_load(int statefd, int64_t told, struct traffic *);
/* What may still be fetched today; `budget` 0: any amount. */
int64_t traffic_left(const struct traffic *, int64_t budget, int64_t now);
/* Seconds until the next day. */
int64_t traffic_wait(int64_t now);
int traffic_add(int statefd, struct traffic *, int64_t bytes, int64_t now,
    struct err *) KILN_MUST;
/* A report of that number has said what `update` was. */
void traffic_told(struct traffic *, int64_t sequence);

#endif
