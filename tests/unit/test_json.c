#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"

static void
refused(const char *text, size_t n, const char *msg)
{
	struct err e = ERR_INIT;
	auto_json json_t *j = js_parse("f", text, n, &e);

	assert_null(j);
	assert_int_equal(e.cls, ERR_INPUT);
	if (strncmp(e.msg, msg, strlen(msg)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", e.msg, msg);
}

static void
refused_str(const char *text, const char *msg)
{
	refused(text, strlen(text), msg);
}

static void
accepted(const char *text)
{
	struct err e = ERR_INIT;
	auto_json json_t *j = js_parse("f", text, strlen(text), &e);

	if (!j)
		fail_msg("%s", e.msg);
}

static void
repeated_keys_are_refused(void **state)
{
	(void)state;
	refused_str("{\"a\":1,\n \"a\":2}", "f:2:4: duplicate object key");
	refused_str(
	    "{\"a\":{\"b\":1,\"\\u0062\":2}}", "f:1:20: duplicate object key");
}

static void
trailing_bytes_are_refused(void **state)
{
	(void)state;
	refused_str("{}x", "f:1:3: end of file expected");
	refused_str("{}\n{}", "f:2:1: end of file expected");
	refused("{}\0", 3, "f:1:");
	accepted("{} \n");
}

static void
numbers_with_fraction_or_exponent_are_refused(void **state)
{
	(void)state;
	refused_str(
	    "{\"a\": 1.0}", "f:1:7: number with a fraction or exponent");
	refused_str(
	    "[1,\n2,\n  3e5]", "f:3:3: number with a fraction or exponent");
	refused_str("[1E5]", "f:1:2: number with a fraction or exponent");
	refused_str("[-0.5]", "f:1:2: number with a fraction or exponent");
	refused_str("[-0]", "f:1:2: -0 is not a number here");
	refused_str("[01]", "f:1:");
	refused_str("[-]", "f:1:");
	accepted("[\"1.0 and 3e5\", 0, -1, 10]");
}

static void
integers_from_2_to_the_53_are_refused(void **state)
{
	(void)state;
	accepted("[9007199254740991, -9007199254740991]");
	refused_str("[9007199254740992]", "f:1:2: integer beyond 2^53");
	refused_str("[-9007199254740992]", "f:1:2: integer beyond 2^53");
	refused_str("{\"v\":99999999999999999999999999999999}",
	    "f:1:6: integer beyond 2^53");
	accepted("[\"9007199254740992\"]");
}

static void
more_than_64_levels_are_refused(void **state)
{
	char text[400] = "";

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	accepted(text);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	refused_str(text, "f:1:65: more than 64 levels");
	/* Brackets in a string are no levels. */
	memset(text, '[', 200);
	text[0] = '[';
	text[1] = '"';
	text[10] = '\\';
	text[11] = '"';
	memcpy(text + 200, "\"]", 3);
	accepted(text);
}

static void
bad_utf8_nul_and_lone_surrogates_are_refused(void **state)
{
	(void)state;
	refused("[\"a\xff\"]", 6, "f:1:");
	refused("[\"\xc0\xaf\"]", 6, "f:1:");
	refused("[\"a\0b\"]", 7, "f:1:");
	refused_str("[\"\\u0000\"]", "f:1:");
	refused_str("[\"\\ud800\"]", "f:1:");
	refused_str("[\"\\ud800x\"]", "f:1:");
	refused_str("[\"\\udc00\"]", "f:1:");
	refused_str("[\"a\nb\"]", "f:1:");
	accepted("[\"\\ud83d\\ude00\", \"\\/\"]");
}

static void
what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "{", "[", "[1", "[\"a",
		"[\"a\\", "{\"a\"}", "[1,]", "{\"a\":1,}", "'a'", "nul",
		"[1 2]", "]", "}", "[}", "/* */ []", "\xef\xbb\xbf[]", "1",
		"\"a\"", "[NaN]", "[+1]", "[.5]", "[1.]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused_str(bad[i], "f:");
}

static void
a_record_has_its_kind_and_a_known_version(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{ "{\"kind\":\"kiln/plan\",\"v\":1}",
		    "f: kind is \"kiln/plan\", not \"kiln/lock\"" },
		{ "{\"kind\":\"kiln/lock\",\"v\":3}",
		    "f: \"v\" is 3, not from 1 to 2" },
		{ "{\"kind\":\"kiln/lock\",\"v\":0}",
		    "f: \"v\" is 0, not from 1 to 2" },
		{ "{\"kind\":\"kiln/lock\"}", "f: \"v\" is missing" },
		{ "{\"kind\":\"kiln/lock\",\"v\":\"1\"}",
		    "f: \"v\" is a string, not a whole number" },
		{ "{\"v\":1}", "f: \"kind\" is missing" },
		{ "[]", "f: not an object" },
	};
	static const char good[] = "{\"kind\":\"kiln/lock\",\"v\":2}";
	struct err e = ERR_INIT;
	json_t *j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		j = js_record(
		    "f", "kiln/lock", 2, bad[i].text, strlen(bad[i].text), &e);
		assert_null(j);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_string_equal(e.msg, bad[i].msg);
	}
	j = js_record("f", "kiln/lock", 2, good, strlen(good), &e);
	assert_non_null(j);
	json_decref(j);
}

static void
members_must_be_there_and_of_their_type(void **state)
{
	char small[32];
	static const char text[] =
	    "{\"s\":\"x\",\"i\":5,\"a\":[],\"o\":{},\"h\":\"ba7816bf8f01cfea41"
	    "4140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"n\":null}";
	static const char *const keys[] = { "s", "i", "a", "o", "h", NULL };
	struct err e = ERR_INIT;
	auto_json json_t *j = js_parse("f", text, strlen(text), &e);
	json_t *sub;
	const char *s;
	struct hash h;
	int64_t v;

	(void)state;
	assert_int_equal(js_str("f", j, "s", &s, &e), 0);
	assert_string_equal(s, "x");
	assert_int_equal(js_int("f", j, "i", 5, 5, &v, &e), 0);
	assert_int_equal(v, 5);
	assert_int_equal(js_int("f", j, "i", 6, 9, &v, &e), -1);
	assert_int_equal(js_array("f", j, "a", &sub, &e), 0);
	assert_int_equal(js_object("f", j, "o", &sub, &e), 0);
	assert_int_equal(js_copy("f", j, "s", small, strlen(s) + 1, &e), 0);
	assert_string_equal(small, s);
	assert_int_equal(js_copy("f", j, "s", small, strlen(s), &e), -1);
	assert_non_null(strstr(e.msg, "s is too long"));
	assert_int_equal(js_copy("f", j, "n", small, sizeof(small), &e), -1);
	assert_int_equal(js_hash("f", j, "h", &h, &e), 0);
	assert_int_equal(js_hash("f", j, "s", &h, &e), -1);
	assert_string_equal(
	    e.msg, "f: \"s\" is not a digest of 64 lower-case hex digits");
	assert_int_equal(js_str("f", j, "n", &s, &e), -1);
	assert_string_equal(e.msg, "f: \"n\" is null, not a string");
	assert_int_equal(js_object("f", j, "a", &sub, &e), -1);
	assert_int_equal(js_array("f", j, "none", &sub, &e), -1);
	assert_string_equal(e.msg, "f: \"none\" is missing");
	assert_int_equal(js_only("f", j, keys, &e), -1);
	assert_string_equal(e.msg, "f: unknown key \"n\"");
	json_object_del(j, "n");
	assert_int_equal(js_only("f", j, keys, &e), 0);
}

static void
what_was_set_is_written(void **state)
{
	auto_json json_t *j = js_record_new("kiln/x", 1);
	auto_buf struct buf b = BUF_INIT;
	struct hash h;

	(void)state;
	memset(h.b, 0xab, 32);
	js_set_str(j, "s", "a\"b");
	js_set_str(j, "bad",
	    "ok\xff"
	    "ü\xc3");
	js_set_str(j, "none", NULL);
	js_set_int(j, "i", -3);
	js_set_bool(j, "t", true);
	js_set_hash(j, "h", &h);
	js_set(j, "a", json_array());
	buf_str(&b, "= ");
	js_text(j, false, &b);
	assert_string_equal(b.data,
	    "= {\"kind\":\"kiln/x\",\"v\":1,\"s\":\"a\\\"b\","
	    "\"bad\":\"ok\xef\xbf\xbdü\xef\xbf\xbd\",\"none\":null,\"i\":-3,"
	    "\"t\":true,\"h\":\"abababababababababababababababababababababab"
	    "abababababababababab\",\"a\":[]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeated_keys_are_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(numbers_with_fraction_or_exponent_are_refused),
		cmocka_unit_test(integers_from_2_to_the_53_are_refused),
		cmocka_unit_test(more_than_64_levels_are_refused),
		cmocka_unit_test(bad_utf8_nul_and_lone_surrogates_are_refused),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_record_has_its_kind_and_a_known_version),
		cmocka_unit_test(members_must_be_there_and_of_their_type),
		cmocka_unit_test(what_was_set_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
