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
 *   kiln-key 1 token                then the URI of a key on a token (token.h)
 *                                   and a newline
 * A file of exactly 32 bytes, as the first release wrote them, is a demo key.
 */
#ifndef KILN_KEYFILE_H
#define KILN_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/secret.h"

#define KEY_NAME_MAX 64
#define KEY_URI_MAX 1024
#define KEY_HEAD "kiln-key 1 "

enum key_form { KEY_SEALED, KEY_DEMO, KEY_TOKEN };

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
/* Where the key of a KEY_TOKEN file is, and the file. */
int key_token_uri(
    int dirfd, const char *name, char uri[KEY_URI_MAX], struct err *) KILN_MUST;
int key_token_write(int dirfd, const char *name, const char *uri,
    const struct sig_public *, struct err *) KILN_MUST;
int key_form_of(
    int dirfd, const char *name, enum key_form *, struct err *) KILN_MUST;
bool key_exists(int dirfd, const char *name);
/* NAME.SUFFIX; ERR_INPUT when that is no name for a key. */
int key_file_name(char out[KEY_NAME_MAX], const char *name, const char *suffix,
    struct err *) KILN_MUST;
/* Guarded pages that are not swapped or dumped; sodium_free wipes them. */
void *key_locked(size_t) KILN_MUST;

#endif
