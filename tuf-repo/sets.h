/*
 * sets-edge: the automatic choice of what test routers run, made from what
 * the service roles list.  Routers move from set to set, never to parts of
 * one, so a set is made only when it is whole.
 */
#ifndef KILN_SETS_H
#define KILN_SETS_H

#include "tuf-repo/repo.h"

/*
 * Makes the next set of each architecture that changed and proposes the
 * sets-edge role that lists them.  `targets` is the newest complete targets
 * file.  A set that is not whole leaves its reason in `set_waiting`.
 */
int sets_make(
    struct repo *, const struct tuf_file *targets, struct err *) KILN_MUST;

#endif
