/*
 * Brakes: a set that routers are asked not to start, by an online key and for
 * at most 14 days from the first time.  A brake never starts anything; taking
 * one off before its time needs a statement by the release key, since it
 * starts what was stopped.
 */
#ifndef KILN_BRAKE_H
#define KILN_BRAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuf-repo/repo.h"

/* Routers ignore a brake that lasts longer than 14 days by their own clock:
 * theirs may be an hour behind. */
#define BRAKE_LONGEST (14 * INT64_C(86400) - 3600)
#define BRAKE_REASON_MAX 200

struct brake_order {
	const char *channel;
	const char *arch; /* NULL: every one */
	int64_t counter;  /* 0: the newest published set */
	int64_t seconds;  /* 0: as long as may be */
	const char *reason, *by;
};

/*
 * Files the order; brakes_make carries it out.  *n: how many architectures.
 * ERR_INPUT when there is no such set, or its 14 days are over.
 */
int brake_order(struct repo *, const struct brake_order *, size_t *n,
    struct err *) KILN_MUST;
/* Printable ASCII, 1 to BRAKE_REASON_MAX. */
bool brake_reason_ok(const char *);
/* Is this set stopped now? */
int brake_stands(struct repo *, const char *channel, const char *arch,
    int64_t counter, bool *yes, struct err *) KILN_MUST;
/* The next version of the brake role, signed, if what it lists changed. */
int brakes_make(struct repo *, bool *made, struct err *) KILN_MUST;

/*
 * kiln/resume, what the release key signs to take a brake off: the canonical
 * bytes for the newest set of the channel that is stopped.
 */
int resume_draft(struct repo *, const char *channel, const char *arch,
    struct buf *, struct err *) KILN_MUST;
/* {"signatures":[…],"signed":{kiln/resume}}: verified against the keys of
 * sets-stable, then the brake is off.  *n: how many. */
int resume_accept(struct repo *, const void *, size_t, struct err *) KILN_MUST;

#endif
