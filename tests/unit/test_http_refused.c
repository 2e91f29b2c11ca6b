/* What is refused or ended: of a server that keeps to no rule, of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/badhttp.h"

static void
an_endless_body_is_cut_at_the_limit(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	q.g.limit = 100000;
	get(&q, "/endless");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_INPUT);
	assert_non_null(strstr(q.err.msg, "more than the 100000 bytes"));
	assert_true(q.body.len <= 100000);
	/* Exactly the limit is fine. */
	buf_clear(&q.body);
	q.g.limit = 20;
	get(&q, "/file");
	assert_int_equal(q.r, 0);
	buf_clear(&q.body);
	q.g.limit = 19;
	get(&q, "/file");
	assert_int_equal(q.r, -1);
}

static void
another_range_than_asked_is_refused(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	q.g.from = 15;
	get(&q, "/wrong-range");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_INPUT);
	assert_int_equal(q.body.len, 0);
	q.g.from = 0; /* and one nobody asked for */
	get(&q, "/wrong-range");
	assert_int_equal(q.r, -1);
}

static void
redirects_are_followed_but_not_for_ever(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	get(&q, "/hop");
	assert_int_equal(q.r, 0);
	assert_string_equal(q.body.data, FILE_TEXT);
	assert_string_equal(q.a.etag, "\"v1\"");
	get(&q, "/loop");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_INPUT);
}

static void
redirects_to_other_protocols_are_refused(void **state)
{
	static const char *const paths[] = { "/to-file", "/to-ftp",
		"/to-user" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		ASKED q = ASKED_INIT;

		get(&q, paths[i]);
		assert_int_equal(q.r, -1);
		assert_int_equal(q.err.cls, ERR_INPUT);
		assert_int_equal(q.body.len, 0);
	}
}

static void
bad_urls_are_refused(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd",
		"ftp://127.0.0.1/x", "gopher://127.0.0.1/", "nonsense://x/",
		"http://127.0.0.1/a b", "http://u:p@127.0.0.1/", "http://",
		"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		auto_buf struct buf body = BUF_INIT;
		struct http_get g = { .url = urls[i],
			.limit = 10,
			.body = &body,
			.deadline_ms = 5000 };
		struct http_answer a;
		struct err err = ERR_INIT;

		assert_int_equal(http_get(h, &g, &a, &err), -1);
		if (err.cls != ERR_INPUT)
			print_error("%s\n", err.msg);
		assert_int_equal(err.cls, ERR_INPUT);
	}
}

static void
a_slow_body_ends_at_the_deadline(void **state)
{
	ASKED q = ASKED_INIT;
	int64_t began = time_mono_ms(), took;

	(void)state;
	q.g.deadline_ms = 400;
	get(&q, "/slow");
	took = time_mono_ms() - began;
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_BUSY);
	assert_int_equal(q.err.sys, ETIMEDOUT);
	assert_true(took >= 350 && took < 5000);
}

static void
what_may_pass_is_busy(void **state)
{
	ASKED q = ASKED_INIT;
	int real = port;

	(void)state;
	get(&q, "/cut");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_BUSY);
	port = 1; /* nobody listens there */
	get(&q, "/file");
	port = real;
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_BUSY);
}

static void
answers_that_are_no_http_are_refused(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	get(&q, "/headers");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_INPUT);
	get(&q, "/nonsense");
	assert_int_equal(q.r, -1);
	get(&q, "/long-etag");
	assert_int_equal(q.r, 0);
	assert_string_equal(q.a.etag, "");
}

static int
stop_it(void *arg, int64_t bytes, int64_t total)
{
	int *calls = arg;

	assert_true(bytes >= 0);
	assert_true(total == 0 || total == 1000);
	return ++*calls >= 2;
}

static void
progress_is_told_and_may_stop_it(void **state)
{
	ASKED q = ASKED_INIT;
	int calls = 0;
	int64_t began = time_mono_ms();

	(void)state;
	q.g.progress = stop_it;
	q.g.arg = &calls;
	get(&q, "/slow");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.sys, ECANCELED);
	assert_int_equal(calls, 2);
	assert_true(time_mono_ms() - began >= 150);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endless_body_is_cut_at_the_limit),
		cmocka_unit_test(another_range_than_asked_is_refused),
		cmocka_unit_test(redirects_are_followed_but_not_for_ever),
		cmocka_unit_test(redirects_to_other_protocols_are_refused),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(a_slow_body_ends_at_the_deadline),
		cmocka_unit_test(what_may_pass_is_busy),
		cmocka_unit_test(answers_that_are_no_http_are_refused),
		cmocka_unit_test(progress_is_told_and_may_stop_it),
	};

	return cmocka_run_group_tests_name("http_refused", tests, start, stop);
}
