/*
 * Three network namespaces for the demonstration router, nameless, gone with
 * the last process in them; nothing appears among the host's interfaces.
 *
 *	wan 198.51.100.1 --- 198.51.100.2 router br-lan --- 192.0.2.100 lan
 *
 * The addresses are documentation ranges (RFC 5737): they cannot collide with
 * a real network.  kiln-web gets a listening socket that lives in `wan`.
 */
#ifndef KILN_DEMO_NET_H
#define KILN_DEMO_NET_H

#include "lib/attr.h"
#include "lib/err.h"

#define DEMO_SERVER "http://198.51.100.1"
#define DEMO_ROUTER "192.0.2.1"
#define DEMO_SERVICE "192.0.2.53"
#define DEMO_PREFIX 24

struct demo_net {
	int wan, router, lan; /* namespace descriptors */
	int listener;	      /* 198.51.100.1:80 in wan */
};

/* Needs root.  The calling thread's own namespace is unchanged after. */
int demo_net_open(struct demo_net *, struct err *) KILN_MUST;
void demo_net_release(struct demo_net *);

#endif
