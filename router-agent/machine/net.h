/*
 * The LAN's bridge and one tap per machine, made in the namespace the agent
 * runs in.  Only the root parent comes here; a machine gets its tap as an
 * open descriptor and knows no interface by name.
 */
#ifndef AGENT_NET_H
#define AGENT_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define NET_IFNAME 16 /* IFNAMSIZ */
#define NET_MAC 18

/* Makes the bridge if it is missing, gives it the address unless it has it,
 * and sets it up. */
int net_bridge(const char *bridge, const char *address, int64_t prefix,
    struct err *) KILN_MUST;
/* The same without an address: the bridge towards the provider. */
int net_bridge_bare(const char *bridge, struct err *) KILN_MUST;
/* "kiln3": the tap of machine 3, and "kilnw3", its second. */
void net_tap_name(unsigned index, char out[NET_IFNAME]);
void net_wan_name(unsigned index, char out[NET_IFNAME]);
/* A service keeps its hardware address from machine to machine, so that no
 * client's ARP cache goes stale: it is made from the service's address. */
void net_mac(const char *address, char out[NET_MAC]);
/* Makes the tap anew; it lives as long as the returned descriptor. */
int net_tap_open(const char *name, struct err *) KILN_MUST;
/*
 * Up, but on no bridge: only the agent reaches the machine, with a socket
 * bound to this interface.  The tap has the bridge's hardware address, so that
 * what the guest learns of the agent stays true after the switch.
 */
int net_tap_stage(const char *name, const char *bridge, struct err *) KILN_MUST;
/* The second one: up, silent, and on no bridge. */
int net_wan_stage(const char *name, struct err *) KILN_MUST;
int net_wan_attach(
    const char *name, const char *bridge, struct err *) KILN_MUST;
/* Gives the borrowed address back: what serves the LAN has none. */
int net_tap_unstage(const char *name, struct err *) KILN_MUST;
/* Is there a default route, IPv4 or IPv6, through an interface that has a
 * carrier? */
bool net_way_out(void);
/* No IPv6 of the host's own, and nothing routed from this interface. */
int net_silent(const char *name, struct err *) KILN_MUST;
/* As a port of the bridge, and off it: where there is no tc (port.h). */
int net_tap_attach(
    const char *name, const char *bridge, struct err *) KILN_MUST;
int net_tap_detach(
    const char *name, const char *bridge, struct err *) KILN_MUST;

#endif
