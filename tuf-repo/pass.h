/*
 * One pass of the collector and publisher: finish what was begun, list what
 * is new, choose the edge sets, renew what ends soon, publish.  Idempotent: a
 * pass with nothing to do writes nothing.
 */
#ifndef KILN_PASS_H
#define KILN_PASS_H

#include <stdbool.h>

#include "tuf-repo/repo.h"

struct pass {
	bool refresh;  /* in: sign snapshot's timestamp anew in any case */
	bool switched; /* out: something was published */
	int64_t cycle; /* out: served_cycle */
};

int pass_run(struct repo *, struct pass *, struct err *) KILN_MUST;

#endif
