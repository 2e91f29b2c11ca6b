/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"

/* --- files -----------------------------------------------------------------*/

static void
files(char paths[3][320])
{
	snprintf(paths[0], 320, "/blob/%s", image);
	snprintf(paths[1], 320, "/tuf/targets/%s", target_path);
	snprintf(paths[2], 320, "/tuf/metadata/1.root.json");
}

static void
files_have_ranges_and_validators(void **state)
{
	static const struct {
		const char *range, *content, *body;
		int status;
	} cases[] = {
		{ "bytes=2-4", "bytes 2-4/10", "234", 206 },
		{ "bytes=7-", "bytes 7-9/10", "789", 206 },
		{ "bytes=8-100", "bytes 8-9/10", "89", 206 },
		{ "bytes=-3", "bytes 7-9/10", "789", 206 },
		{ "bytes=-99", "bytes 0-9/10", "0123456789", 206 },
		{ "bytes=10-", "bytes */10", "", 416 },
		{ "bytes=-0", "bytes */10", "", 416 },
		{ "bytes=4-2", "", "0123456789", 200 },
		{ "bytes=1-2,4-5", "", "0123456789", 200 },
		{ "lines=1-2", "", "0123456789", 200 },
		{ "bytes=99999999999999999999999-", "", "0123456789", 200 },
	};
	auto_answer struct answer a = ANSWER_INIT;
	char paths[3][320], etag[128];
	size_t i, k;

	(void)state;
	files(paths);
	for (i = 0; i < 2; i++)
		for (k = 0; k < ARRAY_LEN(cases); k++) {
			auto_free char *h =
			    mem_printf("Range: %s\r\n", cases[k].range);

			assert_int_equal(
			    http_get(&a, paths[i], h), cases[k].status);
			assert_string_equal(
			    http_header(&a, "Content-Range"), cases[k].content);
			assert_string_equal(a.body.data, cases[k].body);
		}
	assert_int_equal(http_get(&a, paths[2], "Range: bytes=0-0\r\n"), 206);
	assert_string_equal(a.body.data, "{");
	assert_int_equal(http_get(&a, paths[2], "Range: bytes=7-\r\n"), 416);

	for (i = 0; i < 3; i++) {
		auto_free char *same = NULL, *other = NULL, *weak = NULL;

		assert_int_equal(http_get(&a, paths[i], ""), 200);
		assert_string_equal(http_header(&a, "Accept-Ranges"), "bytes");
		snprintf(etag, sizeof(etag), "%s", http_header(&a, "ETag"));
		assert_int_equal(strlen(etag), 66);
		same = mem_printf("Range: bytes=1-1\r\nIf-Range: %s\r\n", etag);
		other = mem_printf("Range: bytes=1-1\r\nIf-Range: \"x\"\r\n");
		weak = mem_printf("If-None-Match: \"x\", W/%s\r\n", etag);
		assert_int_equal(http_get(&a, paths[i], same), 206);
		assert_int_equal(http_get(&a, paths[i], other), 200);
		assert_int_equal(http_get(&a, paths[i], weak), 304);
		assert_int_equal(a.body.len, 0);
		assert_string_equal(http_header(&a, "ETag"), etag);
		assert_int_equal(
		    http_get(&a, paths[i], "If-None-Match: \"x\"\r\n"), 200);
	}
}

static void
only_the_timestamp_is_asked_for_again(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	char paths[3][320];
	size_t i;

	(void)state;
	files(paths);
	for (i = 0; i < 3; i++) {
		http_get(&a, paths[i], "");
		assert_non_null(
		    strstr(http_header(&a, "Cache-Control"), "immutable"));
	}
	http_get(&a, "/tuf/metadata/timestamp.json", "");
	assert_string_equal(http_header(&a, "Cache-Control"),
	    "public, max-age=10, must-revalidate");
	assert_string_equal(
	    http_header(&a, "Content-Type"), "application/json");
	http_get(&a, "/tuf/metadata/2.root.json", "");
	assert_int_equal(a.status, 404);
	assert_string_equal(http_header(&a, "Cache-Control"), "no-store");
}

static void
an_artifact_shows_as_text_only_when_asked(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = mem_printf("/blob/%s?as=text", log_hex);
	auto_free char *html = mem_printf("/blob/%s?as=html", log_hex);

	(void)state;
	assert_int_equal(http_get(&a, path, ""), 200);
	assert_string_equal(
	    http_header(&a, "Content-Type"), "text/plain; charset=utf-8");
	assert_int_equal(http_get(&a, html, ""), 200);
	assert_string_equal(
	    http_header(&a, "Content-Type"), "application/octet-stream");
}

static void
head_is_get_without_the_body(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	char paths[3][320];

	(void)state;
	files(paths);
	http_ask(&a, "HEAD", paths[0], "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(http_header(&a, "Content-Length"), "10");
	assert_int_equal(a.body.len, 0);
	http_ask(&a, "HEAD", "/", "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body.len, 0);
	assert_true(atoi(http_header(&a, "Content-Length")) > 500);
	http_ask(&a, "HEAD", "/nowhere", "", NULL, 0);
	assert_int_equal(a.status, 404);
}

/* --- what is refused -------------------------------------------------------*/

static void
nothing_leads_out_of_the_published_folders(void **state)
{
	static const char *const paths[] = { "/tuf/metadata/../../farm.db",
		"/tuf/metadata/%2e%2e/%2e%2e/farm.db",
		"/tuf/metadata/..%2f..%2ffarm.db",
		"/tuf/metadata/%2e%2e%5cfarm.db", "/tuf/metadata//etc/passwd",
		"/tuf/metadata/./timestamp.json", "/tuf/metadata/",
		"/tuf/targets/images", "/tuf/targets/../metadata/1.root.json",
		"/tuf/metadata/timestamp.json%00.x",
		"/tuf/metadata/timestamp.json%00", "/build/1%00",
		"/build/1%00/log", "/%00", "/build/1%", "/build/1%2",
		"/build/1%zz", "/static/../../../etc/passwd", "/static/%2e%2e",
		"/blob/../farm.db", "/blob/0123", "/build/0", "/build/-1",
		"/build/999", "/build/1x", "/build/99999999999999999999",
		"/recipe/none", "/recipe/%3Cscript%3E", "/recipe/", "/farm.db",
		"/spool", "//", "/build/1/log/", "/.json", "/index", "*" };
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *link = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paths); i++)
		if (http_get(&a, paths[i], "") != 404)
			fail_msg("%s: %d", paths[i], a.status);
	assert_string_equal(
	    http_header(&a, "Content-Type"), "application/json");
	assert_int_equal(
	    http_get(&a, "/nowhere", "Accept: text/html\r\n"), 404);
	assert_well_formed("404", a.body.data);
	/* A link in the tree is not followed. */
	link = farm_file(&webfarm.farm, "tuf/metadata/9.link.json");
	assert_int_equal(symlink("../../farm.db", link), 0);
	assert_int_equal(http_get(&a, "/tuf/metadata/9.link.json", ""), 404);
	unlink(link);
}

static void
a_wrong_method_is_405_and_names_the_right_one(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE",
		"OPTIONS", "PATCH", "TRACE", "BREW" };
	auto_answer struct answer a = ANSWER_INIT;
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(methods); i++)
		for (k = 0; k < ARRAY_LEN(pages); k++) {
			http_ask(&a, methods[i], pages[k], "", "x", 1);
			assert_int_equal(a.status, 405);
			assert_string_equal(
			    http_header(&a, "Allow"), "GET, HEAD");
		}
	http_ask(&a, "POST", "/builds.json", "", "x", 1);
	assert_int_equal(a.status, 405);
	http_get(&a, "/api/v1/report", "");
	assert_int_equal(a.status, 405);
	assert_string_equal(http_header(&a, "Allow"), "POST");
}

static void
a_body_over_64_kib_is_413(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf big = BUF_INIT;
	int fd, i;

	(void)state;
	for (i = 0; i < 65537; i++)
		buf_char(&big, ' ');
	http_ask(&a, "POST", "/api/v1/report", "", big.data, 65536);
	assert_int_equal(a.status, 400);
	/* Refused on its announcement: not one byte need be sent. */
	http_ask(&a, "POST", "/api/v1/report",
	    "Content-Length: 99999999999999999999\r\n", NULL, 0);
	assert_int_not_equal(a.status, 200);
	http_ask(
	    &a, "POST", "/api/v1/report", "Content-Length: 65537\r\n", NULL, 0);
	assert_int_equal(a.status, 413);
	http_ask(
	    &a, "POST", "/api/v1/report", "Content-Length: -1\r\n", NULL, 0);
	assert_int_not_equal(a.status, 200);
	/* Chunked: found out on the way. */
	fd = http_connect();
	buf_clear(&big);
	buf_str(&big,
	    "POST /api/v1/report HTTP/1.1\r\nHost: x\r\n"
	    "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i < 9; i++)
		buf_printf(&big, "2000\r\n%08192d\r\n", 0);
	buf_str(&big, "0\r\n\r\n");
	http_write(fd, big.data, big.len);
	answer_release(&a);
	http_read(fd, &a);
	close(fd);
	assert_int_equal(a.status, 413);
}

static void
requests_that_are_none_end_without_harm(void **state)
{
	static const char *const bad[] = { "\r\n\r\n\r\n\r\n", "GET\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01", "GET / HTTP/9.9\r\n\r\n",
		"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n"
		"Connection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		"0\r\n\r\n" };
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf huge = BUF_INIT;
	int fd;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		fd = http_connect();
		http_write(fd, bad[i], strlen(bad[i]));
		shutdown(fd, SHUT_WR);
		answer_release(&a);
		http_read(fd, &a);
		close(fd);
	}
	buf_str(&huge, "X-Long: ");
	for (i = 0; i < 100000; i++)
		buf_char(&huge, 'a');
	buf_str(&huge, "\r\n");
	http_get(&a, "/", huge.data);
	assert_true(a.status == 0 || a.status >= 400);
	assert_int_equal(http_get(&a, "/", ""), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_ranges_and_validators),
		cmocka_unit_test(only_the_timestamp_is_asked_for_again),
		cmocka_unit_test(an_artifact_shows_as_text_only_when_asked),
		cmocka_unit_test(head_is_get_without_the_body),
		cmocka_unit_test(nothing_leads_out_of_the_published_folders),
		cmocka_unit_test(a_wrong_method_is_405_and_names_the_right_one),
		cmocka_unit_test(a_body_over_64_kib_is_413),
		cmocka_unit_test(requests_that_are_none_end_without_harm),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
