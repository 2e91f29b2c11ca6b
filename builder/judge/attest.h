/*
 * What this farm says of the runs of a plan, as in-toto Statements v1
 * (docs/formats.md, "attestation"): where outputs came from (SLSA provenance
 * v1), and what building again gave, the bad news as well.  Unsigned: the
 * builder holds no key, and kiln-tuf's signer signs what farm.db lists.
 */
#ifndef KILN_ATTEST_H
#define KILN_ATTEST_H

#include <stddef.h>

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "builder/judge/verdict.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

/* A plan and its verdict; all borrowed. */
struct attest {
	const struct plan *plan;
	const struct lock *lock;   /* that the plan was made from */
	const json_t *judged;	   /* kiln/verdict … */
	const struct hash *record; /* … and its digest */
};

/*
 * New references.  Both are pure: the same records give the same bytes.
 * Provenance is of a run that succeeded; a package or source that the lock
 * does not hold is ERR_INPUT.  `run` NULL: the machine failed until the plan
 * was given up, and no run counts.
 */
json_t *attest_provenance(const struct attest *, const struct verdict_run *run,
    struct err *) KILN_MUST;
json_t *attest_reproduction(const struct attest *,
    const struct verdict_run *run, struct err *) KILN_MUST;

/* Statements that lie in the store and have no row yet. */
struct attest_row {
	struct hash digest, run;
	bool provenance, of_run;
};
struct attest_rows {
	struct attest_row *v;
	size_t n;
};
#define ATTEST_ROWS_INIT  \
	{                 \
		.v = NULL \
	}
void attest_rows_release(struct attest_rows *);
#define auto_attest_rows __attribute__((cleanup(attest_rows_release)))

/* All statements of a verdict over these runs, into the store. */
int attest_store(struct store *, const struct attest *,
    const struct verdict_run *runs, size_t n, struct attest_rows *,
    struct err *) KILN_MUST;
/* Their rows; in the transaction of the verdict.  Those that are known
 * stay. */
int attest_list(struct db *, const struct attest *, const struct attest_rows *,
    struct err *) KILN_MUST;

#endif
