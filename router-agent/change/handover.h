/*
 * State of a service that outlives its machines: DHCP leases.  The agent
 * keeps the list; the machine that serves says what it gave, and each machine
 * is told all of it when its service starts.
 *
 * A hand-over (reference/risks.md 2): DHCP is held from everybody, what the
 * old machine gave is in, the new one's service starts anew and reads the
 * list, then one exchange of filters gives it the port and ends the hold.  DNS
 * stays with the old machine until then.  A way back is the same backwards:
 * a machine that was paused knows nothing of what was given meanwhile.
 */
#ifndef AGENT_HANDOVER_H
#define AGENT_HANDOVER_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/machine/vm.h"

struct agent;
struct machine;

#define HANDOVER_SETTLE_MS 50 /* what the old machine gave comes in */
#define HANDOVER_MS 3000      /* until the new one is ready */

/* Reads the lists; one that is damaged is named, and begins empty. */
void handover_open(struct agent *);
/* Writes what is due; handover_close what is left. */
void handover_step(struct agent *);
void handover_close(struct agent *);

/* For vm_spec: `arg` is the agent.  Only who has the LAN is believed. */
vm_heard_fn handover_heard;

/* Waits until what the old machine gave has come in. */
void handover_settle(struct agent *);
/* Starts the service of each anew; returns when each has read its list and
 * answers its probes from beside the LAN. */
int handover_take(
    struct agent *, struct machine *const *, size_t n, struct err *) KILN_MUST;

#endif
