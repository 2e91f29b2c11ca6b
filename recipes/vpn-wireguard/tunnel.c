#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/guest-init/nl.h"
#include "recipes/vpn-wireguard/tunnel.h"

int
tunnel_key(const char *what, const json_t *j, const char *name,
    unsigned char out[TUNNEL_KEY], struct fault *f)
{
	const char *text, *end;
	size_t n;

	if (guest_str(what, j, name, 64, &text, f) == -1)
		return -1;
	if (sodium_base642bin(out, TUNNEL_KEY, text, strlen(text), NULL, &n,
		&end, sodium_base64_VARIANT_ORIGINAL) == -1 ||
	    n != TUNNEL_KEY || *end != '\0')
		return fault_set(f,
		    "%s: \"%s\" is not a key: 32 bytes in base64", what, name);
	return 0;
}

/* "10.9.0.1/24"; without a length it is one address. */
int
tunnel_net(
    const char *what, const char *text, struct tunnel_net *out, struct fault *f)
{
	const char *slash = strchrnul(text, '/');
	char address[INET6_ADDRSTRLEN], *end;
	long prefix;
	size_t bits;

	if ((size_t)(slash - text) >= sizeof address)
		return fault_set(f, "%s: an address is too long", what);
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (guest_addr(what, "address", address, &out->address, f) == -1)
		return -1;
	bits = guest_addr_size(&out->address) * 8;
	prefix = (long)bits;
	if (*slash == '/') {
		prefix = strtol(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' ||
		    prefix > (long)bits)
			return fault_set(
			    f, "%s: %s is not a network", what, text);
	}
	out->prefix = (unsigned char)prefix;
	return 0;
}

static int
read_nets(const char *what, const json_t *j, const char *key, size_t max,
    struct tunnel_net *out, size_t *n, struct fault *f)
{
	const char *text;
	json_t *list;
	size_t i;

	if (guest_array(what, j, key, max, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (text == NULL)
			return fault_set(f,
			    "%s: an entry of \"%s\" is not a text", what, key);
		if (tunnel_net(what, text, &out[i], f) == -1)
			return -1;
	}
	*n = i;
	return 0;
}

int
tunnel_end(const json_t *j, union tunnel_end *out, struct fault *f)
{
	static const char *const keys[] = { "address", "port", NULL };
	static const char what[] = "endpoint";
	struct guest_addr a;
	const char *text;
	int64_t port;

	if (!json_is_object(j))
		return fault_set(f, "endpoint: not an object");
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "address", 45, &text, f) == -1 ||
	    guest_addr(what, "address", text, &a, f) == -1 ||
	    guest_int(what, j, "port", 1, 65535, &port, f) == -1)
		return -1;
	memset(out, 0, sizeof *out);
	if (a.family == AF_INET) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		memcpy(&out->v4.sin_addr, a.bytes, 4);
	} else {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		memcpy(&out->v6.sin6_addr, a.bytes, 16);
	}
	return 0;
}

static int
read_peer(const json_t *j, struct tunnel_peer *p, struct fault *f)
{
	static const char *const keys[] = { "name", "key", "preshared",
		"allowed", "endpoint", "keepalive", NULL };
	static const char what[] = "peers";
	int64_t n;

	if (!json_is_object(j))
		return fault_set(f, "peers: an entry is not an object");
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "name", 63, &p->name, f) == -1 ||
	    tunnel_key(what, j, "key", p->key, f) == -1 ||
	    read_nets(what, j, "allowed", TUNNEL_ALLOWED, p->allowed,
		&p->nallowed, f) == -1)
		return -1;
	if (!guest_label_ok(p->name))
		return fault_set(f, "peers: a name is not one label of a-z, "
				    "0-9, - and _");
	p->has_preshared = json_object_get(j, "preshared") != NULL;
	if (p->has_preshared &&
	    tunnel_key(what, j, "preshared", p->preshared, f) == -1)
		return -1;
	if (json_object_get(j, "keepalive") != NULL) {
		if (guest_int(what, j, "keepalive", 1, 65535, &n, f) == -1)
			return -1;
		p->keepalive = (uint16_t)n;
	}
	j = json_object_get(j, "endpoint");
	p->has_endpoint = j != NULL;
	return j == NULL ? 0 : tunnel_end(j, &p->endpoint, f);
}

static int
read_peers(const json_t *config, struct tunnel *t, struct fault *f)
{
	json_t *list;
	size_t i, k;

	if (guest_array("config", config, "peers", TUNNEL_PEERS, &list, f) ==
	    -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		struct tunnel_peer *p = &t->peer[i];

		if (read_peer(json_array_get(list, i), p, f) == -1)
			return -1;
		/* the kernel would take the last of two, and say nothing */
		for (k = 0; k < i; k++) {
			if (memcmp(t->peer[k].key, p->key, TUNNEL_KEY) == 0 ||
			    strcmp(t->peer[k].name, p->name) == 0)
				return fault_set(f,
				    "peers: %s and %s have the same name or "
				    "key",
				    t->peer[k].name, p->name);
		}
		t->npeers = i + 1;
	}
	return 0;
}

int
tunnel_read(const json_t *config, struct tunnel *t, struct fault *f)
{
	static const char *const keys[] = { "key", "port", "addresses", "peers",
		NULL };
	int64_t port = TUNNEL_PORT;

	memset(t, 0, sizeof *t);
	if (guest_only("config", config, keys, f) == -1 ||
	    tunnel_key("config", config, "key", t->key, f) == -1 ||
	    (json_object_get(config, "port") != NULL &&
		guest_int("config", config, "port", 1024, 65535, &port, f) ==
		    -1) ||
	    read_nets("config", config, "addresses", TUNNEL_ADDRESSES,
		t->address, &t->naddresses, f) == -1)
		return -1;
	t->port = (uint16_t)port;
	return read_peers(config, t, f);
}

/* --- what the kernel is told
 * ------------------------------------------------*/

void
tunnel_msg_card(struct nlmsghdr *h)
{
	const struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	size_t info;

	nl_start(h, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	nl_attr(h, IFLA_IFNAME, TUNNEL_CARD, sizeof TUNNEL_CARD);
	info = nl_nest(h, IFLA_LINKINFO);
	nl_attr(h, IFLA_INFO_KIND, "wireguard", sizeof "wireguard" - 1);
	nl_nest_end(h, info);
}

static void
put_allowed(struct nlmsghdr *h, const struct tunnel_peer *p)
{
	size_t all = nl_nest(h, WGPEER_A_ALLOWEDIPS), i;

	for (i = 0; i < p->nallowed; i++) {
		const struct tunnel_net *n = &p->allowed[i];
		uint16_t family = (uint16_t)n->address.family;
		size_t one = nl_nest(h, 0);

		nl_attr(h, WGALLOWEDIP_A_FAMILY, &family, sizeof family);
		nl_attr(h, WGALLOWEDIP_A_IPADDR, n->address.bytes,
		    guest_addr_size(&n->address));
		nl_attr(h, WGALLOWEDIP_A_CIDR_MASK, &n->prefix, 1);
		nl_nest_end(h, one);
	}
	nl_nest_end(h, all);
}

static void
put_peer(struct nlmsghdr *h, const struct tunnel_peer *p)
{
	const uint32_t flags =
	    p->gone ? WGPEER_F_REMOVE_ME : WGPEER_F_REPLACE_ALLOWEDIPS;
	size_t one = nl_nest(h, 0);

	nl_attr(h, WGPEER_A_PUBLIC_KEY, p->key, TUNNEL_KEY);
	nl_attr(h, WGPEER_A_FLAGS, &flags, sizeof flags);
	if (p->has_preshared)
		nl_attr(h, WGPEER_A_PRESHARED_KEY, p->preshared, TUNNEL_KEY);
	if (p->has_endpoint)
		nl_attr(h, WGPEER_A_ENDPOINT, &p->endpoint,
		    p->endpoint.sa.sa_family == AF_INET
			? sizeof p->endpoint.v4
			: sizeof p->endpoint.v6);
	nl_attr(h, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &p->keepalive,
	    sizeof p->keepalive);
	put_allowed(h, p);
	nl_nest_end(h, one);
}

static void
start_set(struct nlmsghdr *h, int family)
{
	const struct genlmsghdr body = { .cmd = WG_CMD_SET_DEVICE,
		.version = WG_GENL_VERSION };

	nl_start(h, family, 0, &body, sizeof body);
	nl_attr(h, WGDEVICE_A_IFNAME, TUNNEL_CARD, sizeof TUNNEL_CARD);
}

static void
put_peers(struct nlmsghdr *h, const struct tunnel *t)
{
	size_t peers = nl_nest(h, WGDEVICE_A_PEERS), i;

	for (i = 0; i < t->npeers; i++)
		put_peer(h, &t->peer[i]);
	nl_nest_end(h, peers);
}

void
tunnel_msg_set(struct nlmsghdr *h, int family, const struct tunnel *t)
{
	const uint32_t flags = WGDEVICE_F_REPLACE_PEERS;

	start_set(h, family);
	nl_attr(h, WGDEVICE_A_FLAGS, &flags, sizeof flags);
	nl_attr(h, WGDEVICE_A_PRIVATE_KEY, t->key, TUNNEL_KEY);
	nl_attr(h, WGDEVICE_A_LISTEN_PORT, &t->port, sizeof t->port);
	put_peers(h, t);
}

void
tunnel_msg_peers(struct nlmsghdr *h, int family, const struct tunnel *t)
{
	start_set(h, family);
	put_peers(h, t);
}
