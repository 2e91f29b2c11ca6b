#include "recipes/vpn-mesh/talk.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t
talk_read(int fd, unsigned char *in, size_t room)
{
	int64_t end = now_ms() + TALK_MS, left;
	size_t n = 0;
	ssize_t got;

	while (n < room) {
		struct pollfd p = { fd, POLLIN, 0 };

		left = end - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) != 1)
			return 0;
		got = recv(fd, in + n, room - n, MSG_DONTWAIT);
		if (got <= 0)
			return got == 0 ? n : 0;
		n += (size_t)got;
	}
	return 0;
}

int
talk_call(const union tunnel_end *founder, struct fault *f)
{
	const struct timeval limit = { .tv_sec = TALK_MS / 1000 };
	union tunnel_end to = *founder;
	int fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.v4.sin_port = htons(MESH_JOIN); /* at the same place in both */
	if (fd == -1)
		return fault_sys(f, "call the founder");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, &to.sa,
		to.sa.sa_family == AF_INET ? sizeof to.v4 : sizeof to.v6) ==
	    -1) {
		fault_sys(f, "call the founder");
		close(fd);
		return -1;
	}
	return fd;
}
