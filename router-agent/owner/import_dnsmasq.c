#include "router-agent/owner/import_dnsmasq.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/owner/dnsmasq_words.h"

#define FIELDS 16
#define FIELD 256
#define HOSTS_MAX 1024 /* of the service */
#define UPSTREAM_MAX 16
#define TEXT_MAX 200
#define LEASE_DEFAULT 3600 /* dnsmasq's own */
#define LEASE_MIN 120
#define LEASE_MAX ((int64_t)365 * 86400)

const char *
import_verdict_name(enum import_verdict v)
{
	static const char *const names[] = { "taken", "changed",
		"not supported" };

	return names[v];
}

/* One line, taken apart at its commas. */
struct line {
	char key[64];
	char value[1024];
	char field[FIELDS][FIELD];
	size_t n;
};

struct importer {
	struct import *out;
	char domain[DNSMASQ_DOMAIN];
	bool has_domain;
	size_t unnamed; /* reservations that got a name */
	const char *why;
};

static enum import_verdict
changed(struct importer *m, const char *why)
{
	m->why = why;
	return IMPORT_CHANGED;
}

static enum import_verdict
unsupported(struct importer *m, const char *why)
{
	m->why = why;
	return IMPORT_UNSUPPORTED;
}

/* The label of a name that lies directly in the domain. */
static bool
label_of(const struct importer *m, const char *name, char out[64])
{
	char low[FIELD];
	size_t n, d = strlen(m->domain);

	snprintf(low, sizeof(low), "%s", name);
	dnsmasq_lower(low);
	n = strlen(low);
	if (n > d + 1 && low[n - d - 1] == '.' &&
	    strcmp(low + n - d, m->domain) == 0)
		low[n - d - 1] = '\0';
	if (!dnsmasq_label_ok(low))
		return false;
	memcpy(out, low, strlen(low) + 1);
	return true;
}

/* --- what goes into the configuration ------------------------------------ */

static json_t *
member(struct importer *m, const char *key, json_t *(*make)(void))
{
	json_t *j = json_object_get(m->out->config, key);

	if (!j) {
		j = make();
		js_set(m->out->config, key, j);
	}
	return j;
}

static bool
add_host(
    struct importer *m, const char *label, const char *address, const char *mac)
{
	json_t *hosts = member(m, "hosts", json_array), *h;

	if (json_array_size(hosts) >= HOSTS_MAX)
		return false;
	h = json_object();
	js_set_str(h, "name", label);
	js_set_str(h, "address", address);
	if (mac)
		js_set_str(h, "mac", mac);
	json_array_append_new(hosts, h);
	return true;
}

static enum import_verdict
on_domain(struct importer *m, const struct line *l)
{
	if (l->n < 1 || strcasecmp(l->field[0], m->domain) != 0)
		return unsupported(m, "there is one domain, the first named");
	return l->n > 1 ? changed(m, "the domain is the whole LAN's")
			: IMPORT_TAKEN;
}

/* local=/lan/ and server=/lan/ */
static enum import_verdict
on_local(struct importer *m, const struct line *l)
{
	char want[sizeof(m->domain) + 2];

	snprintf(want, sizeof(want), "/%s/", m->domain);
	if (strcmp(l->value, want) == 0)
		return IMPORT_TAKEN;
	return unsupported(m, "only the domain itself is answered here");
}

static enum import_verdict
on_server(struct importer *m, const struct line *l)
{
	char address[FIELD];
	size_t n = strcspn(l->value, "#@");
	json_t *list;

	if (l->value[0] == '/' && l->value[strlen(l->value) - 1] == '/')
		return on_local(m, l);
	if (l->value[0] == '/')
		return unsupported(m, "all domains have the same upstream");
	if (n >= sizeof(address))
		return unsupported(m, "not an address");
	memcpy(address, l->value, n);
	address[n] = '\0';
	if (!dnsmasq_is_address(address))
		return unsupported(m, "not an address");
	if (l->value[n] && strcmp(l->value + n, "#53") != 0)
		return unsupported(
		    m, "upstream servers are asked on port 53 alone");
	list = member(m, "upstream", json_array);
	if (json_array_size(list) >= UPSTREAM_MAX)
		return unsupported(m, "there are 16 upstream servers already");
	json_array_append_new(list, json_string(address));
	return IMPORT_TAKEN;
}

static enum import_verdict
on_host_record(struct importer *m, const struct line *l)
{
	char label[64];
	size_t names = 0;
	bool left_out = false;

	while (names < l->n && !dnsmasq_is_address(l->field[names]))
		names++;
	if (names == 0 || names == l->n)
		return unsupported(m, "it names no host or no address");
	for (size_t i = 0; i < names; i++)
		if (!label_of(m, l->field[i], label))
			return unsupported(
			    m, "only names of the domain are answered");
	for (size_t k = names; k < l->n; k++) {
		if (!dnsmasq_is_address(l->field[k])) {
			left_out = true; /* a TTL */
			continue;
		}
		for (size_t i = 0; i < names; i++) {
			/* "nas" and "nas.lan" are one name here. */
			bool again = false;

			(void)!label_of(m, l->field[i], label);
			for (size_t b = 0; b < i; b++) {
				char before[64];

				(void)!label_of(m, l->field[b], before);
				again = again || strcmp(before, label) == 0;
			}
			if (!again && !add_host(m, label, l->field[k], NULL))
				return unsupported(
				    m, "there are too many hosts");
		}
	}
	return left_out ? changed(m, "the TTL is 60 s for all") : IMPORT_TAKEN;
}

/* address=/NAME/ADDRESS */
static enum import_verdict
on_address(struct importer *m, const struct line *l)
{
	char name[FIELD], label[64];
	const char *slash;

	slash = l->value[0] == '/' ? strchr(l->value + 1, '/') : NULL;
	if (!slash || (size_t)(slash - l->value) >= sizeof(name) ||
	    !dnsmasq_is_address(slash + 1))
		return unsupported(m, "only one name with one address");
	memcpy(name, l->value + 1, (size_t)(slash - l->value) - 1);
	name[slash - l->value - 1] = '\0';
	if (!label_of(m, name, label))
		return unsupported(m, "only names of the domain are answered");
	if (!add_host(m, label, slash + 1, NULL))
		return unsupported(m, "there are too many hosts");
	return changed(m, "the name alone, none below it");
}

static enum import_verdict
on_dhcp_host(struct importer *m, const struct line *l)
{
	char mac[18], found[18] = "", address[FIELD] = "", label[64] = "";
	const char *diff = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const char *f = l->field[i];

		if (dnsmasq_is_mac(f, mac) && !*found)
			memcpy(found, mac, sizeof(found));
		else if (dnsmasq_is_ipv4(f) && !*address)
			snprintf(address, sizeof(address), "%s", f);
		else if (dnsmasq_lease_of(f) != -1)
			diff = "the lease time is the range's";
		else if (strchr(f, ':') || strchr(f, '*') || strchr(f, '['))
			return unsupported(m, "a host is known by its hardware "
					      "address and IPv4 alone");
		else if (!label_of(m, f, label))
			return unsupported(
			    m, "only names of the domain are answered");
	}
	if (!*found || !*address)
		return unsupported(
		    m, "a reservation needs a hardware address and an IPv4");
	if (!*label) {
		snprintf(label, sizeof(label), "host-%zu", ++m->unnamed);
		diff = "it got a name";
	}
	if (!add_host(m, label, address, found))
		return unsupported(m, "there are too many hosts");
	return diff ? changed(m, diff) : IMPORT_TAKEN;
}

static enum import_verdict
on_dhcp_range(struct importer *m, const struct line *l)
{
	json_t *d = member(m, "dhcp", json_object);
	const char *diff = NULL;
	int64_t lease = LEASE_DEFAULT;

	if (json_object_get(d, "start"))
		return unsupported(m, "there is one range");
	if (l->n < 2 || !dnsmasq_is_ipv4(l->field[0]) ||
	    !dnsmasq_is_ipv4(l->field[1]))
		return unsupported(m, "only a range of IPv4, START,END");
	for (size_t i = 2; i < l->n; i++) {
		int64_t t = dnsmasq_lease_of(l->field[i]);

		if (dnsmasq_is_ipv4(l->field[i]))
			diff = "the mask is the machine's";
		else if (t != -1)
			lease = t;
		else
			return unsupported(m, "a range with tags or modes");
	}
	if (lease > LEASE_MAX || lease < LEASE_MIN) {
		lease = lease > LEASE_MAX ? LEASE_MAX : LEASE_MIN;
		diff = "a lease is for 2 minutes to a year";
	}
	js_set_str(d, "start", l->field[0]);
	js_set_str(d, "end", l->field[1]);
	js_set_int(d, "lease", lease);
	return diff ? changed(m, diff) : IMPORT_TAKEN;
}

static enum import_verdict
on_dhcp_option(struct importer *m, const struct line *l)
{
	bool router =
	    l->n > 0 && (strcmp(l->field[0], "3") == 0 ||
			    strcmp(l->field[0], "option:router") == 0);
	bool dns =
	    l->n > 0 && (strcmp(l->field[0], "6") == 0 ||
			    strcmp(l->field[0], "option:dns-server") == 0);

	if (router && l->n == 2 && dnsmasq_is_ipv4(l->field[1])) {
		js_set_str(
		    member(m, "dhcp", json_object), "router", l->field[1]);
		return IMPORT_TAKEN;
	}
	if (dns)
		return changed(m, "clients are told of this service itself");
	return unsupported(m, "no other DHCP options are sent");
}

/* --- the rest ------------------------------------------------------------ */

static const struct option {
	const char *key;
	enum import_verdict (*take)(struct importer *, const struct line *);
	enum import_verdict verdict; /* without `take` */
	const char *why;
} options[] = {
	{ "domain", on_domain, 0, NULL },
	{ "local", on_local, 0, NULL },
	{ "server", on_server, 0, NULL },
	{ "address", on_address, 0, NULL },
	{ "host-record", on_host_record, 0, NULL },
	{ "dhcp-host", on_dhcp_host, 0, NULL },
	{ "dhcp-range", on_dhcp_range, 0, NULL },
	{ "dhcp-option", on_dhcp_option, 0, NULL },
	{ "dhcp-authoritative", NULL, IMPORT_TAKEN, "" },
	{ "domain-needed", NULL, IMPORT_TAKEN, "" },
	{ "bogus-priv", NULL, IMPORT_TAKEN, "" },
	{ "no-resolv", NULL, IMPORT_TAKEN, "" },
	{ "no-hosts", NULL, IMPORT_TAKEN, "" },
	{ "expand-hosts", NULL, IMPORT_TAKEN, "" },
	{ "stop-dns-rebind", NULL, IMPORT_TAKEN, "" },
	{ "rebind-localhost-ok", NULL, IMPORT_TAKEN, "" },
	{ "no-ping", NULL, IMPORT_TAKEN, "" },
	{ "quiet-dhcp", NULL, IMPORT_TAKEN, "" },
	{ "cache-size", NULL, IMPORT_CHANGED, "the cache has 4000 names" },
	{ "local-ttl", NULL, IMPORT_CHANGED, "it is 60 s" },
	{ "dns-forward-max", NULL, IMPORT_CHANGED, "it is 300" },
	{ "edns-packet-max", NULL, IMPORT_CHANGED, "it is 1232" },
	{ "interface", NULL, IMPORT_CHANGED,
	    "the machine is on the LAN alone" },
	{ "except-interface", NULL, IMPORT_CHANGED,
	    "the machine is on the LAN alone" },
	{ "no-dhcp-interface", NULL, IMPORT_CHANGED,
	    "the machine is on the LAN alone" },
	{ "bind-interfaces", NULL, IMPORT_CHANGED,
	    "the machine is on the LAN alone" },
	{ "bind-dynamic", NULL, IMPORT_CHANGED,
	    "the machine is on the LAN alone" },
	{ "listen-address", NULL, IMPORT_CHANGED,
	    "it listens on its machine's address" },
	{ "port", NULL, IMPORT_CHANGED, "it is 53" },
	{ "resolv-file", NULL, IMPORT_CHANGED,
	    "upstream servers are those of server= alone" },
	{ "no-poll", NULL, IMPORT_CHANGED,
	    "upstream servers are those of server= alone" },
	{ "user", NULL, IMPORT_CHANGED, "the image decides" },
	{ "group", NULL, IMPORT_CHANGED, "the image decides" },
	{ "pid-file", NULL, IMPORT_CHANGED, "the image decides" },
	{ "log-facility", NULL, IMPORT_CHANGED, "the image decides" },
	{ "dhcp-leasefile", NULL, IMPORT_CHANGED, "the image decides" },
	{ "dhcp-lease-max", NULL, IMPORT_CHANGED, "the range is the limit" },
	{ "log-queries", NULL, IMPORT_UNSUPPORTED, "queries are never logged" },
	{ "log-dhcp", NULL, IMPORT_UNSUPPORTED, "queries are never logged" },
	{ "conf-file", NULL, IMPORT_UNSUPPORTED, "import that file, too" },
	{ "conf-dir", NULL, IMPORT_UNSUPPORTED, "import its files, too" },
	{ "addn-hosts", NULL, IMPORT_UNSUPPORTED, "hosts stand in agent.yaml" },
	{ "read-ethers", NULL, IMPORT_UNSUPPORTED,
	    "hosts stand in agent.yaml" },
	{ "enable-ra", NULL, IMPORT_UNSUPPORTED, "set \"ra\" by hand" },
	{ "ra-param", NULL, IMPORT_UNSUPPORTED, "set \"ra\" by hand" },
	{ "enable-tftp", NULL, IMPORT_UNSUPPORTED, "no TFTP" },
	{ "tftp-root", NULL, IMPORT_UNSUPPORTED, "no TFTP" },
	{ "dhcp-boot", NULL, IMPORT_UNSUPPORTED, "no TFTP" },
	{ "dnssec", NULL, IMPORT_UNSUPPORTED, "no validation of DNSSEC" },
	{ "trust-anchor", NULL, IMPORT_UNSUPPORTED, "no validation of DNSSEC" },
};

static enum import_verdict
judge(struct importer *m, const struct line *l)
{
	m->why = "";
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];

		if (strcmp(o->key, l->key) != 0)
			continue;
		if (o->take && !*l->value)
			return unsupported(m, "it has no value");
		if (o->take)
			return o->take(m, l);
		m->why = o->why;
		return o->verdict;
	}
	return unsupported(m, "the service has nothing like it");
}

/* --- lines --------------------------------------------------------------- */

/* A # begins a comment at the line's start or after a blank. */
static struct span
uncommented(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '#' &&
		    (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
			s.n = i;
	return span_trim(s);
}

/* false: a part is too long to mean anything. */
static bool
split(struct span text, struct line *l)
{
	struct span rest = text, key = { "", 0 }, part;

	memset(l, 0, sizeof(*l));
	if (!span_next(&rest, '=', &key))
		return false;
	key = span_trim(key);
	rest = span_trim(rest);
	if (key.n >= sizeof(l->key) || rest.n >= sizeof(l->value))
		return false;
	memcpy(l->key, key.p, key.n);
	memcpy(l->value, rest.p, rest.n);
	while (l->n < FIELDS && span_next(&rest, ',', &part)) {
		part = span_trim(part);
		if (part.n >= FIELD)
			return false;
		memcpy(l->field[l->n++], part.p, part.n);
	}
	return rest.n == 0;
}

static char *
tamed(struct span s)
{
	size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
	char *t = mem_strn(s.p, n);

	for (size_t i = 0; i < n; i++)
		if (t[i] < ' ' || t[i] > '~')
			t[i] = '?';
	return t;
}

/* Names are cut at the domain, which may be named last. */
static void
find_domain(struct importer *m, struct span text)
{
	struct span line;
	struct line l;

	snprintf(m->domain, sizeof(m->domain), "lan");
	while (!m->has_domain && span_next(&text, '\n', &line)) {
		line = uncommented(line);
		if (!split(line, &l) || strcmp(l.key, "domain") != 0 || l.n < 1)
			continue;
		dnsmasq_lower(l.field[0]);
		if (!dnsmasq_domain_ok(l.field[0]))
			continue;
		memcpy(m->domain, l.field[0], strlen(l.field[0]) + 1);
		m->has_domain = true;
	}
}

int
import_dnsmasq(const void *bytes, size_t n, struct import *out, struct err *err)
{
	struct importer m = { .out = out };
	struct span text = { bytes, n }, line;
	struct line l;
	size_t number = 0, cap = 0;

	if (n > IMPORT_FILE_MAX || memchr(bytes, '\0', n))
		return err_set(
		    err, ERR_INPUT, "it is not a text of up to 1 MiB");
	*out = (struct import){ .config = json_object() };
	find_domain(&m, text);
	js_set_str(out->config, "domain", m.domain);
	while (span_next(&text, '\n', &line)) {
		struct import_line *o;

		number++;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = uncommented(line);
		if (line.n == 0)
			continue;
		MEM_GROW(out->lines, out->n, cap);
		o = &out->lines[out->n++];
		o->number = number;
		o->text = tamed(line);
		m.why = "";
		o->verdict = split(line, &l)
				 ? judge(&m, &l)
				 : unsupported(&m, "it is too long");
		o->why = m.why;
	}
	/* A way out without a range serves nobody. */
	if (!json_object_get(json_object_get(out->config, "dhcp"), "start"))
		json_object_del(out->config, "dhcp");
	return 0;
}

void
import_release(struct import *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->lines[i].text);
	free(m->lines);
	json_decref(m->config);
	*m = (struct import){ 0 };
}

/* --- as YAML ------------------------------------------------------------- */

static void
yaml_object(const json_t *o, struct buf *b)
{
	const char *key, *sep = "";
	const json_t *v;

	buf_str(b, "{");
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		buf_printf(b, "%s%s: ", sep, key);
		/* Each is one of ours: an address, a label, a number. */
		if (json_is_integer(v))
			buf_printf(b, "%lld", (long long)json_integer_value(v));
		else
			buf_printf(b, "\"%s\"", json_string_value(v));
		sep = ", ";
	}
	buf_str(b, "}");
}

void
import_yaml(const struct import *m, struct buf *b)
{
	const json_t *dhcp = json_object_get(m->config, "dhcp"), *v;
	const json_t *hosts = json_object_get(m->config, "hosts");
	const json_t *upstream = json_object_get(m->config, "upstream");
	size_t i;

	buf_printf(b, "    config:\n      domain: \"%s\"\n",
	    json_string_value(json_object_get(m->config, "domain")));
	if (upstream) {
		buf_str(b, "      upstream: [");
		json_array_foreach(upstream, i, v) buf_printf(
		    b, "%s\"%s\"", i ? ", " : "", json_string_value(v));
		buf_str(b, "]\n");
	}
	if (dhcp) {
		buf_str(b, "      dhcp: ");
		yaml_object(dhcp, b);
		buf_char(b, '\n');
	}
	if (hosts)
		buf_str(b, "      hosts:\n");
	json_array_foreach(hosts, i, v)
	{
		buf_str(b, "        - ");
		yaml_object(v, b);
		buf_char(b, '\n');
	}
}
