/*
 * A rebuilder's signer: a child that alone has the right to open the key, and
 * signs what it is given by `kiln-tuf cosign`, beside whose key lies a journal:
 * never two contents for one version, never back.  It is started before the
 * parent gives up its rights, and reads nothing from a network.
 */
#ifndef KILN_COSIGNER_H
#define KILN_COSIGNER_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/spawn.h"

struct cosigner {
	struct child child;
	int sock;
};
#define COSIGNER_INIT                            \
	{                                        \
		.child = CHILD_INIT, .sock = -1, \
	}

/* `pass`: a file with the key's passphrase, or NULL. */
int cosigner_start(struct cosigner *, const char *key, const char *pass,
    struct err *) KILN_MUST;
/* A kiln/signature over these bytes of the role. */
int cosigner_sign(struct cosigner *, const char *role, const struct buf *bytes,
    struct buf *signature, struct err *) KILN_MUST;
/* The envelope of a statement about a run (lib/statement.h). */
int cosigner_attest(struct cosigner *, const struct buf *statement,
    struct buf *envelope, struct err *) KILN_MUST;
void cosigner_stop(struct cosigner *);
/* `kiln -x cosign`. */
int cosigner_main(void);

#endif
