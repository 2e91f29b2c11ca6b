#include "router-agent/change/probe_dns.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/change/ask.h"

/* A lost first ARP costs a second: ask again before.  In the beginning sooner,
 * for one that has just been started: its kernel says that nobody listens
 * only once a second. */
#define RETRY_MS 400
#define EAGER_MS 600
#define EAGER_RETRY_MS 20

static int
ask_udp(const struct probe_dns *p, const struct dns_question *q,
    const uint8_t *query, size_t n, int64_t until, struct dns_answer *a,
    struct err *err)
{
	auto_fd int fd = ask_connect(
	    p->server, p->port, p->from, p->device, SOCK_DGRAM, until, err);
	uint8_t bytes[DNS_MESSAGE];
	int64_t again = 0, eager = time_mono_ms() + EAGER_MS;

	if (fd == -1)
		return -1;
	for (;;) {
		int64_t now = time_mono_ms();
		ssize_t got;

		if (now >= until)
			return ask_late(err, p->server);
		if (now >= again) {
			/* ICMP errors of an earlier try come back here. */
			(void)!send(fd, query, n, 0);
			again = now + (now < eager ? EAGER_RETRY_MS : RETRY_MS);
		}
		got = ask_wait(fd, POLLIN, again < until ? again : until, err);
		if (got == -1)
			return -1;
		if (got == 0)
			continue;
		got = recv(fd, bytes, sizeof(bytes), MSG_TRUNC);
		if (got == -1 && errno == ECONNREFUSED && again > now + 50)
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
ask_tcp(const struct probe_dns *p, const struct dns_question *q,
    const uint8_t *query, size_t n, int64_t until, struct dns_answer *a,
    struct err *err)
{
	auto_fd int fd = ask_connect(
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
	if (ask_read(fd, bytes, 2, until, p->server, err) == -1)
		return -1;
	len = (size_t)(bytes[0] << 8 | bytes[1]);
	if (len > sizeof(bytes))
		return err_set(
		    err, ERR_INPUT, "DNS answer: longer than it may be");
	if (ask_read(fd, bytes, len, until, p->server, err) == -1)
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
