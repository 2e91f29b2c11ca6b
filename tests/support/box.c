/*
 * box: a service for a test guest that keeps lines in a file, over HTTP.
 *
 *	box serve FILE PORT	GET / gives the file, GET /WORD adds a line
 *	box check FILE		is the file to be written? 0, or a sentence
 *
 * It is linked statically: the guest has no libraries.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"

static int
add(const char *file, const char *word, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	char line[128];
	int len = snprintf(line, sizeof(line), "%.*s\n", (int)n, word);
	int ret;

	if (fd == -1)
		return -1;
	ret = write(fd, line, (size_t)len) == len && fsync(fd) == 0 ? 0 : -1;
	close(fd);
	return ret;
}

static void
answer(int sock, const char *file)
{
	char request[512], bytes[4096];
	ssize_t n = read(sock, request, sizeof(request) - 1);
	char *word = request + 5;
	int fd;

	if (n < 5 || memcmp(request, "GET /", 5) != 0)
		return;
	request[n] = '\0';
	n = (ssize_t)strcspn(word, " \r\n");
	if (n > 0 && add(file, word, (size_t)n) == -1) {
		dprintf(sock, "HTTP/1.0 500 No\r\n\r\n");
		return;
	}
	dprintf(sock, HEAD);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		if (write(sock, bytes, (size_t)n) != n)
			break;
	if (fd != -1)
		close(fd);
}

static int
serve(const char *file, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int one = 1, sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	if (sock == -1 ||
	    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ==
		-1 ||
	    bind(sock, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(sock, 16) == -1) {
		perror("box");
		return 1;
	}
	for (;;) {
		int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (client == -1)
			continue;
		answer(client, file);
		close(client);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], atoi(argv[3]));
	if (argc != 3 || strcmp(argv[1], "check") != 0)
		return 2;
	if (access(argv[2], W_OK) == 0 || add(argv[2], "checked", 7) == 0)
		return 0;
	printf("the box cannot be written\n");
	return 1;
}
