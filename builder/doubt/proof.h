/*
 * Is a plan what its lock gives, and its lock what the archive signed?
 * Signature of each suite, indexes it lists, each file in them; each package
 * and source of the plan in the lock.
 */
#ifndef KILN_PROOF_H
#define KILN_PROOF_H

#include "builder/doubt/bytes.h"
#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/err.h"

/* Brings what the proof is made of, and judges it by this machine's keyring.
 * Whether it has expired is not looked at: a lock outlives it. */
int proof_lock(struct bytes *, const struct lock *, struct err *) KILN_MUST;
/* ERR_TRUST names the first input that the lock does not give. */
int proof_plan(
    const struct plan *, const struct lock *, struct err *) KILN_MUST;
/* Calls `fn` for every artifact that a reproduction of the plan wants, but
 * outputs of others: plan, lock, proof, recipe, packages, sources.  One may
 * come twice.  The plan is what its lock gives. */
typedef int proof_fn(
    void *arg, const struct hash *, const char *name, struct err *);
int proof_each(const struct plan *, const struct lock *, proof_fn *, void *arg,
    struct err *) KILN_MUST;
/* Brings every input of the plan but outputs of others. */
int proof_inputs(struct bytes *, const struct plan *, const struct lock *,
    struct err *) KILN_MUST;

#endif
