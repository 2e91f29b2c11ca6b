#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

/* FIPS 180-4's examples. */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                             \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void
is_hex(const struct hash *h, const char *want)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	assert_string_equal(hex, want);
}

static void
digests_are_those_of_the_standard(void **state)
{
	char hex[129];
	uint8_t b[64];
	struct hash h;

	(void)state;
	hash_bytes(&h, "", 0);
	is_hex(&h, EMPTY);
	hash_bytes(&h, "abc", 3);
	is_hex(&h, ABC);
	hash512_bytes(b, "abc", 3);
	hex_encode(hex, b, 64);
	assert_string_equal(hex, ABC512);
}

static void
only_64_lower_case_digits_are_a_digest(void **state)
{
	char upper[] = ABC;
	struct hash h, kept;

	(void)state;
	assert_true(hash_parse(&h, ABC));
	is_hex(&h, ABC);
	kept = h;
	upper[0] = 'B';
	assert_false(hash_parse(&h, upper));
	assert_false(hash_parse(&h, ""));
	assert_false(hash_parse(&h, ABC "0"));
	assert_false(hash_parse(&h, ABC + 1));
	assert_true(hash_equal(&h, &kept));
	hash_bytes(&h, "", 0);
	assert_false(hash_equal(&h, &kept));
}

static void
fields_cannot_run_together(void **state)
{
	struct hasher x;
	struct hash a, b, c;

	(void)state;
	hasher_init(&x);
	hasher_field(&x, "ab", 2);
	hasher_field(&x, "c", 1);
	hasher_end(&x, &a);
	hasher_init(&x);
	hasher_field(&x, "a", 1);
	hasher_field(&x, "bc", 2);
	hasher_end(&x, &b);
	assert_false(hash_equal(&a, &b));
	hash_bytes(&c, "\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c", 19);
	assert_true(hash_equal(&a, &c));
}

static void
a_file_is_hashed_from_its_start_and_its_offset_stays(void **state)
{
	struct err e = ERR_INIT;
	auto_fd int fd = -1;
	struct hash h;
	int64_t size;

	(void)state;
	fd = file_open_at(scratch.fd, "f", O_RDWR | O_CREAT, 0644, &e);
	assert_int_equal(fd_write_all(fd, "abc", 3, &e), 0);
	assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
	assert_int_equal(hash_fd(fd, &h, &size, &e), 0);
	is_hex(&h, ABC);
	assert_int_equal(size, 3);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 1);
	assert_int_equal(hash_fd(-1, &h, NULL, &e), -1);
	assert_int_equal(e.cls, ERR_SYSTEM);
}

static void
a_copy_has_the_digest_of_what_was_copied(void **state)
{
	auto_buf struct buf big = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;
	auto_fd int src = -1, dst = -1;
	struct hash h, want;
	int64_t size;

	(void)state;
	for (int i = 0; i < 600000; i++)
		buf_char(&big, (char)(i * 7));
	assert_int_equal(
	    file_write_at(scratch.fd, "src", big.data, big.len, 0644, &e), 0);
	src = file_open_at(scratch.fd, "src", O_RDONLY, 0, &e);
	dst = file_open_at(scratch.fd, "dst", O_RDWR | O_CREAT, 0644, &e);
	assert_int_equal(lseek(src, 100, SEEK_SET), 100);
	assert_int_equal(hash_copy(src, dst, 1 << 20, &h, &size, &e), 0);
	assert_int_equal(size, 599900);
	hash_bytes(&want, big.data + 100, big.len - 100);
	assert_true(hash_equal(&h, &want));
	assert_int_equal(file_read_at(scratch.fd, "dst", 1 << 20, &got, &e), 0);
	assert_int_equal(got.len, 599900);
	assert_memory_equal(got.data, big.data + 100, got.len);
}

static void
a_copy_ends_at_its_limit(void **state)
{
	struct err e = ERR_INIT;
	auto_fd int src = -1, dst = -1;
	struct hash h;
	int64_t size;

	(void)state;
	assert_int_equal(
	    file_write_at(scratch.fd, "src", "12345", 5, 0644, &e), 0);
	src = file_open_at(scratch.fd, "src", O_RDONLY, 0, &e);
	dst = file_open_at(scratch.fd, "dst", O_RDWR | O_CREAT, 0644, &e);
	assert_int_equal(hash_copy(src, dst, 4, &h, &size, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_int_equal(lseek(dst, 0, SEEK_END), 0);
	assert_int_equal(lseek(src, 0, SEEK_SET), 0);
	assert_int_equal(hash_copy(src, dst, 5, &h, &size, &e), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(digests_are_those_of_the_standard),
		T(only_64_lower_case_digits_are_a_digest),
		T(fields_cannot_run_together),
		T(a_file_is_hashed_from_its_start_and_its_offset_stays),
		T(a_copy_has_the_digest_of_what_was_copied),
		T(a_copy_ends_at_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
