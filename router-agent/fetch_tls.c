#include "router-agent/fetch_tls.h"

#include <time.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

/* The time goes on to when this one began: earlier it cannot be. */
static int
began(X509_STORE_CTX *c, X509_VERIFY_PARAM *p)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(c);
	struct tm tm;

	if (!cert || !ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm))
		return 0;
	X509_VERIFY_PARAM_set_time(p, timegm(&tm));
	X509_STORE_CTX_set_error(c, X509_V_OK);
	return 1;
}

/* Was, when the last of them began, none of them over? */
static int
all_at_once(X509_STORE_CTX *c, time_t at)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c);

	for (int i = 0; i < sk_X509_num(chain); i++) {
		if (X509_cmp_time(
			X509_get0_notAfter(sk_X509_value(chain, i)), &at) > 0)
			continue;
		X509_STORE_CTX_set_error(c, X509_V_ERR_CERT_HAS_EXPIRED);
		return 0;
	}
	return 1;
}

/* Called for each fault, and for each certificate that has none: the server's
 * own comes last. */
static int
judge(int ok, X509_STORE_CTX *c)
{
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);

	if (!ok)
		return X509_STORE_CTX_get_error(c) ==
			   X509_V_ERR_CERT_NOT_YET_VALID &&
		       began(c, p);
	if (X509_STORE_CTX_get_error_depth(c) > 0)
		return 1;
	return all_at_once(c, X509_VERIFY_PARAM_get_time(p));
}

int
fetch_tls(void *ssl_ctx, void *arg)
{
	const int64_t *at = arg;

	if (*at == 0)
		return 0;
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ssl_ctx), (time_t)*at);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, judge);
	return 0;
}
