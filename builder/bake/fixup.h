/*
 * What Debian's maintainer scripts would have left and builds need: one
 * table of data, which enters the policy digest and every environment's.
 */
#ifndef KILN_FIXUP_H
#define KILN_FIXUP_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* Applies the table to the tree at dirfd.  A file of a package is never
 * written through: it may be shared with other environments. */
int fixup_apply(int dirfd, struct err *) KILN_MUST;
/* The table as text; appends. */
void fixup_text(struct buf *);

#endif
