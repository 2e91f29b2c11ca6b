/*
 * Why a reproduction did not come out: what its bytes differ in, and, by
 * building the plan again and again, which named thing flips them.
 */
#ifndef KILN_EXPLAIN_H
#define KILN_EXPLAIN_H

#include <jansson.h>

#include "builder/doubt/doubt.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

struct explanation {
	json_t *difference; /* kiln/difference, or NULL */
	json_t *cause;	    /* kiln/cause, or NULL */
	struct buf deep;    /* what diffoscope says, if it was asked */
	bool theirs; /* compared with the farm's bytes; else lane A with B */
};

/*
 * After doubt_run, of an outcome that is not DOUBT_REPRODUCED; before
 * doubt_forget.  The expected bytes are asked for once more.  What cannot be
 * had stays NULL; -1: it could not even be tried.
 */
int explain(
    struct doubt *, struct explanation *, bool deep, struct err *) KILN_MUST;
void explain_words(const struct explanation *, struct buf *);
void explain_release(struct explanation *);
/* The last lines of the run that failed: appends. */
void explain_log(const struct doubt *, struct buf *);

#endif
