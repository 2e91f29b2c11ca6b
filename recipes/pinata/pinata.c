#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "recipes/pinata/pinata.h"

#define YEAR (366L * 86400)

static int
fail(struct fault *f, const char *what)
{
	char why[120];

	ERR_error_string_n(ERR_get_error(), why, sizeof why);
	return fault_set(f, "%s: %s", what, why);
}

static bool
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

/* By the authority, or by itself when there is none yet. */
static X509 *
certify(
    EVP_PKEY *key, const char *name, int64_t serial, X509 *issuer, EVP_PKEY *by)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert == NULL ? NULL : X509_get_subject_name(cert);
	bool own = issuer == NULL;

	if (subject == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set_int64(X509_get_serialNumber(cert), serial) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), -86400) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert), YEAR) == NULL ||
	    X509_set_pubkey(cert, key) != 1 ||
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(
		cert, own ? subject : X509_get_subject_name(issuer)) != 1 ||
	    !extend(cert, own ? cert : issuer, NID_basic_constraints,
		own ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") ||
	    !extend(cert, own ? cert : issuer, NID_key_usage,
		own ? "critical,keyCertSign" : "critical,digitalSignature") ||
	    X509_sign(cert, by, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

int
pinata_issue(const struct pinata *p, const char *name, int64_t serial,
    EVP_PKEY **key, X509 **cert, struct fault *f)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *c =
	    k == NULL ? NULL : certify(k, name, serial, p->authority, p->key);

	if (c == NULL) {
		EVP_PKEY_free(k);
		return fail(f, "issue a certificate");
	}
	*key = k;
	*cert = c;
	return 0;
}

/* Trusts the authority alone, asks for a client's certificate and takes no
 * handshake without; there are no tickets, so every client proves itself. */
static int
make_server(struct pinata *p, EVP_PKEY *key, X509 *cert, struct fault *f)
{
	p->server = SSL_CTX_new(TLS_server_method());
	if (p->server == NULL ||
	    SSL_CTX_set_min_proto_version(p->server, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_use_certificate(p->server, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(p->server, key) != 1 ||
	    X509_STORE_add_cert(
		SSL_CTX_get_cert_store(p->server), p->authority) != 1 ||
	    SSL_CTX_add_client_CA(p->server, p->authority) != 1 ||
	    SSL_CTX_set_num_tickets(p->server, 0) != 1 ||
	    SSL_CTX_set_purpose(p->server, X509_PURPOSE_SSL_CLIENT) != 1)
		return fail(f, "set up TLS");
	SSL_CTX_set_session_cache_mode(p->server, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(
	    p->server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(p->server, 0);
	return 0;
}

int
pinata_open(struct pinata *out, const char *secret, struct fault *f)
{
	struct pinata p = { .secret = secret };
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int ret = -1;

	p.key = EVP_EC_gen("P-256");
	if (p.key != NULL)
		p.authority =
		    certify(p.key, "pinata authority", 1, NULL, p.key);
	if (p.authority == NULL)
		fail(f, "make the authority");
	else if (pinata_issue(&p, "pinata", 2, &key, &cert, f) == 0)
		ret = make_server(&p, key, cert, f);
	EVP_PKEY_free(key);
	X509_free(cert);
	if (ret == -1)
		pinata_release(&p);
	else
		*out = p;
	return ret;
}

void
pinata_release(struct pinata *p)
{
	SSL_CTX_free(p->server);
	X509_free(p->authority);
	EVP_PKEY_free(p->key);
	memset(p, 0, sizeof *p);
}

bool
pinata_serve(const struct pinata *p, int fd)
{
	SSL *s = SSL_new(p->server);
	X509 *peer = NULL;
	bool given = false;
	int n = (int)strlen(p->secret);

	if (s != NULL && SSL_set_fd(s, fd) == 1 && SSL_accept(s) == 1)
		peer = SSL_get1_peer_certificate(s);
	/* the handshake has seen to it; asked again, since it is all there is
	 */
	given = peer != NULL && SSL_get_verify_result(s) == X509_V_OK &&
		SSL_write(s, p->secret, n) == n;
	if (given)
		SSL_shutdown(s);
	X509_free(peer);
	SSL_free(s);
	return given;
}
