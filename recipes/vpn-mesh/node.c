#include "recipes/vpn-mesh/node.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "recipes/vpn-mesh/gossip.h"
#include "recipes/vpn-mesh/keep.h"

struct node node = { .gossip = -1 };
static struct mesh_roster told; /* what the kernel has */
static bool up;			/* the card has its address */

int64_t
node_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1;
}

void
node_complain(const struct fault *f)
{
	if (strcmp(node.trouble, f->text) != 0)
		fprintf(stderr, "mesh: %s\n", f->text);
	snprintf(node.trouble, sizeof node.trouble, "%s", f->text);
}

struct mesh_member *
node_self(void)
{
	return mesh_by_key(&node.admit.roster, node.admit.public);
}

void
node_address(const struct mesh_member *m, struct sockaddr_in *out)
{
	unsigned char a[4];

	memcpy(a, node.admit.roster.network, 3);
	a[3] = (unsigned char)m->host;
	memset(out, 0, sizeof *out);
	out->sin_family = AF_INET;
	out->sin_port = htons(MESH_GOSSIP);
	memcpy(&out->sin_addr, a, 4);
}

/* --- the kernel -----------------------------------------------------------*/

static void
peer_of(const struct mesh_member *m, struct tunnel_peer *p)
{
	memset(p, 0, sizeof *p);
	p->name = m->name;
	memcpy(p->key, m->key, TUNNEL_KEY);
	p->keepalive = PATH_KEEPALIVE;
	p->allowed[0].address.family = AF_INET;
	memcpy(p->allowed[0].address.bytes, node.admit.roster.network, 3);
	p->allowed[0].address.bytes[3] = (unsigned char)m->host;
	p->allowed[0].prefix = 32;
	p->nallowed = 1;
	if (m->has_lan)
		p->allowed[p->nallowed++] = m->lan;
	p->has_endpoint = m->has_endpoint;
	p->endpoint = m->endpoint;
}

/* Peers that the kernel does not have as the roster does; those that stay are
 * not touched, nor is the way to them. */
static void
changes(const struct mesh_member *me, struct tunnel *t)
{
	struct mesh_member *m, *old;
	size_t i;

	for (i = 0; i < told.members; i++) {
		old = &told.member[i];
		if (mesh_by_key(&node.admit.roster, old->key) != NULL)
			continue;
		peer_of(old, &t->peer[t->npeers]);
		t->peer[t->npeers++].gone = true;
		memset(&node.known[old->host], 0, sizeof node.known[0]);
	}
	for (i = 0; i < node.admit.roster.members; i++) {
		m = &node.admit.roster.member[i];
		old = mesh_by_key(&told, m->key);
		if (m == me || (old != NULL && memcmp(old, m, sizeof *m) == 0))
			continue;
		peer_of(m, &t->peer[t->npeers++]);
		memset(&node.known[m->host], 0, sizeof node.known[0]);
	}
}

/* The kernel's peers are the roster's, from now on. */
static int
tell_kernel(struct fault *f)
{
	static struct tunnel t;
	const struct mesh_member *me = node_self();

	memset(&t, 0, sizeof t);
	memcpy(t.key, node.admit.key, TUNNEL_KEY);
	t.port = TUNNEL_PORT;
	if (me != NULL)
		changes(me, &t);
	/* who is no member any more has no peers */
	if (device_set(&node.device, &t, up && me != NULL, f) == -1)
		return -1;
	device_forget();
	sodium_memzero(t.key, sizeof t.key);
	told = node.admit.roster;
	if (me == NULL)
		return 0;
	t.address[0].address = (struct guest_addr){ .family = AF_INET };
	memcpy(t.address[0].address.bytes, node.admit.roster.network, 3);
	t.address[0].address.bytes[3] = (unsigned char)me->host;
	t.address[0].prefix = 24;
	t.naddresses = 1;
	if (device_up(&node.device, &t, f) == -1)
		return -1;
	up = true;
	return me->has_endpoint
		   ? relay_set(&node.relay, &node.admit.roster, me->host, f)
		   : 0;
}

static int
open_gossip(struct fault *f)
{
	struct sockaddr_in a;

	node_address(node_self(), &a);
	node.gossip =
	    socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (node.gossip == -1 ||
	    bind(node.gossip, (const struct sockaddr *)&a, sizeof a) == -1)
		return fault_sys(f, "open the mesh's port");
	return 0;
}

/* After any change of the roster. */
int
node_roster(struct fault *f)
{
	if (keep_save(&node.admit, f) == -1 || tell_kernel(f) == -1)
		return -1;
	return up && node.gossip == -1 ? open_gossip(f) : 0;
}

void
node_follow(void)
{
	struct fault f;

	if (node_roster(&f) == 0)
		return;
	fprintf(stderr, "mesh: %s\n", f.text);
	_exit(1); /* the next start does all of it anew */
}

/* The kernel sends something there at once when it is told to begin to. */
static void
send_to(const struct mesh_member *m, const union tunnel_end *end)
{
	static struct tunnel t;
	struct fault f;

	memset(&t, 0, sizeof t);
	peer_of(m, &t.peer[0]);
	t.peer[0].has_endpoint = true;
	t.peer[0].endpoint = *end;
	t.peer[0].keepalive = 0;
	t.npeers = 1;
	if (device_set(&node.device, &t, true, &f) == -1) {
		node_complain(&f);
		return;
	}
	t.peer[0].keepalive = PATH_KEEPALIVE;
	if (device_set(&node.device, &t, true, &f) == -1)
		node_complain(&f);
}

/* --- ways -----------------------------------------------------------------*/

static void
one_peer(void *arg, const struct device_peer *p)
{
	struct mesh_member *m = mesh_by_key(&node.admit.roster, p->key);
	uint64_t *received = arg;

	if (m == NULL)
		return;
	node.known[m->host].end = p->endpoint;
	received[m->host] = p->received;
}

/* By whom: the first member that can be called and is heard. */
static const struct mesh_member *
relay_for(const struct mesh_member *m)
{
	size_t i;

	for (i = 0; i < node.admit.roster.members; i++) {
		const struct mesh_member *r = &node.admit.roster.member[i];

		if (r != m && r != node_self() && r->has_endpoint &&
		    r->endpoint.sa.sa_family == AF_INET &&
		    path_alive(&node.known[r->host].path, node_now()))
			return r;
	}
	return NULL;
}

bool
node_by_relay(const union tunnel_end *end)
{
	size_t i;
	int port = ntohs(end->v4.sin_port) - MESH_RELAY;

	for (i = 0; i < node.admit.roster.members; i++) {
		const struct mesh_member *r = &node.admit.roster.member[i];

		if (r->has_endpoint && end->sa.sa_family == AF_INET &&
		    r->endpoint.v4.sin_addr.s_addr == end->v4.sin_addr.s_addr &&
		    port >= 0 && port < (MESH_MEMBERS + 1) * (MESH_MEMBERS + 1))
			return true;
	}
	return false;
}

bool
node_apart(int host)
{
	int64_t said = node.known[host].apart;

	return said != 0 && node_now() - said < 4 * GOSSIP_S;
}

/* Whether packets are sent to somewhere else now. */
static bool
step(struct mesh_member *m, uint64_t received)
{
	const struct mesh_member *r = relay_for(m);
	struct known *k = &node.known[m->host];
	const union tunnel_end *direct = m->has_endpoint ? &m->endpoint
					 : k->seen.sa.sa_family != AF_UNSPEC
					     ? &k->seen
					     : NULL;
	const struct path_facts facts = { .now = node_now(),
		.received = received,
		.by_relay = node_by_relay(&k->end),
		.has_direct = direct != NULL,
		.has_relay =
		    r != NULL && !m->has_endpoint && !node_self()->has_endpoint,
		.leads = node_self()->host < m->host };
	union tunnel_end end;
	enum path_act act = path_step(&k->path, &facts);

	if (k->path.heard == facts.now)
		k->from = k->end;
	switch (act) {
	case PATH_KEEP:
		return false;
	case PATH_CALL:
		/* sealed and sent after this returns: hence no new aim yet */
		gossip_call(m);
		return false;
	case PATH_DIRECT:
		send_to(m, direct);
		return true;
	case PATH_RELAY:
		end = r->endpoint;
		end.v4.sin_port =
		    htons(mesh_relay_port(node_self()->host, m->host));
		send_to(m, &end);
		return true;
	}
	return false;
}

void
node_look(void)
{
	uint64_t received[MESH_MEMBERS + 1] = { 0 };
	bool aimed[MESH_MEMBERS + 1] = { false };
	size_t i;
	int host;

	device_each(&node.device, one_peer, received);
	for (i = 0; i < node.admit.roster.members; i++) {
		struct mesh_member *m = &node.admit.roster.member[i];

		if (m != node_self())
			aimed[m->host] = step(m, received[m->host]);
	}
	/* What came until now came by the way of before; what comes from now
	 * on makes the kernel send where that came from. */
	device_each(&node.device, one_peer, received);
	for (host = 1; host <= MESH_MEMBERS; host++) {
		if (aimed[host])
			node.known[host].path.received = received[host];
	}
}
