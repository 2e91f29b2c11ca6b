#include "recipes/vpn-mesh/relay.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET 2048
#define FRESH 10 /* seconds: what was heard before may be of another NAT */

static bool
same_address(const union tunnel_end *a, const union tunnel_end *b)
{
	return b != NULL && a->sa.sa_family == AF_INET &&
	       b->sa.sa_family == AF_INET &&
	       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

int
relay_side(struct relay_pair *p, const union tunnel_end *from,
    const union tunnel_end *one, const union tunnel_end *other)
{
	bool may[2] = { same_address(from, one), same_address(from, other) };
	int side;

	for (side = 0; side < 2; side++) {
		if (mesh_end_same(&p->at[side], from) && may[side]) {
			p->last = side;
			return side;
		}
	}
	if (may[0] && may[1]) {
		/* both behind one address: the place of the quieter */
		side = p->at[0].sa.sa_family == AF_UNSPEC   ? 0
		       : p->at[1].sa.sa_family == AF_UNSPEC ? 1
							    : !p->last;
	} else if (may[0] || may[1]) {
		side = may[0] ? 0 : 1;
	} else {
		return -1;
	}
	p->at[side] = *from;
	p->last = side;
	return side;
}

static int
open_port(uint16_t port, struct fault *f)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || bind(fd, (const struct sockaddr *)&a, sizeof a) == -1) {
		fault_sys(f, "open port %d", port);
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

static void
drop_pairs(struct relay *r, struct mesh_roster *m)
{
	size_t i = 0;

	while (i < r->pairs) {
		struct relay_pair *p = &r->pair[i];

		if (mesh_by_host(m, p->host[0]) != NULL &&
		    mesh_by_host(m, p->host[1]) != NULL) {
			i++;
			continue;
		}
		close(p->fd);
		*p = r->pair[--r->pairs];
	}
}

static int
add_pair(struct relay *r, int one, int other, struct fault *f)
{
	struct relay_pair *p = &r->pair[r->pairs];
	size_t i;

	for (i = 0; i < r->pairs; i++) {
		if (r->pair[i].host[0] == one && r->pair[i].host[1] == other)
			return 0;
	}
	memset(p, 0, sizeof *p);
	p->host[0] = one;
	p->host[1] = other;
	p->fd = open_port(mesh_relay_port(one, other), f);
	if (p->fd == -1)
		return -1;
	r->pairs++;
	return 0;
}

int
relay_set(struct relay *r, struct mesh_roster *m, int self, struct fault *f)
{
	int one, other;

	drop_pairs(r, m);
	for (one = 1; one < MESH_MEMBERS; one++) {
		for (other = one + 1; other <= MESH_MEMBERS; other++) {
			if (one == self || other == self ||
			    mesh_by_host(m, one) == NULL ||
			    mesh_by_host(m, other) == NULL)
				continue;
			if (add_pair(r, one, other, f) == -1)
				return -1;
		}
	}
	return 0;
}

bool
relay_apart(
    const struct relay *r, int host, const union tunnel_end *end, int64_t now)
{
	const struct relay_pair *p;
	int side;

	for (p = r->pair; p < r->pair + r->pairs; p++) {
		side = p->host[0] == host ? 0 : 1;
		/* of two behind one address nobody knows which is which */
		if (p->host[side] != host || p->heard[side] == 0 ||
		    now - p->heard[side] > FRESH ||
		    !same_address(&p->at[side], end) ||
		    same_address(&p->at[0], &p->at[1]))
			continue;
		if (!mesh_end_same(&p->at[side], end))
			return true;
	}
	return false;
}

void
relay_move(
    struct relay *r, struct relay_pair *p, relay_where_fn *where, int64_t now)
{
	unsigned char packet[PACKET];
	union tunnel_end from, *to;
	socklen_t size = sizeof from;
	ssize_t n;
	int side;

	for (;;) {
		memset(&from, 0, sizeof from);
		size = sizeof from;
		n = recvfrom(p->fd, packet, sizeof packet, 0, &from.sa, &size);
		if (n <= 0)
			return;
		side =
		    relay_side(p, &from, where(p->host[0]), where(p->host[1]));
		if (side == -1)
			continue;
		p->heard[side] = now;
		to = &p->at[!side];
		if (to->sa.sa_family == AF_INET &&
		    sendto(p->fd, packet, (size_t)n, 0, &to->sa,
			sizeof to->v4) == n)
			r->packets++;
	}
}
