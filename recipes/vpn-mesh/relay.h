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
	    at[2];	  /* where the two send from; AF_UNSPEC: unknown */
	int last;	  /* which was heard of later */
	int64_t heard[2]; /* when, in seconds */
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
void relay_move(
    struct relay *, struct relay_pair *, relay_where_fn *, int64_t now);
/*
 * Whether a member's packets come to a pair's port from another port than those
 * of its tunnel, which are heard from `end`: it sends both from one socket, so
 * its NAT gives each connection a port of its own, and where one hears it is
 * nowhere that another could call it.
 */
bool relay_apart(
    const struct relay *, int host, const union tunnel_end *end, int64_t now);
/* Which of the two a packet is of, or -1; learns its address.  Pure. */
int relay_side(struct relay_pair *, const union tunnel_end *from,
    const union tunnel_end *one, const union tunnel_end *other);

#endif
