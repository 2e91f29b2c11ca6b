#include "recipes/caldav/door.h"

#include <crypt.h>
#include <sodium.h>
#include <string.h>

#define SUM 32

static unsigned char key[crypto_generichash_KEYBYTES];
static unsigned char known[CAL_USERS][SUM]; /* of a password that was right */
static bool is_known[CAL_USERS];

static bool
right(const struct cal_conf *c, size_t user, const char *password)
{
	static struct crypt_data room;
	unsigned char sum[SUM];
	const char *hash;

	if (sodium_is_zero(key, sizeof key))
		randombytes_buf(key, sizeof key);
	crypto_generichash(sum, SUM, (const unsigned char *)password,
	    strlen(password), key, sizeof key);
	if (is_known[user] && sodium_memcmp(sum, known[user], SUM) == 0)
		return true;
	hash = crypt_r(password, c->user[user].password, &room);
	if (hash == NULL || strlen(hash) != strlen(c->user[user].password) ||
	    sodium_memcmp(hash, c->user[user].password, strlen(hash)) != 0)
		return false;
	memcpy(known[user], sum, SUM);
	is_known[user] = true;
	return true;
}

int
door_opens(const struct cal_conf *c, const char *header)
{
	char text[512], *password;
	int found = -1;
	size_t i, n;

	if (header == NULL || strncmp(header, "Basic ", 6) != 0 ||
	    sodium_base642bin((unsigned char *)text, sizeof text - 1,
		header + 6, strlen(header + 6), NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) == -1)
		return -1;
	text[n] = '\0';
	password = strchr(text, ':');
	if (password != NULL) {
		*password++ = '\0';
		for (i = 0; i < c->users; i++) {
			if (strcmp(c->user[i].name, text) == 0)
				found = (int)i;
		}
		/* a name that is none takes as long */
		if (!right(c, found == -1 ? 0 : (size_t)found, password))
			found = -1;
	}
	sodium_memzero(text, sizeof text);
	return found;
}
