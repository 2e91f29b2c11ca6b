/*
 * One plan as a Debian .buildinfo (deb-buildinfo(5)): what it left, by
 * SHA-256, and the packages and variables it was built with, in the quiet
 * lane.  MD5 and SHA-1, which the manual wants as well, nobody recorded; there
 * is no date, so that the same plan gives the same bytes.
 */
#ifndef KILN_BUILDINFO_H
#define KILN_BUILDINFO_H

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

struct buildinfo {
	const struct plan *plan;
	const struct lock *lock; /* that it was made from */
	const char *recipe, *version;
	const json_t *outputs; /* of its verdict */
};

int buildinfo_make(
    const struct buildinfo *, struct buf *out, struct err *) KILN_MUST;

#endif
