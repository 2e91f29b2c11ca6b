/* Fetching from a server that keeps to no rule, on a port of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/http.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "tests/support/scratch.h"

#define FILE_TEXT "0123456789abcdefghij"

static pid_t server;
static int port;
static struct http *h;

/* --- the server, one request a connection ---------------------------------*/

static void
say(int c, const char *text)
{
	(void)!send(c, text, strlen(text), MSG_NOSIGNAL);
}

static void
say_file(int c, const char *status, const char *extra, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n"
	    "\r\n%s",
	    status, extra, strlen(body), body);
	say(c, text);
}

static void
endless(int c, const char *status)
{
	char block[65536];

	memset(block, 'x', sizeof(block));
	say(c, "HTTP/1.1 ");
	say(c, status);
	say(c, "\r\nConnection: close\r\n\r\n");
	while (send(c, block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
}

static void
serve(int c, const char *request, const char *path)
{
	char text[256];

	if (strcmp(path, "/file") == 0) {
		say_file(c, "200 OK", "ETag: \"v1\"\r\n", FILE_TEXT);
	} else if (strcmp(path, "/etag") == 0) {
		if (strstr(request, "\r\nIf-None-Match: \"v1\"\r\n"))
			say(c, "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n"
			       "Connection: close\r\n\r\n");
		else
			say_file(c, "200 OK", "eTaG:\"v1\"  \r\n", FILE_TEXT);
	} else if (strcmp(path, "/range") == 0) {
		if (strstr(request, "\r\nRange: bytes=15-\r\n"))
			say_file(c, "206 Partial Content",
			    "Content-Range: bytes 15-19/20\r\n", "fghij");
		else
			say_file(c, "200 OK", "", FILE_TEXT);
	} else if (strcmp(path, "/wrong-range") == 0) {
		say_file(c, "206 Partial Content",
		    "Content-Range: bytes 3-19/20\r\n", FILE_TEXT + 3);
	} else if (strcmp(path, "/endless") == 0) {
		endless(c, "200 OK");
	} else if (strcmp(path, "/endless-404") == 0) {
		endless(c, "404 Not Found");
	} else if (strcmp(path, "/missing") == 0) {
		say_file(c, "404 Not Found", "", "no such thing");
	} else if (strcmp(path, "/later") == 0) {
		say_file(c, "503 Busy", "Retry-After: 7\r\n", "later");
	} else if (strcmp(path, "/to-file") == 0) {
		say_file(
		    c, "302 Found", "Location: file:///etc/passwd\r\n", "x");
	} else if (strcmp(path, "/to-ftp") == 0) {
		say_file(
		    c, "302 Found", "Location: ftp://127.0.0.1/x\r\n", "x");
	} else if (strcmp(path, "/to-user") == 0) {
		snprintf(text, sizeof(text),
		    "Location: http://me:pw@127.0.0.1:%d/file\r\n", port);
		say_file(c, "302 Found", text, "x");
	} else if (strcmp(path, "/hop") == 0) {
		say_file(c, "302 Found", "Location: /file\r\nETag: \"hop\"\r\n",
		    "not this");
	} else if (strcmp(path, "/loop") == 0) {
		say_file(c, "302 Found", "Location: /loop\r\n", "x");
	} else if (strcmp(path, "/slow") == 0) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		for (int i = 0; i < 200; i++) {
			if (send(c, "x", 1, MSG_NOSIGNAL) != 1)
				return;
			usleep(50000);
		}
	} else if (strcmp(path, "/cut") == 0) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
	} else if (strcmp(path, "/headers") == 0) {
		say(c, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 100000; i++) {
			const char *line = "X-A: aaaaaaaaaaaaaaaaaaaaaaa\r\n";

			if (send(c, line, strlen(line), MSG_NOSIGNAL) <= 0)
				return;
		}
	} else if (strcmp(path, "/long-etag") == 0) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"");
		for (int i = 0; i < 500; i++)
			say(c, "e");
		say(c, "\"\r\nConnection: close\r\n\r\n");
	} else if (strcmp(path, "/nonsense") == 0) {
		say(c, "SSH-2.0-OpenSSH\r\n");
	} else if (strcmp(path, "/cookie") == 0) {
		say_file(c, "302 Found",
		    "Set-Cookie: a=b\r\nLocation: /echo\r\n", "");
	} else if (strncmp(path, "/echo", 5) == 0) {
		say_file(c, "200 OK", "", request);
	} else {
		say_file(c, "400 Bad", "", path);
	}
}

/* Reads up to the blank line and the body that Content-Length promises. */
static void
answer(int c)
{
	char request[8192] = "", path[256] = "";
	size_t n = 0;

	while (n < sizeof(request) - 1) {
		ssize_t r = recv(c, request + n, sizeof(request) - 1 - n, 0);
		const char *end, *len;
		size_t body = 0;

		if (r <= 0)
			return;
		n += (size_t)r;
		request[n] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (!end)
			continue;
		len = strstr(request, "Content-Length: ");
		if (len)
			body = (size_t)strtoul(len + 16, NULL, 10);
		if (n >= (size_t)(end + 4 - request) + body)
			break;
	}
	if (sscanf(request, "%*s %255s", path) == 1)
		serve(c, request, path);
	shutdown(c, SHUT_WR);
}

static void
serve_forever(int sock)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int c = accept(sock, NULL, NULL);

		if (c == -1)
			continue;
		if (fork() == 0) {
			answer(c);
			_exit(0);
		}
		close(c);
	}
}

static int
start(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	struct err err = ERR_INIT;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (bind(sock, (struct sockaddr *)&sin, len) == -1 ||
	    listen(sock, 16) == -1 ||
	    getsockname(sock, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	port = ntohs(sin.sin_port);
	server = fork();
	if (server == 0)
		serve_forever(sock);
	close(sock);
	h = http_open("kiln-test/1", "", &err);
	return h ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	http_close(h);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}

/* --- asking it -------------------------------------------------------------*/

struct asked {
	struct http_get g;
	struct http_answer a;
	struct err err;
	int r;
	char url[128];
	struct buf body;
};

static void
get(struct asked *q, const char *path)
{
	snprintf(q->url, sizeof(q->url), "http://127.0.0.1:%d%s", port, path);
	q->g.url = q->url;
	if (!q->g.limit)
		q->g.limit = 4096;
	if (!q->g.deadline_ms)
		q->g.deadline_ms = 20000;
	q->g.body = &q->body;
	q->r = http_get(h, &q->g, &q->a, &q->err);
}

static void
done(struct asked *q)
{
	buf_release(&q->body);
}
#define ASKED __attribute__((cleanup(done))) struct asked
#define ASKED_INIT                                \
	{                                         \
		.body = BUF_INIT, .err = ERR_INIT \
	}

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
		cmocka_unit_test(an_endless_body_is_cut_at_the_limit),
		cmocka_unit_test(an_error_status_is_an_answer_without_a_body),
		cmocka_unit_test(a_download_is_resumed),
		cmocka_unit_test(
		    a_server_that_ignores_ranges_gives_the_same_bytes),
		cmocka_unit_test(another_range_than_asked_is_refused),
		cmocka_unit_test(redirects_are_followed_but_not_for_ever),
		cmocka_unit_test(redirects_to_other_protocols_are_refused),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(a_slow_body_ends_at_the_deadline),
		cmocka_unit_test(what_may_pass_is_busy),
		cmocka_unit_test(answers_that_are_no_http_are_refused),
		cmocka_unit_test(progress_is_told_and_may_stop_it),
		SCRATCH(a_request_says_no_more_than_it_must),
		cmocka_unit_test(a_post_is_answered),
	};

	return cmocka_run_group_tests_name("http", tests, start, stop);
}
