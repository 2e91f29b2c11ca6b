/*
 * What became of each set, for the router's owner: a line of JSON each in the
 * state folder, the newest last, at most HISTORY_MAX of them.  It never leaves
 * the router; reports do (report.h).
 */
#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/set.h"

#define HISTORY_FILE "history"
#define HISTORY_MAX 64

/* `state`: as of a report; `text`: a sentence, or "".  `set` may be NULL.  What
 * the last line says already is not added again. */
int history_add(int statefd, int64_t at, const char *state, const char *cause,
    const char *text, const struct set *, struct err *) KILN_MUST;
/* An array, oldest first: new reference.  Nothing there is an empty one. */
json_t *history_read(int statefd, struct err *) KILN_MUST;

#endif
