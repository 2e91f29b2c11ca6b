/*
 * What of each package could matter to a closure, as one digest a package:
 * two states of an archive are compared by them.  Runs in the index worker.
 */
#ifndef KILN_FACTS_H
#define KILN_FACTS_H

#include <stddef.h>

#include "builder/inputs/lock.h"
#include "lib/buf.h"

struct fact {
	char *names; /* its own, then those it provides: lines */
	struct hash what;
};

struct facts {
	struct fact *v;
	size_t n, cap;
};

void facts_release(struct facts *);
void facts_add(struct facts *, const struct buf *names, const struct hash *);
void facts_sort(struct facts *);
/* Every name of what is in one of them alone, or other in the two.  Both are
 * sorted. */
void facts_diff(
    const struct facts *, const struct facts *, struct lock_names *);

#endif
