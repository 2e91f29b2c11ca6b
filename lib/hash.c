#include "lib/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"

#define CHUNK ((size_t)256 << 10)

void
hash_bytes(struct hash *h, const void *p, size_t n)
{
	crypto_hash_sha256(h->b, p, n);
}

void
hash512_bytes(uint8_t out[64], const void *p, size_t n)
{
	crypto_hash_sha512(out, p, n);
}

bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void
hash_hex(const struct hash *h, char out[HASH_HEX])
{
	hex_encode(out, h->b, sizeof(h->b));
}

bool
hash_parse(struct hash *h, const char *hex64)
{
	return hex_decode(h->b, sizeof(h->b), hex64, strlen(hex64));
}

void
hasher_init(struct hasher *h)
{
	crypto_hash_sha256_init(&h->st);
}

void
hasher_add(struct hasher *h, const void *p, size_t n)
{
	if (n)
		crypto_hash_sha256_update(&h->st, p, n);
}

void
hasher_field(struct hasher *h, const void *p, size_t n)
{
	uint8_t len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
	hasher_add(h, len, sizeof(len));
	hasher_add(h, p, n);
}

void
hasher_end(struct hasher *h, struct hash *out)
{
	crypto_hash_sha256_final(&h->st, out->b);
}

int
hash_fd(int fd, struct hash *out, int64_t *size, struct err *err)
{
	auto_free char *chunk = mem_alloc(CHUNK);
	struct hasher h;
	int64_t at = 0;
	ssize_t n;

	hasher_init(&h);
	while ((n = pread(fd, chunk, CHUNK, at)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(err, "read");
		hasher_add(&h, chunk, (size_t)n);
		at += n;
	}
	hasher_end(&h, out);
	if (size)
		*size = at;
	return 0;
}

int
hash_copy(int src, int dst, int64_t limit, struct hash *out, int64_t *size,
    struct err *err)
{
	auto_free char *chunk = mem_alloc(CHUNK);
	struct hasher h;
	int64_t done = 0;
	ssize_t n;

	hasher_init(&h);
	while ((n = read(src, chunk, CHUNK)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(err, "read");
		if (n > limit - done)
			return err_set(err, ERR_INPUT,
			    "longer than the %" PRId64 " bytes allowed", limit);
		hasher_add(&h, chunk, (size_t)n);
		if (fd_write_all(dst, chunk, (size_t)n, err) == -1)
			return -1;
		done += n;
	}
	hasher_end(&h, out);
	if (size)
		*size = done;
	return 0;
}
