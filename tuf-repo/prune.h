/*
 * Taking away from the published tree what nobody needs any more.  Kept are
 * all roots; the newest snapshots and what they lead to; the newest sets of
 * each channel with their images; what any router last reported to run and the
 * set it ran before that; and what a listed delta starts from.  The store and
 * tuf.db are not touched.
 */
#ifndef KILN_PRUNE_H
#define KILN_PRUNE_H

#include <jansson.h>

#include "tuf-repo/repo.h"

#define PRUNE_KEEP 4 /* the newest and its three predecessors */

struct prune {
	bool dry;	 /* in: nothing is removed */
	json_t *kept;	 /* out: {"path": why} */
	json_t *removed; /* out: {"path": bytes} */
	int64_t bytes;	 /* out: of what was removed */
};
void prune_release(struct prune *);

/* web.db must be open, if it is there: see asked_open. */
int prune_tree(struct repo *, struct prune *, struct err *) KILN_MUST;
/* Asks the one that serves; it prunes when this was asked since the last. */
int prune_ask(struct repo *, struct err *) KILN_MUST;
int prune_if_asked(struct repo *, struct err *) KILN_MUST;

#endif
