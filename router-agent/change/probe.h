/*
 * Is a service well?  The probes of its image's metadata, asked from the
 * LAN's side by a child of its own uid, since the answers come from the
 * machine under test.
 */
#ifndef AGENT_PROBE_H
#define AGENT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/spawn.h"
#include "router-agent/change/dns.h"
#include "router-agent/set.h"

#define PROBE_TEXT 240

struct probe_run {
	struct child child;
	int sock; /* readable: probe_result has something */
	int64_t deadline_ms, until;
	struct buf ask; /* not sent yet */
};
#define PROBE_RUN_INIT                         \
	{                                      \
		CHILD_INIT, -1, 0, 0, BUF_INIT \
	}

/*
 * Life: probe_start → (probe_result until it is not -1) → probe_stop.  Where
 * milliseconds count, probe_prepare starts the child, which then waits for
 * probe_go up to PROBE_GO_MS.
 *
 * `device`: ask on this interface alone (a machine that is not on the LAN
 * yet), or NULL: through the bridge.  `from`: the agent's own address, never a
 * client's.  `config`: the service's own part, which may want no DHCP.
 */
int probe_start(struct probe_run *, const struct set_service *,
    const json_t *config, const char *bridge, const char *address,
    const char *from, const char *device, int64_t deadline_ms,
    struct err *) KILN_MUST;
#define PROBE_GO_MS 60000
int probe_prepare(struct probe_run *, const struct set_service *,
    const json_t *config, const char *bridge, const char *address,
    const char *from, const char *device, int64_t deadline_ms,
    struct err *) KILN_MUST;
int probe_go(struct probe_run *, struct err *) KILN_MUST;
/* 1: all good; 0: not; -1: no result yet.  `text` says what was answered. */
int probe_result(struct probe_run *, char text[PROBE_TEXT]);
void probe_stop(struct probe_run *);

int probe_main(void);

#endif
