/*
 * Why a plan's outputs differ: builds it again and again until one named
 * thing flips the result (docs/formats.md, "cause").
 *
 *   1. The quiet lane twice.  If it differs from itself, what could do that
 *      is held still (bake/lane.h: clock, file times, hash seeds, random
 *      numbers) until it does not, and only what is needed stays held.
 *   2. From there, the contrary lane's switches by halves, down to the
 *      smallest set that flips the result; then the same for what is left,
 *      until nothing of the rest flips it.
 *   3. A set's outputs and the quiet ones are compared member by member, and
 *      a table (cause_table.c) says what that usually is and how it is mended.
 *
 * It knows a plan, an environment and a store, and no name of a recipe.
 * Needs a main() that knows "-x differ" (differ.h).
 */
#ifndef KILN_CAUSE_H
#define KILN_CAUSE_H

#include <jansson.h>

#include "builder/bake/build.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* At most so many runs: ERR_BUSY is not returned, `complete` is false. */
#define CAUSE_RUNS 80

struct cause_question {
	const struct build_place *place;
	/* Plan, environment, root, limits, stop.  `id` and the CAUSE_RUNS
	 * after it name the runs' folders: nobody else may use them.  `lane`,
	 * `vary` and what is held are ours to set. */
	struct build_order order;
	unsigned vary; /* what may be varied: VARY_ALL */
	/* Each step as a sentence; NULL: nobody wants to know. */
	void (*told)(void *arg, const char *sentence);
	void *arg;
};

/* kiln/cause: new reference.  NULL: the machine failed, or `stop`. */
json_t *cause_find(const struct cause_question *, struct err *) KILN_MUST;
/* "lane B's date: a.tar, member x, offset 12: embeds …", its fix, … */
void cause_words(const json_t *cause, struct buf *);

#endif
