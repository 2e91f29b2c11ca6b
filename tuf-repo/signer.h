/*
 * The signer: holds the online keys' seeds and nothing else.  A uid of its
 * own, no network, no exec; it opens its keys and its journal below one
 * descriptor and no other file.
 */
#ifndef KILN_SIGNER_H
#define KILN_SIGNER_H

#include "lib/attr.h"
#include "tuf-repo/secret.h"

/* `kiln-tuf -x signer`: gives up rights, then signer_serve.  Exit code. */
int signer_main(void);
/* Answers until the other side closes; takes both descriptors. */
int signer_serve(int sock, int keysfd) KILN_MUST;
/* The same for encrypted keys. */
int signer_serve_with(int sock, int keysfd, const struct secret *) KILN_MUST;

#endif
