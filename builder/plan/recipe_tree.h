/* The files of a recipe's folder. */
#ifndef KILN_RECIPE_TREE_H
#define KILN_RECIPE_TREE_H

#include "builder/plan/recipe.h"

/*
 * Reads the folder into tree and tree_digest: regular files only, README.md,
 * files.list and recipe.sig left out.  Puts each file into the store unless
 * that is NULL, recipe.sig (lib/recipe_sig.h) too.
 */
int recipe_tree_read(
    int dirfd, struct store *, struct recipe *, struct err *) KILN_MUST;
void recipe_tree_release(struct recipe *);
/* kiln/recipe-tree: new reference. */
json_t *recipe_tree_json(const struct recipe *);
/* The other way: name and files of one that was checked. */
void recipe_tree_take(struct recipe *, const json_t *);
/* Into the store, unless it is there. */
int recipe_tree_put(const struct recipe *, struct store *, struct hash *,
    struct err *) KILN_MUST;
const struct recipe_file *recipe_tree_find(
    const struct recipe *, const char *path);

#endif
