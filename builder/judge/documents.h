/*
 * What is told of each image for other tools to read: SBOMs and a .buildinfo,
 * in the store and listed by farm.db's `document`, under the digest of what
 * they are about.
 */
#ifndef KILN_DOCUMENTS_H
#define KILN_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "builder/judge/closure.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

/* All borrowed. */
struct documents_of {
	const struct closure *closure; /* whole */
	const char *recipe, *service, *version;
	const json_t *outputs; /* of the verdict of its first plan */
};

/* Rows that are not in farm.db yet. */
struct document {
	struct hash subject, digest;
	const char *format; /* "spdx", "cyclonedx", "buildinfo" */
};
struct documents {
	struct document *v;
	size_t n, cap;
	struct hash spdx; /* of the image */
};
void documents_release(struct documents *);
#define DOCUMENTS_INIT    \
	{                 \
		.v = NULL \
	}
#define auto_documents __attribute__((cleanup(documents_release)))

/* Are there some of all that was published? */
int documents_known(
    struct db *, const json_t *outputs, bool *all, struct err *) KILN_MUST;
/* SBOMs of what is published, and the .buildinfo of each plan in it; into the
 * store. */
int documents_make(struct store *, const struct documents_of *,
    struct documents *, struct err *) KILN_MUST;
/* Their rows; what was told of the same bytes before stays. */
int documents_list(
    struct db *, const struct documents *, struct err *) KILN_MUST;

#endif
