/*
 * What an image is made of, as the farm has it on record: its plan, the plans
 * whose outputs it uses, those whose outputs these use, and so on.
 */
#ifndef KILN_CLOSURE_H
#define KILN_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

struct closure_part {
	struct plan *plan;
	char *recipe;	     /* whose it was first */
	struct hash lock;    /* that it was made from */
	struct hash verdict; /* its kiln/verdict; zeros: nobody told */
	size_t *made_by;     /* of each of the plan's uses: a part */
};

struct closure {
	struct closure_part *v; /* [0]: the plan that was asked about */
	size_t n, cap;
};
void closure_release(struct closure *);
#define CLOSURE_INIT      \
	{                 \
		.v = NULL \
	}
#define auto_closure __attribute__((cleanup(closure_release)))

/*
 * Follows the farm's records (lib/origin.h).  *whole: some reproduced plan gave
 * each output that is used.  Whose it is does not matter: recipes that ask for
 * the same share one.  What is collected counts only when whole.  The plan
 * itself must have a verdict, whatever it is: ERR_MISSING.
 */
int closure_collect(struct db *, struct store *, const struct hash *plan,
    struct closure *, bool *whole, struct err *) KILN_MUST;
/*
 * The same of a kiln/origin that was read, whoever it is from: its plans lie
 * in the store.  The order is that of use, from the plan it ends with, so that
 * the same origin gives the same closure everywhere.  ERR_MISSING: an output
 * is used that none of them gives.
 */
int closure_of_origin(const json_t *origin, struct store *, struct closure *,
    struct err *) KILN_MUST;

#endif
