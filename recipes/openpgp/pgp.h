/*
 * OpenPGP for the programs of a LAN, over HTTP: what they may do, and what is
 * asked of sq.  The service's part of the router's configuration:
 *
 *	key		ours, with its secrets: base64 of the binary form
 *	correspondents	[{"name","certificate"}]: base64, too
 *	clients		[{"name","token","may"}]: token is the SHA-256, in hex,
 *			of what stands behind "Authorization: Bearer "; may is
 *			of sign, verify, encrypt and decrypt
 *
 * Pure: nothing is read or written here.
 */
#ifndef OPENPGP_PGP_H
#define OPENPGP_PGP_H

#include "recipes/guest-init/files.h"

#define PGP_UID 11371
#define PGP_PORT 11371 /* of the recipe's probe */
#define PGP_DIR "/run/openpgp"
#define PGP_CONFIG PGP_DIR "/config.json"
#define PGP_KEY PGP_DIR "/key"
#define PGP_NAMES 64	    /* correspondents; clients */
#define PGP_BODY (1U << 20) /* bytes asked, and of a signature */
#define PGP_ANSWER (4U << 20)

enum pgp_verb { PGP_SIGN, PGP_VERIFY, PGP_ENCRYPT, PGP_DECRYPT, PGP_VERBS };
extern const char *const pgp_verbs[PGP_VERBS];

struct pgp_client {
	const char *name; /* borrowed from the configuration */
	unsigned char token[32];
	unsigned int may; /* bit n: enum pgp_verb */
};
struct pgp {
	const char *correspondent[PGP_NAMES]; /* borrowed */
	size_t ncorrespondents;
	struct pgp_client client[PGP_NAMES];
	size_t nclients;
};

/* Keys into files, the rest as it is, for pgp_read. */
int pgp_conf(const json_t *config, struct guest_files *, struct fault *);
int pgp_read(const json_t *config, struct pgp *, struct fault *);

/* Who says "Bearer TOKEN", or NULL. */
const struct pgp_client *pgp_who(const struct pgp *, const char *authorization);
/* The verb of "/sign", or PGP_VERBS. */
enum pgp_verb pgp_verb(const char *path);
/* PGP_DIR/NAME.certificate of a correspondent; -1: there is none. */
int pgp_certificate(const struct pgp *, const char *name, char *path, size_t);

#endif
