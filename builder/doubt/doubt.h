/*
 * One reproduction: an artifact of somebody else's farm, built again here
 * from packages and sources, down to the last plan it rests on.
 *
 * Life cycle: doubter_open once; for each wish a struct doubt of zeros,
 * doubt_load, doubt_prove, doubt_name if it is published, doubt_run;
 * doubt_release.  What is known so far stays readable after a failure.
 *
 * No output of an earlier run is ever asked for: every plan runs, and a plan
 * gets of others what they left in this run.
 */
#ifndef KILN_DOUBT_H
#define KILN_DOUBT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/bake/build.h"
#include "builder/bake/env.h"
#include "builder/doubt/bytes.h"
#include "builder/doubt/doubter.h"
#include "builder/doubt/naming.h"
#include "builder/doubt/origin_read.h"
#include "builder/doubt/wish.h"
#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/err.h"

enum doubt_outcome {
	DOUBT_OPEN,	  /* not built (yet) */
	DOUBT_REPRODUCED, /* every lane that ran gave what is expected */
	DOUBT_DIFFERS,	  /* one gave something else */
	DOUBT_FAILED,	  /* one failed by what the plan says */
};
const char *doubt_outcome_name(enum doubt_outcome); /* "reproduced" … */

struct doubt_run {
	char lane; /* 'A', 'B' */
	bool started, ended;
	json_t *record; /* kiln/run, once it ended */
	struct build_result result;
};

struct doubt_expected {
	const char *name; /* of an output */
	struct hash sha256;
};

#define DOUBT_LANES 2

struct doubt_plan {
	const struct origin_plan *origin;
	struct plan *plan;
	struct lock *lock; /* borrowed from the first plan that has it */
	bool owns_lock;
	struct env env;
	/* What others use of it; of the last plan what was asked for. */
	struct doubt_expected *expected;
	size_t nexpected, capexpected;
	size_t *uses; /* plan->uses[i] is an output of plans[uses[i]] */
	struct doubt_run runs[DOUBT_LANES];
	size_t nruns;
	struct apart apart; /* when they begin */
	enum doubt_outcome outcome;
	atomic_bool stop;
};

/* The first thing that did not come out. */
struct doubt_difference {
	const struct doubt_plan *plan; /* NULL: there is none */
	const struct doubt_run *run;
	const char *output; /* NULL: the run failed */
	struct hash expected, got;
};

struct bundle;

struct doubt {
	struct doubter *at;
	struct bundle *bundle; /* borrowed; NULL: a server is asked */
	struct bytes bytes;
	struct origin origin;
	struct doubt_plan *plans; /* users after those they use */
	size_t nplans;
	struct naming naming;
	bool named;
	enum doubt_outcome outcome;
	struct doubt_difference difference;
	int64_t wall_ms;
};

struct doubt_order {
	const struct wish *wish; /* not WISH_BUNDLE */
	const char *from;	 /* with a slash */
};

/* Asks what has to be built, and for every plan and lock.  ERR_MISSING: the
 * server does not know it.  ERR_INPUT: a plan that this kiln cannot run. */
int doubt_load(struct doubt *, struct doubter *, const struct doubt_order *,
    struct err *) KILN_MUST;
/* The same of what lies in the store: `origin` says what. */
int doubt_load_stored(struct doubt *, struct doubter *, const char *what,
    const struct buf *origin, struct err *) KILN_MUST;
/* The same of a bundle that was taken (bundle.h). */
int doubt_load_bundle(
    struct doubt *, struct doubter *, struct bundle *, struct err *) KILN_MUST;
/* Checks every lock and plan. */
int doubt_prove(struct doubt *, struct err *) KILN_MUST;
/* Does it claim to be published?  An image does, whatever the server says. */
bool doubt_is_published(const struct doubt *);
struct doubt_trust {
	const struct buf *root; /* or NULL */
	bool tofu;
};
int doubt_name(
    struct doubt *, const struct doubt_trust *, struct err *) KILN_MUST;
/*
 * Brings all inputs and builds.  `lanes`: "A", "B" or "AB".  0: outcome and
 * difference are set.  -1: it could not be tried: the machine, a byte that
 * cannot be had.  ERR_BUSY: told to stop.
 */
int doubt_run(struct doubt *, const char *lanes, struct err *) KILN_MUST;
/*
 * A plan does not say what its recipe allowed it to use, and whoever doubts
 * has other means: three quarters of this machine's memory, a day.
 */
void doubt_limits(struct build_order *);
/* What the runs left goes from the store again. */
void doubt_forget(struct doubt *);
void doubt_release(struct doubt *);

/* All of it as JSON: new reference. */
json_t *doubt_json(const struct doubt *);

#endif
