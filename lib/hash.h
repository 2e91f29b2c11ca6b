/* SHA-256 (and SHA-512 for TUF files that list only that), by libsodium. */
#ifndef KILN_HASH_H
#define KILN_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "lib/attr.h"
#include "lib/err.h"

#define HASH_HEX 65 /* 64 digits and NUL */

struct hash {
	uint8_t b[32];
};

struct hasher {
	crypto_hash_sha256_state st;
};

void hash_bytes(struct hash *, const void *, size_t);
void hash512_bytes(uint8_t out[64], const void *, size_t);
bool hash_equal(const struct hash *, const struct hash *);
void hash_hex(const struct hash *, char out[HASH_HEX]);
bool hash_parse(struct hash *, const char *hex64);

void hasher_init(struct hasher *);
void hasher_add(struct hasher *, const void *, size_t);
/* Length (8 bytes, big-endian) and bytes: fields cannot run together. */
void hasher_field(struct hasher *, const void *, size_t);
void hasher_end(struct hasher *, struct hash *);

/* From the file's beginning to its end, by pread; the offset stays. */
int hash_fd(int fd, struct hash *, int64_t *size, struct err *) KILN_MUST;
/* From src's current offset to its end into dst; more than `limit` bytes is
 * ERR_INPUT. */
int hash_copy(int src, int dst, int64_t limit, struct hash *, int64_t *size,
    struct err *) KILN_MUST;

#endif
