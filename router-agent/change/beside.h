/*
 * A machine of the running set that follows another of the same service, since
 * its config changed: it boots beside the LAN while the one before serves on,
 * and takes its port by one move when it is well.  What the one before still
 * owes leaves it for TRIAL_DRAIN_MS; a connection that was open with it is
 * refused by the next one, which knows nothing of it.
 *
 * Only of the class parallel and without volumes, where ports are redirected
 * and there is memory for both.  They live in agent.next, so no set is on trial
 * meanwhile, and are known by their index in the running set.
 */
#ifndef AGENT_BESIDE_H
#define AGENT_BESIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

struct agent;
struct machine;

/* Starts it.  False: it cannot be, and nothing was touched. */
bool beside_begin(struct agent *, size_t i);
/* The one that was started; once it serves, the one before.  NULL: neither. */
struct machine *beside_machine(const struct agent *, size_t i);
/* From here on it serves. */
int beside_switch(struct agent *, size_t i, struct err *) KILN_MUST;
/* Ends the one that does not serve. */
void beside_end(struct agent *, size_t i);
void beside_end_all(struct agent *);

#endif
