#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/hex.h"

static void
an_empty_buf_is_an_empty_string_without_memory(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	assert_string_equal(b.data, "");
	buf_add(&b, "", 0);
	buf_printf(&b, "%s", "");
	buf_clear(&b);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_release(&b);
	assert_int_equal(buf_empty[0], 0);
}

static void
a_buf_grows_and_is_always_ended(void **state)
{
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		buf_char(&b, (char)('a' + i % 26));
		assert_int_equal(b.data[b.len], 0);
		assert_true(b.len < b.cap);
	}
	assert_int_equal(b.len, 10000);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	buf_printf(&b, "%d-%s", 12, "ab");
	buf_str(&b, "c");
	assert_string_equal(b.data, "12-abc");
}

static void
a_buf_holds_nul_bytes(void **state)
{
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	assert_true(span_equal(span_buf(&b), (struct span){ "a\0b", 3 }));
	assert_false(span_is(span_buf(&b), "a"));
}

static void
taking_leaves_an_empty_buf(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	char *s;

	(void)state;
	buf_str(&b, "mine");
	s = buf_take(&b);
	assert_string_equal(s, "mine");
	assert_int_equal(b.len, 0);
	buf_str(&b, "other");
	assert_string_equal(s, "mine");
	free(s);
}

static void
spans_are_cut_at_the_separator(void **state)
{
	char copy[4];
	struct span rest = span_str("a,,bc"), f;

	(void)state;
	assert_true(span_next(&rest, ',', &f));
	assert_true(span_is(f, "a"));
	assert_true(span_next(&rest, ',', &f));
	assert_true(span_is(f, ""));
	assert_true(span_next(&rest, ',', &f));
	assert_true(span_is(f, "bc"));
	assert_false(span_next(&rest, ',', &f));
	assert_true(span_is(span_trim(span_str(" \t x y\t ")), "x y"));
	assert_true(span_copy(span_str("abc"), copy, sizeof(copy)));
	assert_string_equal(copy, "abc");
	assert_false(span_copy(span_str("abcd"), copy, sizeof(copy)));
	assert_string_equal(copy, "abc");
	assert_true(span_copy((struct span){ NULL, 0 }, copy, 1));
	assert_string_equal(copy, "");
	rest = span_str("abc  abcd");
	assert_true(span_word(&rest, copy, sizeof(copy)));
	assert_string_equal(copy, "abc");
	assert_false(span_word(&rest, copy, sizeof(copy))); /* two blanks */
	assert_false(span_word(&rest, copy, sizeof(copy)));
	assert_false(span_word(&rest, copy, sizeof(copy)));
	assert_string_equal(copy, "abc");
	assert_true(span_is(span_trim(span_str(" \t ")), ""));
	assert_true(span_begins(span_str("{"), '{'));
	assert_true(span_begins(span_str(" \r\n\t{}"), '{'));
	assert_false(span_begins(span_str("<{"), '{'));
	assert_false(span_begins(span_str(" \n"), '{'));
	assert_false(span_begins(span_str(""), '{'));
	assert_false(span_begins((struct span){ "\0{", 2 }, '{'));
}

static void
hex_is_lower_case_and_of_exact_length(void **state)
{
	uint8_t b[3] = { 9, 9, 9 };
	char out[7];

	(void)state;
	hex_encode(out, (const uint8_t *)"\x00\xaf\x10", 3);
	assert_string_equal(out, "00af10");
	assert_true(hex_decode(b, 3, "00af10", 6));
	assert_memory_equal(b, "\x00\xaf\x10", 3);
	assert_false(hex_decode(b, 3, "00AF10", 6));
	assert_false(hex_decode(b, 3, "00af1", 5));
	assert_false(hex_decode(b, 3, "00af1g", 6));
	assert_false(hex_decode(b, 3, "00af1011", 8));
	assert_memory_equal(b, "\x00\xaf\x10", 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_empty_buf_is_an_empty_string_without_memory),
		cmocka_unit_test(a_buf_grows_and_is_always_ended),
		cmocka_unit_test(a_buf_holds_nul_bytes),
		cmocka_unit_test(taking_leaves_an_empty_buf),
		cmocka_unit_test(spans_are_cut_at_the_separator),
		cmocka_unit_test(hex_is_lower_case_and_of_exact_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
