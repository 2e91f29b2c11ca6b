/*
 * How the device comes to a fleet: with its key, and a token that works once.
 * A token that `kiln-agent install` found waits in the state folder until a
 * server has answered; a device that was let in has a file `enrolled` there.
 */
#ifndef AGENT_ENROL_H
#define AGENT_ENROL_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "router-agent/conf.h"
#include "router-agent/trust/fetch.h"

#define ENROL_TOKEN 65 /* hex digits and NUL */

struct agent;

/* One line: 64 lower-case hex digits. */
int enrol_token(
    const char *line, char token[ENROL_TOKEN], struct err *) KILN_MUST;
/* The first server that answers decides; ERR_TRUST: it says no.  `router`: the
 * device's name in the fleet. */
int enrol_post(const struct agent_conf *, struct fetcher *, int state,
    const char *token, char router[HASH_HEX], struct err *) KILN_MUST;

/* Leaves a token for the agent, unless the device is in a fleet already. */
int enrol_leave(int state, const char *token, struct err *) KILN_MUST;
/* Posts what waits.  Never fails: what does not work is logged, and tried
 * again at the next question. */
void enrol_waiting(struct agent *);

#endif
