/*
 * dnsload: asks a DNS server at a steady pace and knows each query's fate.
 *
 *	dnsload ADDRESS NAME RATE STOPFILE
 *
 * No query is repeated.  It ends when STOPFILE exists, waits 2 s for what is
 * still out, and prints one line:
 *
 *	sent N answered N lost N wrong N twice N gap-ms N slowest-ms N
 *
 * gap-ms is the longest time between two answers.  Exit 0 when nothing was
 * lost, wrong or answered twice.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS 32
#define QUERIES 4000000
#define LAST_MS 2000

static int fds[SOCKETS];
static int64_t *sent_at; /* by number */
static uint8_t *fate;	 /* 1: answered */
static int64_t sent, answered, wrong, twice, gap, slowest, last;

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t
question(uint8_t *p, uint16_t id, const char *name)
{
	static const uint8_t head[] = { 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	size_t n = 2;

	p[0] = (uint8_t)(id >> 8);
	p[1] = (uint8_t)id;
	memcpy(p + n, head, sizeof(head));
	n += sizeof(head);
	while (*name) {
		size_t l = strcspn(name, ".");

		p[n++] = (uint8_t)l;
		memcpy(p + n, name, l);
		n += l;
		name += l + (name[l] == '.');
	}
	memcpy(p + n, "\0\0\1\0\1", 5);
	return n + 5;
}

/* Query number q goes through socket q % SOCKETS as id q / SOCKETS: a number
 * of 21 bits before one comes again, which at 1,000/s is half an hour. */
static void
send_one(const char *name)
{
	uint8_t p[300];
	int64_t q = sent++;
	size_t n = question(p, (uint16_t)(q / SOCKETS), name);

	sent_at[q] = now_us();
	(void)!send(fds[q % SOCKETS], p, n, MSG_DONTWAIT);
}

static void
take(int s)
{
	uint8_t p[1500];
	ssize_t n;

	while ((n = recv(fds[s], p, sizeof(p), MSG_DONTWAIT)) > 0) {
		int64_t now = now_us(), q, id;

		if (n < 12) {
			wrong++;
			continue;
		}
		id = p[0] << 8 | p[1];
		q = id * SOCKETS + s;
		while (q + 65536 * SOCKETS < sent)
			q += 65536 * SOCKETS;
		if (q >= sent) {
			wrong++;
			continue;
		}
		if (fate[q]) {
			twice++;
			continue;
		}
		fate[q] = 1;
		answered++;
		/* QR, no error, one answer or more. */
		if (!(p[2] & 0x80) || (p[3] & 15) != 0 || (p[6] | p[7]) == 0)
			wrong++;
		if (now - sent_at[q] > slowest)
			slowest = now - sent_at[q];
		if (last && now - last > gap)
			gap = now - last;
		last = now;
	}
}

static void
listen_until(int64_t until)
{
	struct pollfd p[SOCKETS];

	for (;;) {
		int64_t left = until - now_us();
		struct timespec t = { left / 1000000, left % 1000000 * 1000 };

		if (left <= 0)
			return;
		for (int i = 0; i < SOCKETS; i++)
			p[i] = (struct pollfd){ fds[i], POLLIN, 0 };
		if (ppoll(p, SOCKETS, &t, NULL) <= 0)
			continue;
		for (int i = 0; i < SOCKETS; i++)
			if (p[i].revents)
				take(i);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(53) };
	int64_t start, step;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    strlen(argv[2]) > 250 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: dnsload ADDRESS NAME RATE STOPFILE\n");
		return 2;
	}
	sent_at = calloc(QUERIES, sizeof(*sent_at));
	fate = calloc(QUERIES, 1);
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (!sent_at || !fate || fds[i] == -1 ||
		    connect(fds[i], (struct sockaddr *)&to, sizeof(to)) == -1) {
			perror("dnsload");
			return 2;
		}
	}
	step = 1000000 / atoi(argv[3]);
	start = now_us();
	while (sent < QUERIES && access(argv[4], F_OK) == -1) {
		send_one(argv[2]);
		listen_until(start + sent * step);
	}
	listen_until(now_us() + (int64_t)LAST_MS * 1000);
	printf("sent %lld answered %lld lost %lld wrong %lld twice %lld "
	       "gap-ms %lld slowest-ms %lld\n",
	    (long long)sent, (long long)answered, (long long)(sent - answered),
	    (long long)wrong, (long long)twice, (long long)gap / 1000,
	    (long long)slowest / 1000);
	return sent == answered && wrong == 0 && twice == 0 ? 0 : 1;
}
