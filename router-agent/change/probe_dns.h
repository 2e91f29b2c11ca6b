/*
 * Asks one DNS server one question, over UDP (again over TCP when the answer
 * says so) or over TCP from the start.  Random id and source port; only the
 * asked server's datagrams are read.
 */
#ifndef AGENT_PROBE_DNS_H
#define AGENT_PROBE_DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/dns.h"

struct probe_dns {
	const char *server; /* numeric IPv4 address */
	uint16_t port;	    /* 53 */
	const char *from;   /* own address to ask from, or NULL: any */
	const char *device; /* interface to ask on, or NULL: by route */
	const char *name, *qtype;
	bool tcp;
	int64_t deadline_ms;
};

/* ERR_BUSY: no answer in time; ERR_INPUT: one that is wrong. */
int probe_dns_ask(
    const struct probe_dns *, struct dns_answer *, struct err *) KILN_MUST;

#endif
