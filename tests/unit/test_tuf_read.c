/* rooms: tests/support/tuf */
/* TUF section 4: what a file must look like before anybody trusts it. */
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
tuf_4_7_reads_every_field_of_root(void **state)
{
	auto_json json_t *j = good_root();
	auto_tuf struct tuf_file *f = try(TUF_ROOT, j);

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->version, 1);
	assert_int_equal(f->expires, 2051222400);
	assert_true(f->consistent_snapshot);
	assert_int_equal(f->nkeys, 2);
	assert_int_equal(f->nroles, 4);
	assert_int_equal(tuf_role_find(f, "root")->threshold, 2);
	assert_int_equal(tuf_role_find(f, "root")->nkeyids, 2);
	assert_true(tuf_key_find(f, keys[1].keyid)->usable);
	assert_true(f->signatures[0].usable);
}

static void
tuf_4_7_reads_every_field_of_targets(void **state)
{
	auto_json json_t *j = good_targets();
	auto_tuf struct tuf_file *f = NULL;
	const struct tuf_target *t;

	(void)state;
	js_set(json_object_get(json_object_get(j, "targets"), "a/b"), "custom",
	    json_pack("{s:i}", "serial", 7));
	f = try(TUF_TARGETS, j);
	assert_non_null(f);
	t = tuf_target_find(f, "a/b");
	assert_int_equal(t->length, 5);
	assert_true(t->has_sha256 && !t->has_sha512);
	assert_int_equal(
	    json_integer_value(json_object_get(t->custom, "serial")), 7);
	assert_null(tuf_target_find(f, "a"));
	assert_true(f->roles[0].terminating);
	assert_string_equal(f->roles[0].paths[0], "images/a/*/*");
}

static void
tuf_4_5_unknown_members_are_kept(void **state)
{
	auto_json json_t *j = good_root();
	auto_tuf struct tuf_file *f = NULL;

	(void)state;
	js_set_str(j, "signed_at", "x");
	js_set_str(
	    json_object_get(json_object_get(j, "roles"), "root"), "y", "z");
	f = try(TUF_ROOT, j);
	assert_non_null(f);
	assert_true(json_equal(f->signed_json, j));
}

static void
tuf_4_2_expires_must_be_exactly_a_utc_second(void **state)
{
	static const char *const bad[] = { "", "never", "2035-01-01",
		"2035-01-01T00:00:00.123Z", "2035-01-01T00:00:00",
		"2035-01-01T00:00:00+00:00", "2035-13-01T00:00:00Z",
		"2035-02-30T00:00:00Z", "2035-01-01 00:00:00Z",
		"2035-01-01T00:00:00Zx", "+035-01-01T00:00:00Z",
		"2035-01-01T24:00:00Z" };
	auto_json json_t *j = good_root();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_set_str(j, "expires", bad[i]);
		REFUSES(TUF_ROOT, j);
	}
	js_set_int(j, "expires", 2051222400);
	REFUSES(TUF_ROOT, j);
	json_object_del(j, "expires");
	REFUSES(TUF_ROOT, j);
}

static void
tuf_4_3_spec_version_counts_by_major_number_only(void **state)
{
	static const char *const good[] = { "1.0", "1.0.0", "1.0.34",
		"1.99.9" };
	static const char *const bad[] = { "", "1", "2.0.0", "0.9", "10.0.0",
		"1.", "1.0.0.0", "1.x", "v1.0", " 1.0", "1.0-rc" };
	auto_json json_t *j = good_root();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		js_set_str(j, "spec_version", good[i]);
		READS(TUF_ROOT, j);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_set_str(j, "spec_version", bad[i]);
		REFUSES(TUF_ROOT, j);
	}
}

static void
tuf_4_1_version_is_a_whole_number_above_zero(void **state)
{
	auto_json json_t *j = good_root();

	(void)state;
	js_set_int(j, "version", 0);
	REFUSES(TUF_ROOT, j);
	js_set_int(j, "version", -1);
	REFUSES(TUF_ROOT, j);
	js_set_bool(j, "version", true);
	REFUSES(TUF_ROOT, j);
	js_set_str(j, "version", "1");
	REFUSES(TUF_ROOT, j);
	js_set_int(j, "version", JS_INT_MAX);
	READS(TUF_ROOT, j);
}

static void
tuf_4_4_type_must_be_the_asked_one(void **state)
{
	auto_json json_t *root = good_root(), *targets = good_targets();

	(void)state;
	REFUSES(TUF_TARGETS, root);
	REFUSES(TUF_ROOT, targets);
	js_set_str(root, "_type", "Root");
	REFUSES(TUF_ROOT, root);
}

static void
tuf_5_8_3_repeated_keyid_in_signatures_refuses_the_file(void **state)
{
	struct tufmake_key twice[2] = { keys[0], keys[0] };
	auto_json json_t *j = good_root();
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	tufmake_sign(j, twice, 2, &b);
	assert_null(try_text(TUF_ROOT, b.data, b.len));
}

static void
tuf_4_7_timestamp_lists_snapshot(void **state)
{
	auto_json json_t *j = tufmake_timestamp(1, 1, NULL);

	(void)state;
	READS(TUF_TIMESTAMP, j);
	json_object_del(json_object_get(j, "meta"), "snapshot.json");
	REFUSES(TUF_TIMESTAMP, j);
}

static void
tuf_8_6_1_hashes_have_exact_length_and_lower_case(void **state)
{
	auto_json json_t *j = good_targets();
	json_t *t = json_object_get(json_object_get(j, "targets"), "a/b");

	(void)state;
	js_set(t, "hashes", json_object());
	REFUSES(TUF_TARGETS, j);
	js_set(t, "hashes", json_pack("{s:s}", "sha256", "aa"));
	REFUSES(TUF_TARGETS, j);
	js_set(t, "hashes", json_pack("{s:s}", "sha512", "aa"));
	REFUSES(TUF_TARGETS, j);
	js_set(t, "hashes", json_pack("{s:i}", "md5", 3));
	REFUSES(TUF_TARGETS, j);
	/* Known by nobody here: kept, and refused when it is to be used. */
	js_set(t, "hashes", json_pack("{s:s}", "blake3", "aa"));
	READS(TUF_TARGETS, j);
}

/* Blanks are JSON's own, so only the size can be what is wrong. */
static void
limit_holds(enum tuf_type type, const json_t *j, size_t limit)
{
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(j, keys, 1, &b);
	while (b.len < limit)
		buf_char(&b, ' ');
	{
		auto_tuf struct tuf_file *f = try_text(type, b.data, b.len);

		assert_non_null(f);
	}
	buf_char(&b, ' ');
	assert_null(try_text(type, b.data, b.len));
}

static void
tuf_5_3_3_root_has_a_size_limit(void **state)
{
	auto_json json_t *j = good_root();

	(void)state;
	limit_holds(TUF_ROOT, j, TUF_ROOT_MAX);
}

static void
tuf_5_4_1_timestamp_has_a_size_limit(void **state)
{
	auto_json json_t *j = tufmake_timestamp(1, 1, NULL);

	(void)state;
	limit_holds(TUF_TIMESTAMP, j, TUF_TIMESTAMP_MAX);
}

static void
tuf_5_5_1_snapshot_has_a_size_limit(void **state)
{
	auto_json json_t *j = tufmake_snapshot(1);

	(void)state;
	limit_holds(TUF_SNAPSHOT, j, TUF_SNAPSHOT_MAX);
}

static void
tuf_5_6_2_targets_have_a_size_limit(void **state)
{
	auto_json json_t *j = good_targets();

	(void)state;
	limit_holds(TUF_TARGETS, j, TUF_TARGETS_MAX);
}

static void
tuf_8_5_3_what_is_not_strict_json_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "null", "[]", "3", "\"x\"",
		"{}", "{\"signed\":{},\"signed\":{}}", "{\"signed\":1.5}",
		"{\"signed\":{},\"signatures\":[]} x", "{\"signed\":1e3}",
		"{\"signed\":9223372036854775808}",
		"{\"signed\":{\"version\":-0},\"signatures\":[]}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}",
		"{\"a\":\"\xff\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(try_text(TUF_ROOT, bad[i], strlen(bad[i])));
}

static void
tuf_8_5_4_deep_nesting_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_char(&b, '[');
	assert_null(try_text(TUF_ROOT, b.data, b.len));
}

static void
read_whole(enum tuf_type type, const json_t *whole)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	js_text(whole, false, &b);
	tuf_file_free(tuf_read(type, "bent", b.data, b.len, &err));
}

static void bend(enum tuf_type, json_t *whole, json_t *at, size_t *tried);

/* One member: of every other kind in turn, and missing; then what is in it. */
static void
bend_member(enum tuf_type type, json_t *whole, json_t *at, const char *key,
    size_t *tried)
{
	static const char *const kinds[] = { "null", "true", "-1", "\"x\"",
		"[[]]", "{\"a\":{}}" };
	auto_json json_t *old = json_incref(json_object_get(at, key));

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		js_set(at, key, json_loads(kinds[i], JSON_DECODE_ANY, NULL));
		read_whole(type, whole);
		(*tried)++;
	}
	json_object_del(at, key);
	read_whole(type, whole);
	js_set(at, key, json_incref(old));
	bend(type, whole, old, tried);
}

static void
bend(enum tuf_type type, json_t *whole, json_t *at, size_t *tried)
{
	char *names[64];
	size_t n = 0;

	for (void *it = json_object_iter(at); it && n < ARRAY_LEN(names);
	     it = json_object_iter_next(at, it))
		names[n++] = mem_str(json_object_iter_key(it));
	for (size_t i = 0; i < n; i++) {
		bend_member(type, whole, at, names[i], tried);
		free(names[i]);
	}
	for (size_t i = 0; i < json_array_size(at); i++)
		bend(type, whole, json_array_get(at, i), tried);
}

static void
tuf_4_7_wrong_shapes_never_crash(void **state)
{
	auto_json json_t *root = good_root(), *targets = good_targets();
	auto_json json_t *ts = tufmake_timestamp(1, 1, &(struct buf)BUF_INIT);
	const json_t *all[] = { root, targets, ts };
	const enum tuf_type types[] = { TUF_ROOT, TUF_TARGETS, TUF_TIMESTAMP };
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		auto_buf struct buf b = BUF_INIT;
		auto_json json_t *whole = NULL;
		struct err err = ERR_INIT;

		tufmake_sign(all[i], keys, 2, &b);
		whole = js_parse("whole", b.data, b.len, &err);
		assert_non_null(whole);
		bend(types[i], whole, whole, &tried);
	}
	assert_true(tried > 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tuf_4_7_reads_every_field_of_root),
		cmocka_unit_test(tuf_4_7_reads_every_field_of_targets),
		cmocka_unit_test(tuf_4_5_unknown_members_are_kept),
		cmocka_unit_test(tuf_4_2_expires_must_be_exactly_a_utc_second),
		cmocka_unit_test(
		    tuf_4_3_spec_version_counts_by_major_number_only),
		cmocka_unit_test(tuf_4_1_version_is_a_whole_number_above_zero),
		cmocka_unit_test(tuf_4_4_type_must_be_the_asked_one),
		cmocka_unit_test(
		    tuf_5_8_3_repeated_keyid_in_signatures_refuses_the_file),
		cmocka_unit_test(tuf_4_7_timestamp_lists_snapshot),
		cmocka_unit_test(
		    tuf_8_6_1_hashes_have_exact_length_and_lower_case),
		cmocka_unit_test(tuf_5_3_3_root_has_a_size_limit),
		cmocka_unit_test(tuf_5_4_1_timestamp_has_a_size_limit),
		cmocka_unit_test(tuf_5_5_1_snapshot_has_a_size_limit),
		cmocka_unit_test(tuf_5_6_2_targets_have_a_size_limit),
		cmocka_unit_test(tuf_8_5_3_what_is_not_strict_json_is_refused),
		cmocka_unit_test(tuf_8_5_4_deep_nesting_is_refused),
		cmocka_unit_test(tuf_4_7_wrong_shapes_never_crash),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
