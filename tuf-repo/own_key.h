/*
 * One signature by a key of somebody's own, without a farm: what attest, cosign
 * and sign-recipe have in common.
 */
#ifndef TUF_OWN_KEY_H
#define TUF_OWN_KEY_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/keysign.h"

struct own_key {
	const char *key; /* NAME.key, or a token's pkcs11: URI; borrowed */
	const char *out; /* where the signature goes; borrowed */
	bool yes;	 /* do not ask */
	struct key_access access;
};
#define OWN_KEY_INIT                      \
	{                                 \
		.access = KEY_ACCESS_INIT \
	}
#define auto_own_key __attribute__((cleanup(own_key_release)))

/* Reads --key, --out, --yes and how to come by a passphrase; `words` is how
 * many others there must be, from optind on, and `say` what to tell who gave
 * other ones.  0, or what to exit with. */
int own_key_options(struct own_key *, const char *where, int argc, char **argv,
    int words, const char *say);
void own_key_release(struct own_key *);

/* Opens the folder of a key that is a file; the caller closes it and frees its
 * name, which comes without ".key". */
int own_key_file(const struct own_key *, char **name, struct err *) KILN_MUST;
int own_key_sign(struct own_key *, const struct buf *message,
    struct sig_public *, struct sig *, struct err *) KILN_MUST;

#endif
