/*
 * idle PORT N PATH: opens N connections to 127.0.0.1:PORT, from 127.0.1.1 on
 * 50 of each address, asks for PATH once on each and keeps them.  When all N
 * are there at the same time it prints "N open"; then it keeps them until
 * standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EACH 50
#define PASSES 40

static char request[600];
static unsigned short port;

static void
die(const char *what)
{
	fprintf(stderr, "idle: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
reach(int i)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_addr = { htonl(0x7f000101U + (unsigned)(i / EACH)) } };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval patience = { 60, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		die("connect");
	return fd;
}

/* One request and its whole answer; 0: the connection is gone. */
static int
ask(int fd)
{
	char text[65536];
	size_t n = 0, want = 0;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1)
		return 0;
	while (want == 0 || n < want) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
		const char *end, *length;

		if (got <= 0)
			return 0;
		n += (size_t)got;
		text[n] = '\0';
		if (want || !(end = strstr(text, "\r\n\r\n")))
			continue;
		length = strcasestr(text, "\r\nContent-Length: ");
		if (strncmp(text, "HTTP/1.1 200", 12) != 0 || !length) {
			fprintf(stderr, "idle: %.60s\n", text);
			exit(1);
		}
		want =
		    (size_t)(end + 4 - text) + strtoul(length + 18, NULL, 10);
	}
	return 1;
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	int n, *fds, pass, i, gone;

	if (argc != 4 || strlen(argv[3]) > 500) {
		fprintf(stderr, "usage: idle PORT N PATH\n");
		return 2;
	}
	port = (unsigned short)atoi(argv[1]);
	n = atoi(argv[2]);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: idle\r\n\r\n", argv[3]);
	fds = malloc(sizeof(*fds) * (size_t)n);
	for (i = 0; i < n; i++)
		fds[i] = reach(i);
	/* Those that were cut meanwhile are opened anew. */
	for (pass = 0, gone = 1; gone > 0 && pass < PASSES; pass++)
		for (i = gone = 0; i < n; i++)
			if (!ask(fds[i])) {
				close(fds[i]);
				fds[i] = reach(i);
				gone++;
			}
	if (gone) {
		fprintf(stderr, "idle: %d of %d do not stay\n", gone, n);
		return 1;
	}
	printf("%d open\n", n);
	fflush(stdout);
	while (read(0, request, sizeof(request)) > 0)
		;
	return 0;
}
