/* rooms: web web/pages web/api */
/* Event streams come to an end, and nothing is missed between two of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/webrows.h"

/* Reads until it has said `want`; the socket's patience ends it. */
static bool
says(int fd, struct buf *said, const char *want)
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
ask(int fd, const char *path, const char *header)
{
	auto_free char *text =
	    mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, header);

	http_write(fd, text, strlen(text));
}

#define END "\r\n0\r\n\r\n" /* of a chunked body */

/* The number after the last "id: ". */
static long long
number(const struct buf *said)
{
	const char *at = said->data, *id = NULL;

	while ((at = strstr(at, "id: ")) != NULL)
		id = at += 4;
	assert_non_null(id);
	return strtoll(id, NULL, 10);
}

static void
a_stream_comes_to_a_regular_end(void **state)
{
	auto_buf struct buf said = BUF_INIT;
	int fd = http_connect();

	(void)state;
	ask(fd, "/events", "");
	assert_true(says(fd, &said, END));
	assert_non_null(strstr(said.data, "retry: 3000\n"));
	/* The connection is as good as after any other reply. */
	buf_clear(&said);
	ask(fd, "/healthz", "Connection: close\r\n");
	assert_true(says(fd, &said, "HTTP/1.1 200 "));
	close(fd);
}

static void
what_happens_between_two_streams_is_told_by_the_second(void **state)
{
	auto_buf struct buf first = BUF_INIT, second = BUF_INIT;
	auto_free char *last = NULL;
	int fd = http_connect();

	(void)state;
	ask(fd, "/events", "");
	assert_true(says(fd, &first, END));
	assert_null(strstr(first.data, "change"));
	webfarm_sql(webfarm.farm_db, "UPDATE progress SET done = done + %d", 1);
	last = mem_printf("Last-Event-ID: %lld\r\n", number(&first));
	ask(fd, "/events", last);
	assert_true(says(fd, &second, END));
	assert_non_null(strstr(second.data, "event: change\n"));
	assert_true(number(&second) > number(&first));
	close(fd);
}

static void
who_has_seen_all_is_told_nothing(void **state)
{
	auto_buf struct buf first = BUF_INIT, second = BUF_INIT;
	auto_free char *last = NULL;
	int fd = http_connect();

	(void)state;
	ask(fd, "/events", "");
	assert_true(says(fd, &first, END));
	last = mem_printf("Last-Event-ID: %lld\r\n", number(&first));
	ask(fd, "/events", last);
	assert_true(says(fd, &second, END));
	assert_null(strstr(second.data, "change"));
	/* What is no number of ours is as good as none. */
	buf_clear(&second);
	ask(fd, "/events", "Last-Event-ID: yesterday\r\n");
	assert_true(says(fd, &second, END));
	assert_null(strstr(second.data, "change"));
	close(fd);
}

static void
places_are_free_again_after_it(void **state)
{
	int fd[60];
	auto_buf struct buf said = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		fd[i] = http_connect();
		ask(fd[i], "/events", "");
	}
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		buf_clear(&said);
		assert_true(says(fd[i], &said, END));
	}
	buf_clear(&said);
	ask(fd[0], "/metrics", "Connection: close\r\n");
	assert_true(says(fd[0], &said, "\nkiln_web_streams 0\n"));
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_comes_to_a_regular_end),
		cmocka_unit_test(
		    what_happens_between_two_streams_is_told_by_the_second),
		cmocka_unit_test(who_has_seen_all_is_told_nothing),
		cmocka_unit_test(places_are_free_again_after_it),
	};

	webfarm.stream_ms = 700;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
