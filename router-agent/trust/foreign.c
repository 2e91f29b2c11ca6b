#include "router-agent/trust/foreign.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define PEM_MAX 16384

/* What we call, typed by OpenSSL's own headers. */
#define CALLS(X)                            \
	X(BIO_new_mem_buf)                  \
	X(BIO_free)                         \
	X(PEM_read_bio_PUBKEY)              \
	X(EVP_PKEY_free)                    \
	X(EVP_PKEY_is_a)                    \
	X(EVP_PKEY_get_bits)                \
	X(EVP_PKEY_get_group_name)          \
	X(i2d_PUBKEY)                       \
	X(CRYPTO_free)                      \
	X(EVP_MD_CTX_new)                   \
	X(EVP_MD_CTX_free)                  \
	X(EVP_sha256)                       \
	X(EVP_sha384)                       \
	X(EVP_sha512)                       \
	X(EVP_DigestVerifyInit)             \
	X(EVP_DigestVerify)                 \
	X(EVP_PKEY_CTX_set_rsa_padding)     \
	X(EVP_PKEY_CTX_set_rsa_pss_saltlen) \
	X(ERR_clear_error)

#define FIELD(name) __typeof__(&(name)) name;
struct crypto {
	bool loaded;
	CALLS(FIELD)
};

/* libcrypto for the life of the process; it keeps threads' data of its own
 * and cannot be unloaded.  NULL when there is none. */
static const struct crypto *
crypto_get(void)
{
	static struct crypto c;
	static bool tried;
	void *so;

	if (tried)
		return c.loaded ? &c : NULL;
	tried = true;
	so = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	if (!so)
		return NULL;
#define LOAD(name)                              \
	{                                       \
		void *p = dlsym(so, #name);     \
		if (!p)                         \
			return NULL;            \
		memcpy(&c.name, &p, sizeof(p)); \
	}
	CALLS(LOAD)
	c.loaded = true;
	return &c;
}

struct scheme {
	const char *name;
	const char *type;  /* of the key, as OpenSSL names it */
	const char *group; /* of an EC key */
	int bits;	   /* of the digest */
	int padding;	   /* of RSA */
};

static const struct scheme schemes[] = {
	{ "ecdsa-sha2-nistp256", "EC", "prime256v1", 256, 0 },
	{ "ecdsa-sha2-nistp384", "EC", "secp384r1", 384, 0 },
	{ "rsassa-pss-sha256", "RSA", NULL, 256, RSA_PKCS1_PSS_PADDING },
	{ "rsassa-pss-sha384", "RSA", NULL, 384, RSA_PKCS1_PSS_PADDING },
	{ "rsassa-pss-sha512", "RSA", NULL, 512, RSA_PKCS1_PSS_PADDING },
	{ "rsa-pkcs1v15-sha256", "RSA", NULL, 256, RSA_PKCS1_PADDING },
	{ "rsa-pkcs1v15-sha384", "RSA", NULL, 384, RSA_PKCS1_PADDING },
	{ "rsa-pkcs1v15-sha512", "RSA", NULL, 512, RSA_PKCS1_PADDING },
};

/* keytype is "rsa" or "ecdsa"; old files repeat the scheme there. */
static const struct scheme *
find_scheme(const struct tuf_key *k)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const struct scheme *s = &schemes[i];
		const char *type = s->group ? "ecdsa" : "rsa";

		if (strcmp(k->scheme, s->name) == 0 &&
		    (strcmp(k->keytype, type) == 0 ||
			strcmp(k->keytype, s->name) == 0))
			return s;
	}
	return NULL;
}

static bool
key_fits(const struct crypto *c, EVP_PKEY *key, const struct scheme *s)
{
	char group[32];
	size_t n;

	if (c->EVP_PKEY_is_a(key, s->type) != 1)
		return false;
	if (!s->group)
		return c->EVP_PKEY_get_bits(key) >= 2048;
	return c->EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
	       strcmp(group, s->group) == 0;
}

static EVP_PKEY *
read_key(const struct crypto *c, const char *pem)
{
	size_t n = strlen(pem);
	EVP_PKEY *key;
	BIO *bio;

	if (n > PEM_MAX)
		return NULL;
	bio = c->BIO_new_mem_buf(pem, (int)n);
	if (!bio)
		return NULL;
	key = c->PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	c->BIO_free(bio);
	return key;
}

/* The digest of the key's one DER form. */
static bool
identify(const struct crypto *c, EVP_PKEY *key, struct hash *id)
{
	unsigned char *der = NULL;
	int n = c->i2d_PUBKEY(key, &der);

	if (n <= 0)
		return false;
	hash_bytes(id, der, (size_t)n);
	c->CRYPTO_free(der, __FILE__, __LINE__);
	return true;
}

static bool
check(const struct crypto *c, EVP_PKEY *key, const struct scheme *s,
    const struct tuf_signature *sig, const void *bytes, size_t n)
{
	const EVP_MD *md = s->bits == 256   ? c->EVP_sha256()
			   : s->bits == 384 ? c->EVP_sha384()
					    : c->EVP_sha512();
	EVP_MD_CTX *ctx = c->EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok =
	    ctx && c->EVP_DigestVerifyInit(ctx, &pctx, md, NULL, key) == 1;

	if (ok && s->padding)
		ok = c->EVP_PKEY_CTX_set_rsa_padding(pctx, s->padding) == 1;
	if (ok && s->padding == RSA_PKCS1_PSS_PADDING)
		ok = c->EVP_PKEY_CTX_set_rsa_pss_saltlen(
			 pctx, RSA_PSS_SALTLEN_AUTO) == 1;
	ok = ok && c->EVP_DigestVerify(ctx, sig->raw, sig->nraw, bytes, n) == 1;
	c->EVP_MD_CTX_free(ctx);
	return ok;
}

bool
foreign_verify(const struct tuf_key *k, const struct tuf_signature *sig,
    const void *bytes, size_t n, struct hash *id)
{
	const struct scheme *s = find_scheme(k);
	const struct crypto *c = s ? crypto_get() : NULL;
	EVP_PKEY *key = c ? read_key(c, k->public) : NULL;
	bool ok;

	if (!key) {
		if (c)
			c->ERR_clear_error();
		return false;
	}
	ok = key_fits(c, key, s) && check(c, key, s, sig, bytes, n) &&
	     identify(c, key, id);
	c->EVP_PKEY_free(key);
	c->ERR_clear_error();
	return ok;
}
