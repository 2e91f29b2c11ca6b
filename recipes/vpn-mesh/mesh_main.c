/*
 * The control plane of a node: becomes a member, tells the kernel its peers and
 * where they are, hands rosters on, relays, and says how all of it is.  The
 * packets themselves go through the kernel's WireGuard, with or without it.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/vpn-mesh/gossip.h"
#include "recipes/vpn-mesh/keep.h"
#include "recipes/vpn-mesh/node.h"
#include "recipes/vpn-mesh/talk.h"

#define JOIN_S 5

/* --- joining --------------------------------------------------------------*/

static int
join(struct fault *f)
{
	static unsigned char answer[ADMIT_MAX];
	unsigned char *ask;
	size_t n;
	int fd = talk_call(&node.conf.introducer, f), ret = -1;

	if (fd == -1)
		return -1;
	ask = admit_ask(&node.admit, &node.conf, &n);
	if (ask != NULL && send(fd, ask, n, MSG_NOSIGNAL) == (ssize_t)n &&
	    shutdown(fd, SHUT_WR) == 0 &&
	    (n = talk_read(fd, answer, sizeof answer)) > 0)
		ret = admit_done(&node.admit, &node.conf, answer, n, f);
	else
		fault_set(f, "the founder does not let this node in");
	free(ask);
	close(fd);
	if (ret == 0)
		node_follow();
	return ret;
}

static void
let_in(int door)
{
	static unsigned char ask[4096];
	unsigned char *answer = NULL;
	bool changed = false;
	struct fault f;
	size_t n;
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;
	n = talk_read(fd, ask, sizeof ask);
	if (n > 0)
		answer = admit_answer(
		    &node.admit, &node.conf, ask, n, &n, &changed, &f);
	if (n > 0 && answer == NULL)
		node_complain(&f);
	/* it is kept before it is promised */
	if (answer != NULL && changed)
		node_follow();
	if (answer != NULL)
		send(fd, answer, n, MSG_NOSIGNAL); /* who asks again is told */
	free(answer);
	close(fd);
}

/* --- who asks -------------------------------------------------------------*/

/* One line of a member: how it was heard, from where, and why not directly. */
static void
tell_of(int fd, const struct mesh_member *me, const struct mesh_member *m)
{
	const struct known *k = &node.known[m->host];
	bool alive = path_alive(&k->path, node_now());
	char end[64];

	mesh_end_text(&k->from, end, sizeof end);
	dprintf(fd, "%s %d %s %s", m->name, m->host,
	    !alive	      ? "silent"
	    : k->path.relayed ? "relay"
			      : "direct",
	    end);
	if (alive && k->path.relayed &&
	    (node_apart(m->host) || node_apart(me->host)))
		dprintf(fd, ", as the NAT of %s%s%s is symmetric",
		    node_apart(m->host) ? m->name : "",
		    node_apart(m->host) && node_apart(me->host) ? " and of "
								: "",
		    node_apart(me->host) ? me->name : "");
	dprintf(fd, "\n");
}

static void
tell(int door)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const struct mesh_member *me = node_self();
	size_t i;

	if (fd == -1)
		return;
	if (me == NULL)
		dprintf(fd, "no member: %s\n",
		    node.admit.text == NULL ? node.trouble : "revoked");
	else
		dprintf(fd, "%s of %d.%d.%d.%d, roster %lld, relayed %llu\n",
		    me->name, node.admit.roster.network[0],
		    node.admit.roster.network[1], node.admit.roster.network[2],
		    me->host, (long long)node.admit.roster.version,
		    (unsigned long long)node.relay.packets);
	for (i = 0; me != NULL && i < node.admit.roster.members; i++) {
		if (&node.admit.roster.member[i] != me)
			tell_of(fd, me, &node.admit.roster.member[i]);
	}
	close(fd);
}

static const union tunnel_end *
where(int host)
{
	return node.known[host].from.sa.sa_family == AF_UNSPEC
		   ? NULL
		   : &node.known[host].from;
}

/* --- all ------------------------------------------------------------------*/

static int
start(struct fault *f)
{
	if (keep_load(&node.admit, node.conf.founds, f) == -1 ||
	    device_open(&node.device, f) == -1 || guest_forward(f) == -1)
		return -1;
	if (node.conf.founds && admit_settle(&node.admit, &node.conf, f) == -1)
		return -1;
	return node.admit.text == NULL ? 0 : node_roster(f);
}

static void
tick(void)
{
	static int64_t gossiped, joined;
	struct fault f;

	if (node.admit.text == NULL) {
		if (node_now() - joined < JOIN_S)
			return;
		if (join(&f) == -1)
			node_complain(&f);
		joined = node_now();
		return;
	}
	if (node_self() == NULL)
		return;
	node_look();
	if (node_now() - gossiped >= GOSSIP_S) {
		gossip_tell();
		gossiped = node_now();
	}
}

static int
run(const json_t *config, struct fault *f)
{
	static struct pollfd p[3 + RELAY_PAIRS];
	int64_t last = 0;
	size_t i, n;

	if (mesh_conf_read(config, &node.conf, f) == -1 || start(f) == -1)
		return -1;
	p[0].fd = guest_listen(MESH_STATUS, f);
	p[1].fd = node.conf.founds ? guest_listen(MESH_JOIN, f) : -1;
	if (p[0].fd == -1 || (node.conf.founds && p[1].fd == -1))
		return -1;
	for (;;) {
		if (node_now() != last) {
			last = node_now();
			tick();
		}
		p[2].fd = node.gossip;
		n = 3 + node.relay.pairs;
		for (i = 3; i < n; i++)
			p[i].fd = node.relay.pair[i - 3].fd;
		for (i = 0; i < n; i++) {
			p[i].events = POLLIN;
			p[i].revents = 0;
		}
		if (poll(p, n, 500) <= 0)
			continue;
		for (i = 3; i < n; i++) {
			if (p[i].revents != 0)
				relay_move(&node.relay, &node.relay.pair[i - 3],
				    where, node_now());
		}
		if (p[2].revents != 0)
			gossip_hear();
		if (p[0].revents != 0)
			tell(p[0].fd);
		if (p[1].revents != 0)
			let_in(p[1].fd);
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
	if (sodium_init() == -1)
		return 1;
	if (guest_read(MESH_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "mesh: %s\n", f.text);
	return 1;
}
