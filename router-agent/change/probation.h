/* The eyes of a trial: probes, ends, memory, and what excuses them. */
#ifndef AGENT_PROBATION_H
#define AGENT_PROBATION_H

#include <stdint.h>

#include "lib/attr.h"
#include "router-agent/change/switch.h"

/*
 * Until all new machines have been well for TRIAL_ROUNDS and at least
 * `least_ms` have passed.  `most_ms` of being ill is a failure, named `cause`;
 * so are a machine that ends after the switch, one whose QEMU takes far more
 * memory than was planned, one that floods the net for six seconds, beside the
 * LAN or on it (machine/flood.h), and the owner's word.  While the way out that
 * was there when the trial began is lost, no time passes, up to a day; nor does
 * any in which nobody looked, as when the agent was stopped for an hour.
 */
int probation_watch(struct trial *, int64_t least_ms, int64_t most_ms,
    const char *cause) KILN_MUST;

#endif
