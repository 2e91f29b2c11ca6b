/*
 * The part of dnsmasq's configuration that gives addresses: ranges of IPv4 and
 * IPv6, and router advertisements (RFC 4861, RFC 8106).
 *
 * Advertisements name the LAN's prefix and its resolver, and a router lifetime
 * of 0: this machine forwards nothing, so it is never anybody's way out.
 */
#ifndef DNS_DHCP_DNSMASQ_DHCP_H
#define DNS_DHCP_DNSMASQ_DHCP_H

#include <stdio.h>

#include "recipes/dns-dhcp/dnsmasq_conf.h"

/* Lines of "dhcp", "dhcp6" and "ra", none without any; -1: the fault.  `names`:
 * this machine is the LAN's resolver, too. */
int dnsmasq_ranges(FILE *, const json_t *config, const struct lan *, bool names,
    struct fault *);
/* Servers that clients are told of, as one option; `what` names the object. */
int dnsmasq_told(FILE *, const char *what, const json_t *, const char *key,
    const char *option, int family, struct fault *);

#endif
