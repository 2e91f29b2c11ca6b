/* The files of a recipe's folder. */
#ifndef KILN_RECIPE_TREE_H
#define KILN_RECIPE_TREE_H

#include "builder/plan/recipe.h"

/*
 * Reads the folder into tree and tree_digest: regular files only, README.md
 * and files.list left out.  Puts each file into the store unless that is NULL.
 */
int recipe_tree_read(
    int dirfd, struct store *, struct recipe *, struct err *) KILN_MUST;
void recipe_tree_release(struct recipe *);
const struct recipe_file *recipe_tree_find(
    const struct recipe *, const char *path);

#endif
