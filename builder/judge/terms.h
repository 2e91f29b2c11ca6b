/*
 * What is said of an image in the metadata that routers read: a pure function
 * of its recipe, its lock and what came out.  A farm makes releases of it, and
 * a rebuilder compares them with its own.
 */
#ifndef KILN_TERMS_H
#define KILN_TERMS_H

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "builder/judge/closure.h"
#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/store.h"

/* That of what the recipe calls its upstream, "0" if it names none.  Looked for
 * in its own lock, then in those of what it uses; of an output that it uses,
 * the first 12 digits of the digest.  ERR_INPUT: none of them has such a
 * package, and none of the outputs is called so. */
int terms_version(const struct recipe *, struct store *, const struct lock *,
    const struct closure *, struct buf *version, struct err *) KILN_MUST;
/* {"sha256","size","custom"} for each of the outputs, as a kiln/verdict lists
 * them: new reference.  `custom` has everything but `sbom` and `serial`.  Of a
 * unikernel its notes are read, in the store. */
json_t *terms_targets(const struct recipe *, struct store *,
    const json_t *outputs, const char *version, struct err *) KILN_MUST;

#endif
