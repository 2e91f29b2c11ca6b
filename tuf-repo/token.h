/*
 * Keys on PKCS#11 tokens: smart cards and HSMs that sign and never show the
 * seed.  A key is named by a URI of RFC 7512,
 *
 *   pkcs11:token=LABEL;object=NAME    also serial=, id=, module-name=,
 *                                     ?module-path=/lib.so, ?pin-source=/file
 *
 * and must be Ed25519 (CKM_EDDSA).  The token's own software runs in a child
 * that lives for one ceremony (`kiln-tuf -x token`): never in the signer, nor
 * where passphrases of other keys are.  What it signs is verified here.
 */
#ifndef KILN_TOKEN_H
#define KILN_TOKEN_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/secret.h"

struct token;

bool token_uri(const char *); /* does it begin as one? */

/*
 * Starts the child and finds the one token that the URI names.  ERR_INPUT: a
 * bad URI, one with a PIN in it, or several tokens fit; ERR_MISSING: none.
 */
struct token *token_open(const char *uri, struct err *) KILN_MUST;
void token_free(struct token *);
static inline void
token_own(struct token **t)
{
	token_free(*t);
}
#define auto_token __attribute__((cleanup(token_own)))
const char *token_label(const struct token *);
bool token_needs_pin(const struct token *); /* false: it has its own pad */
/* A file that the URI names, or NULL. */
const char *token_pin_source(const struct token *);

/*
 * With the PIN where one is needed.  ERR_TRUST: the PIN is wrong, which each
 * call tries once, or the answer does not verify; ERR_MISSING: no such key on
 * it; ERR_INPUT: not an Ed25519 key, or a token that cannot use one.
 */
int token_sign(struct token *, const struct secret *pin,
    const struct buf *bytes, struct sig_public *, struct sig *,
    struct err *) KILN_MUST;
/* The key that is there, and a URI that names it and no other. */
int token_show(struct token *, const struct secret *pin, struct sig_public *,
    char uri[KEY_URI_MAX], struct err *) KILN_MUST;
/* Makes one that cannot leave the token; ERR_INPUT when the label is taken.
 * `label` is used unless the URI names an object. */
int token_make(struct token *, const struct secret *pin, const char *label,
    struct sig_public *, char uri[KEY_URI_MAX], struct err *) KILN_MUST;

/* `kiln-tuf -x token`.  Exit code. */
int token_main(void);

#endif
