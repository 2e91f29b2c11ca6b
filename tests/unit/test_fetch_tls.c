/* rooms: router-agent/fetch_tls.c */
/* libs: -lssl -lcrypto */
/* A router's view of a server's certificates: by a floor of the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "router-agent/fetch_tls.h"

#define YEAR ((int64_t)365 * 86400)
#define Y(year) (((year)-1970) * YEAR)

static X509 *authority;
static EVP_PKEY *authority_key;

static void
extension(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(c, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* Valid from year to year; `issuer` NULL: by itself. */
static X509 *
certificate(const char *name, int from, int to, bool ca, X509 *issuer,
    EVP_PKEY *issuer_key, EVP_PKEY **key)
{
	static long serial;
	X509 *c = X509_new();
	X509_NAME *n = X509_get_subject_name(c);

	*key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509_set_version(c, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(c), Y(from));
	ASN1_TIME_set(X509_getm_notAfter(c), Y(to));
	X509_NAME_add_entry_by_txt(
	    n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer) : n);
	X509_set_pubkey(c, *key);
	extension(c, issuer ? issuer : c, NID_basic_constraints,
	    ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	assert_true(X509_sign(c, issuer ? issuer_key : *key, NULL) > 0);
	return c;
}

static int
set_up(void **state)
{
	(void)state;
	authority = certificate(
	    "authority", 2015, 2055, true, NULL, NULL, &authority_key);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	return 0;
}

/* Both sides in this process; what the client thinks of it. */
static long
handshake(SSL_CTX *cc, SSL_CTX *sc)
{
	SSL *c = SSL_new(cc), *s = SSL_new(sc);
	BIO *a, *b;
	long said;

	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(c, a, a);
	SSL_set_bio(s, b, b);
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(c);
		SSL_do_handshake(s);
	}
	said = SSL_get_verify_result(c);
	assert_int_equal(SSL_is_init_finished(c), said == X509_V_OK);
	SSL_free(c);
	SSL_free(s);
	ERR_clear_error();
	return said;
}

/* The server's certificate, by way of another if that has years. */
static long
judged(int64_t at, int from, int to, int by_from, int by_to)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL_CTX *s = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key, *by_key = authority_key;
	X509 *by = authority, *cert;
	long said;

	if (by_to != 0)
		by = certificate("between", by_from, by_to, true, authority,
		    authority_key, &by_key);
	cert = certificate("server", from, to, false, by, by_key, &key);
	assert_int_equal(SSL_CTX_use_certificate(s, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(s, key), 1);
	assert_int_equal(
	    X509_STORE_add_cert(SSL_CTX_get_cert_store(c), authority), 1);
	/* As libcurl does it. */
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	if (by != authority) {
		assert_int_equal(SSL_CTX_add0_chain_cert(s, by), 1);
		EVP_PKEY_free(by_key);
	}
	assert_int_equal(fetch_tls(c, &at), 0);
	said = handshake(c, s);
	X509_free(cert);
	EVP_PKEY_free(key);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
	return said;
}

static void
without_a_floor_the_machines_clock_decides(void **state)
{
	int now = (int)(time(NULL) / YEAR) + 1970;

	(void)state;
	assert_int_equal(judged(0, now - 1, now + 2, 0, 0), X509_V_OK);
	assert_int_equal(
	    judged(0, now - 3, now - 1, 0, 0), X509_V_ERR_CERT_HAS_EXPIRED);
	assert_int_equal(
	    judged(0, now + 2, now + 3, 0, 0), X509_V_ERR_CERT_NOT_YET_VALID);
}

static void
the_floor_decides_and_no_clock(void **state)
{
	(void)state;
	assert_int_equal(judged(Y(2018), 2017, 2019, 0, 0), X509_V_OK);
	assert_int_equal(judged(Y(2040), 2039, 2041, 0, 0), X509_V_OK);
	assert_int_equal(
	    judged(Y(2018), 2016, 2017, 0, 0), X509_V_ERR_CERT_HAS_EXPIRED);
}

static void
what_begins_after_the_floor_may_be_good(void **state)
{
	(void)state;
	assert_int_equal(judged(Y(2018), 2026, 2027, 0, 0), X509_V_OK);
	assert_int_equal(judged(Y(2018), 2026, 2027, 2025, 2030), X509_V_OK);
	/* Before there was an authority, too. */
	assert_int_equal(judged(Y(2001), 2026, 2027, 0, 0), X509_V_OK);
}

static void
what_was_never_valid_together_is_refused(void **state)
{
	(void)state;
	assert_int_equal(judged(Y(2018), 2026, 2027, 2016, 2025),
	    X509_V_ERR_CERT_HAS_EXPIRED);
	assert_int_equal(judged(Y(2018), 2019, 2020, 2021, 2025),
	    X509_V_ERR_CERT_HAS_EXPIRED);
	assert_int_equal(
	    judged(Y(2018), 2056, 2057, 0, 0), X509_V_ERR_CERT_HAS_EXPIRED);
}

/* A floor forgives no other fault. */
static void
nobodys_certificate_is_refused_at_any_time(void **state)
{
	X509 *mine = authority;
	EVP_PKEY *key = authority_key;
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL_CTX *s = SSL_CTX_new(TLS_server_method());
	int64_t at = Y(2018);

	(void)state;
	assert_int_equal(SSL_CTX_use_certificate(s, mine), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(s, key), 1);
	assert_int_equal(fetch_tls(c, &at), 0);
	assert_int_equal(
	    handshake(c, s), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_floor_the_machines_clock_decides),
		cmocka_unit_test(the_floor_decides_and_no_clock),
		cmocka_unit_test(what_begins_after_the_floor_may_be_good),
		cmocka_unit_test(what_was_never_valid_together_is_refused),
		cmocka_unit_test(nobodys_certificate_is_refused_at_any_time),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
