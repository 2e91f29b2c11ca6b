/*
 * HTTPS: the certificate and key that libmicrohttpd's handshakes use, and
 * their change while it serves.  One pair for the whole program, since
 * GnuTLS's callback carries no argument.
 */
#ifndef KILN_WEB_TLS_H
#define KILN_WEB_TLS_H

#include <stdbool.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "lib/attr.h"
#include "lib/err.h"

/* PEM files; the paths are borrowed for life.  ERR_INPUT when they are no
 * chain and key that belong together: what was there before stays. */
int tls_load(const char *certificate, const char *key, struct err *) KILN_MUST;
/* Reads them again if either is another file than it was, or `now`.  1: they
 * are in use; 0: nothing is new. */
int tls_again(bool now, struct err *) KILN_MUST;
void tls_release(void);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
int tls_pair(gnutls_session_t, const gnutls_datum_t *, int,
    const gnutls_pk_algorithm_t *, int, gnutls_pcert_st **, unsigned *,
    gnutls_privkey_t *);

#endif
