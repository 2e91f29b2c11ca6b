/*
 * The service: tells the kernel its tunnel, the addresses in it and the routes
 * to its peers, lets it forward, and then says to whoever asks on the LAN's
 * side how each peer is: its name, the seconds since its last handshake, and
 * from where it comes.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/vpn-wireguard/device.h"

static struct tunnel tunnel;
static struct device device;

static const char *
name_of(const void *key)
{
	size_t i;

	for (i = 0; i < tunnel.npeers; i++) {
		if (memcmp(tunnel.peer[i].key, key, TUNNEL_KEY) == 0)
			return tunnel.peer[i].name;
	}
	return "?";
}

static void
tell_peer(void *arg, const struct device_peer *p)
{
	char where[INET6_ADDRSTRLEN] = "-";

	if (p->endpoint.sa.sa_family == AF_INET)
		inet_ntop(
		    AF_INET, &p->endpoint.v4.sin_addr, where, sizeof where);
	else if (p->endpoint.sa.sa_family == AF_INET6)
		inet_ntop(
		    AF_INET6, &p->endpoint.v6.sin6_addr, where, sizeof where);
	/* the port is at the same place in both */
	dprintf(*(const int *)arg, "%s %lld %s %d\n", name_of(p->key),
	    p->handshake == 0 ? -1LL : (long long)(time(NULL) - p->handshake),
	    where, ntohs(p->endpoint.v4.sin_port));
}

static int
run(const json_t *config, struct fault *f)
{
	struct pollfd door = { .events = POLLIN };

	if (tunnel_read(config, &tunnel, f) == -1 ||
	    device_open(&device, f) == -1 ||
	    device_set(&device, &tunnel, false, f) == -1 ||
	    device_up(&device, &tunnel, f) == -1 || guest_forward(f) == -1 ||
	    (door.fd = guest_listen(TUNNEL_STATUS, f)) == -1)
		return -1;
	/* the kernel has the key now */
	device_forget();
	explicit_bzero(tunnel.key, sizeof tunnel.key);
	for (;;) {
		int fd;

		poll(&door, 1, -1);
		fd = accept4(door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1)
			continue;
		device_each(&device, tell_peer, &fd);
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
	if (guest_read(TUNNEL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		explicit_bzero(text, n);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "wireguard: %s\n", f.text);
	return 1;
}
