/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webfarm.h"

#define EVIL "<script>alert('&\"')</script>"

static char plan[HASH_HEX], image[HASH_HEX], log_hex[HASH_HEX];
static char big_log[HASH_HEX], record[HASH_HEX], verdict[HASH_HEX];
static char target_path[256];
#define BIG_LINES 20000

static void
rows(void)
{
	static const char bad_log[] =
	    "gcc -c x.c\n</pre>" EVIL "\033[31mred\0nul \xff\xfe utf8\n";
	static const char run[] =
	    "{\"builder\":\"farm\",\"kind\":\"kiln/run\",\"machine\":{\"cores\""
	    ":2,\"cpu\":\"<script>x\",\"kernel\":\"6.1\"},\"v\":1}";
	static const char judged[] =
	    "{\"by\":[\"farm\"],\"kind\":\"kiln/verdict\",\"lanes\":[\"A\","
	    "\"B\"],\"not_varied\":[\"cpu\"],\"v\":1,\"varied\":[\"date\"]}";
	struct db *f = webfarm.farm_db;
	auto_buf struct buf big = BUF_INIT;
	int i;

	for (i = 0; i < BIG_LINES; i++)
		buf_printf(&big, "line %d of a long build\n", i);
	webfarm_put("plan", 4, plan);
	webfarm_put("0123456789", 10, image);
	webfarm_put(bad_log, sizeof(bad_log) - 1, log_hex);
	webfarm_put(big.data, big.len, big_log);
	webfarm_put(run, strlen(run), record);
	webfarm_put(judged, strlen(judged), verdict);
	webfarm_sql(f,
	    "INSERT INTO event (at, kind, subject, text) VALUES"
	    " (1700000000, 'archive-changed', 'bookworm', '%s')",
	    "<script>alert(''&\"'')</script>");
	webfarm_sql(f,
	    "INSERT INTO suite (name, uri, inrelease, date, valid_until, "
	    "changed_at, checked_at) VALUES ('bookworm', 'x', '%s', 1, NULL, "
	    "1, 1)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO recipe (name, kind, summary, tree, lock, error, "
	    "loaded_at) VALUES ('dns-dhcp', 'source', 'a"
	    " summary', '%s', '%s', NULL, 1)",
	    plan, plan);
	webfarm_sql(f,
	    "INSERT INTO recipe (name, kind, summary, tree, lock, error, "
	    "loaded_at) VALUES ('\"><img src=x>', 'source', '%s', '%s',"
	    " NULL, '%s', 1)",
	    "<b>x</b>", plan, "<i>held</i>");
	webfarm_sql(f,
	    "INSERT INTO lock (digest, recipe, made_at, origin, request, "
	    "event) VALUES ('%s', 'dns-dhcp', 1, 'archive', '%s', 1)",
	    plan, plan);
	webfarm_sql(f,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at, event, "
	    "verdict, verdict_record, judged_at) VALUES ('%s', 'dns-dhcp', "
	    "'image', '%s', 1, 1,"
	    " 'reproduced', '%s', 2)",
	    plan, plan, verdict);
	webfarm_sql(f,
	    "INSERT INTO current (recipe, stage, plan) VALUES ('dns-dhcp', "
	    "'image', '%s')",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (1, '%s', 'A', 'succeeded', 1, 1, 2, "
	    "'%s',"
	    " '%s', '%s', NULL, NULL, 9000, 8000, 51200)",
	    plan, plan, log_hex, record);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (2, '%s', 'B', 'failed', 1, 1, 2, "
	    "'%s',"
	    " '%s', NULL, 'exit', '<u>ended</u>', 9000, 8000, 51200)",
	    plan, plan, big_log);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (3, '%s', 'A', 'running', 1, 1, NULL,"
	    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (4, '%s', 'A', 'queued', 1, NULL, "
	    "NULL,"
	    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO output (run, name, digest, size) VALUES (1, 'image', "
	    "'%s', 10)",
	    image);
	webfarm_sql(f,
	    "INSERT INTO release (digest, service, arch, plan, made_at) VALUES "
	    "('%s', 'dns-dhcp', 'amd64', '%s', 3)",
	    plan, plan);
	webfarm_sql(f, "INSERT INTO progress (id, what, subject, unit, done, "
		       "total, started_at, updated_at, ended_at) VALUES (1, "
		       "'build', 'dns-dhcp', 'runs', 1, 2,"
		       " 1, 1, NULL)");
	f = webfarm.tuf_db;
	webfarm_sql(f, "INSERT INTO publication (id, at, timestamp_version, "
		       "snapshot_version, targets_version, root_version) "
		       "VALUES (1, 1, 9, 8, 7, 1)");
	webfarm_sql(f,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES ('%s', "
	    "'set', 1)",
	    image);
	webfarm_sql(f,
	    "INSERT INTO \"set\" (channel, arch, counter, digest, made_at, "
	    "published_at) VALUES ('edge', 'amd64', 3, '%s', 1, 1)",
	    image);
	webfarm_sql(f,
	    "INSERT INTO refusal (release, service, arch, at, cause, text) "
	    "VALUES ('%s', 'x', 'amd64', 1, 'size', '%s')",
	    plan, "<s>why</s>");
	webfarm_file("log/runs", "run-3.log", "still <busy>\n", 13);
	webfarm_file("tuf/metadata", "timestamp.json", "{\"a\":1}", 7);
	webfarm_file("tuf/metadata", "1.root.json", "{\"b\":1}", 7);
	snprintf(target_path, sizeof(target_path), "images/dns/amd64/%s.%s",
	    image, image);
	webfarm_file("tuf/targets/images/dns/amd64",
	    strrchr(target_path, '/') + 1, "0123456789", 10);
}

static int
group_setup(void **state)
{
	(void)state;
	webfarm_make(true);
	rows();
	webfarm_child_start();
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return webfarm_stop();
}

/* --- pages -----------------------------------------------------------------*/

static const char *const pages[] = { "/", "/recipes", "/recipe/dns-dhcp",
	"/builds", "/build/1", "/build/2", "/build/3", "/build/4",
	"/build/1/log", "/build/2/log", "/build/3/log", "/build/4/log",
	"/build/2/log?from=100", "/releases", "/routers" };

/* Every element that is opened is closed, in order, and nothing else looks
 * like markup. */
static void
assert_well_formed(const char *page, const char *text)
{
	static const char *const voids[] = { "meta", "link", "br", "img" };
	char open[64][16];
	size_t depth = 0, i;
	const char *p = text;

	assert_int_equal(strncmp(text, "<!doctype html>\n", 16), 0);
	for (p += 16; (p = strchr(p, '<')) != NULL;) {
		bool closing = p[1] == '/', is_void = false;
		char name[16];
		size_t n;

		p += 1 + closing;
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz123456");
		if (n == 0 || n >= sizeof(name))
			fail_msg("%s: a bare < before %.40s", page, p);
		memcpy(name, p, n);
		name[n] = '\0';
		for (i = 0; i < ARRAY_LEN(voids); i++)
			is_void |= strcmp(voids[i], name) == 0;
		if (closing) {
			if (depth == 0 || strcmp(open[--depth], name) != 0)
				fail_msg(
				    "%s: </%s> closes nothing", page, name);
		} else if (!is_void) {
			assert_true(depth < ARRAY_LEN(open));
			memcpy(open[depth++], name, n + 1);
		}
		p = strchr(p, '>');
		assert_non_null(p);
	}
	assert_int_equal(depth, 0);
}

static void
every_page_is_whole(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		json_t *j;

		assert_int_equal(
		    http_get(&a, pages[i], "Accept: text/html\r\n"), 200);
		assert_string_equal(http_header(&a, "Content-Type"),
		    "text/html; charset=utf-8");
		assert_non_null(
		    strstr(http_header(&a, "Content-Security-Policy"),
			"default-src 'none'"));
		assert_string_equal(
		    http_header(&a, "X-Content-Type-Options"), "nosniff");
		assert_int_equal(strlen(a.body.data), a.body.len);
		assert_well_formed(pages[i], a.body.data);
		/* All of it is UTF-8. */
		j = json_stringn(a.body.data, a.body.len);
		assert_non_null(j);
		json_decref(j);
	}
}

static void
every_page_is_json_too(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		auto_free char *path = NULL;
		json_t *j;

		if (strchr(pages[i], '?'))
			continue;
		path = mem_printf("%s.json",
		    strcmp(pages[i], "/") == 0 ? "/index" : pages[i]);
		assert_int_equal(http_get(&a, path, ""), 200);
		assert_string_equal(
		    http_header(&a, "Content-Type"), "application/json");
		j = js_parse(path, a.body.data, a.body.len, &err);
		if (!j)
			fail_msg("%s", err.msg);
		json_decref(j);
	}
	http_get(&a, "/build/1.json", "");
	assert_non_null(strstr(a.body.data, "\"recipe\": \"dns-dhcp\""));
}

static void
hostile_names_and_logs_come_out_escaped(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		http_get(&a, pages[i], "");
		assert_null(strstr(a.body.data, "<script"));
		assert_null(strstr(a.body.data, "<img"));
		assert_null(strchr(a.body.data, '\033'));
	}
	http_get(&a, "/recipes", "");
	assert_non_null(strstr(a.body.data, "&quot;&gt;&lt;img src=x&gt;"));
	http_get(&a, "/", "");
	assert_non_null(strstr(a.body.data, "&lt;script&gt;alert(&#39;&amp;"));
	http_get(&a, "/build/1/log", "");
	/* Not cut at the NUL, and bad bytes are marked. */
	assert_non_null(strstr(a.body.data, "&lt;/pre&gt;&lt;script&gt;"));
	assert_non_null(
	    strstr(a.body.data, "red\357\277\275nul \357\277\275\357\277\275"
				" utf8\n"));
}

static void
a_build_says_by_whom_and_what_was_not_tried(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	http_get(&a, "/build/1", "");
	assert_non_null(strstr(a.body.data, "<dt>in lanes</dt>\n<dd>A, B"));
	assert_non_null(strstr(a.body.data, "<dt>not varied</dt>\n<dd>cpu"));
	assert_non_null(strstr(a.body.data, "kernel 6.1, 2 cores"));
}

static void
the_log_of_a_running_build_is_the_growing_file(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	http_get(&a, "/build/3/log", "");
	assert_non_null(strstr(a.body.data, "still &lt;busy&gt;"));
	assert_non_null(strstr(a.body.data, "http-equiv=\"refresh\""));
	webfarm_file("log/runs", "run-3.log", "two\n", 4);
	http_get(&a, "/build/3/log", "");
	assert_non_null(strstr(a.body.data, "<pre>two\n"));
	http_get(&a, "/build/4/log", "");
	assert_non_null(strstr(a.body.data, "(no output yet)"));
}

static void
a_long_log_comes_by_the_page_without_a_gap(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	int64_t at = 0, size = 1;
	int lines = 0, rounds;

	(void)state;
	http_get(&a, "/build/2/log", "");
	assert_true(a.body.len < 400000);
	assert_non_null(strstr(a.body.data, "<pre>line "));
	assert_non_null(strstr(a.body.data, "line 19999 of"));
	assert_non_null(strstr(a.body.data, ">earlier</a>"));
	for (rounds = 0; at < size && rounds < 10; rounds++) {
		auto_free char *path =
		    mem_printf("/build/2/log.json?from=%lld", (long long)at);
		json_t *j;
		const char *p;

		assert_int_equal(http_get(&a, path, ""), 200);
		j = js_parse(path, a.body.data, a.body.len, &err);
		assert_non_null(j);
		p = json_string_value(json_object_get(j, "log"));
		for (; *p; p = strchr(p, '\n') + 1, lines++)
			assert_int_equal(atoi(p + 5), lines);
		at = json_integer_value(json_object_get(j, "to"));
		size = json_integer_value(json_object_get(j, "size"));
		json_decref(j);
	}
	assert_int_equal(lines, BIG_LINES);
	assert_int_equal(http_get(&a, "/build/2/log?from=99999999", ""), 200);
	assert_int_equal(http_get(&a, "/build/2/log?from=-1", ""), 404);
	assert_int_equal(http_get(&a, "/build/2/log?from=x", ""), 404);
}

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
	assert_string_equal(http_header(&a, "Cache-Control"), "no-cache");
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

/* --- more than one ---------------------------------------------------------*/

static void
half_requests_block_nobody(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	int fd[20];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(fd); i++) {
		const char *half = i % 2 ? "GET / HTT"
					 : "POST /api/v1/report HTTP/1.1\r\n"
					   "Host: x\r\n"
					   "Content-Length: 100\r\n\r\n{";

		fd[i] = http_connect();
		http_write(fd[i], half, strlen(half));
	}
	for (i = 0; i < 10; i++)
		assert_int_equal(http_get(&a, "/builds", ""), 200);
	for (i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
}

static void
a_request_that_drips_is_cut(void **state)
{
	int fd = http_connect(), i;
	ssize_t n = -1;
	char c;

	(void)state;
	http_write(fd, "GET / HTTP/1.1\r\nX: ", 19);
	/* Never silent for long, and never done. */
	for (i = 0; i < 100 && n == -1; i++) {
		http_write(fd, "a", 1);
		usleep(100000);
		n = recv(fd, &c, 1, MSG_DONTWAIT);
	}
	close(fd);
	assert_true(i > 20 && i < 100);
}

static void
one_connection_carries_many_requests(void **state)
{
	static const char two[] =
	    "GET /routers HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /releases HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	auto_answer struct answer a = ANSWER_INIT;
	int fd = http_connect();

	(void)state;
	http_write(fd, two, strlen(two));
	http_read(fd, &a);
	close(fd);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body.data, "Routers - kiln"));
	assert_non_null(strstr(a.body.data, "Releases - kiln"));
}

static void
pages_come_while_the_builder_writes(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	int i;

	(void)state;
	assert_int_equal(db_begin(webfarm.farm_db, &err), 0);
	webfarm_sql(webfarm.farm_db,
	    "UPDATE recipe SET summary = 'half written'"
	    " WHERE name = 'dns-dhcp'");
	for (i = 0; i < 5; i++) {
		assert_int_equal(http_get(&a, "/recipe/dns-dhcp", ""), 200);
		assert_null(strstr(a.body.data, "half written"));
	}
	assert_int_equal(db_commit(webfarm.farm_db, &err), 0);
	http_get(&a, "/recipe/dns-dhcp", "");
	assert_non_null(strstr(a.body.data, "half written"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_is_whole),
		cmocka_unit_test(every_page_is_json_too),
		cmocka_unit_test(hostile_names_and_logs_come_out_escaped),
		cmocka_unit_test(a_build_says_by_whom_and_what_was_not_tried),
		cmocka_unit_test(
		    the_log_of_a_running_build_is_the_growing_file),
		cmocka_unit_test(a_long_log_comes_by_the_page_without_a_gap),
		cmocka_unit_test(files_have_ranges_and_validators),
		cmocka_unit_test(only_the_timestamp_is_asked_for_again),
		cmocka_unit_test(an_artifact_shows_as_text_only_when_asked),
		cmocka_unit_test(head_is_get_without_the_body),
		cmocka_unit_test(nothing_leads_out_of_the_published_folders),
		cmocka_unit_test(a_wrong_method_is_405_and_names_the_right_one),
		cmocka_unit_test(a_body_over_64_kib_is_413),
		cmocka_unit_test(requests_that_are_none_end_without_harm),
		cmocka_unit_test(half_requests_block_nobody),
		cmocka_unit_test(a_request_that_drips_is_cut),
		cmocka_unit_test(one_connection_carries_many_requests),
		cmocka_unit_test(pages_come_while_the_builder_writes),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
