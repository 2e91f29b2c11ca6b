/*
 * What a page changed, as it is kept: settings/SERVICE in the state folder, a
 * summed record (docs/formats.md, settings).  There is none of a service that
 * is as agent.yaml says.
 */
#ifndef AGENT_SETTINGS_FILE_H
#define AGENT_SETTINGS_FILE_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

struct agent;

/* Of the i-th service of agent.yaml; durable on return. */
int setting_save(struct agent *, size_t i, struct err *) KILN_MUST;
/* Takes it over agent.yaml's; what has to be said goes into its `why`. */
int setting_load(struct agent *, size_t i, struct err *) KILN_MUST;

#endif
