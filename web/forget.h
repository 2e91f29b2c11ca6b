/*
 * Reports of routers go by age: kiln.yaml, keep.reports.
 *
 * The newest of each router stays as long as the router: it is what the router
 * is now, and on it rest the counts and what `kiln gc` and kiln-tuf keep for
 * it.  Everything older goes once it was received `keep_s` ago, whoever sent
 * it and whether or not that router ever reports again.
 *
 * A pass looks at what is that old, FORGET_ROWS at a time in transactions of
 * their own, so that whoever reports meanwhile does not wait; the next begins
 * FORGET_EVERY_MS after its end.
 */
#ifndef KILN_FORGET_H
#define KILN_FORGET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"

#define FORGET_KEEP_S ((int64_t)90 * 86400) /* unless kiln.yaml says other */
#define FORGET_ROWS 200
#define FORGET_EVERY_MS ((int64_t)3600 * 1000)

struct forget {
	int64_t keep_s; /* 0: nothing goes */
	/* Where this pass is: the last row it looked at. */
	int64_t at, id;
	int64_t gone;	/* reports, by this pass */
	int64_t due_ms; /* the next look */
};

/* One step.  1: there is more; 0: the pass is over, and the next call begins
 * another.  A step that fails is taken again. */
int forget_step(struct forget *, struct db *web, struct err *) KILN_MUST;
/* A step when one is due; it logs.  True: the next is due at once. */
bool forget_tick(struct forget *, struct db *web);

#endif
