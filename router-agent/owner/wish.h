/*
 * What the owner last told the agent to do: one line in the state folder,
 * written by a command, carried out and removed by the agent that works there.
 *
 *	confirm HEX     the plan of that hash may be carried out in its time
 *	apply HEX       … at once: neither wave nor window nor hold nor retry
 *	fetch           what is offered is fetched already, and waits on
 *	import FOLDER   the set on a stick is taken, at once
 *	previous        the set before is to run again, and nothing newer
 */
#ifndef AGENT_WISH_H
#define AGENT_WISH_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

#define WISH_FOLDER 1024

enum wish_kind {
	WISH_NONE,
	WISH_CONFIRM,
	WISH_APPLY,
	WISH_FETCH,
	WISH_IMPORT,
	WISH_PREVIOUS
};

struct wish {
	enum wish_kind kind;
	struct hash plan;	  /* of confirm and apply */
	char folder[WISH_FOLDER]; /* of import */
};

/* Nothing there is WISH_NONE. */
int wish_read(int statefd, struct wish *, struct err *) KILN_MUST;
int wish_write(int statefd, const struct wish *, struct err *) KILN_MUST;
int wish_done(int statefd, struct err *) KILN_MUST;
/* The same for words about that plan; a newer one about anything else stays. */
int wish_plan_done(
    int statefd, const struct hash *plan, struct err *) KILN_MUST;

#endif
