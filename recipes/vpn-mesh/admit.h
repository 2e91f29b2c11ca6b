/*
 * Who is a member: the founder's signature below a roster, and the two sealed
 * messages by which a node with an invitation becomes one.
 *
 * An invitation is a secret that founder and node know.  Both messages are
 * sealed by keys made of it, so that each knows whom it talks to; the node
 * learns the mesh's public key by it, and believes nobody else afterwards.
 */
#ifndef VPN_MESH_ADMIT_H
#define VPN_MESH_ADMIT_H

#include <sodium.h>

#include "recipes/vpn-mesh/mesh.h"

#define ADMIT_MAX 32768 /* bytes of a message */

/* What lies on the volume, and all of it is there is to keep. */
struct admit {
	unsigned char key[TUNNEL_KEY], public[TUNNEL_KEY]; /* WireGuard's */
	unsigned char mesh[crypto_sign_PUBLICKEYBYTES];
	bool founder;
	unsigned char sign[crypto_sign_SECRETKEYBYTES]; /* of a founder */
	json_t *used; /* of a founder: invitations, by whose key */
	struct mesh_roster roster;
	char *text; /* the roster as it is signed; NULL: not joined yet */
	unsigned char sig[crypto_sign_BYTES];
};

/* Keys, on the node's first start. */
void admit_new(struct admit *, bool founder);
json_t *admit_json(const struct admit *);
int admit_read(const json_t *, struct admit *, struct fault *);

/* Signs what the roster is now, one version on. */
int admit_sign(struct admit *, struct fault *);
/* Takes a roster that another has, if it is newer and the founder's.  1: taken,
 * 0: it is not newer, -1: nobody should believe it. */
int admit_take(
    struct admit *, const char *text, const char *sig_hex, struct fault *);
/* The founder's own wishes: itself, and nobody who is revoked. */
int admit_settle(struct admit *, const struct mesh_conf *, struct fault *);

/* A node asks; malloc'd. */
unsigned char *admit_ask(
    const struct admit *, const struct mesh_conf *, size_t *n);
/* The founder answers, malloc'd; *changed: the roster has one more. */
unsigned char *admit_answer(struct admit *, const struct mesh_conf *,
    const unsigned char *ask, size_t asked, size_t *n, bool *changed,
    struct fault *);
/* … and the node is a member. */
int admit_done(struct admit *, const struct mesh_conf *,
    const unsigned char *answer, size_t n, struct fault *);

#endif
