/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"

/* --- pages -----------------------------------------------------------------*/

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
		assert_null(strstr(a.body.data, "<script>"));
		assert_null(strstr(a.body.data, "<img src=x"));
		assert_null(strchr(a.body.data, '\033'));
	}
	http_get(&a, "/recipes", "");
	assert_non_null(strstr(a.body.data, "&quot;&gt;&lt;img src=x&gt;"));
	http_get(&a, "/", "");
	assert_non_null(strstr(a.body.data, "&lt;script&gt;alert(&#39;&amp;"));
	/* Names of packages and versions, and what is asked for as a hash. */
	http_get(&a, "/build/1", "");
	assert_non_null(
	    strstr(a.body.data, "&lt;script&gt;alert(&#39;p&#39;)"));
	assert_null(strstr(a.body.data, "<img src=y"));
	assert_null(strstr(a.body.data, "<b>1</b>"));
	http_get(&a, "/find?q=%3Cscript%3E%22", "Accept: text/html\r\n");
	assert_non_null(strstr(a.body.data, "&lt;script&gt;&quot;"));
	assert_null(strstr(a.body.data, "<script>"));
	http_get(&a, "/image/%3Cscript%3E", "Accept: text/html\r\n");
	assert_int_equal(a.status, 404);
	assert_null(strstr(a.body.data, "<script>"));
	http_get(&a, "/build/1/log", "");
	/* Not cut at the NUL, and bad bytes are marked. */
	assert_non_null(strstr(a.body.data, "&lt;/pre&gt;&lt;script&gt;"));
	assert_non_null(strstr(a.body.data,
	    "<span class=\"f1\">red\357\277\275nul \357\277\275\357\277\275"
	    " utf8\n</span>"));
}

static void
a_build_says_by_whom_and_what_was_not_tried(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	http_get(&a, "/build/1", "");
	assert_non_null(strstr(a.body.data, "</span> by 1 party."));
	assert_non_null(strstr(a.body.data, "<li>date</li>"));
	assert_non_null(strstr(a.body.data, "<li class=\"not\">cpu</li>"));
	assert_non_null(strstr(a.body.data, "kernel 6.1, 2 cores"));
}

/* Looks up whatever has a name here. */
static void
one_field_finds_everything(void **state)
{
	static const struct {
		const char *q, *place;
	} cases[] = { { "1", "/build/1" }, { "dns-dhcp", "/recipe/dns-dhcp" },
		{ image, NULL } };
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *page = mem_printf("/image/%s", image);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *path = mem_printf("/find?q=%s", cases[i].q);

		assert_int_equal(http_get(&a, path, ""), 303);
		assert_non_null(strstr(http_header(&a, "Location"),
		    cases[i].place ? cases[i].place : page));
	}
	assert_int_equal(http_get(&a, page, ""), 200);
	assert_non_null(strstr(a.body.data, "image of dns-dhcp"));
	assert_int_equal(http_get(&a, "/find?q=%3Cb%3E", ""), 200);
	assert_non_null(strstr(a.body.data, "<code>&lt;b&gt;</code>"));
	assert_int_equal(http_get(&a, "/image/x", ""), 404);
	assert_int_equal(http_get(&a, "/compare/1/99", ""), 404);
	assert_int_equal(http_get(&a, "/router/x", ""), 404);
	assert_int_equal(http_get(&a, "/builds?state=x", ""), 400);
	assert_int_equal(http_get(&a, "/builds?limit=0", ""), 400);
	assert_int_equal(http_get(&a, "/builds.json?limit=1", ""), 200);
	assert_non_null(strstr(a.body.data, "\"next\": 4"));
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
	assert_non_null(strstr(
	    a.body.data, "data-stream=\"/build/3/log/events?from=4\">two\n"));
	http_get(&a, "/build/4/log", "");
	assert_non_null(strstr(a.body.data, "log/events?from=0\"></pre>"));
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
	assert_non_null(strstr(a.body.data, "off\">line "));
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
	assert_int_equal(http_get(&a, "/build/2/log?from=-1", ""), 400);
	assert_int_equal(http_get(&a, "/build/2/log?from=x", ""), 400);
}

/* --- what comes as it happens ----------------------------------------------*/

/* Reads a stream until it has said `want`; the socket's patience ends it. */
static bool
stream_says(int fd, struct buf *said, const char *want)
{
	char chunk[4096];
	ssize_t n;

	while (strstr(said->data, want) == NULL) {
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n <= 0)
			return false;
		buf_add(said, chunk, (size_t)n);
	}
	return true;
}

static void
stream_ask(int fd, const char *path)
{
	auto_free char *ask =
	    mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	http_write(fd, ask, strlen(ask));
}

static void
a_running_log_is_told_line_by_line_until_its_end(void **state)
{
	auto_buf struct buf said = BUF_INIT;
	auto_answer struct answer a = ANSWER_INIT;
	int fd = http_connect();

	(void)state;
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at)"
	    " VALUES (7, '%s', 'B', 'running', 1, 1)",
	    plan);
	webfarm_file("log/runs", "run-7.log", "one\nhal", 7);
	stream_ask(fd, "/build/7/log/events?from=0");
	assert_true(stream_says(fd, &said, "[[\"\",\"one\\n\"]]"));
	assert_non_null(strstr(said.data, "text/event-stream"));
	assert_null(strstr(said.data, "hal"));
	/* While it stays open, others are served. */
	assert_int_equal(http_get(&a, "/build/7", ""), 200);
	webfarm_file("log/runs", "run-7.log", "one\nhalf\n\033[1;31m<b>\n", 21);
	assert_true(stream_says(fd, &said, "[\"f1 bo\",\"<b>\\n\"]"));
	assert_non_null(strstr(said.data, "half\\n"));
	webfarm_sql(webfarm.farm_db,
	    "UPDATE run SET state = 'succeeded', log = '%s' WHERE id = 7",
	    log_hex);
	assert_true(stream_says(fd, &said, "event: end\n"));
	close(fd);
	webfarm_sql(webfarm.farm_db, "DELETE FROM run WHERE id = %d", 7);
}

static void
a_change_of_a_database_is_told(void **state)
{
	auto_buf struct buf said = BUF_INIT;
	int fd = http_connect();

	(void)state;
	stream_ask(fd, "/events");
	assert_true(stream_says(fd, &said, "retry: 3000"));
	assert_null(strstr(said.data, "change"));
	webfarm_sql(webfarm.farm_db, "UPDATE progress SET done = done + %d", 1);
	assert_true(stream_says(fd, &said, "event: change\n"));
	close(fd);
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
	for (i = 0; i < 1000 && n == -1; i++) {
		http_write(fd, "a", 1);
		usleep(100000);
		n = recv(fd, &c, 1, MSG_DONTWAIT);
	}
	close(fd);
	assert_true(i < 1000);
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
	assert_non_null(strstr(a.body.data, "Fleet \302\267 kiln"));
	assert_non_null(strstr(a.body.data, "Releases \302\267 kiln"));
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

/* An index may be there for one page and turn the plan of another round: of
 * half a million plans each was looked at to find the two hundred that stand.
 */
static void
plans_that_stand_are_found_from_the_few(void **state)
{
	static const char sql[] =
	    "EXPLAIN QUERY PLAN SELECT count(*) FROM current c JOIN plan p ON"
	    " p.digest = c.plan AND p.verdict = 'reproduced'";
	auto_stmt struct stmt *q = db_stmt(webfarm.farm_db, sql);
	struct err err = ERR_INIT;
	int got, steps = 0;

	(void)state;
	while ((got = stmt_step(q, &err)) == 1) {
		steps++;
		if (strstr(stmt_str(q, 3), "SCAN p"))
			fail_msg("%s", stmt_str(q, 3));
	}
	assert_int_equal(got, 0);
	assert_true(steps > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_field_finds_everything),
		cmocka_unit_test(every_page_is_whole),
		cmocka_unit_test(every_page_is_json_too),
		cmocka_unit_test(hostile_names_and_logs_come_out_escaped),
		cmocka_unit_test(a_build_says_by_whom_and_what_was_not_tried),
		cmocka_unit_test(
		    the_log_of_a_running_build_is_the_growing_file),
		cmocka_unit_test(a_long_log_comes_by_the_page_without_a_gap),
		cmocka_unit_test(
		    a_running_log_is_told_line_by_line_until_its_end),
		cmocka_unit_test(a_change_of_a_database_is_told),
		cmocka_unit_test(half_requests_block_nobody),
		cmocka_unit_test(a_request_that_drips_is_cut),
		cmocka_unit_test(one_connection_carries_many_requests),
		cmocka_unit_test(pages_come_while_the_builder_writes),
		cmocka_unit_test(plans_that_stand_are_found_from_the_few),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
