/*
 * State of a service that outlives its machines: DHCP leases.  The agent
 * keeps the list; the machine that serves says what it gave, and each machine
 * is told all of it when its service starts.
 *
 * A hand-over (reference/risks.md 2).  handover_prepare: the new one's service
 * starts anew and asks for the list, and is not answered yet.  Then its
 * caller holds DHCP from everybody.  handover_take: what the old machine gave
 * is in, the new one is told all and answers its probes.  One exchange of
 * filters gives it the port and ends the hold.  DNS stays with the old machine
 * until then.  A way back is the same backwards: a machine that was paused
 * knows nothing of what was given meanwhile.
 */
#ifndef AGENT_HANDOVER_H
#define AGENT_HANDOVER_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/probe.h"
#include "router-agent/machine/vm.h"
#include "router-agent/set.h"

struct agent;
struct machine;

/* What the old machine gave has come in when it says nothing for so long. */
#define HANDOVER_SETTLE_MS 50
#define HANDOVER_SETTLE_MAX_MS 1500
/* Until it is ready; DHCP is held meanwhile.  Longer while the host gives it
 * no processor: to boot it anew would want more of that. */
#define HANDOVER_MS 5000

/* Reads the lists; one that is damaged is named, and begins empty. */
void handover_open(struct agent *);
/* Writes what is due; handover_close what is left. */
void handover_step(struct agent *);
void handover_save(struct agent *); /* all that is not written yet */
void handover_close(struct agent *);

/* For vm_spec: `arg` is the agent.  Only who has the LAN is believed. */
vm_heard_fn handover_heard;

/* Machines that are given their service's state. */
struct heir {
	struct machine *m;
	struct probe_run ready; /* waits beside it */
};
struct heirs {
	struct heir at[SET_SERVICES];
	size_t n;
	int64_t held; /* time_mono_ms() when their caller held DHCP */
};
void handover_heir(struct heirs *, struct machine *);

/* Starts the service of each anew; returns when each has asked for its list,
 * and waits for it. */
int handover_prepare(struct agent *, struct heirs *, struct err *) KILN_MUST;
/* Waits until what was given before the hold has come in, tells each all of
 * it; returns when each answers its probes from beside the LAN. */
int handover_take(struct agent *, struct heirs *, struct err *) KILN_MUST;
/* Whatever became of it: lets nobody wait. */
void handover_end(struct agent *, struct heirs *);

#endif
