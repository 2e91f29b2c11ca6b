/* rooms: tests/support/tuf */
/*
 * Checklist 8, end to end: files as others may publish them, signed over
 * bytes that are written out here and not by our own canon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf/tufmake.h"

static struct tufmake_key key;

/*
 * A root whose member "zz" stands in the file as `text` and in the signed
 * bytes as `canonical`.  How many keys signed it; -1: refused by the reader.
 */
static int
signed_with(const char *text, const char *canonical)
{
	auto_json json_t *j = tufmake_root(1);
	auto_buf struct buf part = BUF_INIT, bytes = BUF_INIT, file = BUF_INIT;
	char hex[2 * sizeof(struct sig) + 1];
	auto_tuf struct tuf_file *f = NULL;
	struct err err = ERR_INIT;
	struct sig sig;

	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		tufmake_root_role(j, tuf_type_name(i), &key, 1, 1);
	/* All else in it is plain, and its canonical form is what we write. */
	assert_int_equal(canon_json(j, &part, &err), 0);
	assert_int_equal(part.data[part.len - 1], '}');
	buf_printf(
	    &bytes, "%.*s,\"zz\":%s}", (int)part.len - 1, part.data, canonical);
	sig_sign(&key.seed, bytes.data, bytes.len, &sig);
	hex_encode(hex, sig.b, sizeof(sig.b));
	buf_printf(&file,
	    "{\"signed\": %.*s, \"zz\" :\n%s },"
	    " \"signatures\":[{\"sig\":\"%s\",\"keyid\":\"%s\"}]}",
	    (int)part.len - 1, part.data, text, hex, key.keyid);
	f = tuf_read(TUF_ROOT, "root", file.data, file.len, &err);
	return f ? (int)tuf_keys_signed(f, "root", f) : -1;
}

static void
counts(const char *text, const char *canonical)
{
	assert_int_equal(signed_with(text, canonical), 1);
}

static void
refuses(const char *text)
{
	assert_int_equal(signed_with(text, text), -1);
}

static void
tuf_8_1_1_only_quote_and_backslash_are_escaped(void **state)
{
	(void)state;
	counts("\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"");
	counts("\"\\n\\t\\u0001\\u007f\"", "\"\n\t\x01\x7f\"");
	counts("\"\\u2028\\ud83d\\ude00\"", "\"\xe2\x80\xa8\xf0\x9f\x98\x80\"");
	/* What others would sign: escaped as JSON asks for. */
	assert_int_equal(signed_with("\"\\n\"", "\"\\n\""), 0);
	assert_int_equal(signed_with("\"\\u2028\"", "\"\\u2028\""), 0);
}

static void
tuf_8_1_2_what_we_sign_is_json_all_the_same(void **state)
{
	auto_json json_t *line = json_pack("{s:s}", "a", "b\nc");
	auto_json json_t *plain = json_pack("{s:s}", "a", "b\"c\\");
	auto_buf struct buf b = BUF_INIT;
	auto_json json_t *back = NULL;
	struct err err = ERR_INIT;

	(void)state;
	/* Ours never needs a character whose raw form is no JSON. */
	assert_int_equal(canon_json(line, &b, &err), -1);
	assert_int_equal(canon_json(plain, &b, &err), 0);
	back = js_parse("canonical", b.data, b.len, &err);
	assert_true(json_equal(back, plain));
}

static void
tuf_8_2_1_escapes_and_surrogate_pairs_are_decoded(void **state)
{
	(void)state;
	counts("\"\\u0041\\/\\u00e9\\uD83D\\uDE00\"",
	    "\"A/\xc3\xa9\xf0\x9f\x98\x80\"");
	counts("{\"\\u0061\": 1}", "{\"a\":1}");
}

static void
tuf_8_2_2_an_embedded_nul_is_refused_not_cut_at(void **state)
{
	(void)state;
	refuses("\"a\\u0000b\"");
	refuses("{\"a\\u0000b\":1}");
}

static void
tuf_8_2_3_nothing_is_normalised(void **state)
{
	(void)state;
	/* e and a combining accent stay two; é stays one */
	counts("\"e\\u0301\"", "\"e\xcc\x81\"");
	assert_int_equal(signed_with("\"e\\u0301\"", "\"\xc3\xa9\""), 0);
}

static void
tuf_8_3_1_keys_sort_by_code_point(void **state)
{
	(void)state;
	/* By UTF-16 units U+1F600 would stand before U+FF5E. */
	counts("{\"\\ud83d\\ude00\":1,\"\\uff5e\":2,\"b\":3,\"aa\":4,\"a\":5}",
	    "{\"a\":5,\"aa\":4,\"b\":3,\"\xef\xbd\x9e\":2,"
	    "\"\xf0\x9f\x98\x80\":1}");
	counts("{\"10\":1,\"9\":2,\"A\":3,\"_\":4}",
	    "{\"10\":1,\"9\":2,\"A\":3,\"_\":4}");
}

static void
tuf_8_3_2_our_own_keys_are_ascii(void **state)
{
	auto_json json_t *j = json_pack("{s:i}", "\xc3\xa9", 1);
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(canon_json(j, &b, &err), -1);
}

static void
tuf_8_4_1_numbers_are_plain_integers(void **state)
{
	static const char *const bad[] = { "1.0", "1e3", "1E0", "-0", "01",
		"-01", "+1", "0x1", ".5", "1.", "NaN" };

	(void)state;
	counts("[0, -1, 10]", "[0,-1,10]");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses(bad[i]);
}

static void
tuf_8_4_2_no_integer_goes_through_a_double(void **state)
{
	(void)state;
	/* One more is where doubles begin to skip. */
	counts("9007199254740991", "9007199254740991");
	counts("-9007199254740991", "-9007199254740991");
	refuses("9007199254740992");
	refuses("9007199254740993");
	refuses("18446744073709551617");
}

static void
tuf_8_5_1_what_was_parsed_is_verified_with_every_member(void **state)
{
	static const char deep[] = "{\"a\":[true,false,null,{\"b\":\"c\"}]}";

	(void)state;
	counts(" {\"a\" : [true, false,\n null, {\"b\":\"c\"} ] }", deep);
	assert_int_equal(
	    signed_with("{\"a\":[true,false,null,{\"b\":\"d\"}]}", deep), 0);
	assert_int_equal(signed_with("{}", deep), 0);
}

static void
tuf_8_5_2_repeated_members_are_refused(void **state)
{
	(void)state;
	refuses("{\"a\":1,\"a\":1}");
	refuses("{\"a\":{\"b\":1,\"\\u0062\":2}}");
	/* beside the "zz" that is there */
	refuses("1,\"zz\":1");
}

static void
tuf_8_5_3_bad_utf8_and_lone_surrogates_are_refused(void **state)
{
	static const char *const bad[] = { "\"\xff\"", "\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"",
		"\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\"",
		"\"\\ude00\\ud83d\"", "\"a\nb\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses(bad[i]);
}

static void
tuf_8_5_4_nesting_is_limited(void **state)
{
	char text[200];

	(void)state;
	/* "signed" and the file around it are two levels */
	memset(text, '[', 62);
	memset(text + 62, ']', 62);
	text[124] = '\0';
	counts(text, text);
	memset(text, '[', 63);
	memset(text + 63, ']', 63);
	text[126] = '\0';
	refuses(text);
}

/* A good file, its signature rewritten. */
static size_t
good_with_sig(void (*bend)(struct buf *hex))
{
	auto_json json_t *j = tufmake_root(1);
	auto_json json_t *whole = NULL;
	auto_buf struct buf b = BUF_INIT, hex = BUF_INIT, out = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	struct err err = ERR_INIT;
	json_t *first;

	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		tufmake_root_role(j, tuf_type_name(i), &key, 1, 1);
	tufmake_sign(j, &key, 1, &b);
	whole = js_parse("root", b.data, b.len, &err);
	first = json_array_get(json_object_get(whole, "signatures"), 0);
	buf_str(&hex, json_string_value(json_object_get(first, "sig")));
	if (bend)
		bend(&hex);
	js_set_str(first, "sig", hex.data);
	js_text(whole, false, &out);
	f = tuf_read(TUF_ROOT, "root", out.data, out.len, &err);
	assert_non_null(f);
	return tuf_keys_signed(f, "root", f);
}

static void
upper(struct buf *hex)
{
	for (size_t i = 0; i < hex->len; i++)
		if (hex->data[i] >= 'a' && hex->data[i] <= 'f')
			hex->data[i] = (char)(hex->data[i] - 'a' + 'A');
}

static void
longer(struct buf *hex)
{
	buf_str(hex, "00");
}

static void
odd(struct buf *hex)
{
	buf_char(hex, '0');
}

static void
shorter(struct buf *hex)
{
	hex->len -= 2;
	hex->data[hex->len] = '\0';
}

static void
spaced(struct buf *hex)
{
	hex->data[0] = ' ';
}

static void
tuf_8_6_1_hex_is_lower_case(void **state)
{
	(void)state;
	assert_int_equal(good_with_sig(NULL), 1);
	assert_int_equal(good_with_sig(upper), 0);
	assert_int_equal(good_with_sig(spaced), 0);
}

static void
tuf_8_6_2_signatures_have_their_exact_length(void **state)
{
	(void)state;
	assert_int_equal(good_with_sig(longer), 0);
	assert_int_equal(good_with_sig(shorter), 0);
	assert_int_equal(good_with_sig(odd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    tuf_8_1_1_only_quote_and_backslash_are_escaped),
		cmocka_unit_test(tuf_8_1_2_what_we_sign_is_json_all_the_same),
		cmocka_unit_test(
		    tuf_8_2_1_escapes_and_surrogate_pairs_are_decoded),
		cmocka_unit_test(
		    tuf_8_2_2_an_embedded_nul_is_refused_not_cut_at),
		cmocka_unit_test(tuf_8_2_3_nothing_is_normalised),
		cmocka_unit_test(tuf_8_3_1_keys_sort_by_code_point),
		cmocka_unit_test(tuf_8_3_2_our_own_keys_are_ascii),
		cmocka_unit_test(tuf_8_4_1_numbers_are_plain_integers),
		cmocka_unit_test(tuf_8_4_2_no_integer_goes_through_a_double),
		cmocka_unit_test(
		    tuf_8_5_1_what_was_parsed_is_verified_with_every_member),
		cmocka_unit_test(tuf_8_5_2_repeated_members_are_refused),
		cmocka_unit_test(
		    tuf_8_5_3_bad_utf8_and_lone_surrogates_are_refused),
		cmocka_unit_test(tuf_8_5_4_nesting_is_limited),
		cmocka_unit_test(tuf_8_6_1_hex_is_lower_case),
		cmocka_unit_test(tuf_8_6_2_signatures_have_their_exact_length),
	};

	tufmake_key(&key, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
