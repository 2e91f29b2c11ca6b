#include "recipes/vpn-mesh/gossip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "recipes/vpn-mesh/node.h"

/* The roster, and where this node hears the others: that is all the help two
 * behind NAT need to find each other. */
void
gossip_tell(void)
{
	auto_json json_t *j = json_object();
	char hex[2 * crypto_sign_BYTES + 1], number[4], text[64], *all;
	json_t *seen = json_object(), *apart = json_array();
	struct sockaddr_in to;
	size_t i;

	sodium_bin2hex(hex, sizeof hex, node.admit.sig, sizeof node.admit.sig);
	json_object_set_new(j, "roster", json_string(node.admit.text));
	json_object_set_new(j, "sig", json_string(hex));
	for (i = 0; i < node.admit.roster.members; i++) {
		int host = node.admit.roster.member[i].host;

		if (!path_alive(&node.known[host].path, node_now()) ||
		    node.known[host].path.relayed)
			continue;
		snprintf(number, sizeof number, "%d", host);
		mesh_end_text(&node.known[host].from, text, sizeof text);
		json_object_set_new(seen, number, json_string(text));
		if (relay_apart(
			&node.relay, host, &node.known[host].from, node_now()))
			json_array_append_new(apart, json_integer(host));
	}
	json_object_set_new(j, "seen", seen);
	json_object_set_new(j, "apart", apart);
	all = json_dumps(j, JSON_COMPACT);
	for (i = 0; all != NULL && i < node.admit.roster.members; i++) {
		if (&node.admit.roster.member[i] == node_self())
			continue;
		node_address(&node.admit.roster.member[i], &to);
		/* who is not there does not hear it */
		sendto(node.gossip, all, strlen(all), 0, (struct sockaddr *)&to,
		    sizeof to);
	}
	free(all);
}

void
gossip_call(const struct mesh_member *m)
{
	static const char call[] = "{\"call\":true}";
	struct sockaddr_in to;

	node_address(m, &to);
	sendto(node.gossip, call, sizeof call - 1, 0, (struct sockaddr *)&to,
	    sizeof to);
}

static void
this_moved(void)
{
	int host;

	for (host = 1; host <= MESH_MEMBERS; host++)
		path_moved(&node.known[host].path, node_now());
}

static void
hear_of(struct mesh_member *from, const json_t *seen)
{
	const char *number, *text;
	union tunnel_end end, *at;
	struct mesh_member *m;
	json_t *value;

	json_object_foreach((json_t *)seen, number, value)
	{
		m = mesh_by_host(&node.admit.roster, atoi(number));
		text = json_string_value(value);
		if (m == NULL || m == from || text == NULL ||
		    mesh_end_read(text, &end) == -1)
			continue;
		at = m == node_self() ? &node.known[from->host].me
				      : &node.known[m->host].seen;
		if (mesh_end_same(at, &end))
			continue;
		*at = end;
		if (m == node_self())
			this_moved();
		else
			path_moved(&node.known[m->host].path, node_now());
	}
}

static void
hear_apart(const json_t *apart)
{
	json_int_t host;
	size_t i;

	for (i = 0; i < json_array_size(apart); i++) {
		host = json_integer_value(json_array_get(apart, i));
		if (host >= 1 && host <= MESH_MEMBERS)
			node.known[host].apart = node_now();
	}
}

void
gossip_hear(void)
{
	static char text[2 * MESH_TEXT];
	auto_json json_t *j = NULL;
	struct sockaddr_in a, from;
	socklen_t size = sizeof from;
	struct mesh_member *m;
	struct fault f;
	ssize_t n = recvfrom(
	    node.gossip, text, sizeof text, 0, (struct sockaddr *)&from, &size);

	if (n <= 0)
		return;
	/* WireGuard lets nobody use another's address */
	m = mesh_by_host(
	    &node.admit.roster, (int)(ntohl(from.sin_addr.s_addr) & 0xff));
	if (m == NULL || m == node_self())
		return;
	node_address(m, &a);
	if (a.sin_addr.s_addr != from.sin_addr.s_addr)
		return;
	j = guest_json("gossip", text, (size_t)n, &f);
	if (j == NULL)
		return;
	if (json_is_true(json_object_get(j, "call"))) {
		path_called(&node.known[m->host].path, node_now());
		return;
	}
	hear_of(m, json_object_get(j, "seen"));
	hear_apart(json_object_get(j, "apart"));
	switch (admit_take(&node.admit,
	    json_string_value(json_object_get(j, "roster")),
	    json_string_value(json_object_get(j, "sig")), &f)) {
	case 1:
		node_follow();
		return;
	case 0:
		return;
	}
	node_complain(&f);
}
