#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/num.h"

static void
integers_are_read_up_to_both_ends_of_int64(void **state)
{
	struct err e = ERR_INIT;
	int64_t v;

	(void)state;
	assert_int_equal(num_int("0", 0, 9, &v, &e), 0);
	assert_true(v == 0);
	assert_int_equal(
	    num_int("9223372036854775807", INT64_MIN, INT64_MAX, &v, &e), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(
	    num_int("-9223372036854775808", INT64_MIN, INT64_MAX, &v, &e), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(
	    num_int("9223372036854775808", INT64_MIN, INT64_MAX, &v, &e), -1);
	assert_int_equal(
	    num_int("-9223372036854775809", INT64_MIN, INT64_MAX, &v, &e), -1);
	assert_int_equal(
	    num_int("99999999999999999999999999", INT64_MIN, INT64_MAX, &v, &e),
	    -1);
	assert_true(v == INT64_MIN);
}

static void
anything_but_a_whole_number_is_refused(void **state)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x",
		"0x1", "1.0", "1e3", "--1", "\xd9\xa1" };
	struct err e = ERR_INIT;
	int64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    num_int(bad[i], INT64_MIN, INT64_MAX, &v, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_true(v == 7);
	}
	assert_int_equal(num_int("10", 1, 9, &v, &e), -1);
	assert_string_equal(e.msg, "10 is not from 1 to 9");
	assert_int_equal(num_int("x", 1, 9, &v, &e), -1);
	assert_string_equal(e.msg, "\"x\" is not a whole number");
}

static void
a_number_of_foreign_bytes_is_all_of_them(void **state)
{
	int64_t v = 5;

	(void)state;
	assert_true(num_span((struct span){ "42 and more", 2 }, 0, 50, &v));
	assert_int_equal(v, 42);
	assert_true(
	    num_span(span_str("-9223372036854775808"), INT64_MIN, 0, &v));
	assert_true(v == INT64_MIN);
	assert_false(num_span((struct span){ NULL, 0 }, 0, 50, &v));
	assert_false(num_span((struct span){ "4\0002", 3 }, 0, 50, &v));
	assert_false(num_span(span_str("51"), 0, 50, &v));
	assert_false(num_span(
	    span_str("000000000000000000000000000000000001"), 0, 50, &v));
	assert_true(v == INT64_MIN);
}

static void
sizes_have_binary_units(void **state)
{
	static const char *const bad[] = { "", "KiB", "-1", "1 kB", "1KB",
		"1.5GiB", "1 ", "1  KiB", "9999999999 GiB",
		"99999999999999999999" };
	struct err e = ERR_INIT;
	int64_t v;

	(void)state;
	assert_int_equal(num_size("512", &v, &e), 0);
	assert_true(v == 512);
	assert_int_equal(num_size("64 KiB", &v, &e), 0);
	assert_true(v == 65536);
	assert_int_equal(num_size("64MiB", &v, &e), 0);
	assert_true(v == 67108864);
	assert_int_equal(num_size("2GiB", &v, &e), 0);
	assert_true(v == 2147483648);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(num_size(bad[i], &v, &e), -1);
}

static void
durations_are_seconds(void **state)
{
	struct err e = ERR_INIT;
	int64_t v;

	(void)state;
	assert_int_equal(num_duration("90s", &v, &e), 0);
	assert_true(v == 90);
	assert_int_equal(num_duration("15m", &v, &e), 0);
	assert_true(v == 900);
	assert_int_equal(num_duration("6h", &v, &e), 0);
	assert_true(v == 21600);
	assert_int_equal(num_duration("7d", &v, &e), 0);
	assert_true(v == 604800);
	assert_int_equal(num_duration("90", &v, &e), 0);
	assert_true(v == 90);
	assert_int_equal(num_duration("1w", &v, &e), -1);
	assert_string_equal(
	    e.msg, "\"1w\" is not a duration such as 90s, 15m, 6h or 7d");
	assert_int_equal(num_duration("999999999999999999d", &v, &e), -1);
}

static void
size_is(int64_t n, const char *text)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_size(&b, n);
	assert_string_equal(b.data, text);
}

static void
duration_is(int64_t ms, const char *text)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_duration(&b, ms);
	assert_string_equal(b.data, text);
}

static void
sizes_and_durations_read_well(void **state)
{
	(void)state;
	size_is(0, "0 B");
	size_is(912, "912 B");
	size_is(1023, "1023 B");
	size_is(1024, "1.0 KiB");
	size_is(1048575, "1.0 MiB");
	size_is(14050918, "13.4 MiB");
	size_is(-2048, "-2.0 KiB");
	size_is(INT64_MAX, "8.0 EiB");
	size_is(INT64_MIN, "-8.0 EiB");
	duration_is(0, "0.0 s");
	duration_is(320, "0.3 s");
	duration_is(9949, "9.9 s");
	duration_is(9950, "10 s");
	duration_is(59499, "59 s");
	duration_is(59500, "1 min 0 s");
	duration_is(80000, "1 min 20 s");
	duration_is(7500000, "2 h 5 min");
	duration_is(273600000, "3 d 4 h");
	duration_is(INT64_MIN, "-106751991167 d 7 h");
}

static void
times_go_there_and_back(void **state)
{
	static const struct {
		int64_t t;
		const char *text;
	} want[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1577836800, "2020-01-01T00:00:00Z" },
		{ 1709208000, "2024-02-29T12:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
		{ -62167219200, "0000-01-01T00:00:00Z" },
	};
	struct err e = ERR_INIT;
	char text[TIME_TEXT];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		time_text(want[i].t, text);
		assert_string_equal(text, want[i].text);
		assert_int_equal(time_parse(want[i].text, &t, &e), 0);
		assert_true(t == want[i].t);
	}
	time_text(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	time_text(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
}

static void
times_that_do_not_exist_are_refused(void **state)
{
	static const char *const bad[] = { "", "2020-01-01",
		"2020-01-01T00:00:00", "2020-01-01T00:00:00+00:00",
		"2020-01-01 00:00:00Z", "2020-01-01T00:00:00z",
		"2020-02-30T00:00:00Z", "2023-02-29T00:00:00Z",
		"2020-13-01T00:00:00Z", "2020-00-01T00:00:00Z",
		"2020-01-00T00:00:00Z", "2020-01-01T24:00:00Z",
		"2016-12-31T23:59:60Z", "2020-01-01T00:00:00Z ",
		"2020-01-01T00:00:00.5Z", "+020-01-01T00:00:00Z" };
	struct err e = ERR_INIT;
	int64_t t = 5;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(time_parse(bad[i], &t, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_true(t == 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_up_to_both_ends_of_int64),
		cmocka_unit_test(anything_but_a_whole_number_is_refused),
		cmocka_unit_test(a_number_of_foreign_bytes_is_all_of_them),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(durations_are_seconds),
		cmocka_unit_test(sizes_and_durations_read_well),
		cmocka_unit_test(times_go_there_and_back),
		cmocka_unit_test(times_that_do_not_exist_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
