/* rooms: web web/pages web/api */
/* Files that lie ready: the right bytes, compressed or not, and never those
 * of a file that was replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "tests/support/webrows.h"

#define ROOT "/tuf/metadata/5.root.json"

static char text[20000]; /* compresses well */

static void
publish(const char *name, const char *p, size_t n)
{
	webfarm_file("tuf/metadata", name, p, n);
}

static void
unpacked(const struct answer *a, struct buf *out)
{
	struct archive *r = archive_read_new();
	struct archive_entry *e;
	char chunk[4096];
	la_ssize_t n;

	assert_int_equal(archive_read_support_filter_all(r), ARCHIVE_OK);
	assert_int_equal(archive_read_support_format_raw(r), ARCHIVE_OK);
	assert_int_equal(
	    archive_read_open_memory(r, a->body.data, a->body.len), ARCHIVE_OK);
	assert_int_equal(archive_read_next_header(r, &e), ARCHIVE_OK);
	while ((n = archive_read_data(r, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	assert_int_equal(n, 0);
	archive_read_free(r);
}

static void
who_accepts_it_gets_the_same_bytes_compressed(void **state)
{
	static const struct {
		const char *accept, *coding;
	} cases[] = {
		{ "gzip", "gzip" },
		{ "gzip, deflate, br", "gzip" },
		{ "gzip, deflate, br, zstd", "zstd" },
		{ "zstd;q=0, gzip;q=0.5", "gzip" },
		{ "zstd; q=0.001", "zstd" },
		{ "GZIP", "gzip" },
		{ "gzip;q=0", "" },
		{ "gzip;q=0.000, x;q=1", "" },
		{ "gzipped", "" },
		{ "identity", "" },
		{ "", "" },
	};
	auto_answer struct answer a = ANSWER_INIT;
	size_t i, k;

	(void)state;
	publish("5.root.json", text, sizeof(text));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *h =
		    mem_printf("Accept-Encoding: %s\r\n", cases[i].accept);
		auto_free char *same = NULL;
		auto_buf struct buf got = BUF_INIT;

		assert_int_equal(http_get(&a, ROOT, h), 200);
		assert_string_equal(
		    http_header(&a, "Content-Encoding"), cases[i].coding);
		assert_string_equal(http_header(&a, "Vary"), "Accept-Encoding");
		assert_string_equal(
		    http_header(&a, "Content-Type"), "application/json");
		if (cases[i].coding[0]) {
			assert_true(a.body.len < sizeof(text) / 2);
			unpacked(&a, &got);
		} else {
			buf_add(&got, a.body.data, a.body.len);
		}
		assert_int_equal(got.len, sizeof(text));
		assert_memory_equal(got.data, text, sizeof(text));
		/* Each form is an entity of its own. */
		same = mem_printf(
		    "%sIf-None-Match: %s\r\n", h, http_header(&a, "ETag"));
		assert_int_equal(http_get(&a, ROOT, same), 304);
		assert_int_equal(a.body.len, 0);
		for (k = 0; k < ARRAY_LEN(cases); k++) {
			auto_free char *other =
			    mem_printf("Accept-Encoding: %s\r\n%s",
				cases[k].accept, strchr(same, '\n') + 1);

			assert_int_equal(http_get(&a, ROOT, other),
			    strcmp(cases[k].coding, cases[i].coding) == 0
				? 304
				: 200);
		}
	}
	/* A part is one of the file itself. */
	assert_int_equal(
	    http_get(&a, ROOT, "Accept-Encoding: gzip\r\nRange: bytes=0-3\r\n"),
	    206);
	assert_string_equal(http_header(&a, "Content-Encoding"), "");
	assert_memory_equal(a.body.data, text, 4);
}

static void
a_file_that_was_replaced_is_not_served_any_more(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	char before[128];

	(void)state;
	for (int i = 0; i < 40; i++) {
		/* The same length each time. */
		auto_free char *now = mem_printf("{\"now\":%d}", 10 + i);
		auto_free char *old = NULL;

		publish("timestamp.json", now, strlen(now));
		assert_int_equal(
		    http_get(&a, "/tuf/metadata/timestamp.json", ""), 200);
		assert_string_equal(a.body.data, now);
		if (i > 0) {
			old = mem_printf("If-None-Match: %s\r\n", before);
			http_get(&a, "/tuf/metadata/timestamp.json", old);
			assert_int_equal(a.status, 200);
		}
		snprintf(before, sizeof(before), "%s", http_header(&a, "ETag"));
	}
	unlinkat(webfarm.farm.dirfd, "tuf/metadata/timestamp.json", 0);
	assert_int_equal(http_get(&a, "/tuf/metadata/timestamp.json", ""), 404);
}

static void
a_link_in_the_place_of_a_file_is_not_followed(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	publish("7.root.json", "{\"c\":1}", 7);
	assert_int_equal(http_get(&a, "/tuf/metadata/7.root.json", ""), 200);
	unlinkat(webfarm.farm.dirfd, "tuf/metadata/7.root.json", 0);
	assert_int_equal(symlinkat("5.root.json", webfarm.farm.dirfd,
			     "tuf/metadata/7.root.json"),
	    0);
	assert_int_equal(http_get(&a, "/tuf/metadata/7.root.json", ""), 404);
}

/* More names than are kept, and files that are too large to be. */
static void
what_is_not_kept_is_served_all_the_same(void **state)
{
	static char large[HOT_FILE_MAX + 1];
	auto_answer struct answer a = ANSWER_INIT;
	char etag[128];

	(void)state;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 3 * HOT_FILES; i++) {
			auto_free char *name = mem_printf("%d.many.json", i);
			auto_free char *path =
			    mem_printf("/tuf/metadata/%s", name);

			if (pass == 0)
				publish(name, name, strlen(name));
			assert_int_equal(http_get(&a, path, ""), 200);
			assert_string_equal(a.body.data, name);
		}
	memset(large, 'l', sizeof(large));
	publish("9.large.json", large, sizeof(large));
	for (int pass = 0; pass < 2; pass++) {
		auto_free char *same = NULL;

		assert_int_equal(http_get(&a, "/tuf/metadata/9.large.json",
				     "Accept-Encoding: gzip\r\n"),
		    200);
		assert_int_equal(a.body.len, sizeof(large));
		if (pass == 1)
			assert_string_equal(http_header(&a, "ETag"), etag);
		snprintf(etag, sizeof(etag), "%s", http_header(&a, "ETag"));
		same = mem_printf("If-None-Match: %s\r\n", etag);
		assert_int_equal(
		    http_get(&a, "/tuf/metadata/9.large.json", same), 304);
	}
}

static void
our_own_files_are_compressed_too(void **state)
{
	static const char *const paths[] = { "/static/style.css",
		"/static/kiln.js", "/api/v1/openapi.json" };
	auto_answer struct answer a = ANSWER_INIT, plain = ANSWER_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		auto_buf struct buf got = BUF_INIT;

		assert_int_equal(http_get(&plain, paths[i], ""), 200);
		assert_int_equal(
		    http_get(&a, paths[i], "Accept-Encoding: zstd\r\n"), 200);
		assert_string_equal(
		    http_header(&a, "Content-Encoding"), "zstd");
		assert_true(a.body.len < plain.body.len / 2);
		unpacked(&a, &got);
		assert_int_equal(got.len, plain.body.len);
		assert_memory_equal(got.data, plain.body.data, got.len);
		assert_non_null(strstr(
		    http_header(&a, "Content-Security-Policy"), "'none'"));
	}
	answer_release(&plain);
}

static int
setup(void **state)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "{\"signatures\":[]}"[i % 17];
	return group_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_accepts_it_gets_the_same_bytes_compressed),
		cmocka_unit_test(
		    a_file_that_was_replaced_is_not_served_any_more),
		cmocka_unit_test(a_link_in_the_place_of_a_file_is_not_followed),
		cmocka_unit_test(what_is_not_kept_is_served_all_the_same),
		cmocka_unit_test(our_own_files_are_compressed_too),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
