/*
 * Key files: NAME.key, the 32 bytes of an Ed25519 seed, mode 0400, and
 * NAME.pub, its public key as one line of hex.  keys/offline is root's and is
 * opened by ceremonies alone (open, sign, wipe, close); keys/online belongs
 * to the signer.
 */
#ifndef KILN_KEYS_H
#define KILN_KEYS_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"

/*
 * Makes the key unless it is there already (an interrupted ceremony goes on
 * with the keys it made) and gives its public half.  owner (uid_t)-1: leave
 * it as made.
 */
int key_make(int dirfd, const char *name, uid_t owner, gid_t group,
    struct sig_public *, struct err *) KILN_MUST;
/* ERR_TRUST when others than the reading uid could read or change it.  Wipe
 * the seed with sig_wipe. */
int key_load(
    int dirfd, const char *name, struct sig_seed *, struct err *) KILN_MUST;
int key_public(
    int dirfd, const char *name, struct sig_public *, struct err *) KILN_MUST;
/* Load, sign, wipe, close. */
int key_sign(int dirfd, const char *name, const struct buf *bytes,
    struct sig_public *, struct sig *, struct err *) KILN_MUST;

#endif
