/*
 * What a service's role should say of an image, derived by the doubter: from
 * the files of the recipes to the plans, from recipe and lock to what routers
 * are told, from locks and plans to the SBOM.  Nobody's word enters but the
 * outputs' digests, which a reproduction tries.
 */
#ifndef KILN_DERIVE_H
#define KILN_DERIVE_H

#include <stddef.h>

#include <jansson.h>

#include "builder/doubt/doubt.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sig.h"

/* Who must have signed every recipe that is in it; none: nobody. */
struct maintainers {
	const struct sig_public *keys;
	size_t n;
};

/*
 * After doubt_prove.  *entries: a new reference, {"images/…": {"length",
 * "hashes", "custom" without `serial`}}, one for each output of what is
 * published.  ERR_TRUST: some plan is not what its recipe gives, or a recipe
 * is not what a maintainer has signed.
 */
int derive_entries(struct doubt *, const char *service,
    const struct maintainers *, json_t **entries, struct err *) KILN_MUST;

#endif
