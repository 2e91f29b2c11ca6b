/*
 * What of the store is needed, and why: every digest that farm.db, tuf.db,
 * web.db and the records they lead to name, by the operator's rules.
 *
 * Whatever one reason keeps stays; the first that is found is told.  What no
 * rule here knows is kept: digests in tables that came later, by the table's
 * name.
 */
#ifndef KILN_NEEDS_H
#define KILN_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/keep/rules.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct needs {
	struct db *farm, *tuf, *web; /* borrowed; NULL: there is none */
	struct store *store;	     /* borrowed */
	struct keep_rules rules;
	int64_t now;
	json_t *why;   /* {HEX: reason} */
	json_t *must;  /* {HEX: true}: its absence is damage */
	json_t *plans; /* {HEX: reason}: those that are kept whole */
	json_t *locks; /* likewise */
	json_t *envs;  /* {HEX: reason}: environments */
	char *broken;  /* what of it cannot be read, or NULL */
};

/* The borrowed part and the rules are filled in; now 0: the clock's. */
int needs_collect(struct needs *, struct err *) KILN_MUST;
void needs_release(struct needs *);
/* NULL: nothing needs it. */
const char *needs_why(const struct needs *, const struct hash *);

/* For needs.c. */
void needs_add(struct needs *, const struct hash *, bool must, const char *why);
int needs_lock(struct needs *, const struct hash *, const char *why,
    struct err *) KILN_MUST;
/* The plan, all it reads, what came of it, and likewise the plans whose
 * outputs it uses. */
int needs_plan(struct needs *, const struct hash *, const char *why,
    struct err *) KILN_MUST;
/* A release record with what it names, and its plan. */
int needs_release_record(struct needs *, const struct hash *, const char *why,
    struct err *) KILN_MUST;
/* An image or kernel part, by its digest, and the plan that gave it. */
int needs_output(struct needs *, const struct hash *, const char *why,
    struct err *) KILN_MUST;
/* Each run of 64 hex digits in a text; none is a must. */
void needs_text(struct needs *, const char *, size_t, const char *why);

#endif
