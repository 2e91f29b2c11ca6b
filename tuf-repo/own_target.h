/* Small targets that are made here and lie in tuf.db: sets and brakes. */
#ifndef KILN_OWN_TARGET_H
#define KILN_OWN_TARGET_H

#include "tuf-repo/repo.h"

/* Keeps the bytes and gives their digest; there already is fine. */
int own_target_put(
    struct repo *, const struct buf *, struct hash *, struct err *) KILN_MUST;
/* *text NULL: none of them; else free it. */
int own_target_get(
    struct repo *, const struct hash *, char **text, struct err *) KILN_MUST;

#endif
