/*
 * One token through p11-kit; in the token child alone (token.h), since the
 * token's software runs in the same process.
 */
#ifndef KILN_PKCS11_H
#define KILN_PKCS11_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/secret.h"

struct p11;

struct p11 *p11_open(const char *uri, struct err *) KILN_MUST;
void p11_free(struct p11 *);
const char *p11_label(const struct p11 *);
const char *p11_pin_source(const struct p11 *); /* "": none */
bool p11_needs_pin(const struct p11 *);
/* Once, before what follows.  `write`: objects will be made. */
int p11_login(
    struct p11 *, const struct secret *, bool write, struct err *) KILN_MUST;
int p11_sign(struct p11 *, const void *, size_t, struct sig_public *,
    struct sig *, struct err *) KILN_MUST;
int p11_show(struct p11 *, struct sig_public *, char uri[KEY_URI_MAX],
    struct err *) KILN_MUST;
int p11_make(struct p11 *, const char *label, struct sig_public *,
    char uri[KEY_URI_MAX], struct err *) KILN_MUST;

#endif
