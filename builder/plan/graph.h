/* Which recipe comes before which. */
#ifndef KILN_GRAPH_H
#define KILN_GRAPH_H

#include "builder/plan/recipe.h"

/*
 * Fills `order`: a recipe comes after all it uses, otherwise by name.  Those
 * of a cycle, and all that use one that is held, are held with the reason.
 */
void graph_order(struct recipes *);

#endif
