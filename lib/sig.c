#include "lib/sig.h"

#include <stdlib.h>

#include <sodium.h>

_Static_assert(crypto_sign_SEEDBYTES == sizeof(struct sig_seed), "seed");
_Static_assert(crypto_sign_PUBLICKEYBYTES == sizeof(struct sig_public), "key");
_Static_assert(crypto_sign_BYTES == sizeof(struct sig), "signature");

/* Without random numbers nothing here can be trusted. */
static void
ready(void)
{
	if (sodium_init() == -1)
		abort();
}

void
sig_keypair(struct sig_seed *seed, struct sig_public *pub)
{
	ready();
	randombytes_buf(seed->b, sizeof(seed->b));
	sig_public_of(seed, pub);
}

void
sig_public_of(const struct sig_seed *seed, struct sig_public *pub)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	ready();
	if (crypto_sign_seed_keypair(pub->b, secret, seed->b) == -1)
		abort();
	sodium_memzero(secret, sizeof(secret));
}

bool
sig_public_ok(const struct sig_public *pub)
{
	ready();
	return crypto_core_ed25519_is_valid_point(pub->b) == 1;
}

void
sig_sign(const struct sig_seed *seed, const void *p, size_t n, struct sig *sig)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	uint8_t pub[crypto_sign_PUBLICKEYBYTES];

	ready();
	if (crypto_sign_seed_keypair(pub, secret, seed->b) == -1 ||
	    crypto_sign_detached(sig->b, NULL, p, n, secret) == -1)
		abort();
	sodium_memzero(secret, sizeof(secret));
}

bool
sig_verify(const struct sig_public *pub, const void *p, size_t n,
    const struct sig *sig)
{
	ready();
	return crypto_sign_verify_detached(sig->b, p, n, pub->b) == 0;
}

void
sig_wipe(struct sig_seed *seed)
{
	sodium_memzero(seed->b, sizeof(seed->b));
}
