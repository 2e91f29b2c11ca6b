/*
 * The facts of indexes (facts.h), kept in work/facts/ by the index's digest,
 * so that each index is read once, when it is new.
 *
 * A cache: a file that is gone or damaged is made anew from the index in the
 * store.  What the index worker writes of an index is only ever believed of
 * that index.
 */
#ifndef KILN_FACTS_KEPT_H
#define KILN_FACTS_KEPT_H

#include "builder/inputs/archive.h"
#include "builder/inputs/lock_keep.h"

/* Unless they are there.  No failure: who needs them tries again and says. */
void facts_make(struct deb_archive *, const struct hash *index);
/* Adds, unsorted, the names of what is other in an index (or, where one is
 * NULL, of all the other has).  ERR_MISSING: an index that is needed for it
 * is gone. */
int facts_between(struct deb_archive *, const struct hash *old,
    const struct hash *now, struct lock_names *, struct err *) KILN_MUST;
/* Removes those of indexes that neither `now` has nor the lock of a recipe
 * is known to hold for. */
int facts_sweep(
    struct deb_archive *, const struct lock_set *now, struct err *) KILN_MUST;

#endif
