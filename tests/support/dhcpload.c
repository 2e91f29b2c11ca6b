/*
 * dhcpload: new DHCP clients at a steady pace, and each one's fate.
 *
 *	dhcpload INTERFACE EVERY-MS STOPFILE
 *
 * Each client has a hardware address of its own and speaks raw frames
 * (RFC 2131 §3.1): DISCOVER, REQUEST of the first OFFER, ACK; what is not
 * answered, or with a NAK, begins anew a second later, up to 8 times.
 * When STOPFILE exists no new client comes; then each one that has a lease
 * asks for it again as after a reboot (RFC 2131 §4.3.2, INIT-REBOOT: answered
 * by broadcast, so that nobody need have the address).  One line is printed,
 *and the leases to the standard error as ADDRESS MAC:
 *
 *	clients N leased N first-try N twice N two-servers N nak N renewed N
 *	slowest-ms N
 *
 * twice: addresses acknowledged to two clients; two-servers: DISCOVERs that
 * were answered twice, each repetition being one of its own (by its number in
 * the transaction).  Exit 0 when all have a lease, none twice, and all were
 * renewed.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 900 /* dnsmasq gives 1,000 leases */
#define TRIES 8
#define AGAIN_MS 1000

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK };
enum state { IDLE, SELECTING, REQUESTING, BOUND, RENEWING, RENEWED, LOST };

static struct client {
	enum state state;
	uint32_t address, server; /* network byte order */
	int64_t began, sent;	  /* ms */
	int tries;
	int said;		   /* DISCOVERs */
	int heard;		   /* the one whose OFFER was taken */
	uint8_t offers[TRIES + 2]; /* to each DISCOVER */
} clients[CLIENTS];
static int nclients, two_servers, naks;
static int sock;
static struct sockaddr_ll to;

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Scattered, as real ones are: dnsmasq tries the address beside a taken one,
 * and clients in a row would all want that. */
static void
mac_of(int i, uint8_t mac[6])
{
	uint32_t r = (uint32_t)(i + 1) * 2654435761u;
	const uint8_t m[6] = { 2, 0x4b, (uint8_t)(r >> 24), (uint8_t)(r >> 16),
		(uint8_t)(i >> 8), (uint8_t)i };

	memcpy(mac, m, 6);
}

static uint16_t
sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ethernet, IPv4, UDP without a checksum, BOOTP, options. */
static void
send_frame(int i, int type)
{
	struct client *c = &clients[i];
	uint8_t f[342] = { 0 }, *ip = f + 14, *udp = ip + 20, *b = udp + 8;
	uint8_t *o = b + 240;
	size_t n;

	memset(f, 0xff, 6);
	mac_of(i, f + 6);
	put16(f + 12, 0x0800);
	b[0] = b[1] = 1;
	b[2] = 6;
	/* Transaction: which DISCOVER, and the client's number. */
	put16(b + 4, (size_t)(type == DISCOVER ? c->said : c->heard));
	put16(b + 6, (size_t)i + 1);
	put16(b + 10, 0x8000); /* answer by broadcast */
	mac_of(i, b + 28);
	memcpy(b + 236, "\x63\x82\x53\x63", 4);
	*o++ = 53;
	*o++ = 1;
	*o++ = (uint8_t)type;
	if (type == REQUEST) {
		*o++ = 50;
		*o++ = 4;
		memcpy(o, &c->address, 4);
		o += 4;
	}
	if (type == REQUEST && c->state != RENEWING) {
		*o++ = 54;
		*o++ = 4;
		memcpy(o, &c->server, 4);
		o += 4;
	}
	*o = 255;
	n = sizeof(f) - 14;
	ip[0] = 0x45;
	put16(ip + 2, n);
	ip[8] = 64;
	ip[9] = 17;
	memset(ip + 16, 0xff, 4);
	put16(ip + 10, sum(ip, 20));
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, n - 20);
	(void)!sendto(
	    sock, f, sizeof(f), 0, (struct sockaddr *)&to, sizeof(to));
	c->sent = now_ms();
}

static void
begin(int i)
{
	clients[i].state = SELECTING;
	clients[i].said++;
	send_frame(i, DISCOVER);
}

static const uint8_t *
option(const uint8_t *o, const uint8_t *end, int which, size_t len)
{
	while (o + 2 <= end && *o != 255) {
		if (*o == 0) {
			o++;
			continue;
		}
		if (o + 2 + o[1] > end)
			return NULL;
		if (*o == which)
			return o[1] == len ? o + 2 : NULL;
		o += 2 + o[1];
	}
	return NULL;
}

static void
answer(struct client *c, int i, int type, const uint8_t *b, const uint8_t *id)
{
	int discover = b[4] << 8 | b[5];
	uint32_t address;

	memcpy(&address, b + 16, 4);
	if (type == OFFER && discover <= c->said) {
		if (++c->offers[discover] == 2)
			two_servers++;
		if (c->state != SELECTING)
			return;
		c->heard = discover;
		c->address = address;
		memcpy(&c->server, id, 4);
		c->state = REQUESTING;
		send_frame(i, REQUEST);
	} else if (type == ACK && c->state == REQUESTING) {
		c->address = address;
		c->state = BOUND;
		c->sent = now_ms();
	} else if (type == ACK && c->state == RENEWING &&
		   address == c->address) {
		c->state = RENEWED;
	} else if (type == NAK && c->state == REQUESTING) {
		naks++; /* begins anew when its second is over */
		c->state = SELECTING;
	} else if (type == NAK && c->state == RENEWING) {
		c->state = LOST;
	}
}

static void
take(void)
{
	uint8_t f[2048];
	ssize_t n;

	while ((n = recv(sock, f, sizeof(f), MSG_DONTWAIT)) > 0) {
		const uint8_t *ip = f + 14, *b = ip + 28, *type, *id;
		int i;

		if (n < 14 + 28 + 240 || ip[0] != 0x45 || ip[9] != 17 ||
		    (ip[22] << 8 | ip[23]) != 68 || b[0] != 2)
			continue;
		i = (b[6] << 8 | b[7]) - 1;
		type = option(b + 240, f + n, 53, 1);
		id = option(b + 240, f + n, 54, 4);
		if (i >= 0 && i < nclients && type && id)
			answer(&clients[i], i, *type, b, id);
	}
}

/* One who waits long enough says it again. */
static int
repeat(enum state renewing)
{
	int busy = 0;
	int64_t now = now_ms();

	for (int i = 0; i < nclients; i++) {
		struct client *c = &clients[i];
		bool waits = c->state == SELECTING || c->state == REQUESTING ||
			     c->state == renewing;

		if (!waits || c->tries >= TRIES)
			continue;
		busy++;
		if (now - c->sent < AGAIN_MS)
			continue;
		c->tries++;
		if (c->state == SELECTING)
			begin(i);
		else
			send_frame(i, REQUEST);
	}
	return busy;
}

static void
listen_until(int64_t until)
{
	struct pollfd p = { sock, POLLIN, 0 };
	int64_t left;

	while ((left = until - now_ms()) > 0)
		if (poll(&p, 1, (int)left) == 1)
			take();
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint32_t));
}

static int
report(void)
{
	static uint32_t given[CLIENTS];
	int leased = 0, first = 0, twice = 0, renewed = 0;
	int64_t slowest = 0;

	for (int i = 0; i < nclients; i++) {
		struct client *c = &clients[i];
		struct in_addr a = { c->address };
		uint8_t m[6];

		if (c->state < BOUND)
			continue;
		mac_of(i, m);
		fprintf(stderr, "%s %02x:%02x:%02x:%02x:%02x:%02x\n",
		    inet_ntoa(a), m[0], m[1], m[2], m[3], m[4], m[5]);
		given[leased++] = c->address;
		renewed += c->state == RENEWED;
		first += c->began == 0;
		if (c->began > slowest)
			slowest = c->began;
	}
	qsort(given, (size_t)leased, sizeof(*given), compare);
	for (int i = 1; i < leased; i++)
		twice += given[i] == given[i - 1];
	printf("clients %d leased %d first-try %d twice %d two-servers %d "
	       "nak %d renewed %d slowest-ms %lld\n",
	    nclients, leased, first, twice, two_servers, naks, renewed,
	    (long long)slowest);
	return leased == nclients && twice == 0 && renewed == nclients ? 0 : 1;
}

static int
open_socket(const char *name)
{
	struct ifreq r = { 0 };

	sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (sock == -1 || ioctl(sock, SIOCGIFINDEX, &r) == -1)
		return -1;
	to = (struct sockaddr_ll){ .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = r.ifr_ifindex,
		.sll_halen = 6 };
	memset(to.sll_addr, 0xff, 6);
	return bind(sock, (struct sockaddr *)&to, sizeof(to));
}

int
main(int argc, char **argv)
{
	int64_t start, every;

	if (argc != 4 || (every = atoi(argv[2])) < 1) {
		fprintf(
		    stderr, "usage: dhcpload INTERFACE EVERY-MS STOPFILE\n");
		return 2;
	}
	if (open_socket(argv[1]) == -1) {
		perror("dhcpload");
		return 2;
	}
	start = now_ms();
	while (nclients < CLIENTS && access(argv[3], F_OK) == -1) {
		clients[nclients].began = now_ms();
		nclients++;
		begin(nclients - 1);
		listen_until(start + nclients * every);
		repeat(IDLE);
	}
	while (repeat(IDLE) > 0)
		listen_until(now_ms() + 50);
	for (int i = 0; i < nclients; i++) {
		struct client *c = &clients[i];
		bool first = c->tries == 0;

		c->began = first ? 0 : c->sent - c->began;
		c->tries = 0;
		if (c->state != BOUND)
			continue;
		c->state = RENEWING;
		send_frame(i, REQUEST);
		listen_until(now_ms() + 5);
	}
	while (repeat(RENEWING) > 0)
		listen_until(now_ms() + 50);
	return report();
}
