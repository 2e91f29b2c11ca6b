/* rooms: tests/support/tuf */
/* TUF section 4: keys, roles and delegations, and what they cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "tests/support/tuf/tufread.h"

static void
tuf_5_8_6_threshold_below_one_is_refused(void **state)
{
	auto_json json_t *j = good_root();

	(void)state;
	for (int64_t t = -1; t < 1; t++) {
		tufmake_root_role(j, "snapshot", keys, 1, t);
		REFUSES(TUF_ROOT, j);
	}
}

static void
tuf_5_8_2_repeated_keyid_in_a_role_is_refused(void **state)
{
	auto_json json_t *j = good_root();
	json_t *ids = json_object_get(
	    json_object_get(json_object_get(j, "roles"), "root"), "keyids");

	(void)state;
	json_array_append_new(ids, json_string(keys[0].keyid));
	REFUSES(TUF_ROOT, j);
}

static void
tuf_4_7_root_needs_all_four_roles(void **state)
{
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++) {
		auto_json json_t *j = good_root();

		(void)state;
		json_object_del(json_object_get(j, "roles"), tuf_type_name(i));
		REFUSES(TUF_ROOT, j);
	}
}

static void
tuf_5_8_7_keys_of_unknown_types_are_read_but_unusable(void **state)
{
	auto_json json_t *j = good_root();
	auto_tuf struct tuf_file *f = NULL;

	(void)state;
	js_set(json_object_get(j, "keys"), "abcd",
	    json_pack("{s:s,s:s,s:{s:s}}", "keytype", "pqc", "scheme", "x",
		"keyval", "public", "zz"));
	js_set(json_object_get(j, "keys"), "abce",
	    json_pack("{s:s,s:s,s:{s:{}}}", "keytype", "odd", "scheme", "x",
		"keyval", "parts"));
	f = try(TUF_ROOT, j);
	assert_non_null(f);
	assert_false(tuf_key_find(f, "abcd")->usable);
	assert_false(tuf_key_find(f, "abce")->usable);
}

static void
tuf_8_6_2_bad_ed25519_keys_are_unusable(void **state)
{
	static const char *const bad[] = { "", "00", "zz",
		/* the neutral point, small order */
		"01000000000000000000000000000000000000000000000000000000000000"
		"00",
		/* upper case */
		"D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F70751"
		"1A" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_json json_t *j = good_root();
		auto_tuf struct tuf_file *f = NULL;

		js_set(json_object_get(j, "keys"), "k",
		    json_pack("{s:s,s:s,s:{s:s}}", "keytype", "ed25519",
			"scheme", "ed25519", "keyval", "public", bad[i]));
		f = try(TUF_ROOT, j);
		assert_non_null(f);
		assert_false(tuf_key_find(f, "k")->usable);
	}
}

static json_t *
first_delegation(json_t *targets)
{
	return json_array_get(
	    json_object_get(json_object_get(targets, "delegations"), "roles"),
	    0);
}

static void
tuf_4_6_both_paths_and_prefixes_or_neither_is_refused(void **state)
{
	auto_json json_t *j = good_targets();
	json_t *d = first_delegation(j);

	(void)state;
	js_set(d, "path_hash_prefixes", json_pack("[s]", "0a"));
	REFUSES(TUF_TARGETS, j);
	json_object_del(d, "paths");
	READS(TUF_TARGETS, j);
	json_object_del(d, "path_hash_prefixes");
	REFUSES(TUF_TARGETS, j);
}

static void
tuf_4_6_hash_prefixes_must_be_lower_case_hex(void **state)
{
	static const char *const bad[] = { "", "0A", "g", "0 " };
	auto_json json_t *j = good_targets();
	json_t *d = first_delegation(j);

	(void)state;
	json_object_del(d, "paths");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_set(d, "path_hash_prefixes", json_pack("[s]", bad[i]));
		REFUSES(TUF_TARGETS, j);
	}
}

static void
tuf_4_7_terminating_must_be_there(void **state)
{
	auto_json json_t *j = good_targets();

	(void)state;
	json_object_del(first_delegation(j), "terminating");
	REFUSES(TUF_TARGETS, j);
}

static void
tuf_4_7_role_names_are_unique_and_not_top_level(void **state)
{
	static const char *const bad[] = { "", "root", "targets", "snapshot",
		"timestamp" };
	auto_json json_t *j = good_targets();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_set_str(first_delegation(j), "name", bad[i]);
		REFUSES(TUF_TARGETS, j);
	}
	js_set_str(first_delegation(j), "name", "twin");
	tufmake_delegate(j, "twin", keys, 1, 1, false, "*");
	REFUSES(TUF_TARGETS, j);
}

static void
tuf_5_6_7_4_patterns_match_part_by_part(void **state)
{
	(void)state;
	assert_true(tuf_path_match("*", "a"));
	assert_false(tuf_path_match("*", "a/b"));
	assert_true(tuf_path_match("images/*/*", "images/a/b"));
	assert_false(tuf_path_match("images/*/*", "images/a/b/c"));
	assert_false(tuf_path_match("images/*", "images"));
	assert_true(tuf_path_match("*.py", "x.py"));
	assert_true(tuf_path_match("foo-?.tgz", "foo-1.tgz"));
	assert_false(tuf_path_match("foo-?.tgz", "foo-11.tgz"));
	assert_true(tuf_path_match("*", ".hidden"));
	assert_true(tuf_path_match("a\\*", "a\\x"));
	assert_true(tuf_path_match("", ""));
	assert_false(tuf_path_match("", "a"));
	assert_false(tuf_path_match("a/", "a"));
}

static void
tuf_6_9_1_hash_prefixes_cover_paths(void **state)
{
	/* SHA-256 of "a" begins ca978112ca1b. */
	char *prefixes[] = { (char *)"ca97" };
	struct tuf_role r = { .prefixes = prefixes, .nprefixes = 1 };

	(void)state;
	assert_true(tuf_role_covers(&r, "a"));
	assert_false(tuf_role_covers(&r, "b"));
}

static void
role_names_are_encoded_for_urls_and_disk(void **state)
{
	static const char *const pairs[][2] = { { "svc-a", "svc-a" },
		{ "../x", "..%2Fx" }, { "?", "%3F" }, { "#", "%23" },
		{ "a b%", "a%20b%25" }, { "\xc3\xa4", "%C3%A4" },
		{ "~._-", "~._-" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		auto_free char *s = tuf_role_filename(pairs[i][0]);

		assert_string_equal(s, pairs[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tuf_5_8_6_threshold_below_one_is_refused),
		cmocka_unit_test(tuf_5_8_2_repeated_keyid_in_a_role_is_refused),
		cmocka_unit_test(tuf_4_7_root_needs_all_four_roles),
		cmocka_unit_test(
		    tuf_5_8_7_keys_of_unknown_types_are_read_but_unusable),
		cmocka_unit_test(tuf_8_6_2_bad_ed25519_keys_are_unusable),
		cmocka_unit_test(
		    tuf_4_6_both_paths_and_prefixes_or_neither_is_refused),
		cmocka_unit_test(tuf_4_6_hash_prefixes_must_be_lower_case_hex),
		cmocka_unit_test(tuf_4_7_terminating_must_be_there),
		cmocka_unit_test(
		    tuf_4_7_role_names_are_unique_and_not_top_level),
		cmocka_unit_test(tuf_5_6_7_4_patterns_match_part_by_part),
		cmocka_unit_test(tuf_6_9_1_hash_prefixes_cover_paths),
		cmocka_unit_test(role_names_are_encoded_for_urls_and_disk),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
