#include "router-agent/change/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/own.h"

int
ask_late(struct err *err, const char *server)
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
ask_socket(int type, const char *from, const char *device, struct err *err)
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

int
ask_wait(int fd, short events, int64_t until, struct err *err)
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

int
ask_connect(const char *server, uint16_t port, const char *from,
    const char *device, int type, int64_t until, struct err *err)
{
	auto_fd int fd = ask_socket(type, from, device, err);
	struct sockaddr_in sin;
	socklen_t len = sizeof(int);
	int sys = 0, got;

	if (fd == -1 || address(server, port, &sin, err) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0)
		return take_fd(&fd);
	if (errno != EINPROGRESS)
		return err_sys(err, "reach %s", server);
	while ((got = ask_wait(fd, POLLOUT, until, err)) == 0)
		if (time_mono_ms() >= until)
			return ask_late(err, server);
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

int
ask_read(int fd, uint8_t *out, size_t n, int64_t until, const char *server,
    struct err *err)
{
	size_t have = 0;

	while (have < n) {
		int got = ask_wait(fd, POLLIN, until, err);
		ssize_t r;

		if (got == -1)
			return -1;
		if (got == 0 && time_mono_ms() >= until)
			return ask_late(err, server);
		r = recv(fd, out + have, n - have, 0);
		if (r == 0)
			return err_set(err, ERR_INPUT, "the answer is cut off");
		if (r == -1 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, "hear %s", server);
		if (r > 0)
			have += (size_t)r;
	}
	return 0;
}
