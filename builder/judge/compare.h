/* Outputs of the runs of one plan, by digest and by nothing else. */
#ifndef KILN_COMPARE_H
#define KILN_COMPARE_H

#include <stddef.h>

#include <jansson.h>

/*
 * `runs`: kiln/run records that succeeded.  Returns, as a new reference, the
 * list {"name","digests":[…]} of outputs that are not the same in all of
 * them, sorted by name; empty when all are.  An output that a run lacks
 * differs too.
 */
json_t *compare_outputs(json_t *const *runs, size_t n);

#endif
