/*
 * What the runs of a plan prove: a pure function of their records, so that
 * anybody who has these arrives at the same bytes (docs/formats.md,
 * "verdict").
 */
#ifndef KILN_VERDICT_H
#define KILN_VERDICT_H

#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

enum verdict {
	VERDICT_REPRODUCED,   /* both lanes, equal outputs */
	VERDICT_DIFFERS,      /* both lanes, different ones */
	VERDICT_FAILED,	      /* a lane failed by what the plan says */
	VERDICT_INCONCLUSIVE, /* the machine failed again and again */
};
const char *verdict_name(enum verdict);

struct verdict_run {
	struct hash digest; /* of the record */
	json_t *record;	    /* kiln/run; borrowed */
};

/*
 * `runs` in any order, of this plan; none: inconclusive.  Sets *verdict,
 * returns the kiln/verdict record (new reference), NULL when a record is
 * not what it must be.
 */
json_t *verdict_make(const struct hash *plan, const struct verdict_run *runs,
    size_t n, enum verdict *verdict, struct err *) KILN_MUST;

#endif
