/*
 * Putting files of tuf.db and of the store into the published tree.  A name
 * that is there already must hold the same content.
 */
#ifndef KILN_PLACE_H
#define KILN_PLACE_H

#include <stdbool.h>

#include <jansson.h>

#include "tuf-repo/repo.h"

/* V.role.json */
int place_role(
    struct repo *, const char *role, int64_t version, struct err *) KILN_MUST;
/* Every target that this version lists, as dir/HASH.name.  `folders` (an
 * object) gets those that are still to be synced, once for many targets. */
int place_targets(struct repo *, const char *role, int64_t version,
    json_t *folders, struct err *) KILN_MUST;
int place_sync(struct repo *, const json_t *folders, struct err *) KILN_MUST;
/* For check.h: was the target found whole in the tree when it was published?
 * `arg` is the struct repo. */
bool place_known(void *arg, const struct tuf_target *);

#endif
