/* For remote.c and place.c: a run in hand and its attempts. */
#ifndef KILN_HAND_H
#define KILN_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/exec/attempt.h"
#include "builder/exec/remote.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

/* What a snapshot said of an attempt; of several jobs of one name the one
 * that lives. */
struct sight {
	bool there;
	enum exec_state state;
	char job[EXEC_ID], node[ATTEMPT_NODE], why[200];
};

struct hand {
	struct work_slot *slot; /* NULL: free */
	char id[EXEC_ID];	/* of the attempt; "" before the first */
	int64_t number;
	bool out; /* submitted, as far as we know */
	struct hash ticket;
	int64_t gone_ms; /* since when the engine does not know it; 0 */
	int64_t over_ms; /* since when it has ended, unheard; 0 */
	struct buf bad;	 /* nodes that lost it */
	struct buf why;	 /* what the engine said last */
	struct sight sight;
};

struct remote {
	struct exec *engine;
	struct exec_conf conf; /* its pointers are borrowed */
	struct remote_place at;
	struct remote_mail mail;
	struct work *work;
	struct hand *hands;		    /* one for each slot */
	int64_t look_ms, mail_ms, nodes_ms; /* when next */
	bool told_down;
	struct err failure; /* met inside a callback of the engine */
	bool failed;
};

struct work_slot *remote_slot_of(void *remote, int64_t run); /* or NULL */
/* Nothing helps but a person: the run ends with that. */
void hand_give_up(struct hand *, const char *why);
/* The job's ticket, into the store. */
int hand_ticket(struct remote *, struct hand *, const struct build_order *,
    struct err *) KILN_MUST;
/* Makes the next attempt of it and submits it, unless it has to wait for the
 * other lane's node. */
int hand_place(struct remote *, struct hand *, struct err *) KILN_MUST;

#endif
