#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/canon.h"
#include "lib/json.h"

static json_t *
parse(const char *text)
{
	struct err e = ERR_INIT;
	json_t *j = js_parse("f", text, strlen(text), &e);

	if (!j)
		fail_msg("%s", e.msg);
	return j;
}

static void
ours_is(const char *text, const char *want)
{
	auto_json json_t *j = parse(text);
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	if (canon_json(j, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(b.data, want);
	/* What we sign is JSON, and canonical already. */
	if (strcmp(text, want) != 0)
		ours_is(want, want);
}

static void
foreign_is(const char *text, const char *want)
{
	auto_json json_t *j = parse(text);
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	if (canon_foreign(j, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(b.data, want);
}

static void
ours_refuses(const char *text, const char *msg)
{
	auto_json json_t *j = parse(text);
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	buf_str(&b, "before");
	assert_int_equal(canon_json(j, &b, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_string_equal(e.msg, msg);
	assert_string_equal(b.data, "before");
}

static void
keys_are_sorted_and_blanks_gone(void **state)
{
	(void)state;
	ours_is("{ }", "{}");
	ours_is("[ ]", "[]");
	ours_is("{\"b\": 1, \"a\": [1, -2, true, false, null]}",
	    "{\"a\":[1,-2,true,false,null],\"b\":1}");
	ours_is("{\"a\":{\"z\":{},\"aa\":0,\"a\":1,\"A\":2,\"_\":3,\"1\":4}}",
	    "{\"a\":{\"1\":4,\"A\":2,\"_\":3,\"a\":1,\"aa\":0,\"z\":{}}}");
	/* A shorter key comes before what it begins, whatever follows. */
	ours_is(
	    "{\"a/b\":1,\"a\":2,\"a b\":3}", "{\"a\":2,\"a b\":3,\"a/b\":1}");
	ours_is("{\"10\":1,\"9\":2}", "{\"10\":1,\"9\":2}");
}

static void
only_quote_and_backslash_are_escaped(void **state)
{
	(void)state;
	ours_is("[\"a\\\"b\\\\c\\/d\"]", "[\"a\\\"b\\\\c/d\"]");
	ours_is("[\"\\u00e9\\ud83d\\ude00\\u2028\"]",
	    "[\"\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8\"]");
	/* Nothing is normalised: e and a combining accent stay two. */
	ours_is("[\"e\\u0301\"]", "[\"e\xcc\x81\"]");
	ours_is("[\"<&>'\"]", "[\"<&>'\"]");
}

static void
foreign_control_characters_are_raw(void **state)
{
	(void)state;
	foreign_is("[\"a\\nb\\t\\u0001\\u007f\"]", "[\"a\nb\t\x01\x7f\"]");
	foreign_is("{\"k\\n\":\"\\b\"}", "{\"k\n\":\"\b\"}");
}

static void
foreign_keys_sort_by_code_point(void **state)
{
	(void)state;
	/* By UTF-16 units U+1F600 (d83d…) would come before U+FF5E. */
	foreign_is("{\"\\ud83d\\ude00\":1,\"\\uff5e\":2,\"z\":3,"
		   "\"\\u00e9\":4}",
	    "{\"z\":3,\"\xc3\xa9\":4,\"\xef\xbd\x9e\":2,"
	    "\"\xf0\x9f\x98\x80\":1}");
}

static void
ours_has_no_control_characters_and_ascii_keys(void **state)
{
	(void)state;
	ours_refuses("[\"a\\nb\"]", "control character in \"a b\"");
	ours_refuses("[\"a\\u007fb\"]", "control character in \"a?b\"");
	ours_refuses("{\"a\\tb\":1}", "control character in \"a b\"");
	ours_refuses("{\"\\u00e9\":1}", "key \"é\" is not ASCII");
}

static void
reals_and_large_integers_are_refused(void **state)
{
	static const char want[] =
	    "canonical JSON has no numbers with a fraction or exponent";
	auto_json json_t *j = json_pack("{s:f}", "a", 1.0);
	auto_json json_t *large = json_pack("[I]", JS_INT_MAX + 1);
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(canon_json(j, &b, &e), -1);
	assert_string_equal(e.msg, want);
	assert_int_equal(canon_foreign(j, &b, &e), -1);
	assert_string_equal(e.msg, want);
	assert_int_equal(canon_json(large, &b, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_int_equal(b.len, 0);
}

static void
nesting_has_an_end(void **state)
{
	auto_json json_t *j = json_array();
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 1; i < 64; i++) {
		json_t *outer = json_array();

		json_array_append_new(outer, j);
		j = outer;
	}
	assert_int_equal(canon_json(j, &b, &e), 0);
	assert_int_equal(b.len, 128);
	j = json_pack("[o]", j);
	assert_int_equal(canon_json(j, &b, &e), -1);
	assert_string_equal(e.msg, "more than 64 levels of JSON");
}

static void
the_hash_is_that_of_the_canonical_bytes(void **state)
{
	auto_json json_t *j = parse("{\"b\":1,\"a\":[]}");
	struct err e = ERR_INIT;
	struct hash h, want;

	(void)state;
	assert_int_equal(canon_hash(j, &h, &e), 0);
	hash_bytes(&want, "{\"a\":[],\"b\":1}", 14);
	assert_true(hash_equal(&h, &want));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_sorted_and_blanks_gone),
		cmocka_unit_test(only_quote_and_backslash_are_escaped),
		cmocka_unit_test(foreign_control_characters_are_raw),
		cmocka_unit_test(foreign_keys_sort_by_code_point),
		cmocka_unit_test(ours_has_no_control_characters_and_ascii_keys),
		cmocka_unit_test(reals_and_large_integers_are_refused),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(the_hash_is_that_of_the_canonical_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
