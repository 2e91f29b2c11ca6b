/*
 * Why a version of a role is not published yet, by party: who signed it, who
 * handed in something else under their key, and of whom nothing came.
 */
#ifndef KILN_PARTIES_H
#define KILN_PARTIES_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/* `waiting`: objects with "name", "version", "made_at"; each gets "threshold"
 * and "parties": [{keyid, state, text, at}], state "signed", "refused" or
 * "silent". */
int parties_add(struct web *, json_t *waiting, struct err *) KILN_MUST;
void parties_view(struct html *, const json_t *waiting);

#endif
