/*
 * A mesh, from the service's part of the router's configuration:
 *
 *	endpoint	{"address","port"}: where this node can be called from
 *			everywhere, if it can; it then introduces the others to
 *			each other, and relays for those who cannot meet
 *	found		of the node that founds the mesh: {"network","name",
 *			"lan","invitations","revoked"}
 *	  network	"10.66.0.0", a /24 of which each member gets one
 *	  invitations	[{"name","secret","lan"}]: one node each; lan is the
 *			network behind it
 *	  revoked	names of members that are none any more
 *	join		of any other node: {"endpoint","secret"}: the
 *			founder's, and what it wrote into the invitation
 *
 * and the roster of its members: one text with a version that only grows,
 * signed by the founder's key, handed from member to member.  All else, keys
 * first of all, is made on the node and stays there.
 *
 * Pure: nothing is read or written here.
 */
#ifndef VPN_MESH_MESH_H
#define VPN_MESH_MESH_H

#include "recipes/guest-init/files.h"
#include "recipes/vpn-wireguard/tunnel.h"

#define MESH_UID 7655
#define MESH_STATUS 7655 /* TCP, of the recipe's probe: who asks is told */
#define MESH_GOSSIP 7656 /* UDP, inside the mesh */
#define MESH_JOIN 7657	 /* TCP, of the founder */
#define MESH_RELAY 52000 /* UDP, and those above: one for each pair */
#define MESH_DIR "/run/mesh"
#define MESH_CONFIG MESH_DIR "/config.json"
#define MESH_VOLUME "/data"
#define MESH_DATA MESH_VOLUME "/mesh"
#define MESH_MEMBERS 16
#define MESH_SECRET 32	/* letters of one at least */
#define MESH_TEXT 16384 /* bytes of a roster */

struct mesh_invitation {
	const char *name, *secret; /* borrowed */
	bool has_lan;
	struct tunnel_net lan;
};
struct mesh_conf {
	bool has_endpoint, founds;
	union tunnel_end endpoint, introducer;
	/* of one who founds */
	const char *name;
	unsigned char network[4];
	bool has_lan;
	struct tunnel_net lan;
	struct mesh_invitation invitation[MESH_MEMBERS];
	size_t invitations;
	const char *revoked[MESH_MEMBERS * 4];
	size_t nrevoked;
	const char *secret; /* of one who joins */
};
int mesh_conf_read(const json_t *config, struct mesh_conf *, struct fault *);
int mesh_conf(const json_t *config, struct guest_files *, struct fault *);

struct mesh_member {
	char name[64];
	int host; /* 1 to MESH_MEMBERS, the last number of its address */
	unsigned char key[TUNNEL_KEY]; /* public */
	bool has_endpoint, has_lan;
	union tunnel_end endpoint;
	struct tunnel_net lan;
};
struct mesh_roster {
	int64_t version;
	unsigned char network[4];
	struct mesh_member member[MESH_MEMBERS];
	size_t members;
};
int mesh_roster_read(
    const char *text, size_t n, struct mesh_roster *, struct fault *);
/* malloc'd, or NULL. */
char *mesh_roster_text(const struct mesh_roster *);
struct mesh_member *mesh_by_key(
    struct mesh_roster *, const unsigned char[TUNNEL_KEY]);
struct mesh_member *mesh_by_name(struct mesh_roster *, const char *);
struct mesh_member *mesh_by_host(struct mesh_roster *, int host);
/* A number that nobody has; 0: the mesh is full. */
int mesh_free_host(struct mesh_roster *);
void mesh_remove(struct mesh_roster *, struct mesh_member *);

/* "203.0.113.7:51820" or "[2001:db8::7]:51820". */
void mesh_end_text(const union tunnel_end *, char *out, size_t room);
int mesh_end_read(const char *text, union tunnel_end *);
bool mesh_end_same(const union tunnel_end *, const union tunnel_end *);
/* The port of every relay for the two. */
uint16_t mesh_relay_port(int host, int other);

#endif
