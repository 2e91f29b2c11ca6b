#include "recipes/vpn-mesh/mesh.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* --- the configuration ----------------------------------------------------*/

static int
read_lan(const char *what, const json_t *j, bool *has, struct tunnel_net *lan,
    struct fault *f)
{
	const char *text;

	*has = json_object_get(j, "lan") != NULL;
	if (!*has)
		return 0;
	if (guest_str(what, j, "lan", 49, &text, f) == -1 ||
	    tunnel_net(what, text, lan, f) == -1)
		return -1;
	/* one that holds everything would be everybody's way out */
	if (lan->prefix < 8)
		return fault_set(f, "%s: \"lan\" is larger than a /8", what);
	return 0;
}

static int
read_secret(
    const char *what, const json_t *j, const char **out, struct fault *f)
{
	if (guest_str(what, j, "secret", 200, out, f) == -1)
		return -1;
	if (strlen(*out) < MESH_SECRET)
		return fault_set(f,
		    "%s: \"secret\" has less than %d letters; `openssl rand "
		    "-hex 20` makes one",
		    what, MESH_SECRET);
	return 0;
}

static int
invitation(struct mesh_conf *c, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "secret", "lan", NULL };
	struct mesh_invitation *v = &c->invitation[c->invitations], *o;

	if (!json_is_object(j))
		return fault_set(f, "invitations: an entry is not an object");
	if (guest_only("invitations", j, keys, f) == -1 ||
	    guest_str("invitations", j, "name", 63, &v->name, f) == -1 ||
	    read_secret("invitations", j, &v->secret, f) == -1 ||
	    read_lan("invitations", j, &v->has_lan, &v->lan, f) == -1)
		return -1;
	if (!guest_label_ok(v->name))
		return fault_set(f, "invitations: a name is not one label of "
				    "a-z, 0-9, - and _");
	for (o = c->invitation; o < v; o++) {
		if (strcmp(o->secret, v->secret) == 0)
			return fault_set(f,
			    "invitations: %s and %s have the same secret",
			    o->name, v->name);
	}
	c->invitations++;
	return 0;
}

static int
revoked(struct mesh_conf *c, const json_t *j, struct fault *f)
{
	json_t *list;
	size_t i;

	if (json_object_get(j, "revoked") == NULL)
		return 0;
	if (guest_array("found", j, "revoked", MESH_MEMBERS * 4, &list, f) ==
	    -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		c->revoked[i] = json_string_value(json_array_get(list, i));
		if (c->revoked[i] == NULL)
			return fault_set(
			    f, "revoked: an entry is not the name of a node");
		if (strcmp(c->revoked[i], c->name) == 0)
			return fault_set(
			    f, "revoked: %s is the founder itself", c->name);
	}
	c->nrevoked = i;
	return 0;
}

static int
found(struct mesh_conf *c, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "network", "name", "lan",
		"invitations", "revoked", NULL };
	struct guest_addr a;
	const char *text;
	json_t *list;
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "found: not an object");
	if (guest_only("found", j, keys, f) == -1 ||
	    guest_str("found", j, "name", 63, &c->name, f) == -1 ||
	    guest_str("found", j, "network", 15, &text, f) == -1 ||
	    guest_addr("found", "network", text, &a, f) == -1 ||
	    read_lan("found", j, &c->has_lan, &c->lan, f) == -1)
		return -1;
	if (!guest_label_ok(c->name))
		return fault_set(f, "found: \"name\" is not one label of a-z, "
				    "0-9, - and _");
	if (a.family != AF_INET || a.bytes[3] != 0)
		return fault_set(
		    f, "found: \"network\" is not A.B.C.0, without a length");
	memcpy(c->network, a.bytes, 4);
	if (json_object_get(j, "invitations") != NULL) {
		if (guest_array("found", j, "invitations", MESH_MEMBERS, &list,
			f) == -1)
			return -1;
		for (i = 0; i < json_array_size(list); i++) {
			if (invitation(c, json_array_get(list, i), f) == -1)
				return -1;
		}
	}
	return revoked(c, j, f);
}

static int
join(struct mesh_conf *c, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "endpoint", "secret", NULL };

	if (!json_is_object(j))
		return fault_set(f, "join: not an object");
	if (guest_only("join", j, keys, f) == -1 ||
	    read_secret("join", j, &c->secret, f) == -1)
		return -1;
	return tunnel_end(json_object_get(j, "endpoint"), &c->introducer, f);
}

int
mesh_conf_read(const json_t *config, struct mesh_conf *c, struct fault *f)
{
	static const char *const keys[] = { "endpoint", "found", "join", NULL };
	const json_t *end = json_object_get(config, "endpoint"),
		     *founds = json_object_get(config, "found"),
		     *joins = json_object_get(config, "join");

	memset(c, 0, sizeof *c);
	if (guest_only("config", config, keys, f) == -1)
		return -1;
	c->has_endpoint = end != NULL;
	if (end != NULL && tunnel_end(end, &c->endpoint, f) == -1)
		return -1;
	if ((founds == NULL) == (joins == NULL))
		return fault_set(
		    f, "config: neither \"found\" nor \"join\", or both");
	c->founds = founds != NULL;
	if (founds != NULL && !c->has_endpoint)
		return fault_set(f, "config: who founds a mesh is called by "
				    "the others: \"endpoint\" is missing");
	return founds != NULL ? found(c, founds, f) : join(c, joins, f);
}

int
mesh_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct mesh_conf c;
	FILE *out;

	if (mesh_conf_read(config, &c, f) == -1)
		return -1;
	out = guest_file_open(files, f, MESH_CONFIG);
	if (out == NULL)
		return -1;
	return guest_file_close(out,
	    json_dumpf(config, out, JSON_COMPACT) == 0
		? 0
		: fault_set(f, "write " MESH_CONFIG),
	    f);
}

/* --- ends -----------------------------------------------------------------*/

void
mesh_end_text(const union tunnel_end *e, char *out, size_t room)
{
	char a[INET6_ADDRSTRLEN];

	if (e->sa.sa_family == AF_INET6)
		snprintf(out, room, "[%s]:%d",
		    inet_ntop(AF_INET6, &e->v6.sin6_addr, a, sizeof a),
		    ntohs(e->v6.sin6_port));
	else if (e->sa.sa_family == AF_INET)
		snprintf(out, room, "%s:%d",
		    inet_ntop(AF_INET, &e->v4.sin_addr, a, sizeof a),
		    ntohs(e->v4.sin_port));
	else
		snprintf(out, room, "-");
}

int
mesh_end_read(const char *text, union tunnel_end *out)
{
	const char *colon = strrchr(text, ':');
	char address[INET6_ADDRSTRLEN], *end;
	size_t n;
	long port;

	memset(out, 0, sizeof *out);
	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return -1;
	port = strtol(colon + 1, &end, 10);
	n = (size_t)(colon - text);
	if (*end != '\0' || port < 1 || port > 65535 || n < 2 ||
	    n - 2 >= sizeof address)
		return -1;
	if (*text == '[' && colon[-1] == ']') {
		memcpy(address, text + 1, n - 2);
		address[n - 2] = '\0';
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, address, &out->v6.sin6_addr) == 1
			   ? 0
			   : -1;
	}
	if (n >= sizeof address)
		return -1;
	memcpy(address, text, n);
	address[n] = '\0';
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, address, &out->v4.sin_addr) == 1 ? 0 : -1;
}

bool
mesh_end_same(const union tunnel_end *a, const union tunnel_end *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	       memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

uint16_t
mesh_relay_port(int host, int other)
{
	int low = host < other ? host : other,
	    high = host < other ? other : host;

	return (uint16_t)(MESH_RELAY + low * (MESH_MEMBERS + 1) + high);
}

/* --- the roster -----------------------------------------------------------*/

static int
read_member(const json_t *j, struct mesh_member *m, struct fault *f)
{
	static const char *const keys[] = { "name", "host", "key", "endpoint",
		"lan", NULL };
	static const char what[] = "roster";
	const char *name, *end;
	int64_t host;

	if (!json_is_object(j))
		return fault_set(f, "roster: an entry is not an object");
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "name", 63, &name, f) == -1 ||
	    guest_int(what, j, "host", 1, MESH_MEMBERS, &host, f) == -1 ||
	    tunnel_key(what, j, "key", m->key, f) == -1 ||
	    read_lan(what, j, &m->has_lan, &m->lan, f) == -1)
		return -1;
	if (!guest_label_ok(name))
		return fault_set(f, "roster: a name is none");
	snprintf(m->name, sizeof m->name, "%s", name);
	m->host = (int)host;
	m->has_endpoint = json_object_get(j, "endpoint") != NULL;
	if (!m->has_endpoint)
		return 0;
	if (guest_str(what, j, "endpoint", 60, &end, f) == -1)
		return -1;
	return mesh_end_read(end, &m->endpoint) == 0
		   ? 0
		   : fault_set(f, "roster: an endpoint is none");
}

static int
read_members(const json_t *j, struct mesh_roster *r, struct fault *f)
{
	struct mesh_member m;
	json_t *list;
	size_t i;

	if (guest_array("roster", j, "members", MESH_MEMBERS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		memset(&m, 0, sizeof m);
		if (read_member(json_array_get(list, i), &m, f) == -1)
			return -1;
		if (mesh_by_host(r, m.host) != NULL ||
		    mesh_by_key(r, m.key) != NULL ||
		    mesh_by_name(r, m.name) != NULL)
			return fault_set(f, "roster: two are the same");
		r->member[r->members++] = m;
	}
	return 0;
}

int
mesh_roster_read(
    const char *text, size_t n, struct mesh_roster *r, struct fault *f)
{
	static const char *const keys[] = { "v", "network", "members", NULL };
	auto_json json_t *j = guest_json("roster", text, n, f);
	struct guest_addr a;
	const char *network;

	memset(r, 0, sizeof *r);
	if (j == NULL || guest_only("roster", j, keys, f) == -1 ||
	    guest_int("roster", j, "v", 1, INT64_MAX, &r->version, f) == -1 ||
	    guest_str("roster", j, "network", 15, &network, f) == -1 ||
	    guest_addr("roster", "network", network, &a, f) == -1)
		return -1;
	if (a.family != AF_INET)
		return fault_set(f, "roster: the network is none");
	memcpy(r->network, a.bytes, 4);
	return read_members(j, r, f);
}

static json_t *
member_json(const struct mesh_member *m)
{
	char text[64], address[INET6_ADDRSTRLEN];
	char key[sodium_base64_ENCODED_LEN(
	    TUNNEL_KEY, sodium_base64_VARIANT_ORIGINAL)];
	json_t *j = json_object();

	json_object_set_new(j, "name", json_string(m->name));
	json_object_set_new(j, "host", json_integer(m->host));
	sodium_bin2base64(key, sizeof key, m->key, TUNNEL_KEY,
	    sodium_base64_VARIANT_ORIGINAL);
	json_object_set_new(j, "key", json_string(key));
	if (m->has_endpoint) {
		mesh_end_text(&m->endpoint, text, sizeof text);
		json_object_set_new(j, "endpoint", json_string(text));
	}
	if (m->has_lan) {
		inet_ntop(m->lan.address.family, m->lan.address.bytes, address,
		    sizeof address);
		snprintf(text, sizeof text, "%s/%d", address, m->lan.prefix);
		json_object_set_new(j, "lan", json_string(text));
	}
	return j;
}

char *
mesh_roster_text(const struct mesh_roster *r)
{
	auto_json json_t *j = json_object();
	char network[INET_ADDRSTRLEN];
	json_t *list = json_array();
	size_t i;

	json_object_set_new(j, "v", json_integer(r->version));
	inet_ntop(AF_INET, r->network, network, sizeof network);
	json_object_set_new(j, "network", json_string(network));
	for (i = 0; i < r->members; i++)
		json_array_append_new(list, member_json(&r->member[i]));
	json_object_set_new(j, "members", list);
	return json_dumps(j, JSON_COMPACT);
}

struct mesh_member *
mesh_by_key(struct mesh_roster *r, const unsigned char key[TUNNEL_KEY])
{
	size_t i;

	for (i = 0; i < r->members; i++) {
		if (memcmp(r->member[i].key, key, TUNNEL_KEY) == 0)
			return &r->member[i];
	}
	return NULL;
}

struct mesh_member *
mesh_by_name(struct mesh_roster *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->members; i++) {
		if (strcmp(r->member[i].name, name) == 0)
			return &r->member[i];
	}
	return NULL;
}

struct mesh_member *
mesh_by_host(struct mesh_roster *r, int host)
{
	size_t i;

	for (i = 0; i < r->members; i++) {
		if (r->member[i].host == host)
			return &r->member[i];
	}
	return NULL;
}

int
mesh_free_host(struct mesh_roster *r)
{
	int host;

	for (host = 1; host <= MESH_MEMBERS; host++) {
		if (mesh_by_host(r, host) == NULL)
			return host;
	}
	return 0;
}

void
mesh_remove(struct mesh_roster *r, struct mesh_member *m)
{
	size_t at = (size_t)(m - r->member);

	memmove(m, m + 1, (r->members - at - 1) * sizeof *m);
	r->members--;
}
