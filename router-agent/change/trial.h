/*
 * Trying a verified set whose files are all here: stage the new machines
 * beside the LAN, probe them, switch, keep the old ones paused through a
 * probation, then commit, or go back.
 */
#ifndef AGENT_TRIAL_H
#define AGENT_TRIAL_H

#include "router-agent/plan.h"
#include "router-agent/set.h"

struct agent;

#define TRIAL_STAGE_MS 150000 /* from start to the first good probes */
#define TRIAL_SETTLE_MS 30000 /* to answer again after the switch */
#define TRIAL_ROUNDS 3	      /* good rounds in a row, before and after */
#define TRIAL_ENDS 3	      /* boots that hang or end */

/* An exit code. */
int trial_run(struct agent *, const struct set *, const struct plan *);

#endif
