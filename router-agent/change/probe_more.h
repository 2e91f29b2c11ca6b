/* The probes other than DNS: one question to one service each. */
#ifndef AGENT_PROBE_MORE_H
#define AGENT_PROBE_MORE_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/probe.h"

struct probe_more {
	const char *server;	 /* numeric IPv4 address */
	const char *from;	 /* own address to ask from */
	const char *device;	 /* interface to ask on, or NULL: by route */
	int dhcp;		 /* of probe_dhcp_socket, for a dhcp probe */
	const char *start, *end; /* the pool */
	int64_t deadline_ms;
};

/* 0: as expected; `text` says what came.  -1: the sentence says what did. */
int probe_more(const struct probe_more *, const struct probe *,
    char text[PROBE_TEXT], struct err *) KILN_MUST;

/* A socket of DHCP's client port on one interface; root's. */
int probe_dhcp_socket(const char *device, struct err *) KILN_MUST;

#endif
