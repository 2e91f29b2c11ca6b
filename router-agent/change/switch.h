/*
 * The middle of a trial: LAN packets go to the new machines, or back to the
 * old ones, which wait paused.
 */
#ifndef AGENT_SWITCH_H
#define AGENT_SWITCH_H

#include <stdbool.h>

#include "lib/attr.h"
#include "router-agent/plan.h"
#include "router-agent/state.h"

struct agent;
struct machine;

#define TRIAL_DRAIN_MS 1000 /* old answers still on their way */

struct trial {
	struct agent *a;
	const struct set *set;
	struct plan plan;
	bool switched;
	bool stopped[SET_SERVICES]; /* by index of the new set: the old machine
				     * went before the new one started */
	int64_t source[SET_SERVICES]; /* of its volumes; 0: none */
	bool way_out;		      /* there was one when it began */
	char cause[32], text[STATE_TEXT];
};

/* Says why the trial fails; -1. */
int trial_fail(struct trial *, const char *cause, const char *fmt, ...)
    KILN_PRINTF(3, 4);
/* The machine that serves until now, or NULL. */
struct machine *trial_old(struct trial *, const char *service);
/* Is machine `i` of the new set under trial? */
bool trial_is_new(const struct trial *, size_t i);
/* Does old machine `i` go, or make room? */
bool trial_leaves(const struct trial *, size_t i);

/* All services at once; the old machines are paused after. */
int switch_to_new(struct trial *) KILN_MUST;
/* The old machines serve again: the paused ones in milliseconds.  Those that
 * cannot are started anew. */
void switch_to_old(struct trial *);

#endif
