/* The service: see pinata.h.  One process for each client, few at a time, none
 * for long. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/pinata/pinata.h"

#define CLIENTS 8
#define CLIENT_S 10

static int
listen_on(int port, struct fault *f)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	int fd =
	    socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof a) == -1 ||
	    listen(fd, 16) == -1)
		return fault_sys(f, "listen on port %d", port);
	return fd;
}

/* In a child: what an attacker breaks is a copy, without the next client. */
static _Noreturn void
answer(const struct pinata *p, int fd, bool secret)
{
	FILE *out;

	alarm(CLIENT_S);
	if (secret) {
		if (pinata_serve(p, fd))
			fputs("pinata: the secret was given away\n", stderr);
	} else if ((out = fdopen(fd, "w")) != NULL) {
		PEM_write_X509(out, p->authority);
		fclose(out);
	}
	_exit(0);
}

static void
take(const struct pinata *p, int door, bool secret, int *children)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (fd == -1)
		return;
	pid = *children < CLIENTS ? fork() : -1;
	if (pid == 0)
		answer(p, fd, secret);
	if (pid > 0)
		++*children;
	close(fd);
}

static int
run(struct fault *f)
{
	static struct pinata p;
	struct pollfd doors[2];
	int children = 0;
	char *secret;
	size_t n;

	if (guest_read(PINATA_SECRET, PINATA_SECRET_MAX, &secret, &n, f) ==
		-1 ||
	    pinata_open(&p, secret, f) == -1)
		return -1;
	doors[0] = (struct pollfd){ listen_on(PINATA_PORT, f), POLLIN, 0 };
	doors[1] = (struct pollfd){ listen_on(PINATA_AUTHORITY, f), POLLIN, 0 };
	if (doors[0].fd == -1 || doors[1].fd == -1)
		return -1;
	for (;;) {
		int i, ready = poll(doors, 2, children > 0 ? 200 : -1);

		while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		for (i = 0; ready > 0 && i < 2; i++)
			if (doors[i].revents != 0)
				take(&p, doors[i].fd, i == 0, &children);
	}
}

int
main(void)
{
	struct fault f;

	signal(SIGPIPE, SIG_IGN);
	run(&f);
	fprintf(stderr, "pinata: %s\n", f.text);
	return 1;
}
