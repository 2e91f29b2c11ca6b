/*
 * A server that keeps to no rule, on a port of its own, one request a
 * connection; and how a test asks it.  Use start and stop as the fixtures of
 * the group: then `h` is open and `port` is the server's.
 */
#ifndef KILN_TEST_BADHTTP_H
#define KILN_TEST_BADHTTP_H

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

#endif
