/*
 * DSSE v1: a signature over a text and its type, in a JSON envelope.  No JSON
 * is read here: the signer links this.
 */
#ifndef KILN_DSSE_H
#define KILN_DSSE_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"

#define DSSE_INTOTO "application/vnd.in-toto+json"
#define DSSE_SIGNATURES_MAX 64

struct dsse_signature {
	struct sig_public key;
	struct sig sig;
};

/* What is signed: "DSSEv1 LEN TYPE LEN BODY", lengths in decimal bytes. */
void dsse_pae(const char *type, const void *body, size_t, struct buf *out);
/* The envelope, canonical; `keyid` is TUF's, for root and targets list it. */
void dsse_envelope(const char *type, const void *body, size_t,
    const struct dsse_signature *, size_t n, struct buf *out);
/*
 * Strict: an envelope of that type with a good signature by `key`; keyids are
 * hints and not looked at.  Sets body, ERR_TRUST when no signature is.
 */
int dsse_open_sig(const char *type, const struct sig_public *key,
    const void *text, size_t, struct sig *which, struct buf *body,
    struct err *) KILN_MUST; /* the same, and which signature it was */
int dsse_open(const char *type, const struct sig_public *key, const void *text,
    size_t, struct buf *body, struct err *) KILN_MUST;

#endif
