/*
 * The clock that no library moves: what the kernel writes on files.  Lane B's
 * date is another to all that asks for the date, but a file that a build makes
 * has the machine's own time, and lanes that begin at once make theirs in the
 * same second.  So the runs of a plan begin more than a second apart: what
 * embeds the time of its own files comes out another.
 *
 * Blind spot: a time that is cut to minutes or more is the same in runs that
 * are made one after the other; an audit, days later, sees it.
 */
#ifndef KILN_APART_H
#define KILN_APART_H

#include <stdatomic.h>
#include <stdint.h>

/* A whole second, and what two runs may need longer to come to the same. */
#define APART_MS 1250

/* One for each plan, of zeros: when a run of it began last, in milliseconds of
 * the machine's date. */
struct apart {
	_Atomic int64_t last_ms;
};

/* Begins now, or waits until it may; less when `stop` (or NULL) is set.  May
 * be called by both lanes' threads. */
void apart_begin(struct apart *, const atomic_bool *stop);
/* A run of it began at some time before now: not known when. */
void apart_began(struct apart *);

#endif
