/* rooms: router-agent/change/probe_more.c router-agent/change/reply.c
 * router-agent/change/ask.c router-agent/probe_spec.c */
/* Probes against a server on the loopback that says what each test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/own.h"
#include "router-agent/change/probe_more.h"

static pid_t server;

/* Answers each connection with these bytes, once it was asked something. */
static uint16_t
serve(const void *bytes, size_t n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	server = fork();
	assert_int_not_equal(server, -1);
	if (server == 0) {
		for (;;) {
			int c = accept(fd, NULL, NULL);
			char ask[2048];

			if (c == -1 || read(c, ask, sizeof(ask)) < 0)
				_exit(1);
			if (n > 0)
				(void)!send(c, bytes, n, MSG_NOSIGNAL);
			close(c);
		}
	}
	close(fd);
	return ntohs(sin.sin_port);
}

static int
teardown(void **state)
{
	(void)state;
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		server = 0;
	}
	return 0;
}

static int
ask(struct probe *p, const void *bytes, size_t n, char text[PROBE_TEXT],
    struct err *err)
{
	const struct probe_more m = { .server = "127.0.0.1",
		.from = "127.0.0.1",
		.dhcp = -1,
		.deadline_ms = 30000 };

	teardown(NULL);
	p->port = serve(bytes, n);
	err_clear(err);
	return probe_more(&m, p, text, err);
}
#define ASK(p, literal, text, err) \
	ask(p, literal, sizeof(literal) - 1, text, err)

static void
http_wants_its_status(void **state)
{
	struct probe p = { .type = PROBE_HTTP, .name = "/", .value = "200" };
	char text[PROBE_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ASK(&p, "HTTP/1.1 200 OK\r\n\r\n", text, &err), 0);
	assert_non_null(strstr(text, " / 200"));
	assert_int_equal(ASK(&p, "HTTP/1.1 503 No\r\n\r\n", text, &err), -1);
	assert_non_null(strstr(err.msg, "503 and not 200"));
	strcpy(p.value, "any");
	assert_int_equal(ASK(&p, "HTTP/1.1 503 No\r\n\r\n", text, &err), 0);
	assert_int_equal(ASK(&p, "220 mail ready\r\n", text, &err), -1);
	assert_int_equal(ASK(&p, "HTTP/1", text, &err), -1);
	assert_non_null(strstr(err.msg, "cut off"));
}

static void
tls_wants_a_server_hello(void **state)
{
	struct probe p = { .type = PROBE_TLS };
	char text[PROBE_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    ASK(&p, "\x16\x03\x03\x00\x7a\x02\x00\x00", text, &err), 0);
	assert_int_equal(
	    ASK(&p, "\x15\x03\x03\x00\x02\x02\x28", text, &err), -1);
	assert_int_equal(ASK(&p, "HTTP/1.1 400 Bad\r\n", text, &err), -1);
}

static void
mqtt_wants_its_answer(void **state)
{
	struct probe p = { .type = PROBE_MQTT, .value = "accepted" };
	char text[PROBE_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ASK(&p, "\x20\x02\x00\x00", text, &err), 0);
	assert_int_equal(ASK(&p, "\x20\x02\x00\x05", text, &err), -1);
	strcpy(p.value, "refused");
	assert_int_equal(ASK(&p, "\x20\x02\x00\x05", text, &err), 0);
	assert_int_equal(ASK(&p, "\x30\x02\x00\x05", text, &err), -1);
}

static void
tcp_wants_a_connection(void **state)
{
	struct probe p = { .type = PROBE_TCP };
	const struct probe_more m = { .server = "127.0.0.1",
		.from = "127.0.0.1",
		.dhcp = -1,
		.deadline_ms = 30000 };
	char text[PROBE_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ASK(&p, "", text, &err), 0);
	teardown(NULL);
	assert_int_equal(probe_more(&m, &p, text, &err), -1);
	assert_non_null(strstr(err.msg, "refused"));
}

#define T(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(http_wants_its_status),
		T(tls_wants_a_server_hello),
		T(mqtt_wants_its_answer),
		T(tcp_wants_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
