/*
 * What nothing needs any more goes by itself: `kiln gc` by the rules of
 * kiln.yaml, "keep", every so often (`every`), between two cycles.
 *
 * A farm that cannot be tidied (a record that cannot be read, a database that
 * cannot be asked) goes on; the log says why, and it is tried again.
 */
#ifndef KILN_TIDY_H
#define KILN_TIDY_H

#include <stdint.h>

#include "builder/cycle.h"
#include "lib/farm.h"

#define TIDY_AGAIN_MS (3600 * 1000) /* after a failure, or not our turn */

struct tidy {
	const struct farm *farm; /* borrowed */
	int64_t due;		 /* monotonic ms; 0: it was not asked yet */
};

/* Does it when it is due.  -1: the farm itself failed (no room, database). */
int tidy_when_due(struct tidy *, struct builder *, struct err *) KILN_MUST;

#endif
