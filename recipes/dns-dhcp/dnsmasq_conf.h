/*
 * dnsmasq's configuration file, written from the service's part of the
 * router's configuration:
 *
 *	domain		"lan"; answered here, never asked upstream
 *	hosts		[{"name","address","mac"}]
 *			mac, with IPv4, reserves it in DHCP
 *	upstream	["address", ...]
 *			without any only the local zone is answered
 *	listen		["address", ...] of this machine
 *			absent: all of them
 *	dhcp		{"start","end","lease","router"}
 *			lease in seconds; router absent: this machine's own
 *			gateway; dhcp absent: no DHCP
 *	dhcp6		{"start","end","lease","dns"}: of IPv6, within a /64 of
 *			this machine; dns absent: this machine, if it answers
 *	ra		"slaac", "dhcp" or "both": router advertisements that
 *			say who gives addresses; absent: none
 *
 * Only domain is required.  The recipe `dhcp` has neither upstream nor listen,
 * needs dhcp, and has besides
 *
 *	dns, ntp	["address", ...] of IPv4 that clients are told
 *
 * Pure: the caller tells what network it is in.
 */
#ifndef DNS_DHCP_DNSMASQ_CONF_H
#define DNS_DHCP_DNSMASQ_CONF_H

#include <netinet/in.h>

#include "recipes/guest-init/guest.h"

#define DNSMASQ_UID 53
#define DNSMASQ_CONF "/run/dnsmasq.conf"
#define DNSMASQ_LEASES "/usr/lib/kiln/leases" /* its dhcp-script */
#define LAN_MAX 16

/* The machine's networks: of IPv4 in host byte order, of IPv6 those that are a
 * /64 and not of the link alone. */
struct lan {
	struct {
		uint32_t address, mask;
	} net[LAN_MAX];
	size_t n;
	uint32_t gateway; /* 0: none */
	struct in6_addr net6[LAN_MAX];
	size_t n6;
};

/* The file's text, malloc'd; NULL after filling the fault. */
char *dnsmasq_conf(const json_t *config, const struct lan *, struct fault *);
/* Of the recipe `dhcp`: it answers no names. */
char *dnsmasq_dhcp_conf(
    const json_t *config, const struct lan *, struct fault *);

#endif
