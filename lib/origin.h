/*
 * Where an artifact comes from, as a farm has it on record: every plan that
 * has to be run to have its bytes from packages and sources alone, users
 * after those they use (docs/formats.md, "origin").
 *
 * A claim and no more: whoever reproduces reads it as a list of what to try.
 * Of what is published it names the plans that the release was made of, however
 * many others have given the same bytes since: its SBOM tells of those.
 */
#ifndef KILN_ORIGIN_H
#define KILN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"

#define ORIGIN_PLANS 256 /* of one artifact, at most */

/*
 * New references.  `farm`: a reader of farm.db, `store`: its folder.
 * ERR_MISSING: no build gave that, or a plan that is needed has gone.
 */
json_t *origin_of_digest(
    struct db *farm, int store, const struct hash *, struct err *) KILN_MUST;
json_t *origin_of_run(
    struct db *farm, int store, int64_t run, struct err *) KILN_MUST;
/*
 * Of a plan that has a verdict, of builds that are reproduced alone: what a
 * release is made of.  *whole false: some output that is used was given by
 * none (the rest is not told, NULL is no failure then).
 */
json_t *origin_of_plan(struct db *farm, int store, const struct hash *plan,
    bool *whole, struct err *) KILN_MUST;

#endif
