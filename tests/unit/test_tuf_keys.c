/* rooms: tests/support/tuf */
/* Whose signatures count (TUF 5, T4 of the fault table). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf/tufclient.h"

static struct tuf_file *
sign_root_with(struct repo *r, const struct tufmake_key *k, size_t n)
{
	struct tuf_file *f;

	tufmake_sign(r->root, k, n, &r->b);
	f = tuf_read(TUF_ROOT, "root", r->b.data, r->b.len, &r->err);
	assert_non_null(f);
	return f;
}

static void
tuf_5_10_one_key_under_two_keyids_counts_once(void **state)
{
	struct repo *r = *state;
	struct tufmake_key two[2] = { keys[KA], keys[KA] };
	auto_tuf struct tuf_file *f = NULL;

	memset(two[1].keyid, 'f', 64);
	tufmake_root_role(r->root, "root", two, 2, 2);
	f = sign_root_with(r, two, 2);
	assert_int_equal(tuf_role_find(f, "root")->nkeyids, 2);
	assert_true(tuf_key_find(f, two[1].keyid)->usable);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	refused(r, tuf_threshold(f, "root", f, &r->err), "1 of 2");
}

static void
tuf_5_10_a_keyid_is_a_name_and_no_digest(void **state)
{
	struct repo *r = *state;
	struct tufmake_key named = keys[KA];
	auto_tuf struct tuf_file *f = NULL;

	strcpy(named.keyid, "our-first-key");
	tufmake_root_role(r->root, "root", &named, 1, 1);
	f = sign_root_with(r, &named, 1);
	ok(r, tuf_threshold(f, "root", f, &r->err));
}

/* tuf_read refuses a file that repeats a keyid; here is one made in memory. */
static void
tuf_5_8_2_a_signature_twice_counts_once(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	tufmake_root_role(r->root, "root", &keys[KA], 2, 2);
	f = sign_root_with(r, &keys[KA], 2);
	free(f->signatures[1].keyid);
	f->signatures[1].keyid = strdup(f->signatures[0].keyid);
	f->signatures[1].sig = f->signatures[0].sig;
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	refused(r, tuf_threshold(f, "root", f, &r->err), "two signatures");
}

static void
tuf_5_8_4_bad_and_unknown_signatures_do_not_count_nor_spoil(void **state)
{
	struct repo *r = *state;
	struct tufmake_key signers[4] = { keys[KA], keys[KB], keys[KC],
		keys[KROOT] };
	auto_tuf struct tuf_file *f = NULL;

	/* Under C's keyid, but by another key; and by one nobody asked. */
	tufmake_root_role(r->root, "root", &keys[KA], 3, 2);
	memcpy(signers[2].seed.b, keys[KTS].seed.b, 32);
	f = sign_root_with(r, signers, 4);
	assert_int_equal(tuf_keys_signed(f, "root", f), 2);
	ok(r, tuf_threshold(f, "root", f, &r->err));
}

static void
tuf_5_8_6_a_threshold_above_the_keys_is_never_met(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	tufmake_root_role(r->root, "root", &keys[KA], 2, JS_INT_MAX);
	f = sign_root_with(r, &keys[KA], 2);
	refused(r, tuf_threshold(f, "root", f, &r->err), "2 of");
}

/* No file can say so; one made in memory could. */
static void
tuf_5_8_6_a_threshold_of_none_is_met_by_nobody(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = sign_root_with(r, &keys[KA], 1);

	f->roles[TUF_ROOT].threshold = 0;
	refused(r, tuf_threshold(f, "root", f, &r->err), "of 0");
}

static void
tuf_5_8_5_keyids_without_a_key_are_skipped(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	tufmake_root_role(r->root, "root", &keys[KA], 2, 1);
	json_object_del(json_object_get(r->root, "keys"), keys[KA].keyid);
	f = sign_root_with(r, &keys[KA], 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
}

static void
tuf_5_8_7_keys_of_other_types_do_not_count_nor_spoil(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;
	json_t *key;

	tufmake_root_role(r->root, "root", &keys[KA], 2, 1);
	key = json_object_get(json_object_get(r->root, "keys"), keys[KA].keyid);
	js_set_str(key, "scheme", "ed448");
	f = sign_root_with(r, &keys[KA], 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	ok(r, tuf_threshold(f, "root", f, &r->err));
}

static void
tuf_5_8_4_non_canonical_s_does_not_count(void **state)
{
	/* The order of the group, little-endian: S + L verifies under lax
	 * rules. */
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
		0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
		0x14, [31] = 0x10 };
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;
	unsigned carry = 0;

	f = sign_root_with(r, &keys[KROOT], 1);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	for (size_t i = 0; i < 32; i++) {
		carry += f->signatures[0].sig.b[32 + i] + order[i];
		f->signatures[0].sig.b[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(tuf_keys_signed(f, "root", f), 0);
}

static void
tuf_5_8_1_signatures_cover_every_member(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	js_set(r->root, "custom",
	    json_pack(
		"{s:[i,b,n],s:s}", "deep", 1, 1, "text", "line\n\x01\"\\"));
	f = sign_root_with(r, &keys[KROOT], 1);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	js_set_int(f->signed_json, "custom", 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_10_one_key_under_two_keyids_counts_once),
		T(tuf_5_10_a_keyid_is_a_name_and_no_digest),
		T(tuf_5_8_2_a_signature_twice_counts_once),
		T(tuf_5_8_4_bad_and_unknown_signatures_do_not_count_nor_spoil),
		T(tuf_5_8_6_a_threshold_above_the_keys_is_never_met),
		T(tuf_5_8_6_a_threshold_of_none_is_met_by_nobody),
		T(tuf_5_8_5_keyids_without_a_key_are_skipped),
		T(tuf_5_8_7_keys_of_other_types_do_not_count_nor_spoil),
		T(tuf_5_8_4_non_canonical_s_does_not_count),
		T(tuf_5_8_1_signatures_cover_every_member),
	};

	return cmocka_run_group_tests(tests, tufclient_keys, NULL);
}
