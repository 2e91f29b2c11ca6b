/*
 * The verifier, `kiln-agent -x verify`: refreshes metadata, applies the rules
 * and answers with plain fields.  It runs as its own uid and can neither open
 * a connection nor run a program; it owns the metadata folder and nothing
 * else.  What it fetches comes through a fetcher of its own, started before it
 * gives up its rights.
 */
#ifndef AGENT_VERIFY_H
#define AGENT_VERIFY_H

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/spawn.h"
#include "router-agent/clock.h"
#include "router-agent/conf.h"
#include "router-agent/set.h"
#include "router-agent/state.h"
#include "router-agent/trust/forms.h"
#include "router-agent/trust/rules.h"

/* From the parent. */
struct verify {
	struct child child;
	int sock; /* readable: verify_result has something */
	/* by what dates were judged; with the result, also of a refusal */
	enum clock_state clock;
	int64_t now;	     /* in that state; 0: it came to no judgement */
	int64_t retry_after; /* seconds a server asked for, or 0 */
	int64_t written;     /* bytes to flash */
	/* of a set that is not refused */
	struct turn turn;
	struct forms forms;
	bool urgent; /* what runs was withdrawn */
};
#define VERIFY_INIT                              \
	{                                        \
		.child = CHILD_INIT, .sock = -1, \
	}

/* `stick`: a folder to read instead of asking servers, or -1. */
int verify_start(struct verify *, const struct agent_conf *,
    const struct state *, const struct state_dir *, int stick,
    struct err *) KILN_MUST;
/* Once `sock` is readable.  -1: refused or failed, see `word`. */
int verify_result(struct verify *, struct set *, char word[RULES_WORD],
    struct err *) KILN_MUST;
void verify_stop(struct verify *);

/* `stick`: descriptor 6 is a folder. */
int verify_main(bool stick);

#endif
