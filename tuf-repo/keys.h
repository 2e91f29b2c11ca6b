/*
 * Key files: NAME.key, mode 0400, and NAME.pub, the public key as one line
 * of hex.  keys/offline is root's and is opened by ceremonies alone (open,
 * sign, wipe, close); keys/online belongs to the signer.
 *
 * A key file starts with one line:
 *   kiln-key 1 argon2id OPS BYTES   then salt (16), nonce (24) and the seed in
 *                                   a secretbox (48) under Argon2id of the
 *                                   passphrase with these costs
 *   kiln-key 1 demo                 then the seed (32) as it is
 * A file of exactly 32 bytes, as the first release wrote them, is a demo key.
 */
#ifndef KILN_KEYS_H
#define KILN_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/secret.h"

enum key_form { KEY_SEALED, KEY_DEMO };

/*
 * Makes the key unless it is there already (an interrupted ceremony goes on
 * with the keys it made) and gives its public half.  No passphrase: a demo
 * key.  owner (uid_t)-1: leave it as made.
 */
int key_make(int dirfd, const char *name, const struct secret *, uid_t owner,
    gid_t group, struct sig_public *, struct err *) KILN_MUST;
/* The same with a seed that exists; ERR_INPUT when NAME.key is there. */
int key_write(int dirfd, const char *name, const struct sig_seed *,
    const struct secret *, uid_t owner, gid_t group, struct err *) KILN_MUST;
/*
 * ERR_TRUST when others than the reading uid could read or change it, or the
 * passphrase is wrong; ERR_INPUT when it is sealed and there is none.  The
 * seed belongs into locked memory; wipe it with sig_wipe.
 */
int key_load(int dirfd, const char *name, const struct secret *,
    struct sig_seed *, struct err *) KILN_MUST;
int key_public(
    int dirfd, const char *name, struct sig_public *, struct err *) KILN_MUST;
int key_form_of(
    int dirfd, const char *name, enum key_form *, struct err *) KILN_MUST;
/* Load, sign, wipe, close; asks the terminal when the key is encrypted. */
int key_sign(int dirfd, const char *name, const struct buf *bytes,
    struct sig_public *, struct sig *, struct err *) KILN_MUST;
/* The same with a passphrase that is there, asking nobody. */
int key_sign_with(int dirfd, const char *name, const struct secret *,
    const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;
/*
 * With a source for passphrases: the secret is filled when first needed.  On
 * the terminal each key is asked for by name, since each may have its own.
 */
int key_sign_from(int dirfd, const char *name, const struct secret_source *,
    struct secret *, const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;

/*
 * Generations: a rotated key is a file of its own, NAME.key, then NAME-2.key …
 * NAME-99.key; which of them count is what root and targets list.
 */
#define KEY_GENERATIONS 99
#define KEY_NAME_MAX 64
/* "timestamp", 1 -> "timestamp"; 2 -> "timestamp-2". */
void key_generation(const char *key, int n, char out[KEY_NAME_MAX]);
/* The first number that names no file. */
int key_next_generation(
    int dirfd, const char *key, char out[KEY_NAME_MAX], struct err *) KILN_MUST;
bool key_exists(int dirfd, const char *name);
/* "timestamp" and "timestamp-2" are of "timestamp". */
bool key_is_generation(const char *name, const char *key);
/* Will the signer need a passphrase?  Looks at headers, whoever owns them. */
bool key_any_sealed(int dirfd);

/* Names (without ".key") of all key files, sorted. */
struct key_names {
	char **v;
	size_t n, cap;
};
#define KEY_NAMES_INIT     \
	{                  \
		NULL, 0, 0 \
	}
#define auto_key_names __attribute__((cleanup(key_names_release)))
void key_names_release(struct key_names *);
int key_names_read(int dirfd, struct key_names *, struct err *) KILN_MUST;

#endif
