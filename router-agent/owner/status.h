/*
 * What the agent is doing: status.json, written by the parent at each change,
 * in a folder of its own below /run, since it changes with each look at the
 * server and must not wear the flash out; beside it, for the same reason, what
 * the machines say on their consoles.  Read by `kiln-agent status` and by
 * nobody who decides anything.
 */
#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define STATUS_FILE "status.json"

struct agent;

/* The folder for a state folder of that name; `make`: it is made.  Opened. */
int status_dir(const char *state, bool make, struct err *) KILN_MUST;

json_t *status_json(const struct agent *); /* new reference */
int status_write(struct agent *, struct err *) KILN_MUST;
/* For people. */
void status_text(const json_t *, struct buf *);
/* One sentence: why nothing newer runs. */
void status_why(const json_t *, struct buf *);

#endif
