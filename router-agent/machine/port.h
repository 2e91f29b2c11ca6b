/*
 * A port of the LAN's bridge for each service, and which machine has it; and
 * one of the provider's bridge for each that has a second card.
 *
 * A port is a veth pair: kilnpN is on the bridge for as long as the agent
 * runs, kilnqN is its inner end.  What comes in at the inner end is redirected
 * to the tap of the active machine, and what comes in at that tap leaves
 * through the inner end; both by tc (u32 and mirred at clsact's ingress).  So
 *
 * - one filter moves unicast and broadcast together, and the bridge learns
 *   nothing new;
 * - a machine whose tap has no filter is mute towards the LAN;
 * - one that has lost the port may still send what it owes until it is muted.
 *
 * On a kernel without tc's parts the taps themselves are put on the bridge,
 * and `missing` says what is not there.
 */
#ifndef AGENT_PORT_H
#define AGENT_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "router-agent/machine/net.h"

#define PORTS_MAX 64

struct ports {
	const char *bridge[PORTS_MAX]; /* of each; borrowed */
	size_t n;
	bool redirect;	   /* by tc; false: taps are ports of the bridge */
	char missing[200]; /* why not by tc, or "" */
};

/* One port on each of `n` bridges.  What is missing in the kernel is no
 * failure. */
int ports_open(struct ports *, const char *const *bridges, size_t n,
    struct err *) KILN_MUST;
void ports_close(struct ports *);

/*
 * Moves are collected in a batch and then made at once, in order, by one tc.
 * port_give: the port's packets go to the tap, and the tap may speak.
 * port_empty: the port's packets go nowhere.  port_mute: the tap is silent.
 */
void port_give(struct buf *batch, size_t port, const char *tap);
void port_empty(struct buf *batch, size_t port);
void port_mute(struct buf *batch, const char *tap);
/* Nobody gets DHCP requests of the port, until port_unhold. */
void port_hold(struct buf *batch, size_t port);
void port_unhold(struct buf *batch, size_t port);
/* An empty batch is done already. */
int ports_move(const struct buf *batch, struct err *) KILN_MUST;

#endif
