/*
 * Signing with the keys of a folder, and how they are opened: load, sign,
 * wipe, close.  One way in every command: what the command line names, a
 * credential (secret.h), or a question on the terminal, where each key is
 * asked for by name, since each may have a passphrase of its own.
 */
#ifndef KILN_KEYSIGN_H
#define KILN_KEYSIGN_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/secret.h"

#define TOKEN_NAME_MAX 64

/* Of the offline keys of one command; what was named is read once. */
struct key_access {
	struct secret_source pass; /* of key files */
	struct secret have;	   /* filled when first needed */
	struct secret_source pin;  /* of tokens */
	struct secret have_pin;
	char pin_of[TOKEN_NAME_MAX]; /* which token's, when it was asked for */
};
#define KEY_ACCESS_INIT                                                  \
	{                                                                \
		.pass = { NULL, -1, CRED_OFFLINE }, .have = SECRET_INIT, \
		.pin = { NULL, -1, CRED_PIN }, .have_pin = SECRET_INIT   \
	}
#define auto_key_access __attribute__((cleanup(key_access_release)))
void key_access_release(struct key_access *);

/* For getopt_long: every command that opens offline keys. */
#define KEY_OPTIONS                                            \
	{ "passphrase-file", required_argument, NULL, 'p' },   \
	    { "passphrase-fd", required_argument, NULL, 'P' }, \
	    { "pin-file", required_argument, NULL, 'i' },      \
	{                                                      \
		"pin-fd", required_argument, NULL, 'I'         \
	}
/* True when `c` was one of them; *rc is 0 or an exit code that was said. */
bool key_access_option(struct key_access *, const char *where, int c, int *rc);

/*
 * A key on a token, by its URI.  `label`: make one of that name.  A PIN is
 * tried once in a process, so that no token is locked by repetition.
 */
int key_token_public(const char *uri, const char *label, struct key_access *,
    struct sig_public *, char found[KEY_URI_MAX], struct err *) KILN_MUST;
int key_token_sign(const char *uri, struct key_access *,
    const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;
/* Demo keys need no access (NULL). */
int key_sign(int dirfd, const char *name, struct key_access *,
    const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;

#endif
