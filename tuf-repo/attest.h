/*
 * This farm's signatures over what its builder said of runs (docs/formats.md,
 * "attestation").  tuf.db keeps the signatures; the statements stay in the
 * store, and whoever serves them puts both into an envelope.
 */
#ifndef KILN_TUF_ATTEST_H
#define KILN_TUF_ATTEST_H

#include "lib/attr.h"
#include "lib/err.h"
#include "tuf-repo/repo.h"

/* Has all signed that farm.db lists and were not: in its order, so that one
 * that cannot be read holds those behind it, and is told. */
int attest_sign(struct repo *, struct err *) KILN_MUST;

#endif
