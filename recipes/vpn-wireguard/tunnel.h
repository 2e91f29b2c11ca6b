/*
 * A WireGuard tunnel, from the service's part of the router's configuration:
 *
 *	key		private, base64 as `wg genkey` writes it
 *	port		where it listens; 51820 unless given
 *	addresses	of this machine in the tunnel, ["10.9.0.1/24"]
 *	peers		[{"name","key","preshared","allowed","endpoint",
 *			"keepalive"}]: key is public; allowed are the networks
 *			behind it; endpoint {"address","port"} and keepalive,
 *			in seconds, for one that is to be called
 *
 * Pure: what a kernel is told is built here, and told in device.c.
 */
#ifndef VPN_WIREGUARD_TUNNEL_H
#define VPN_WIREGUARD_TUNNEL_H

#include <netinet/in.h>

#include "recipes/guest-init/guest.h"

#define TUNNEL_UID 51820
#define TUNNEL_PORT 51820
#define TUNNEL_STATUS 51821 /* of the recipe's probe: who asks is told */
#define TUNNEL_CARD "wg0"
#define TUNNEL_DIR "/run/wireguard"
#define TUNNEL_CONFIG TUNNEL_DIR "/config.json"
#define TUNNEL_KEY 32
#define TUNNEL_PEERS 64
#define TUNNEL_ALLOWED 8 /* of one peer */
#define TUNNEL_ADDRESSES 4
/* All peers in one message: below the 64 KiB of a netlink attribute. */
#define TUNNEL_ROOM 49152

struct tunnel_net {
	struct guest_addr address;
	unsigned char prefix;
};

union tunnel_end {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct tunnel_peer {
	const char *name; /* borrowed from the configuration */
	unsigned char key[TUNNEL_KEY], preshared[TUNNEL_KEY];
	bool has_preshared, has_endpoint;
	bool gone; /* the kernel is told to forget it */
	union tunnel_end endpoint;
	uint16_t keepalive;
	struct tunnel_net allowed[TUNNEL_ALLOWED];
	size_t nallowed;
};

struct tunnel {
	unsigned char key[TUNNEL_KEY];
	uint16_t port;
	struct tunnel_net address[TUNNEL_ADDRESSES];
	size_t naddresses;
	struct tunnel_peer peer[TUNNEL_PEERS];
	size_t npeers;
};

/* A key, or the texts of a network or an endpoint; `what` is named in the
 * sentence. */
int tunnel_key(const char *what, const json_t *, const char *key,
    unsigned char[TUNNEL_KEY], struct fault *);
int tunnel_net(
    const char *what, const char *text, struct tunnel_net *, struct fault *);
int tunnel_end(const json_t *, union tunnel_end *, struct fault *);

int tunnel_read(const json_t *config, struct tunnel *, struct fault *);

struct nlmsghdr;
/* The card; its keys, port and peers, all at once; its peers alone, beside what
 * others it has.  The family is netlink's number for "wireguard". */
void tunnel_msg_card(struct nlmsghdr *);
void tunnel_msg_set(struct nlmsghdr *, int family, const struct tunnel *);
void tunnel_msg_peers(struct nlmsghdr *, int family, const struct tunnel *);

#endif
