/*
 * Asking the signer.  It is started by exec of ourselves before we drop
 * rights; the parent never sees a seed.  Every call gives a public key and a
 * signature that the collector still verifies.
 */
#ifndef KILN_ASK_H
#define KILN_ASK_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/checkpoint.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/sig.h"
#include "lib/spawn.h"
#include "lib/tuf.h"
#include "tuf-repo/signer_proto.h"

struct answer {
	struct sig_public key;
	struct sig sig;
};

/* One for each generation of the role's key; not all need be listed. */
struct answers {
	struct answer v[SIGNER_KEYS_MAX];
	size_t n;
};

/* Starts `kiln-tuf -x signer` with keys/online and a descriptor that gives
 * the passphrase (-1: none); sets *sock. */
int signer_start(
    int keysfd, int passfd, struct child *, int *sock, struct err *) KILN_MUST;

/*
 * The signatures over `signed_bytes`, which are the canonical bytes of `file`
 * (read from them).  For timestamp, snapshot and brake only the fields
 * travel; the signer writes the bytes itself and the two must agree.
 */
int ask_signature(int sock, const char *role, const struct tuf_file *file,
    const struct buf *signed_bytes, struct answers *, struct err *) KILN_MUST;

/* This farm's own signatures over the DSSE encoding of a statement, checked:
 * DSSE_INTOTO, lib/dsse.h. */
int ask_statement(int sock, const struct buf *statement, struct answers *,
    struct err *) KILN_MUST;

/* The same over the checkpoint of the log, whose name follows from the first
 * root; sets c->origin. */
int ask_checkpoint(int sock, const struct hash *first_root,
    struct checkpoint *c, struct answers *, struct err *) KILN_MUST;

#endif
