#include "router-agent/change/probe_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/own.h"

#define RETRY_MS 400 /* a lost first ARP costs a second: ask again before */

static int
late(struct err *err, const char *server)
{
	err_set(err, ERR_BUSY, "no answer from %s in time", server);
	err->sys = ETIMEDOUT;
	return -1;
}

static int
address(
    const char *text, uint16_t port, struct sockaddr_in *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->sin_family = AF_INET;
	out->sin_port = htons(port);
	if (inet_pton(AF_INET, text, &out->sin_addr) != 1)
		return err_set(
		    err, ERR_INPUT, "\"%.60s\" is not an IPv4 address", text);
	return 0;
}

/* The kernel picks an unpredictable source port when we bind none. */
static int
open_socket(int type, const char *from, const char *device, struct err *err)
{
	auto_fd int fd =
	    socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin;

	if (fd == -1)
		return err_sys(err, "make a socket");
	if (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
			  (socklen_t)strlen(device)) == -1)
		return err_sys(err, "ask on %s", device);
	if (from) {
		if (address(from, 0, &sin, err) == -1)
			return -1;
		if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
			return err_sys(err, "ask from %s", from);
	}
	return take_fd(&fd);
}

/* 1: ready; 0: not before `until`. */
static int
wait_fd(int fd, short events, int64_t until, struct err *err)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left = until - time_mono_ms();
	int got;

	if (left <= 0)
		return 0;
	got = poll(&p, 1, (int)left);
	if (got == -1 && errno != EINTR)
		return err_sys(err, "wait for an answer");
	return got > 0;
}

static int
connect_to(const char *server, uint16_t port, const char *from,
    const char *device, int type, int64_t until, struct err *err)
{
	auto_fd int fd = open_socket(type, from, device, err);
	struct sockaddr_in sin;
	socklen_t len = sizeof(int);
	int sys = 0, got;

	if (fd == -1 || address(server, port, &sin, err) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0)
		return take_fd(&fd);
	if (errno != EINPROGRESS)
		return err_sys(err, "reach %s", server);
	while ((got = wait_fd(fd, POLLOUT, until, err)) == 0)
		if (time_mono_ms() >= until)
			return late(err, server);
	if (got == -1)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) == -1)
		return err_sys(err, "reach %s", server);
	if (sys != 0) {
		errno = sys;
		return err_sys(err, "reach %s port %u", server, port);
	}
	return take_fd(&fd);
}

static int
ask_udp(const struct probe_dns *p, const struct dns_question *q,
    const uint8_t *query, size_t n, int64_t until, struct dns_answer *a,
    struct err *err)
{
	auto_fd int fd = connect_to(
	    p->server, p->port, p->from, p->device, SOCK_DGRAM, until, err);
	uint8_t bytes[DNS_MESSAGE];
	int64_t again = 0;

	if (fd == -1)
		return -1;
	for (;;) {
		int64_t now = time_mono_ms();
		ssize_t got;

		if (now >= until)
			return late(err, p->server);
		if (now >= again) {
			/* ICMP errors of an earlier try come back here. */
			(void)!send(fd, query, n, 0);
			again = now + RETRY_MS;
		}
		got = wait_fd(fd, POLLIN, again < until ? again : until, err);
		if (got == -1)
			return -1;
		if (got == 0)
			continue;
		got = recv(fd, bytes, sizeof(bytes), MSG_TRUNC);
		if (got == -1 && errno == ECONNREFUSED)
			again = now + 50;
		if (got < 0)
			continue;
		if ((size_t)got > sizeof(bytes))
			return err_set(err, ERR_INPUT,
			    "DNS answer: longer than it may be");
		if (dns_is_ours(q, bytes, (size_t)got))
			return dns_parse(q, bytes, (size_t)got, a, err);
	}
}

static int
read_tcp(int fd, uint8_t *out, size_t n, int64_t until, const char *server,
    struct err *err)
{
	size_t have = 0;

	while (have < n) {
		int got = wait_fd(fd, POLLIN, until, err);
		ssize_t r;

		if (got == -1)
			return -1;
		if (got == 0 && time_mono_ms() >= until)
			return late(err, server);
		r = recv(fd, out + have, n - have, 0);
		if (r == 0)
			return err_set(err, ERR_INPUT, "DNS answer: cut off");
		if (r == -1 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, "hear %s", server);
		if (r > 0)
			have += (size_t)r;
	}
	return 0;
}

static int
ask_tcp(const struct probe_dns *p, const struct dns_question *q,
    const uint8_t *query, size_t n, int64_t until, struct dns_answer *a,
    struct err *err)
{
	auto_fd int fd = connect_to(
	    p->server, p->port, p->from, p->device, SOCK_STREAM, until, err);
	uint8_t bytes[DNS_MESSAGE], out[DNS_QUERY + 2];
	size_t len;

	if (fd == -1)
		return -1;
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	memcpy(out + 2, query, n);
	if (send(fd, out, n + 2, MSG_NOSIGNAL) != (ssize_t)n + 2)
		return err_sys(err, "ask %s", p->server);
	if (read_tcp(fd, bytes, 2, until, p->server, err) == -1)
		return -1;
	len = (size_t)(bytes[0] << 8 | bytes[1]);
	if (len > sizeof(bytes))
		return err_set(
		    err, ERR_INPUT, "DNS answer: longer than it may be");
	if (read_tcp(fd, bytes, len, until, p->server, err) == -1)
		return -1;
	return dns_parse(q, bytes, len, a, err);
}

int
probe_dns_ask(
    const struct probe_dns *p, struct dns_answer *out, struct err *err)
{
	struct dns_question q = { .type = dns_type_of(p->qtype) };
	struct dns_answer a = { 0 };
	uint8_t query[DNS_QUERY];
	int64_t until = time_mono_ms() + p->deadline_ms;
	int n;

	if (q.type == 0)
		return err_set(err, ERR_INPUT,
		    "type \"%.20s\" is not A, AAAA or TXT", p->qtype);
	if (strlen(p->name) >= sizeof(q.name))
		return err_set(err, ERR_INPUT, "the name is too long");
	memcpy(q.name, p->name, strlen(p->name) + 1);
	if (getrandom(&q.id, sizeof(q.id), 0) != sizeof(q.id))
		return err_sys(err, "make a random number");
	n = dns_query(&q, query, err);
	if (n == -1)
		return -1;
	if (!p->tcp && ask_udp(p, &q, query, (size_t)n, until, &a, err) == -1)
		return -1;
	if ((p->tcp || a.truncated) &&
	    ask_tcp(p, &q, query, (size_t)n, until, &a, err) == -1)
		return -1;
	if (a.truncated)
		return err_set(
		    err, ERR_INPUT, "DNS answer: truncated over TCP");
	*out = a;
	return 0;
}

int
probe_tcp(const char *server, uint16_t port, const char *from,
    const char *device, int64_t deadline_ms, struct err *err)
{
	auto_fd int fd = connect_to(server, port, from, device, SOCK_STREAM,
	    time_mono_ms() + deadline_ms, err);

	return fd == -1 ? -1 : 0;
}
