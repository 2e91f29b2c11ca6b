/* Fetching, and what a request and an answer are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/badhttp.h"
#include "tests/support/scratch.h"

static void
a_file_arrives_with_its_etag(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	get(&q, "/file");
	assert_int_equal(q.r, 0);
	assert_int_equal(q.a.status, 200);
	assert_int_equal(q.a.bytes, 20);
	assert_string_equal(q.a.etag, "\"v1\"");
	assert_string_equal(q.body.data, FILE_TEXT);
}

static void
a_body_goes_into_a_descriptor_from_its_offset_on(void **state)
{
	struct http_get g = { .limit = 100, .deadline_ms = 20000 };
	struct http_answer a;
	struct err err = ERR_INIT;
	char url[64], text[64] = "";
	int fd = openat(scratch.fd, "f", O_CREAT | O_RDWR, 0644);

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/file", port);
	assert_int_equal(write(fd, "before-", 7), 7);
	g.url = url;
	g.fd = fd;
	assert_int_equal(http_get(h, &g, &a, &err), 0);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 27);
	assert_string_equal(text, "before-" FILE_TEXT);
	close(fd);
	/* What cannot be written is the machine's error. */
	g.fd = open("/dev/full", O_WRONLY);
	assert_int_equal(http_get(h, &g, &a, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err_cause(&err), "no-space");
	close(g.fd);
}

static void
an_unchanged_file_is_304_without_a_body(void **state)
{
	ASKED q = ASKED_INIT;
	ASKED r = ASKED_INIT;

	(void)state;
	get(&q, "/etag");
	assert_int_equal(q.a.status, 200);
	assert_string_equal(q.a.etag, "\"v1\"");
	r.g.etag = q.a.etag;
	get(&r, "/etag");
	assert_int_equal(r.r, 0);
	assert_int_equal(r.a.status, 304);
	assert_int_equal(r.a.bytes, 0);
	assert_int_equal(r.body.len, 0);
	r.g.etag = "\"a\r\nX: y\"";
	get(&r, "/etag");
	assert_int_equal(r.r, -1);
	assert_int_equal(r.err.cls, ERR_INPUT);
}

static void
an_error_status_is_an_answer_without_a_body(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	q.g.limit = 5;
	get(&q, "/missing");
	assert_int_equal(q.r, 0);
	assert_int_equal(q.a.status, 404);
	assert_int_equal(q.body.len, 0);
	get(&q, "/endless-404");
	assert_int_equal(q.r, 0);
	assert_int_equal(q.a.status, 404);
	assert_int_equal(q.body.len, 0);
	get(&q, "/later");
	assert_int_equal(q.a.status, 503);
	assert_int_equal(q.a.retry_after, 7);
	get(&q, "/missing");
	assert_int_equal(q.a.retry_after, 0);
}

static void
a_download_is_resumed(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	q.g.from = 15;
	q.g.limit = 5;
	get(&q, "/range");
	assert_int_equal(q.r, 0);
	assert_int_equal(q.a.status, 206);
	assert_string_equal(q.body.data, "fghij");
}

static void
a_server_that_ignores_ranges_gives_the_same_bytes(void **state)
{
	ASKED q = ASKED_INIT;

	(void)state;
	q.g.from = 15;
	q.g.limit = 5;
	get(&q, "/file");
	assert_int_equal(q.r, 0);
	assert_int_equal(q.a.status, 200);
	assert_int_equal(q.a.bytes, 5);
	assert_string_equal(q.body.data, "fghij");
	/* A file that has become shorter. */
	q.g.from = 21;
	get(&q, "/file");
	assert_int_equal(q.r, -1);
	assert_int_equal(q.err.cls, ERR_INPUT);
}

static void
a_request_says_no_more_than_it_must(void **state)
{
	ASKED q = ASKED_INIT;
	char want[256];

	(void)state;
	setenv("HOME", scratch.path, 1);
	get(&q, "/cookie"); /* leads to /echo */
	assert_int_equal(q.r, 0);
	snprintf(want, sizeof(want),
	    "GET /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "User-Agent: kiln-test/1\r\nAccept: */*\r\n\r\n",
	    port);
	assert_string_equal(q.body.data, want);
	/* The path is the given one. */
	buf_clear(&q.body);
	get(&q, "/echo/../%2e%2E//a+b?c=%20#part");
	assert_int_equal(q.r, 0);
	assert_int_equal(strncmp(q.body.data,
			     "GET /echo/../%2e%2E//a+b?c=%20 HTTP/1.1\r\n", 41),
	    0);
}

static void
a_post_is_answered(void **state)
{
	auto_buf struct buf reply = BUF_INIT;
	struct err err = ERR_INIT;
	char url[64];
	int status = 0;

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", port);
	assert_int_equal(http_post(h, url, "application/json", "{\"a\":1}", 7,
			     &reply, &status, &err),
	    0);
	assert_int_equal(status, 200);
	assert_int_equal(strncmp(reply.data, "POST /echo ", 11), 0);
	assert_non_null(
	    strstr(reply.data, "\r\nContent-Type: application/json\r\n"));
	assert_null(strstr(reply.data, "Expect"));
	assert_non_null(strstr(reply.data, "\r\n\r\n{\"a\":1}"));

	buf_clear(&reply);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/missing", port);
	assert_int_equal(
	    http_post(h, url, "text/plain", "", 0, &reply, &status, &err), 0);
	assert_int_equal(status, 404);
	assert_string_equal(reply.data, "no such thing");

	/* Not sent on to another server. */
	buf_clear(&reply);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/hop", port);
	assert_int_equal(
	    http_post(h, url, "text/plain", "x", 1, &reply, &status, &err), 0);
	assert_int_equal(status, 302);

	buf_clear(&reply);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/endless", port);
	assert_int_equal(
	    http_post(h, url, "text/plain", "x", 1, &reply, &status, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

#define SCRATCH(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_arrives_with_its_etag),
		SCRATCH(a_body_goes_into_a_descriptor_from_its_offset_on),
		cmocka_unit_test(an_unchanged_file_is_304_without_a_body),
		cmocka_unit_test(an_error_status_is_an_answer_without_a_body),
		cmocka_unit_test(a_download_is_resumed),
		cmocka_unit_test(
		    a_server_that_ignores_ranges_gives_the_same_bytes),
		SCRATCH(a_request_says_no_more_than_it_must),
		cmocka_unit_test(a_post_is_answered),
	};

	return cmocka_run_group_tests_name("http", tests, start, stop);
}
