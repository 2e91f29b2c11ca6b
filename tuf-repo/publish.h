/*
 * The published tree.  Files come in the order in which a client may look for
 * them: targets, delegated roles, targets.json, root, snapshot, and last of
 * all timestamp.json, replaced in one step.  Until then nobody sees anything;
 * a published name is never written again.  Every step may be repeated, so
 * whoever is killed is finished by the next run.
 */
#ifndef KILN_PUBLISH_H
#define KILN_PUBLISH_H

#include <stdbool.h>

#include "tuf-repo/repo.h"

/* The next snapshot, if what it lists changed or it ends soon. */
int publish_snapshot(struct repo *, struct err *) KILN_MUST;
/* The next timestamp, if there is a newer snapshot, the last is a day old, or
 * `force`. */
int publish_timestamp(struct repo *, bool force, struct err *) KILN_MUST;
/*
 * Places all that the newest timestamp leads to, judges the tree as a
 * stranger would (check.h), and switches.  *switched tells whether there was
 * anything to do.
 */
int publish_switch(struct repo *, bool *switched, struct err *) KILN_MUST;

#endif
