/* A lock as JSON and back. */
#ifndef KILN_LOCK_JSON_H
#define KILN_LOCK_JSON_H

#include <jansson.h>

#include "builder/inputs/lock.h"

json_t *lock_json(const struct lock *) KILN_MUST; /* new reference */
/* Fills a zeroed lock but for its digest; on failure the caller releases. */
int lock_from_json(
    const char *name, const json_t *, struct lock *, struct err *) KILN_MUST;

#endif
