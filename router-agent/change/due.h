/*
 * May a set that is offered begin, and if not, when?  The order of the
 * reasons is the owner's: what he said goes before what the farm says.  Plain
 * facts in, a reason out; how it is told is cycle.c's.
 */
#ifndef AGENT_DUE_H
#define AGENT_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hash.h"
#include "router-agent/clock.h"
#include "router-agent/state.h"
#include "router-agent/trust/turn.h"

enum due {
	DUE_NOW,
	DUE_METERED, /* bytes are dear, and nothing that runs was withdrawn */
	DUE_RETRY,   /* it failed; another try comes later */
	DUE_HELD,    /* the owner holds all */
	DUE_ASK,     /* the owner is asked */
	DUE_NEVER,   /* no wave has this router */
	DUE_WAVE,
	DUE_WINDOW,
};

struct due_facts {
	/* the owner's */
	bool metered, ask;
	bool confirmed;	    /* he approved just this plan */
	bool at_once;	    /* … and wants it now, or brought it on a stick */
	int64_t hold_until; /* HOLD_FOR_EVER: pinned; 0: nothing is held */
	/* the router's */
	bool has_current; /* one that runs nothing has nobody to be spared */
	const struct state *state;
	int64_t every_s; /* between two polls */
	int64_t now;	 /* of the device's own clock */
	int64_t minute;	 /* of the owner's day, -1: not known */
	/* the verifier's */
	const struct hash *set;
	struct turn turn;
	int64_t judged_at; /* the time that dates were judged by */
	enum clock_state clock;
	bool urgent; /* what runs was withdrawn */
};

/* *wait_s: seconds until it should be looked at again; 0 for DUE_NOW. */
enum due due_look(const struct due_facts *, int64_t *wait_s);

#endif
