/*
 * What an image is made of, as the farm has it on record: its plan, the plans
 * whose outputs it uses, those whose outputs these use, and so on.
 */
#ifndef KILN_CLOSURE_H
#define KILN_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

struct closure_part {
	struct plan *plan;
	char *recipe;	     /* whose it was first */
	struct hash lock;    /* that it was made from */
	struct hash verdict; /* its kiln/verdict */
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
 * *whole: some reproduced plan gave each output that is used; of several the
 * newest.  Whose it is does not matter: recipes that ask for the same share
 * one.  What is collected counts only when whole.  The plan itself must have a
 * verdict, whatever it is: ERR_MISSING.
 */
int closure_collect(struct db *, struct store *, const struct hash *plan,
    struct closure *, bool *whole, struct err *) KILN_MUST;

#endif
