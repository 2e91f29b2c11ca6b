/*
 * Slots for the agent's own program, below self/ in the state folder:
 *
 *	record   which slot is good, which is on trial, what was bad
 *	a/ b/    kiln-agent and kiln-agent-fetch
 *
 * The agent writes the slot that is not good and names it as the trial; the
 * supervisor (supervise.h) starts it, and writes what came of that.  Only one
 * of the two works on the record at a time: the agent ends when it has named a
 * trial.
 *
 * An image of the agent's program is 8 bytes `kilnagt1`, the length of
 * kiln-agent as 8 bytes big-endian, kiln-agent, and kiln-agent-fetch.
 */
#ifndef AGENT_SLOTS_H
#define AGENT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

#define SLOTS_DIR "self"
#define SLOTS_BAD 16
#define SLOTS_TRIES 3 /* of one trial */
#define SLOTS_PROGRAM "kiln-agent"
#define SLOTS_FETCH "kiln-agent-fetch"
#define SLOTS_IMAGE_MAX ((int64_t)64 << 20)

struct slot {
	char name;	   /* 'a', 'b'; 0: none */
	struct hash image; /* what was installed in it */
	struct hash agent; /* of the two programs */
	struct hash fetch;
};

struct slots {
	struct slot good;	    /* none: the program that was installed */
	struct slot trial;	    /* none most of the time */
	int64_t tries;		    /* of `trial`, begun */
	struct hash bad[SLOTS_BAD]; /* images, oldest first */
	size_t nbad;
};

/* `dirfd`: self/.  Nothing there is empty; a damaged record is ERR_INPUT. */
int slots_load(int dirfd, struct slots *, struct err *) KILN_MUST;
int slots_save(int dirfd, const struct slots *, struct err *) KILN_MUST;
bool slots_is_bad(const struct slots *, const struct hash *image);
/* The trial is over: good, or bad from now on. */
void slots_settle(struct slots *, bool good);

/* Takes a verified image apart into the slot that is not good, which becomes
 * the trial; durable on return. */
int slots_install(int dirfd, int image, const struct hash *, struct slots *,
    struct err *) KILN_MUST;
/* Are its programs what was installed? */
int slots_check(int dirfd, const struct slot *, struct err *) KILN_MUST;

#endif
