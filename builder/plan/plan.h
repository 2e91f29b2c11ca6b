/*
 * The whole input of one build as canonical JSON; its SHA-256 is the plan
 * digest: same digest, same job (docs/formats.md, "plan").
 *
 * It does not say whose it is: two recipes that ask for the same have the
 * same plan, which runs once.
 *
 * A struct plan is what the text says and no more, so that whoever has the
 * text and the store can run it.
 */
#ifndef KILN_PLAN_H
#define KILN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct plan_file {
	const char *path;
	bool x;
	struct hash sha256;
};
struct plan_package {
	const char *name;
	struct hash sha256;
};
struct plan_source {
	const char *file;
	struct hash sha256;
};
struct plan_use {
	const char *recipe, *output;
	struct hash sha256;
};
struct plan_entry { /* of an image */
	const char *path, *from, *mode;
};

struct plan {
	struct hash digest;
	struct buf text; /* canonical */
	json_t *json;	 /* owns the strings below */
	const char *arch;
	const char *on; /* the architecture it runs on; NULL: `arch` */
	/* Folder of /kiln/uses that holds outputs of the plan's own recipe. */
	const char *own;
	enum recipe_stage stage;
	int64_t clock;
	struct hash policy;
	const char *script; /* STAGE_BUILD */
	struct plan_file *tree;
	size_t ntree;
	struct plan_package *packages;
	size_t npackages;
	struct plan_source *sources;
	size_t nsources;
	struct plan_use *uses;
	size_t nuses;
	const char **outputs;
	size_t noutputs;
	struct plan_entry *files; /* STAGE_IMAGE */
	size_t nfiles;
};

/* `uses`: every output of other recipes that the recipe names, for an image
 * its own outputs too; any order.  `policy`: bake/policy.h. */
struct plan *plan_make(const struct recipe *, enum recipe_stage,
    const struct lock *, const struct plan_use *uses, size_t nuses,
    const struct hash *policy, struct err *) KILN_MUST;
/* Strict. */
struct plan *plan_parse(
    const char *what, const void *, size_t, struct err *) KILN_MUST;
struct plan *plan_load(
    struct store *, const struct hash *, struct err *) KILN_MUST;
void plan_free(struct plan *);
static inline void
plan_own(struct plan **p)
{
	plan_free(*p);
}
#define auto_plan __attribute__((cleanup(plan_own)))

#endif
