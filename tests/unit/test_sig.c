#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "lib/sig.h"

static void
from_hex(uint8_t *out, size_t n, const char *hex)
{
	assert_true(hex_decode(out, n, hex, strlen(hex)));
}

static void
signatures_are_those_of_rfc_8032(void **state)
{
	static const struct {
		const char *seed, *pub, *msg, *sig;
	} want[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc4"
		  "4449c5697b326919703bac031cae7f60",
		    "d75a980182b10ab7d54bfed3c964073a"
		    "0ee172f3daa62325af021a68f707511a",
		    "",
		    "e5564300c360ac729086e2cc806e828a"
		    "84877f1eb8e5d974d873e06522490155"
		    "5fb8821590a33bacc61e39701cf9b46b"
		    "d25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f"
		  "5b8a319f35aba624da8cf6ed4fb8a6fb",
		    "3d4017c3e843895a92b70aa74d1b7ebc"
		    "9c982ccf2ec4968cc0cd55f12af4660c",
		    "72",
		    "92a009a9f0d4cab8720e820b5f642540"
		    "a2b27b5416503f8fb3762223ebdb69da"
		    "085ac1e43e15996e458f3613d0f11d8c"
		    "387b2eaeb4302aeeb00d291612bb0c00" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct sig_public pub, pub_want;
		struct sig sig, sig_want;
		struct sig_seed seed;
		uint8_t msg[1] = { 0 };
		size_t n = strlen(want[i].msg) / 2;

		from_hex(seed.b, 32, want[i].seed);
		from_hex(pub_want.b, 32, want[i].pub);
		from_hex(msg, n, want[i].msg);
		from_hex(sig_want.b, 64, want[i].sig);
		sig_public_of(&seed, &pub);
		assert_memory_equal(pub.b, pub_want.b, 32);
		sig_sign(&seed, msg, n, &sig);
		assert_memory_equal(sig.b, sig_want.b, 64);
		assert_true(sig_verify(&pub, msg, n, &sig));
		assert_true(sig_public_ok(&pub));
	}
}

static void
a_flipped_bit_anywhere_is_refused(void **state)
{
	struct sig_public pub;
	struct sig_seed seed;
	struct sig sig;
	char msg[] = "the same bytes";

	(void)state;
	sig_keypair(&seed, &pub);
	sig_sign(&seed, msg, sizeof(msg), &sig);
	assert_true(sig_verify(&pub, msg, sizeof(msg), &sig));
	for (size_t i = 0; i < 512; i++) {
		sig.b[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(sig_verify(&pub, msg, sizeof(msg), &sig));
		sig.b[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 256; i++) {
		pub.b[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(sig_verify(&pub, msg, sizeof(msg), &sig));
		pub.b[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	msg[3] ^= 1;
	assert_false(sig_verify(&pub, msg, sizeof(msg), &sig));
	msg[3] ^= 1;
	assert_false(sig_verify(&pub, msg, sizeof(msg) - 1, &sig));
	sig_wipe(&seed);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(seed.b[i], 0);
}

static void
a_non_canonical_s_is_refused(void **state)
{
	/* The order of the group: S + L satisfies the equation as well. */
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
		0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
		0x14, [31] = 0x10 };
	struct sig_public pub;
	struct sig_seed seed;
	struct sig sig;
	unsigned carry = 0;

	(void)state;
	sig_keypair(&seed, &pub);
	sig_sign(&seed, "m", 1, &sig);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)sig.b[32 + i] + order[i];
		sig.b[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_false(sig_verify(&pub, "m", 1, &sig));
}

/* All points of small order, and their encodings with y >= p. */
static const char *const small[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};

static void
keys_of_small_order_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(small); i++) {
		struct sig sig = { { 0 } };
		struct sig_public pub;

		from_hex(pub.b, 32, small[i]);
		assert_false(sig_public_ok(&pub));
		/* With S = 0 and R = the identity or the key itself, lax
		 * verifiers accept such a key for many messages. */
		for (size_t r = 0; r < ARRAY_LEN(small); r++) {
			from_hex(sig.b, 32, small[r]);
			for (int m = 0; m < 8; m++)
				assert_false(sig_verify(&pub, &m, 4, &sig));
		}
	}
}

static void
a_key_that_is_no_point_is_refused(void **state)
{
	struct sig_public pub;

	(void)state;
	/* y = 2 is on no point of the curve; y = p + 3 is not canonical. */
	memset(pub.b, 0, 32);
	pub.b[0] = 2;
	assert_false(sig_public_ok(&pub));
	memset(pub.b, 0xff, 32);
	pub.b[0] = 0xf0;
	pub.b[31] = 0x7f;
	assert_false(sig_public_ok(&pub));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_rfc_8032),
		cmocka_unit_test(a_flipped_bit_anywhere_is_refused),
		cmocka_unit_test(a_non_canonical_s_is_refused),
		cmocka_unit_test(keys_of_small_order_are_refused),
		cmocka_unit_test(a_key_that_is_no_point_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
