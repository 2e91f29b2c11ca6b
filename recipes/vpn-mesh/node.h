/*
 * This node: what it knows of the others, and what it tells the kernel.  There
 * is one in a process.
 */
#ifndef VPN_MESH_NODE_H
#define VPN_MESH_NODE_H

#include "recipes/vpn-mesh/admit.h"
#include "recipes/vpn-mesh/path.h"
#include "recipes/vpn-mesh/relay.h"
#include "recipes/vpn-wireguard/device.h"

/* What is known of a member besides the roster, by its number. */
struct known {
	struct path path;
	union tunnel_end end;  /* the kernel's: where packets are sent to */
	union tunnel_end from; /* where it was heard from */
	union tunnel_end seen; /* where another member hears it */
	union tunnel_end me;   /* where it hears this node */
	int64_t apart;	       /* when an introducer last said: see relay.h */
};
struct node {
	struct mesh_conf conf;
	struct admit admit;
	struct device device;
	struct relay relay;
	struct known known[MESH_MEMBERS + 1];
	int gossip;	   /* a socket, or -1 */
	char trouble[256]; /* what went wrong last */
};
extern struct node node;

int64_t node_now(void); /* seconds, above 0 */
/* Tells the console, though not the same thing twice. */
void node_complain(const struct fault *);
/* NULL: it is no member. */
struct mesh_member *node_self(void);
/* Where a member listens inside the mesh. */
struct sockaddr_in;
void node_address(const struct mesh_member *, struct sockaddr_in *);

/* After any change of the roster: it is kept, and the kernel told.  The second
 * ends the process where that cannot be done. */
int node_roster(struct fault *);
void node_follow(void);
/* Once a second: how the peers are, and where to try next. */
void node_look(void);
/* Its NAT gives each connection a port of its own, so nobody can call it. */
bool node_apart(int host);
bool node_by_relay(const union tunnel_end *);

#endif
