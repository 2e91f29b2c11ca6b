/* recipe.yaml: from the checked tree of keys to a struct recipe. */
#ifndef KILN_RECIPE_READ_H
#define KILN_RECIPE_READ_H

#include "builder/plan/recipe.h"

/* `dirfd`: the recipe's folder, whose tree was read before.  Keeps the conf
 * in the recipe.  ERR_INPUT: "NAME/recipe.yaml:LINE:COLUMN: …". */
int recipe_read(int dirfd, struct recipe *, struct err *) KILN_MUST;
/* The same of the text alone. */
int recipe_read_text(
    const void *, size_t, struct recipe *, struct err *) KILN_MUST;
void recipe_read_release(struct recipe *);
/* Of a probe; and whether the image has what they ask for. */
extern const struct conf_key recipe_probe_keys[];
int recipe_probes_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
/* Its `volumes`, once `handover` is known. */
int recipe_volumes_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
int recipe_config_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
/* Checks that `uses` name recipes and outputs that exist. */
int recipe_check_uses(
    const struct recipes *, const struct recipe *, struct err *) KILN_MUST;

#endif
