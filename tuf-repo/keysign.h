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
#include "tuf-repo/secret.h"

/* Of the offline keys of one command; what was named is read once. */
struct key_access {
	struct secret_source pass; /* of key files */
	struct secret have;	   /* filled when first needed */
};
#define KEY_ACCESS_INIT                                                 \
	{                                                               \
		.pass = { NULL, -1, CRED_OFFLINE }, .have = SECRET_INIT \
	}
#define auto_key_access __attribute__((cleanup(key_access_release)))
void key_access_release(struct key_access *);

/* For getopt_long: every command that opens offline keys. */
#define KEY_OPTIONS                                           \
	{ "passphrase-file", required_argument, NULL, 'p' },  \
	{                                                     \
		"passphrase-fd", required_argument, NULL, 'P' \
	}
/* True when `c` was one of them; *rc is 0 or an exit code that was said. */
bool key_access_option(struct key_access *, const char *where, int c, int *rc);

/* Demo keys need no access (NULL). */
int key_sign(int dirfd, const char *name, struct key_access *,
    const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;

#endif
