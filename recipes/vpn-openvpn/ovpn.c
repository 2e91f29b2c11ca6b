#include <string.h>

#include "recipes/vpn-openvpn/ovpn.h"

#define BOTH 0
#define CLIENT 1 /* of a client's file alone */
#define SERVER 2
#define INLINE 4  /* its argument is a file's name: only as <block> */
#define NOTHING 8 /* has no meaning here: passed over */

static const struct option {
	const char *name;
	int flags;
} options[] = {
	{ "allow-compression", BOTH },
	{ "auth", BOTH },
	{ "auth-nocache", BOTH },
	{ "auth-retry", CLIENT },
	{ "auth-user-pass", CLIENT | INLINE },
	{ "block-outside-dns", NOTHING },
	{ "ca", INLINE },
	{ "cert", INLINE },
	{ "cipher", BOTH },
	{ "client", CLIENT },
	{ "client-to-client", SERVER },
	{ "connect-retry", CLIENT },
	{ "connect-timeout", CLIENT },
	{ "crl-verify", INLINE },
	{ "data-ciphers", BOTH },
	{ "data-ciphers-fallback", BOTH },
	{ "dev", BOTH },
	{ "dev-type", BOTH },
	{ "dh", SERVER },
	{ "duplicate-cn", SERVER },
	{ "ecdh-curve", SERVER },
	{ "explicit-exit-notify", BOTH },
	{ "extra-certs", INLINE },
	{ "float", BOTH },
	{ "fragment", BOTH },
	{ "group", NOTHING },
	{ "hand-window", BOTH },
	{ "keepalive", BOTH },
	{ "key", INLINE },
	{ "key-direction", BOTH },
	{ "lport", SERVER },
	{ "max-clients", SERVER },
	{ "mssfix", BOTH },
	{ "mute-replay-warnings", BOTH },
	{ "nobind", CLIENT },
	{ "persist-key", BOTH },
	{ "persist-tun", BOTH },
	{ "ping", BOTH },
	{ "ping-restart", BOTH },
	{ "port", BOTH },
	{ "proto", BOTH },
	{ "pull", CLIENT },
	{ "pull-filter", CLIENT },
	{ "push", SERVER },
	{ "rcvbuf", BOTH },
	{ "redirect-gateway", CLIENT },
	{ "register-dns", NOTHING },
	{ "remote", CLIENT },
	{ "remote-cert-tls", BOTH },
	{ "remote-random", CLIENT },
	{ "reneg-bytes", BOTH },
	{ "reneg-sec", BOTH },
	{ "resolv-retry", CLIENT },
	{ "route", BOTH },
	{ "route-ipv6", BOTH },
	{ "route-metric", BOTH },
	{ "route-nopull", CLIENT },
	{ "rport", CLIENT },
	{ "server", SERVER },
	{ "server-ipv6", SERVER },
	{ "server-poll-timeout", CLIENT },
	{ "sndbuf", BOTH },
	{ "tls-auth", INLINE },
	{ "tls-cipher", BOTH },
	{ "tls-ciphersuites", BOTH },
	{ "tls-client", CLIENT },
	{ "tls-crypt", INLINE },
	{ "tls-crypt-v2", INLINE },
	{ "tls-groups", BOTH },
	{ "tls-server", SERVER },
	{ "tls-version-min", BOTH },
	{ "topology", BOTH },
	{ "tran-window", BOTH },
	{ "tun-mtu", BOTH },
	{ "user", NOTHING },
	{ "verb", NOTHING },
	{ "verify-x509-name", BOTH },
};

/* Behind the file's own lines, so that these hold. */
static const char always[] = "dev tun0\n"
			     "dev-type tun\n"
			     "persist-tun\n"
			     "persist-key\n"
			     "script-security 0\n"
			     "suppress-timestamps\n"
			     "verb 1\n"
			     "management " OVPN_SOCKET " unix\n";

struct reading {
	struct guest_files *files;
	const json_t *lines;
	size_t at;
	FILE *out;
	int role;    /* CLIENT or SERVER, or 0: not known yet */
	int wanted;  /* what the options seen so far are of */
	bool remote; /* there is one */
};

static const struct option *
find(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof options / sizeof options[0]; i++) {
		if (strlen(options[i].name) == n &&
		    memcmp(options[i].name, name, n) == 0)
			return &options[i];
	}
	return NULL;
}

/* The line at r->at, without the blanks before it; NULL after a fault. */
static const char *
line(const struct reading *r, struct fault *f)
{
	const json_t *j = json_array_get(r->lines, r->at);
	const char *text = json_string_value(j);
	size_t i, n = json_string_length(j);

	if (text == NULL || n > OVPN_LINE) {
		fault_set(f, "ovpn: line %zu is no text of at most %d bytes",
		    r->at + 1, OVPN_LINE);
		return NULL;
	}
	for (i = 0; i < n; i++) {
		/* YAML may have kept a file's tabs, and lines of DOS */
		if ((text[i] < ' ' && text[i] != '\t') || text[i] > '~') {
			fault_set(f, "ovpn: line %zu is not printable ASCII",
			    r->at + 1);
			return NULL;
		}
	}
	return text + strspn(text, " \t");
}

/* <name> … </name>, as it stands; a login is a file of two lines. */
static int
block(struct reading *r, const char *first, struct fault *f)
{
	const struct option *o;
	size_t n = strcspn(first + 1, ">"), from = r->at + 1;
	const char *text;
	char end[64];
	FILE *out = r->out;
	bool login;
	int ret = -1;

	o = find(first + 1, n);
	if (o == NULL || !(o->flags & INLINE) || first[1 + n] != '>')
		return fault_set(
		    f, "ovpn: line %zu: %.60s is not known here", from, first);
	r->wanted |= o->flags & (CLIENT | SERVER);
	snprintf(end, sizeof end, "</%s>", o->name);
	login = strcmp(o->name, "auth-user-pass") == 0;
	if (login) {
		out = guest_file_open(r->files, f, OVPN_DIR "/login");
		if (out == NULL)
			return -1;
		fprintf(r->out, "%s " OVPN_DIR "/login\n", o->name);
	} else {
		fprintf(out, "<%s>\n", o->name);
	}
	while (++r->at < json_array_size(r->lines)) {
		text = line(r, f);
		if (text == NULL)
			break;
		if (strncmp(text, end, strlen(end)) == 0) {
			ret = 0;
			break;
		}
		fprintf(out, "%s\n", text);
	}
	if (r->at == json_array_size(r->lines))
		fault_set(f, "ovpn: line %zu: <%s> has no end", from, o->name);
	if (login)
		return guest_file_close(out, ret, f);
	fprintf(out, "%s\n", end);
	return ret;
}

/* Values that say which kind of tunnel this is, or name a file. */
static int
argument(const struct reading *r, const struct option *o, const char *rest,
    struct fault *f)
{
	size_t n;

	rest += strspn(rest, " \t");
	n = strcspn(rest, " \t");
	if ((o->flags & INLINE) && n > 0)
		return fault_set(f,
		    "ovpn: line %zu: %s names a file: write what is in it "
		    "between <%s> and </%s>",
		    r->at + 1, o->name, o->name, o->name);
	if (o->flags & INLINE)
		return fault_set(f, "ovpn: line %zu: %s: nobody is asked here",
		    r->at + 1, o->name);
	if (strncmp(o->name, "dev", 3) == 0 && strncmp(rest, "tun", 3) != 0)
		return fault_set(f,
		    "ovpn: line %zu: only tunnels of the kind \"tun\"",
		    r->at + 1);
	if (strcmp(o->name, "dh") == 0 && strcmp(rest, "none") != 0)
		return fault_set(f,
		    "ovpn: line %zu: dh: only \"none\": keys are agreed upon "
		    "by elliptic curves",
		    r->at + 1);
	if (strcmp(o->name, "allow-compression") == 0 &&
	    strcmp(rest, "no") != 0)
		return fault_set(
		    f, "ovpn: line %zu: there is no compression", r->at + 1);
	return 0;
}

static int
option(struct reading *r, const char *text, struct fault *f)
{
	size_t n = strcspn(text, " \t");
	const struct option *o = find(text, n);

	if (o == NULL)
		return fault_set(f, "ovpn: line %zu: %.*s is not known here",
		    r->at + 1, n < 60 ? (int)n : 60, text);
	if (argument(r, o, text + n, f) == -1)
		return -1;
	r->wanted |= o->flags & (CLIENT | SERVER);
	r->remote = r->remote || strcmp(o->name, "remote") == 0;
	if (strcmp(o->name, "client") == 0)
		r->role |= CLIENT;
	if (strcmp(o->name, "server") == 0)
		r->role |= SERVER;
	/* ours stands at the end */
	if (o->flags != NOTHING && strncmp(o->name, "dev", 3) != 0)
		fprintf(r->out, "%s\n", text);
	return 0;
}

static int
lines(struct reading *r, struct fault *f)
{
	const char *text;

	for (r->at = 0; r->at < json_array_size(r->lines); r->at++) {
		text = line(r, f);
		if (text == NULL)
			return -1;
		if (*text == '\0' || *text == '#' || *text == ';')
			continue;
		if ((*text == '<' ? block : option)(r, text, f) == -1)
			return -1;
	}
	if (r->role != CLIENT && r->role != SERVER)
		return fault_set(
		    f, "ovpn: neither \"client\" nor \"server\" or both");
	if ((r->wanted & ~r->role) != 0)
		return fault_set(f, "ovpn: options of a %s in the file of a %s",
		    r->role == CLIENT ? "server" : "client",
		    r->role == CLIENT ? "client" : "server");
	if (r->role == CLIENT && !r->remote)
		return fault_set(f, "ovpn: no \"remote\" to go to");
	fputs(always, r->out);
	return 0;
}

static int
resolver(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct guest_addr a;
	const char *text = NULL;
	FILE *out;

	if (json_object_get(config, "resolver") != NULL &&
	    (guest_str("config", config, "resolver", 45, &text, f) == -1 ||
		guest_addr("config", "resolver", text, &a, f) == -1))
		return -1;
	out = guest_file_open(files, f, OVPN_DIR "/resolv.conf");
	if (out == NULL)
		return -1;
	fprintf(out, "%s%s\n", text != NULL ? "nameserver " : "# nobody",
	    text != NULL ? text : "");
	return guest_file_close(out, 0, f);
}

static int
for_tunnel(const json_t *config, bool server, struct guest_files *files,
    struct fault *f)
{
	const json_t *m = json_object_get(config, "masquerade");
	FILE *out;

	if (m != NULL && (!json_is_boolean(m) || server))
		return fault_set(f, "config: \"masquerade\" is no boolean of "
				    "a client");
	out = guest_file_open(files, f, OVPN_CONFIG);
	if (out == NULL)
		return -1;
	fprintf(out, "{\"server\":%s,\"masquerade\":%s}",
	    server ? "true" : "false",
	    server || json_is_false(m) ? "false" : "true");
	return guest_file_close(out, 0, f);
}

int
ovpn_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "ovpn", "resolver", "masquerade",
		NULL };
	struct reading r = { .files = files };
	json_t *list;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_array("config", config, "ovpn", OVPN_LINES, &list, f) == -1)
		return -1;
	r.lines = list;
	r.out = guest_file_open(files, f, OVPN_DIR "/openvpn.conf");
	if (r.out == NULL || guest_file_close(r.out, lines(&r, f), f) == -1 ||
	    resolver(config, files, f) == -1)
		return -1;
	return for_tunnel(config, r.role == SERVER, files, f);
}

int
ovpn_read(const json_t *j, struct ovpn *o, struct fault *f)
{
	static const char *const keys[] = { "server", "masquerade", NULL };

	if (guest_only("config", j, keys, f) == -1)
		return -1;
	o->server = json_is_true(json_object_get(j, "server"));
	o->masquerade = json_is_true(json_object_get(j, "masquerade"));
	return 0;
}

/*
 * What is not said here is dropped; protocols by number, since the image has no
 * table of their names.  A client's LAN is never let out but by
 * the tunnel's own card, not even a connection that was there before it went.
 */
void
ovpn_rules(const void *arg, FILE *out)
{
	const struct ovpn *o = arg;

	fputs("table inet tunnel\ndelete table inet tunnel\n"
	      "table inet tunnel {\n"
	      "\tchain input {\n"
	      "\t\ttype filter hook input priority filter; policy accept;\n"
	      "\t\tiifname \"tun0\" ct state established,related accept\n"
	      "\t\tiifname \"tun0\" meta l4proto { 1, 58 } accept\n"
	      "\t\tiifname \"tun0\" drop\n\t}\n"
	      "\tchain forward {\n"
	      "\t\ttype filter hook forward priority filter; policy drop;\n"
	      "\t\toifname \"tun0\" accept\n",
	    out);
	fprintf(out, "\t\tiifname \"tun0\"%s accept\n\t}\n",
	    o->server ? "" : " ct state established,related");
	if (o->masquerade)
		fputs("\tchain out {\n"
		      "\t\ttype nat hook postrouting priority srcnat;\n"
		      "\t\toifname \"tun0\" masquerade\n\t}\n",
		    out);
	fputs("}\n", out);
}
