/* rooms: tuf-repo */
/* Checklist 9 (docs/tuf-checklist.md): what other clients could not read, or
 * would read differently, is not published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tuf_ceremony.h"

static void
tuf_9_1_role_names_are_no_numbers(void **state)
{
	auto_json json_t *part = NULL;
	struct sig_public next;

	(void)state;
	first_tree();
	part = next_of("targets");
	TF_OK(key_make(
	    tf.offline, "other", NULL, (uid_t)-1, (gid_t)-1, &next, &tf.err));
	{
		json_t *d = json_object_get(part, "delegations");
		json_t *seven = meta_delegation(
		    "svc-seven", &next, 1, 1, json_object_get(d, "keys"));

		js_set_str(seven, "name", "7");
		json_array_append_new(json_object_get(d, "roles"), seven);
	}
	targets_refused(part, "is a number");
	assert_false(service_ok("123"));
	assert_true(service_ok("1a"));
}

static void
tuf_9_2_integers_stay_below_2_to_the_53(void **state)
{
	auto_json json_t *part = NULL;
	auto_buf struct buf file = BUF_INIT;
	static const char *const key[] = { "targets-1" };

	(void)state;
	first_tree();
	part = next_of("targets");
	js_set_int(part, "x", JS_INT_MAX + 1);
	signed_file(part, key, 1, canon_foreign, &file);
	assert_int_equal(
	    collect_file(&tf.repo, "targets", file.data, file.len, &tf.err),
	    -1);
	said("2^53");
	assert_int_equal(tf_findings(), 0);
}

static void
tuf_9_3_keys_of_objects_are_ascii(void **state)
{
	auto_json json_t *part = NULL;
	auto_buf struct buf file = BUF_INIT;
	static const char *const key[] = { "targets-1" };

	(void)state;
	first_tree();
	part = next_of("targets");
	js_set_int(part, "\xc3\xa9", 1);
	signed_file(part, key, 1, canon_foreign, &file);
	assert_int_equal(
	    collect_file(&tf.repo, "targets", file.data, file.len, &tf.err),
	    -1);
	said("ASCII");
	assert_int_equal(tf_findings(), 0);
}

/* What check says of a role that lists one target. */
static bool
role_found(const char *path, const char *kind, const char *words)
{
	auto_json json_t *part = next_of("sets-stable");
	struct check c = { .findings = json_array() };
	auto_buf struct buf bytes = BUF_INIT, file = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	json_t *t = json_object(), *hashes = json_object();
	struct hash h;
	bool hit = false;

	hash_bytes(&h, "x", 1);
	js_set_hash(hashes, "sha256", &h);
	if (kind)
		js_set_str(hashes, kind, "00");
	js_set(t, "hashes", hashes);
	js_set_int(t, "length", 1);
	js_set(json_object_get(part, "targets"), path, t);
	TF_OK(canon_foreign(part, &bytes, &tf.err));
	TF_OK(meta_file(bytes.data, bytes.len, NULL, 0, &file, &tf.err));
	f = tuf_read(TUF_TARGETS, "sets-stable", file.data, file.len, &tf.err);
	assert_non_null(f);
	check_role_rules(&c, "sets-stable", f);
	for (size_t i = 0; i < json_array_size(c.findings); i++)
		hit |= strstr(json_string_value(json_object_get(
				  json_array_get(c.findings, i), "text")),
			   words) != NULL;
	if (!words[0])
		hit = json_array_size(c.findings) != 0;
	json_decref(c.findings);
	return hit;
}

static void
tuf_9_4_hashes_are_of_the_two_kinds(void **state)
{
	(void)state;
	assert_false(role_found("sets/stable/a.json", NULL, ""));
	assert_true(role_found("sets/stable/a.json", "blake3", "blake3"));
	assert_true(role_found("sets/stable/a.json", "md5", "md5"));
}

static void
tuf_9_5_no_keys_of_kinds_that_others_do_not_know(void **state)
{
	auto_json json_t *part = NULL;
	json_t *keys;

	(void)state;
	first_tree();
	part = next_of("targets");
	keys = json_object_get(json_object_get(part, "delegations"), "keys");
	js_set(keys, "00ff",
	    json_pack("{s:s,s:s,s:{s:s}}", "keytype", "new", "scheme", "new",
		"keyval", "public", "x"));
	targets_refused(part, "kind");
}

static void
tuf_9_6_no_part_of_a_path_starts_with_a_dot(void **state)
{
	static const char *const bad[] = { ".a", "sets/.stable/a",
		"sets/stable/.a", "sets/../a", "./a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(path_ok(bad[i]));
		assert_true(role_found(bad[i], NULL, "disagree"));
	}
	assert_true(path_ok("sets/stable/a.json"));
}

static void
tuf_9_7_patterns_are_read_alike_by_everybody(void **state)
{
	static const char *const bad[] = { "transport/[ab]/*/*",
		"transport/{a,b}/*/*", "transport/!a/*/*", "transport/**/*" };

	(void)state;
	first_tree();
	/* Each is the next version: a refused one is on record once. */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		pattern_refused(bad[i]);
}

static void
tuf_9_8_target_paths_have_plain_characters(void **state)
{
	static const char *const bad[] = { "a b", "a%20b", "a\\b", "a:b", "a?",
		"a//b", "/a", "a/", "\xc3\xa9", "a*", "a\"b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(path_ok(bad[i]));
		assert_true(role_found(bad[i], NULL, "disagree"));
	}
	assert_true(path_ok("aZ09._+~-/x"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tuf_9_1_role_names_are_no_numbers),
		TEST(tuf_9_2_integers_stay_below_2_to_the_53),
		TEST(tuf_9_3_keys_of_objects_are_ascii),
		TEST(tuf_9_4_hashes_are_of_the_two_kinds),
		TEST(tuf_9_5_no_keys_of_kinds_that_others_do_not_know),
		TEST(tuf_9_6_no_part_of_a_path_starts_with_a_dot),
		TEST(tuf_9_7_patterns_are_read_alike_by_everybody),
		TEST(tuf_9_8_target_paths_have_plain_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
