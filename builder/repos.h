/*
 * Where recipes come from: the plain folder, or the git repositories that
 * kiln.yaml names, each checked out by the git worker at the commit where its
 * ref was last seen.
 */
#ifndef KILN_REPOS_H
#define KILN_REPOS_H

#include "builder/cycle.h"

/* Looks where the refs stand now: events as upstream_poll has them.  *reached
 * turns false when one could not be asked. */
int repos_poll(struct builder *, bool *reached, struct err *) KILN_MUST;
/*
 * Loads all recipes.  1: done; 0: a repository was never seen, or cannot be
 * checked out, which is an event: nothing is loaded, and whoever knows
 * recipes of yesterday keeps them.
 */
int repos_load(struct builder *, struct recipes *, struct err *) KILN_MUST;
/* The newest event of the repository a recipe came from, after `since`; 0:
 * none, or a plain folder. */
int64_t repos_event(struct builder *, const struct recipe *, int64_t since);

#endif
