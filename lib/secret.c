#include "lib/secret.h"

#include <sodium.h>
#include <string.h>

void
secret_new(char out[SECRET_TEXT])
{
	uint8_t b[32];

	randombytes_buf(b, sizeof(b));
	sodium_bin2hex(out, SECRET_TEXT, b, sizeof(b));
	sodium_memzero(b, sizeof(b));
}

void
secret_digest(const char *secret, char hex[HASH_HEX])
{
	struct hash h;

	hash_bytes(&h, secret, strlen(secret));
	hash_hex(&h, hex);
}
