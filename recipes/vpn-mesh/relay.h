/*
 * For two members who cannot meet: a port for the pair, by which what the one
 * sends goes to the other as it is.  It is sealed from one to the other, so a
 * relay can read nothing and forge nothing; it takes packets from addresses
 * alone where it knows one of the two to be.
 */
#ifndef VPN_MESH_RELAY_H
#define VPN_MESH_RELAY_H

#include "recipes/vpn-mesh/mesh.h"

#define RELAY_PAIRS (MESH_MEMBERS * (MESH_MEMBERS - 1) / 2)

struct relay_pair {
	int fd, host[2];
	union tunnel_end
	    at[2]; /* where the two send from; AF_UNSPEC: unknown */
	int last;  /* which was heard of later */
};
struct relay {
	struct relay_pair pair[RELAY_PAIRS];
	size_t pairs;
	uint64_t packets; /* that went on */
};

/* Ports for every two of the roster but `self`. */
int relay_set(struct relay *, struct mesh_roster *, int self, struct fault *);
/* Where a member is, by number; NULL: unknown. */
typedef const union tunnel_end *relay_where_fn(int host);
/* Hands on what waits at a pair's port. */
void relay_move(struct relay *, struct relay_pair *, relay_where_fn *);
/* Which of the two a packet is of, or -1; learns its address.  Pure. */
int relay_side(struct relay_pair *, const union tunnel_end *from,
    const union tunnel_end *one, const union tunnel_end *other);

#endif
