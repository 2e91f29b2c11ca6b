/*
 * A transparent bug bounty.  At its start it makes an authority whose key
 * never leaves its memory, and a certificate of its own by it.  Who presents a
 * client certificate of that authority is given the secret: nobody has one, so
 * who gets the secret broke something, and has the proof in hand.
 */
#ifndef PINATA_H
#define PINATA_H

#include <openssl/ssl.h>

#include "recipes/guest-init/guest.h"

#define PINATA_UID 10000
#define PINATA_PORT 10000      /* the secret, over TLS 1.3 */
#define PINATA_AUTHORITY 10001 /* the authority's certificate, openly */
#define PINATA_DIR "/run/pinata"
#define PINATA_SECRET PINATA_DIR "/secret"
#define PINATA_SECRET_MAX 4096

struct pinata {
	EVP_PKEY *key; /* the authority's */
	X509 *authority;
	SSL_CTX *server;
	const char *secret;
};

/* The secret is borrowed. */
int pinata_open(struct pinata *, const char *secret, struct fault *);
void pinata_release(struct pinata *);
/* A certificate of the authority, with a new key.  The program makes one, for
 * itself; tests make the one that nobody has. */
int pinata_issue(const struct pinata *, const char *name, int64_t serial,
    EVP_PKEY **, X509 **, struct fault *);
/* One client; true when it was given the secret.  Closes nothing. */
bool pinata_serve(const struct pinata *, int fd);

#endif
