/*
 * The keys of a folder: their names, and generations.  A rotated key is a file
 * of its own, NAME.key, then NAME-2.key … NAME-99.key; which of them count
 * is what root and targets list.
 */
#ifndef KILN_KEYRING_H
#define KILN_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "tuf-repo/keyfile.h"

#define KEY_GENERATIONS 99
/* "timestamp", 1 -> "timestamp"; 2 -> "timestamp-2". */
void key_generation(const char *key, int n, char out[KEY_NAME_MAX]);
/* The first number that names no file. */
int key_next_generation(
    int dirfd, const char *key, char out[KEY_NAME_MAX], struct err *) KILN_MUST;
/* "timestamp" and "timestamp-2" are of "timestamp". */
bool key_is_generation(const char *name, const char *key);
/* Will the signer need a passphrase?  Looks at headers, whoever owns them. */
bool key_any_sealed(int dirfd);

/* Names (without ".key") of all key files, sorted. */
struct key_names {
	char **v;
	size_t n, cap;
};
#define KEY_NAMES_INIT     \
	{                  \
		NULL, 0, 0 \
	}
#define auto_key_names __attribute__((cleanup(key_names_release)))
void key_names_release(struct key_names *);
int key_names_read(int dirfd, struct key_names *, struct err *) KILN_MUST;

#endif
