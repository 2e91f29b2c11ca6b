/*
 * How many bytes were fetched today, for owners whose link is dear, and since
 * the last report, which says what an update cost; and how many were written,
 * since flash wears out by that.  Kept in the state folder, written only while
 * something is fetched, and after a cycle that wrote something itself.  A day
 * is one of UTC by the router's clock; a clock that jumps costs or gives at
 * most a day's worth.
 *
 * What was fetched since a report names that report: one made after it was
 * written makes it void, so that a report costs no other write, and no byte
 * is told twice, wherever a restart comes.
 *
 * Written are the bytes that this program and its verifier gave to files of
 * the state folder's file system, and images that were unpacked into it: not
 * what that file system makes of them, and not what services keep on volumes.
 * A power cut forgets those since the last time this was kept.
 */
#ifndef AGENT_TRAFFIC_H
#define AGENT_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

struct traffic {
	int64_t day;	 /* since 1970 */
	int64_t bytes;	 /* of that day */
	int64_t update;	 /* fetched since the report of that number */
	int64_t since;	 /* 0: there was none */
	int64_t written; /* of that day, too */
	int64_t planned; /* what the day's largest plan may write of it */
	int64_t metered; /* of fd_metered(), what is dealt with */
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

/* What was written today; `more`: by somebody else than this process. */
int64_t traffic_written(struct traffic *, int64_t more, int64_t now);
/* The same without taking note of it, for people. */
int64_t traffic_today(const struct traffic *, int64_t now);
/* A plan that fetches so much is begun. */
void traffic_planned(struct traffic *, int64_t download, int64_t now);
/*
 * Is more written today than `budget` and what the largest plan needs?  An
 * image is written up to three times: as it came, unpacked, and in the store.
 */
bool traffic_worn(struct traffic *, int64_t budget, int64_t now);
int traffic_keep(
    int statefd, struct traffic *, int64_t now, struct err *) KILN_MUST;
/* A report of that number has said what `update` was. */
void traffic_told(struct traffic *, int64_t sequence);

#endif
