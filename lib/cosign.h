/*
 * kiln/signature: what one party hands in for a version of a role that more
 * than one must sign.  It is detached: the bytes that were signed are the
 * same everywhere (tuf.md, "k of n") and known by their digest.
 */
#ifndef KILN_COSIGN_H
#define KILN_COSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/sig.h"

#define COSIGN_MAX 2048 /* bytes of a file */
#define COSIGN_ROLE_MAX 80

struct cosign {
	char role[COSIGN_ROLE_MAX];
	int64_t version;
	struct hash content; /* of the canonical bytes */
	struct sig_public key;
	struct sig sig;
};

/* ERR_INPUT on anything that is not exactly that; the key is a good one, but
 * whether it may sign and did is not looked at. */
int cosign_read(struct cosign *, const void *, size_t, struct err *) KILN_MUST;
/* Canonical. */
void cosign_write(const struct cosign *, struct buf *);

#endif
