#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/dns-resolver/unbound_conf.h"
#include "recipes/guest-init/pem.h"

#define SERVERS_MAX 16
#define ZONES_MAX 64
#define CLIENTS_MAX 64
#define PEM_MAX 262144

/* Nothing is logged, nothing is kept, and nobody is told who asked. */
static const char always[] = "# written by /etc/kiln/configure\n"
			     "server:\n"
			     "\tusername: \"\"\n"
			     "\tchroot: \"\"\n"
			     "\tdirectory: \"" UNBOUND_DIR "\"\n"
			     "\tpidfile: \"\"\n"
			     "\tuse-syslog: no\n"
			     "\tlogfile: \"\"\n"
			     "\tverbosity: 0\n"
			     "\tlog-queries: no\n"
			     "\tlog-replies: no\n"
			     "\tlog-servfail: no\n"
			     "\tstatistics-interval: 0\n"
			     "\tnum-threads: 1\n"
			     "\toutgoing-range: 450\n"
			     "\tnum-queries-per-thread: 256\n"
			     "\tmsg-cache-size: 4m\n"
			     "\trrset-cache-size: 8m\n"
			     "\tkey-cache-size: 2m\n"
			     "\tneg-cache-size: 1m\n"
			     "\tedns-buffer-size: 1232\n"
			     "\tip-freebind: yes\n"
			     "\thide-identity: yes\n"
			     "\thide-version: yes\n"
			     "\thide-trustanchor: yes\n"
			     "\tminimal-responses: yes\n"
			     "\tqname-minimisation: yes\n"
			     "\tpad-queries: yes\n"
			     "\tpad-responses: yes\n"
			     "\taggressive-nsec: yes\n"
			     "\tharden-glue: yes\n"
			     "\tharden-dnssec-stripped: yes\n"
			     "\tharden-below-nxdomain: yes\n"
			     "\tharden-algo-downgrade: yes\n"
			     "\tharden-large-queries: yes\n"
			     "\tdeny-any: yes\n"
			     "\tprefetch: yes\n"
			     "\tprefetch-key: yes\n"
			     "\tmodule-config: \"validator iterator\"\n"
			     "\ttrust-anchor-file: \"/etc/unbound/root.key\"\n"
			     /* a name of the outside is no way to the inside */
			     "\tprivate-address: 10.0.0.0/8\n"
			     "\tprivate-address: 172.16.0.0/12\n"
			     "\tprivate-address: 192.168.0.0/16\n"
			     "\tprivate-address: 169.254.0.0/16\n"
			     "\tprivate-address: fd00::/8\n"
			     "\tprivate-address: fe80::/10\n";

/* --- this machine and its clients -----------------------------------------*/

static void
own_addresses(FILE *out, const struct links *links)
{
	bool ip6 = false;
	size_t i;

	for (i = 0; i < links->n; i++) {
		fprintf(out, "\tinterface: %s\n", links->at[i].text);
		ip6 = ip6 || links->at[i].family == AF_INET6;
	}
	fprintf(out, "\tdo-ip6: %s\n", ip6 ? "yes" : "no");
}

/* ADDRESS/PREFIX */
static int
network(FILE *out, const char *text, struct fault *f)
{
	char address[46], *end;
	const char *slash = strchr(text, '/');
	struct guest_addr a;
	unsigned long bits;
	size_t n;

	n = slash == NULL ? 0 : (size_t)(slash - text);
	if (n == 0 || n >= sizeof address || slash[1] < '0' || slash[1] > '9')
		return fault_set(f, "clients: an entry is not ADDRESS/PREFIX");
	memcpy(address, text, n);
	address[n] = '\0';
	bits = strtoul(slash + 1, &end, 10);
	if (guest_addr("config", "clients", address, &a, f) == -1)
		return -1;
	if (*end != '\0' || bits > 8 * guest_addr_size(&a))
		return fault_set(
		    f, "clients: the prefix of %s is not one", address);
	fprintf(out, "\taccess-control: %s/%lu allow\n", address, bits);
	return 0;
}

static int
clients(
    FILE *out, const json_t *config, const struct links *links, struct fault *f)
{
	const char *text;
	json_t *list;
	size_t i;

	if (json_object_get(config, "clients") == NULL) {
		for (i = 0; i < links->n; i++)
			fprintf(out, "\taccess-control: %s/%u allow\n",
			    links->at[i].text, links->at[i].prefix);
		return 0;
	}
	if (guest_array("config", config, "clients", CLIENTS_MAX, &list, f) ==
	    -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (text == NULL)
			return fault_set(f, "clients: an entry is not a text");
		if (network(out, text, f) == -1)
			return -1;
	}
	return 0;
}

/* --- servers --------------------------------------------------------------*/

static int
server(FILE *out, const char *what, const json_t *j, int *kind, struct fault *f)
{
	static const char *const keys[] = { "address", "port", "name", NULL };
	const char *address, *name = NULL;
	struct guest_addr a;
	int64_t port;

	if (!json_is_object(j))
		return fault_set(f, "%s: a server is not an object", what);
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "address", 45, &address, f) == -1 ||
	    guest_addr(what, "address", address, &a, f) == -1)
		return -1;
	if (json_object_get(j, "name") != NULL) {
		if (guest_str(what, j, "name", 253, &name, f) == -1)
			return -1;
		if (!guest_name_ok(name))
			return fault_set(
			    f, "%s: \"name\" is not a host name", what);
	}
	port = name == NULL ? 53 : 853;
	if (json_object_get(j, "port") != NULL &&
	    guest_int(what, j, "port", 1, 65535, &port, f) == -1)
		return -1;
	if (*kind != -1 && *kind != (name != NULL))
		return fault_set(f,
		    "%s: some servers have a name and some have none: all "
		    "or none are asked over TLS",
		    what);
	*kind = name != NULL;
	fprintf(out, "\tforward-addr: %s@%lld%s%s\n", address, (long long)port,
	    name == NULL ? "" : "#", name == NULL ? "" : name);
	return 0;
}

static int
forward(FILE *out, const char *what, const char *zone, const json_t *from,
    const char *key, struct fault *f)
{
	json_t *list;
	int kind = -1;
	size_t i;

	if (guest_array(what, from, key, SERVERS_MAX, &list, f) == -1)
		return -1;
	if (json_array_size(list) == 0)
		return fault_set(f, "%s: \"%s\" is empty", what, key);
	fprintf(out, "forward-zone:\n\tname: \"%s\"\n", zone);
	for (i = 0; i < json_array_size(list); i++) {
		if (server(out, what, json_array_get(list, i), &kind, f) == -1)
			return -1;
	}
	fprintf(out, "\tforward-tls-upstream: %s\n", kind == 1 ? "yes" : "no");
	return 0;
}

/* --- zones ----------------------------------------------------------------*/

/* TAG ALGORITHM DIGESTTYPE HEX */
static bool
anchor_ok(const char *text)
{
	static const char digits[] = "0123456789";
	size_t n;
	int i;

	for (i = 0; i < 3; i++) {
		n = strspn(text, digits);
		if (n == 0 || n > 5 || text[n] != ' ')
			return false;
		text += n + 1;
	}
	n = strspn(text, "0123456789ABCDEFabcdef");
	return n >= 40 && n % 2 == 0 && text[n] == '\0';
}

/* Its part of "server:"; the servers come behind, in a section of their own. */
static int
zone_rules(FILE *out, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "servers", "anchor", NULL };
	const char *name, *anchor;

	if (!json_is_object(j))
		return fault_set(f, "zones: an entry is not an object");
	if (guest_only("zones", j, keys, f) == -1 ||
	    guest_str("zones", j, "name", 253, &name, f) == -1)
		return -1;
	if (!guest_name_ok(name))
		return fault_set(f, "zones: \"name\" is not a domain name");
	/* unbound has empty ones of its own for private networks' names */
	fprintf(out, "\tlocal-zone: \"%s\" transparent\n", name);
	fprintf(out, "\tprivate-domain: \"%s\"\n", name);
	if (json_object_get(j, "anchor") == NULL) {
		fprintf(out, "\tdomain-insecure: \"%s\"\n", name);
		return 0;
	}
	if (guest_str("zones", j, "anchor", 256, &anchor, f) == -1)
		return -1;
	if (!anchor_ok(anchor))
		return fault_set(f,
		    "zones: %s: \"anchor\" is not the data of a DS record, "
		    "TAG ALGORITHM DIGESTTYPE HEX",
		    name);
	fprintf(out, "\ttrust-anchor: \"%s. DS %s\"\n", name, anchor);
	return 0;
}

static int
zones(FILE *out, const json_t *list, bool servers, struct fault *f)
{
	const json_t *j;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		j = json_array_get(list, i);
		if (!servers && zone_rules(out, j, f) == -1)
			return -1;
		if (servers && json_object_get(j, "servers") != NULL &&
		    forward(out, "zones",
			json_string_value(json_object_get(j, "name")), j,
			"servers", f) == -1)
			return -1;
	}
	return 0;
}

/* --- all ------------------------------------------------------------------*/

static int
ca(const json_t *config, char **out, struct fault *f)
{
	const char *text;
	size_t n;
	FILE *to;
	int ret;

	if (json_object_get(config, "ca") == NULL)
		return 0;
	if (guest_str("config", config, "ca", PEM_MAX, &text, f) == -1)
		return -1;
	to = open_memstream(out, &n);
	if (to == NULL)
		return fault_sys(f, "write " UNBOUND_CA);
	ret = pem_write("ca", text, "CERTIFICATE", to, f);
	if (fclose(to) == EOF && ret == 0)
		ret = fault_sys(f, "write " UNBOUND_CA);
	return ret;
}

static int
write_all(FILE *out, const json_t *config, const struct links *links,
    bool own_ca, struct fault *f)
{
	static const char *const keys[] = { "upstream", "ca", "zones",
		"clients", NULL };
	json_t *list = NULL;

	if (guest_only("config", config, keys, f) == -1)
		return -1;
	if (json_object_get(config, "zones") != NULL &&
	    guest_array("config", config, "zones", ZONES_MAX, &list, f) == -1)
		return -1;
	fputs(always, out);
	fprintf(out, "\ttls-cert-bundle: \"%s\"\n",
	    own_ca ? UNBOUND_CA : "/etc/unbound/ca.pem");
	own_addresses(out, links);
	if (clients(out, config, links, f) == -1 ||
	    zones(out, list, false, f) == -1)
		return -1;
	fputs("remote-control:\n\tcontrol-enable: no\n", out);
	if (zones(out, list, true, f) == -1)
		return -1;
	if (json_object_get(config, "upstream") == NULL)
		return 0;
	return forward(out, "upstream", ".", config, "upstream", f);
}

int
unbound_conf(const json_t *config, const struct links *links,
    struct unbound_files *files, struct fault *f)
{
	size_t n;
	FILE *out;
	int ret;

	if (links->n == 0)
		return fault_set(f, "this machine has no address");
	if (ca(config, &files->ca, f) == -1)
		return -1;
	out = open_memstream(&files->conf, &n);
	if (out == NULL)
		return fault_sys(f, "write " UNBOUND_CONF);
	ret = write_all(out, config, links, files->ca != NULL, f);
	if (fclose(out) == EOF && ret == 0)
		ret = fault_sys(f, "write " UNBOUND_CONF);
	return ret;
}
