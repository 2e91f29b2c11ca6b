/*
 * The trees below env/ (env.h), for whoever owns them: as root a child of the
 * builder under a uid that nothing else has (env_crew.h), so that neither a
 * build nor the builder can write what environments share.
 *
 * `env` is the folder env/.  Different packages may be unpacked at once; no
 * other calls beside each other.
 */
#ifndef KILN_ENV_TREE_H
#define KILN_ENV_TREE_H

#include <stddef.h>

#include "builder/bake/env.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

/* Unpacks `deb`, whose digest is looked at first, as deb/new-HEX. */
int env_tree_unpack(
    int env, const struct env_package *, int deb, struct err *) KILN_MUST;
/* Syncs what was unpacked, all at once, and gives it its name, deb/HEX. */
int env_tree_name(
    int env, const struct env_package *, size_t, struct err *) KILN_MUST;
/* Links them together as HEX of `digest`, in their order. */
int env_tree_assemble(int env, const struct hash *digest,
    const struct env_package *, size_t, struct err *) KILN_MUST;
/* Removes "deb/HEX" or "HEX"; nothing there is success. */
int env_tree_drop(int env, const char *name, struct err *) KILN_MUST;
/* Removes what has no name yet. */
int env_tree_clean(int env, struct err *) KILN_MUST;

#endif
