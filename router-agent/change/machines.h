/*
 * The machines of one set: started, watched, probed, restarted.
 */
#ifndef AGENT_MACHINES_H
#define AGENT_MACHINES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "router-agent/change/probe.h"
#include "router-agent/lease.h"
#include "router-agent/machine/vm.h"
#include "router-agent/set.h"

/* A boot that says nothing so long hangs, if it computed for most of it; on a
 * host with no time for it, only much later. */
#define MACHINE_SILENT_MS 15000
#define MACHINE_SILENT_CPU_MS 8000
#define MACHINE_SILENT_MAX_MS 60000
#define MACHINE_PROBE_MS 5000	  /* for one round of probes */
#define MACHINE_LIVE_S 30	  /* between probes of what serves */
#define MACHINE_BAD 3		  /* bad rounds until it is started again */
#define MACHINE_STARVED_MS 300000 /* … or this, if the host gave it no time */

struct agent;

struct machine {
	struct vm vm;
	bool wanted; /* belongs here; false: an empty place */
	bool on_lan;
	bool asks;		 /* its service wanted its state: it has some */
	bool waits;		 /* … and is not told yet, in a hand-over */
	char asked[LEASE_TOKEN]; /* the question without an answer, or "" */
	bool frozen;		 /* its volumes take no writes */
	bool speaks;		 /* its tap is redirected to the LAN */
	bool staged; /* under trial, off the LAN: probed through its tap */
	struct probe_run probe;
	size_t program; /* of its probes: the one that runs in the guest, + 1 */
	int64_t next_probe;
	int64_t bad_at, bad_waited; /* the first bad round, vm_waited_ms then */
	unsigned good, bad;	    /* rounds in a row */
	unsigned ends; /* hung or ended in a row, without a good round */
	int64_t retry_at;
	/* For people, as of the last round of probes. */
	int64_t restarts;	 /* in this life of the agent */
	int64_t memory, cpu_ms;	 /* of its QEMU */
	char answer[PROBE_TEXT]; /* of the last round */
	char fault[WATCH_TEXT];	 /* why it was last started again */
};

struct machines {
	const struct set *set; /* borrowed */
	struct machine at[SET_SERVICES];
};

void machines_init(struct machines *, const struct set *);
/* Starts the machine of service `i`; `staged`: beside the LAN. */
int machine_start(struct agent *, struct machines *, size_t i, bool staged,
    struct err *) KILN_MUST;
void machine_stop(struct agent *, struct machine *, int64_t grace_ms);
/* Restarts, probes: without waiting. */
void machines_step(struct agent *, struct machines *);
size_t machines_pollfds(const struct machines *, struct pollfd *, size_t room);
void machines_stop(struct agent *, struct machines *, int64_t grace_ms);

/* Puts a machine on the LAN: from then on its service's packets come to it and
 * to no other; or takes it off. */
int machine_attach(struct agent *, struct machine *, struct err *) KILN_MUST;
int machine_detach(struct agent *, struct machine *, struct err *) KILN_MUST;
/*
 * The same for many at once where ports are redirected: machine_give collects
 * moves, ports_move makes them, machine_given says so.  One that lost its
 * port to another is on the LAN no more, and still speaks until machine_mute.
 */
int machine_give(struct agent *, struct machine *, struct buf *batch,
    struct err *) KILN_MUST;
void machine_given(struct machine *);
/* DHCP requests reach nobody, until machine_unhold: in batches, too. */
void machine_hold(struct agent *, struct machine *, struct buf *batch);
void machine_unhold(struct agent *, struct machine *, struct buf *batch);
/* Its service goes; `batch` takes its port away. */
void machine_leave(struct agent *, struct machine *, struct buf *batch);
void machine_mute(struct machine *, struct buf *batch);

#endif
