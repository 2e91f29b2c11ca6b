/*
 * Beside OpenVPN: loads the rules, lets the kernel forward behind them, and
 * then says to whoever asks how the tunnel is: "up ADDRESS" or "down WORD", in
 * OpenVPN's own words for its states.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/vpn-openvpn/ovpn.h"

#define ANSWER_MS 2000

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)&a, sizeof a) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* All that OpenVPN says until END, NUL-ended. */
static void
read_answer(int fd, char *text, size_t room)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t n = 0;
	ssize_t got;

	text[0] = '\0';
	while (n + 1 < room && strstr(text, "END\r\n") == NULL &&
	       poll(&p, 1, ANSWER_MS) == 1) {
		got = read(fd, text + n, room - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
	}
}

/* SECONDS,STATE,WORDS,ADDRESS,… below lines that begin with '>'. */
static void
tell(int to)
{
	static const char ask[] = "state\n";
	char text[2048], *line, *rest = text, *field[4];
	size_t i;
	int fd = connect_to(OVPN_SOCKET);

	if (fd == -1) {
		dprintf(to, "down STARTING\n");
		return;
	}
	text[0] = '\0';
	if (write(fd, ask, sizeof ask - 1) == sizeof ask - 1)
		read_answer(fd, text, sizeof text);
	close(fd);
	while ((line = strsep(&rest, "\r\n")) != NULL) {
		if (*line < '0' || *line > '9')
			continue;
		for (i = 0; i < 4; i++) {
			field[i] = strsep(&line, ",");
			if (field[i] == NULL)
				field[i] = line = (char[]){ "" };
		}
		if (strcmp(field[1], "CONNECTED") == 0)
			dprintf(to, "up %s\n", field[3]);
		else
			dprintf(to, "down %s\n", field[1]);
		return;
	}
	dprintf(to, "down SILENT\n");
}

static int
run(const json_t *config, struct fault *f)
{
	struct pollfd door = { .events = POLLIN };
	struct ovpn o;

	if (ovpn_read(config, &o, f) == -1 ||
	    guest_nft(ovpn_rules, &o, f) == -1 || guest_forward(f) == -1 ||
	    (door.fd = guest_listen(OVPN_STATUS, f)) == -1)
		return -1;
	for (;;) {
		int fd;

		poll(&door, 1, -1);
		fd = accept4(door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1)
			continue;
		tell(fd);
		close(fd);
	}
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	signal(SIGPIPE, SIG_IGN);
	if (guest_read(OVPN_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "tunnel: %s\n", f.text);
	return 1;
}
