/*
 * One run of sq: bytes in, bytes out, and no more time or room than it needs.
 */
#ifndef OPENPGP_SQ_H
#define OPENPGP_SQ_H

#include "recipes/openpgp/pgp.h"

#define SQ_MS 20000

/*
 * Runs /usr/bin/sq with the NULL-ended arguments.  `side` of `nside` bytes, if
 * not NULL, is a file that the arguments name as SQ_SIDE.  1: *out of *n bytes
 * is malloc'd; 0: sq refused; -1: it could not be run.
 */
#define SQ_SIDE "/proc/self/fd/3"
int sq_run(char *const argv[], const void *in, size_t nin, const void *side,
    size_t nside, char **out, size_t *n, struct fault *);

#endif
