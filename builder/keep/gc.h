/*
 * Removing what nothing needs: artifacts, unpacked packages, environments.
 *
 * First farm.db learns what will be gone (a plan whose outputs go is to be
 * run again should it ever stand once more), then files go; killed between,
 * the next one finishes.  Nothing goes while a record that is needed cannot
 * be read, or a database cannot be asked.  The caller has the turn (turn.h).
 */
#ifndef KILN_GC_H
#define KILN_GC_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/bake/env.h"
#include "builder/keep/needs.h"
#include "lib/attr.h"
#include "lib/err.h"

struct gc {
	bool dry;	   /* in: nothing is changed */
	json_t *kept;	   /* [{what, name, bytes, why}] */
	json_t *removed;   /* the same */
	json_t *forgotten; /* plans that are to be run again */
	int64_t kept_bytes, removed_bytes;
};

/* `farm`: the owner's connection unless dry.  Needs must be collected. */
int gc_run(struct gc *, struct needs *, const struct env_place *,
    struct err *) KILN_MUST;
void gc_release(struct gc *);

#endif
