/*
 * kiln/release records: what may be published, and only that.
 *
 * A release is made when the plan of an image (or kernel) is reproduced and
 * so is every plan whose outputs it uses, however far down.
 */
#ifndef KILN_PUBLISH_H
#define KILN_PUBLISH_H

#include <stdbool.h>

#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

/*
 * `plan` is the recipe's image plan, or a kernel's build plan, and stands
 * (`current`).  Adds the record and its row unless the newest release of the
 * service, or of the recipe, says the same (but for its SBOM).  *made: was one
 * added, or is one of before the newest again?  `event`: what led here, or 0.
 */
int publish_release(struct db *, struct store *, const struct recipe *,
    const struct lock *, const struct plan *plan, int64_t event, bool *made,
    struct err *) KILN_MUST;

/* The row of a release whose record lies in the store, of what plans it is
 * made (the first is its own), the documents about it, and the event that tells
 * it, in one transaction. */
struct documents;
struct closure;
int publish_add(struct db *, const struct hash *record, const char *service,
    const char *version, const struct closure *, const struct documents *,
    int64_t event, struct err *) KILN_MUST;

/*
 * At the start of each cycle, and after an audit that differs: what rests on a
 * plan whose verdict was taken back is not to be published any more
 * (release.withheld).  Does nothing unless there is such a plan.
 */
int publish_withhold(struct db *, struct store *, struct err *) KILN_MUST;

#endif
