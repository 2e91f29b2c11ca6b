/* A recipe's sources: Debian's by name, git repositories, files by digest. */
#ifndef KILN_RECIPE_SOURCES_H
#define KILN_RECIPE_SOURCES_H

#include "builder/plan/recipe.h"

/* Of a source that is a map. */
extern const struct conf_key recipe_source_keys[];

int recipe_sources_read(
    const struct conf_node *root, struct recipe *, struct err *) KILN_MUST;
void recipe_sources_release(struct recipe *);

#endif
