/* rooms: web web/pages web/api */
/* Who asks too much, too slowly or for too many parts is cut off or answered
 * briefly, and the next one is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/webrows.h"

#define PIECES 1000 /* of a tenth of a second: far more than is allowed */

static void
assert_serves(void)
{
	auto_answer struct answer a = ANSWER_INIT;

	assert_int_equal(http_get(&a, "/builds", ""), 200);
}

/* Did the server end it, however long it took? */
static bool
is_cut(int fd, const char *piece)
{
	char c[4096];

	for (int i = 0; i < PIECES; i++) {
		ssize_t n;

		if (send(fd, piece, strlen(piece), MSG_NOSIGNAL) == -1)
			return true;
		usleep(100000);
		while ((n = recv(fd, c, sizeof(c), MSG_DONTWAIT)) > 0)
			;
		if (n == 0 || (n == -1 && errno != EAGAIN))
			return true;
	}
	return false;
}

static void
drips(const char *head, const char *piece)
{
	int fd = http_connect();

	http_write(fd, head, strlen(head));
	assert_true(is_cut(fd, piece));
	close(fd);
	assert_serves();
}

static void
a_request_line_that_drips_is_cut(void **state)
{
	(void)state;
	drips("GET /", "a");
}

static void
headers_that_drip_are_cut(void **state)
{
	(void)state;
	drips("GET / HTTP/1.1\r\n", "X: y\r\n");
}

static void
a_body_that_drips_is_cut(void **state)
{
	(void)state;
	drips("POST /api/v1/report HTTP/1.1\r\nHost: x\r\n"
	      "Content-Length: 60000\r\n\r\n",
	    "{");
}

static void
a_chunked_body_that_drips_is_cut(void **state)
{
	(void)state;
	drips("POST /api/v1/report HTTP/1.1\r\nHost: x\r\n"
	      "Transfer-Encoding: chunked\r\n\r\n",
	    "1\r\n{\r\n");
}

static void
a_second_request_that_drips_is_cut_too(void **state)
{
	(void)state;
	drips("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /", "a");
}

static void
a_body_without_an_end_is_cut(void **state)
{
	static const char head[] = "POST /api/v1/report HTTP/1.1\r\nHost: x\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static char chunk[65536 + 9];
	int fd = http_connect();
	size_t sent = 0;

	(void)state;
	memcpy(chunk, "10000\r\n", 7);
	memset(chunk + 7, ' ', 65536);
	memcpy(chunk + 7 + 65536, "\r\n", 2);
	http_write(fd, head, strlen(head));
	/* Sockets' own buffers take some megabytes. */
	while (sent < (256U << 20)) {
		ssize_t n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	close(fd);
	assert_true(sent < (256U << 20));
	assert_serves();
}

/* It reads all the time, and would take a quarter of an hour. */
static void
a_reply_that_is_taken_slowly_is_cut(void **state)
{
	static char big[16 << 20], some[1024];
	static const char listen[] = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(webfarm.port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4096;
	int stream = http_connect();
	auto_buf struct buf said = BUF_INIT;
	struct timeval patience = { 20, 0 };
	char hex[HASH_HEX], name[2 * HASH_HEX];
	struct hash h;
	size_t got = 0;
	ssize_t n = 1;

	(void)state;
	http_write(stream, listen, strlen(listen));
	hash_bytes(&h, big, sizeof(big));
	hash_hex(&h, hex);
	snprintf(name, sizeof(name), "%s.%s", hex, hex);
	webfarm_file("tuf/targets/images/dns/amd64", name, big, sizeof(big));
	auto_free char *ask = mem_printf(
	    "GET /tuf/targets/images/dns/amd64/%s HTTP/1.1\r\nHost: x\r\n\r\n",
	    name);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	http_write(fd, ask, strlen(ask));
	for (int i = 0; n > 0 && i < PIECES; i++) {
		usleep(50000);
		n = recv(fd, some, sizeof(some), 0);
		if (i == 0)
			assert_memory_equal(some, "HTTP/1.1 200 ", 13);
		got += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	assert_true(n == 0 || (n == -1 && errno == ECONNRESET));
	assert_true(got > 0 && got < sizeof(big));
	/* Who listens for what happens has no end to come to. */
	webfarm_sql(webfarm.farm_db, "UPDATE progress SET done = done + %d", 1);
	while (strstr(said.data, "event: change\n") == NULL) {
		n = recv(stream, some, sizeof(some), 0);
		assert_true(n > 0);
		buf_add(&said, some, (size_t)n);
	}
	close(stream);
	assert_serves();
}

static void
a_flood_of_headers_is_refused(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf many = BUF_INIT, one = BUF_INIT, path = BUF_INIT;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&many, "X-%d: y\r\n", i);
	http_get(&a, "/", many.data);
	assert_true(a.status == 0 || a.status >= 400);
	buf_str(&one, "Cookie: ");
	for (int i = 0; i < 200000; i++)
		buf_str(&one, "a=b;");
	buf_str(&one, "\r\n");
	http_get(&a, "/", one.data);
	assert_true(a.status == 0 || a.status >= 400);
	buf_str(&path, "/");
	for (int i = 0; i < 100000; i++)
		buf_str(&path, "aa");
	http_get(&a, path.data, "");
	assert_true(a.status == 0 || a.status >= 400);
	assert_serves();
	/* What a browser or a proxy sends is taken. */
	buf_clear(&one);
	for (int i = 0; i < 40; i++)
		buf_printf(&one, "X-Forwarded-%d: %064d\r\n", i, i);
	assert_int_equal(http_get(&a, "/builds", one.data), 200);
}

static void
parts_that_overlap_are_not_sent_more_than_once(void **state)
{
	static const char *const parts[] = { "0-9", "0-", "-10", "5-5",
		"0-18446744073709551615", "9-1", "-0" };
	auto_answer struct answer a = ANSWER_INIT;
	char file[320];

	(void)state;
	snprintf(file, sizeof(file), "/tuf/targets/%s", target_path);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		auto_buf struct buf h = BUF_INIT;

		buf_printf(&h, "Range: bytes=%s", parts[i]);
		for (int k = 0; k < 900; k++)
			buf_printf(&h, ",%s",
			    parts[(i + (size_t)k) % ARRAY_LEN(parts)]);
		buf_str(&h, "\r\n");
		http_get(&a, file, h.data);
		/* The whole, once, or nothing. */
		if (a.status == 200)
			assert_string_equal(a.body.data, "0123456789");
		else
			assert_true(a.status >= 400);
	}
	/* Several headers are one list. */
	http_get(&a, file, "Range: bytes=0-1\r\nRange: bytes=0-8\r\n");
	assert_true(a.body.len <= 10);
	assert_int_equal(
	    http_get(&a, file, "Range: bytes=2-9223372036854775807\r\n"), 206);
	assert_string_equal(a.body.data, "23456789");
	assert_serves();
}

/* More than an address may have, and each says nothing. */
static void
one_address_does_not_take_all_places(void **state)
{
	struct sockaddr_in other = { .sin_family = AF_INET,
		.sin_addr = { htonl(0x7f000002) } };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(webfarm.port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
				  "Connection: close\r\n\r\n";
	int fd[2 * SERVER_PER_ADDRESS], from;
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		fd[i] = http_connect();
	from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(from, (struct sockaddr *)&other, sizeof(other)), 0);
	assert_int_equal(connect(from, (struct sockaddr *)&to, sizeof(to)), 0);
	http_write(from, ask, strlen(ask));
	http_read(from, &a);
	assert_int_equal(a.status, 200);
	close(from);
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_line_that_drips_is_cut),
		cmocka_unit_test(headers_that_drip_are_cut),
		cmocka_unit_test(a_body_that_drips_is_cut),
		cmocka_unit_test(a_chunked_body_that_drips_is_cut),
		cmocka_unit_test(a_second_request_that_drips_is_cut_too),
		cmocka_unit_test(a_body_without_an_end_is_cut),
		cmocka_unit_test(a_reply_that_is_taken_slowly_is_cut),
		cmocka_unit_test(a_flood_of_headers_is_refused),
		cmocka_unit_test(
		    parts_that_overlap_are_not_sent_more_than_once),
		cmocka_unit_test(one_address_does_not_take_all_places),
	};

	/* So that what a client does not take does not lie with the kernel. */
	webfarm.send_buffer = 16384;
	webfarm.hasty = true;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
