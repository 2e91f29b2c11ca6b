/*
 * The kernel's WireGuard card, by netlink: it is made if it is not there, told
 * its tunnel, and asked how its peers are.  vpn-mesh links it too.
 */
#ifndef VPN_WIREGUARD_DEVICE_H
#define VPN_WIREGUARD_DEVICE_H

#include "recipes/vpn-wireguard/tunnel.h"

struct device {
	int genl, route; /* sockets */
	int family;	 /* netlink's number for "wireguard" */
};
/* How a peer is. */
struct device_peer {
	unsigned char key[TUNNEL_KEY];
	union tunnel_end endpoint; /* AF_UNSPEC: none */
	int64_t handshake;	   /* Unix time of the last, or 0 */
	uint64_t received, sent;   /* bytes */
};

int device_open(struct device *, struct fault *);
/* The tunnel whole, or with `these` its peers only, and no other is touched. */
int device_set(
    struct device *, const struct tunnel *, bool these, struct fault *);
/* Addresses, switched on, and routes to what the peers are allowed. */
int device_up(struct device *, const struct tunnel *, struct fault *);
int device_routes(struct device *, const struct tunnel *, struct fault *);
typedef void device_peer_fn(void *, const struct device_peer *);
void device_each(struct device *, device_peer_fn *, void *);
/* What was said to the kernel last may hold keys. */
void device_forget(void);

#endif
