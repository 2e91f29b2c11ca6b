/* What the next snapshot lists. */
#ifndef KILN_SNAPSHOT_H
#define KILN_SNAPSHOT_H

#include <jansson.h>

#include "tuf-repo/repo.h"

/* Its `meta` (TUF 4.4): targets.json and every delegated role that is signed,
 * with length and SHA-256.  `last` NULL: there was none.  New reference. */
json_t *snapshot_meta(
    struct repo *, const struct tuf_file *last, struct err *) KILN_MUST;
/* Adds the newest complete file of a role, if there is one. */
int snapshot_list(
    struct repo *, const char *role, json_t *meta, struct err *) KILN_MUST;

#endif
