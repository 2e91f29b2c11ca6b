#include "router-agent/change/probe_more.h"

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
#include "router-agent/change/ask.h"
#include "router-agent/change/reply.h"

#define CLIENT_PORT 68
#define SERVER_PORT 67
#define RETRY_MS 1000

/* --- streams ------------------------------------------------------------- */

/* Sends the question and reads the first bytes of the answer. */
static int
exchange(const struct probe_more *m, uint16_t port, const uint8_t *ask,
    size_t n, uint8_t *reply, size_t want, struct err *err)
{
	int64_t until = time_mono_ms() + m->deadline_ms;
	auto_fd int fd = ask_connect(
	    m->server, port, m->from, m->device, SOCK_STREAM, until, err);

	if (fd == -1)
		return -1;
	if (n > 0 && send(fd, ask, n, MSG_NOSIGNAL) != (ssize_t)n)
		return err_sys(err, "ask %s", m->server);
	return want ? ask_read(fd, reply, want, until, m->server, err) : 0;
}

static int
on_http(const struct probe_more *m, const struct probe *p,
    char text[PROBE_TEXT], struct err *err)
{
	uint8_t ask[ASK_MAX], reply[REPLY_HTTP];
	size_t n = ask_http(m->server, p->name, ask);
	char got[16];
	int status;

	if (exchange(m, p->port, ask, n, reply, sizeof(reply), err) == -1 ||
	    reply_http(reply, sizeof(reply), &status, err) == -1)
		return -1;
	snprintf(got, sizeof(got), "%d", status);
	snprintf(
	    text, PROBE_TEXT, "http port %u %.100s %s", p->port, p->name, got);
	if (strcmp(p->value, "any") == 0 || strcmp(p->value, got) == 0)
		return 0;
	return err_set(
	    err, ERR_INPUT, "status %s and not %.20s", got, p->value);
}

static int
on_tls(const struct probe_more *m, const struct probe *p, char text[PROBE_TEXT],
    struct err *err)
{
	uint8_t ask[ASK_MAX], reply[REPLY_TLS], random[64];
	size_t n;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(err, "make a random number");
	n = ask_tls(random, ask);
	snprintf(text, PROBE_TEXT, "tls port %u answers", p->port);
	if (exchange(m, p->port, ask, n, reply, sizeof(reply), err) == -1)
		return -1;
	return reply_tls(reply, sizeof(reply), err);
}

static int
on_mqtt(const struct probe_more *m, const struct probe *p,
    char text[PROBE_TEXT], struct err *err)
{
	uint8_t ask[ASK_MAX], reply[REPLY_MQTT];
	size_t n = ask_mqtt(ask);
	const char *got;
	int code;

	if (exchange(m, p->port, ask, n, reply, sizeof(reply), err) == -1 ||
	    reply_mqtt(reply, sizeof(reply), &code, err) == -1)
		return -1;
	got = code == 0 ? "accepted" : "refused";
	snprintf(text, PROBE_TEXT, "mqtt port %u %s", p->port, got);
	if (strcmp(p->value, "any") == 0 || strcmp(p->value, got) == 0)
		return 0;
	return err_set(
	    err, ERR_INPUT, "%s (%d) and not %.20s", got, code, p->value);
}

/* --- DHCP ---------------------------------------------------------------- */

int
probe_dhcp_socket(const char *device, struct err *err)
{
	auto_fd int fd =
	    socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(CLIENT_PORT) };
	int one = 1;

	if (fd == -1)
		return err_sys(err, "make a socket for DHCP");
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
		(socklen_t)strlen(device)) == -1)
		return err_sys(err, "ask for DHCP on %s", device);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return err_sys(err, "take DHCP's client port on %s", device);
	return take_fd(&fd);
}

static int
in_pool(const struct probe_more *m, const struct dhcp_offer *o,
    char text[PROBE_TEXT], struct err *err)
{
	struct in_addr start, end, got = { htonl(o->address) };
	char word[INET_ADDRSTRLEN];

	if (inet_pton(AF_INET, m->start, &start) != 1 ||
	    inet_pton(AF_INET, m->end, &end) != 1)
		return err_set(err, ERR_INPUT, "the pool is no range of IPv4");
	inet_ntop(AF_INET, &got, word, sizeof(word));
	snprintf(text, PROBE_TEXT, "dhcp offers %s", word);
	if (o->address < ntohl(start.s_addr) || o->address > ntohl(end.s_addr))
		return err_set(err, ERR_INPUT,
		    "it offers %s, which is not from %s to %s", word, m->start,
		    m->end);
	return 0;
}

/* Until this server, and no other of the LAN, has made its offer. */
static int
on_dhcp(const struct probe_more *m, char text[PROBE_TEXT], struct err *err)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr = { INADDR_BROADCAST } };
	/* Locally administered, of no client. */
	uint8_t mac[6] = { 0x02, 0x6b, 0x69, 0, 0, 0 }, bytes[REPLY_MAX];
	int64_t until = time_mono_ms() + m->deadline_ms, again = 0;
	uint8_t ask[ASK_MAX];
	struct in_addr server;
	uint32_t id;
	size_t n;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id) ||
	    getrandom(mac + 3, 3, 0) != 3)
		return err_sys(err, "make a random number");
	if (inet_pton(AF_INET, m->server, &server) != 1)
		return err_set(err, ERR_INPUT, "not an IPv4 address");
	n = ask_dhcp(id, mac, ask);
	for (;;) {
		int64_t now = time_mono_ms();
		struct dhcp_offer offer;
		ssize_t got;
		int ours;

		if (now >= until)
			return ask_late(err, m->server);
		if (now >= again) {
			if (sendto(m->dhcp, ask, n, 0,
				(const struct sockaddr *)&to, sizeof(to)) == -1)
				return err_sys(err, "broadcast a DISCOVER");
			again = now + RETRY_MS;
		}
		got = ask_wait(
		    m->dhcp, POLLIN, again < until ? again : until, err);
		if (got == -1)
			return -1;
		if (got == 0)
			continue;
		got = recv(m->dhcp, bytes, sizeof(bytes), 0);
		if (got < 0)
			continue;
		ours = reply_dhcp(id, mac, bytes, (size_t)got, &offer, err);
		if (ours == -1)
			return -1;
		if (ours == 1 && offer.server == ntohl(server.s_addr))
			return in_pool(m, &offer, text, err);
	}
}

int
probe_more(const struct probe_more *m, const struct probe *p,
    char text[PROBE_TEXT], struct err *err)
{
	switch (p->type) {
	case PROBE_HTTP:
		return on_http(m, p, text, err);
	case PROBE_TLS:
		return on_tls(m, p, text, err);
	case PROBE_MQTT:
		return on_mqtt(m, p, text, err);
	case PROBE_DHCP:
		return on_dhcp(m, text, err);
	case PROBE_TCP:
	case PROBE_DNS:
	case PROBE_PROGRAM:
		break;
	}
	snprintf(text, PROBE_TEXT, "tcp port %u open", p->port);
	return exchange(m, p->port, NULL, 0, NULL, 0, err);
}
