#include "recipes/dns-dhcp/dnsmasq_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/dns-dhcp/dnsmasq_dhcp.h"

#define HOSTS_MAX 1024

static const char always[] = "# written by /etc/kiln/configure\n"
			     "user=dnsmasq\n"
			     "group=dnsmasq\n"
			     "pid-file=\n"
			     "log-facility=-\n"
			     "no-resolv\n"
			     "no-hosts\n"
			     "domain-needed\n"
			     "bogus-priv\n"
			     "stop-dns-rebind\n"
			     "rebind-localhost-ok\n"
			     "cache-size=4000\n"
			     "dns-forward-max=300\n"
			     "edns-packet-max=1232\n"
			     "local-ttl=60\n";

/* What a host reserved, to find two that reserve the same. */
struct reservation {
	unsigned char mac[6], address[4];
};

static int
reserve(struct reservation *all, size_t *n, const char *name, const char *mac,
    const struct guest_addr *a, struct fault *f)
{
	struct reservation r;
	size_t i;

	if (guest_mac("hosts", mac, r.mac, f) == -1)
		return -1;
	if (a->family != AF_INET)
		return fault_set(
		    f, "hosts: %s: \"mac\" needs an IPv4 address", name);
	memcpy(r.address, a->bytes, sizeof r.address);
	for (i = 0; i < *n; i++) {
		if (memcmp(all[i].mac, r.mac, sizeof r.mac) == 0)
			return fault_set(
			    f, "hosts: %s: %s is named twice", name, mac);
		if (memcmp(all[i].address, r.address, sizeof r.address) == 0)
			return fault_set(f,
			    "hosts: %s: its address is reserved twice", name);
	}
	all[(*n)++] = r;
	return 0;
}

static int
host(FILE *out, const json_t *j, const char *domain, bool dhcp,
    struct reservation *all, size_t *n, struct fault *f)
{
	static const char *const keys[] = { "name", "address", "mac", NULL };
	const char *name, *address, *mac;
	struct guest_addr a;

	if (!json_is_object(j))
		return fault_set(f, "hosts: an entry is not an object");
	if (guest_only("hosts", j, keys, f) == -1 ||
	    guest_str("hosts", j, "name", 63, &name, f) == -1 ||
	    guest_str("hosts", j, "address", 45, &address, f) == -1 ||
	    guest_addr("hosts", "address", address, &a, f) == -1)
		return -1;
	if (!guest_label_ok(name))
		return fault_set(f, "hosts: a name is not one label of a-z, "
				    "0-9, - and _");
	fprintf(out, "host-record=%s.%s,%s,%s\n", name, domain, name, address);
	if (json_object_get(j, "mac") == NULL)
		return 0;
	if (guest_str("hosts", j, "mac", 17, &mac, f) == -1 ||
	    reserve(all, n, name, mac, &a, f) == -1)
		return -1;
	if (dhcp)
		fprintf(out, "dhcp-host=%s,%s,%s\n", mac, address, name);
	return 0;
}

static int
hosts(FILE *out, const json_t *config, const char *domain, struct fault *f)
{
	bool dhcp = json_object_get(config, "dhcp") != NULL;
	struct reservation *all;
	size_t i, n = 0;
	json_t *list;
	int ret = 0;

	if (json_object_get(config, "hosts") == NULL)
		return 0;
	if (guest_array("config", config, "hosts", HOSTS_MAX, &list, f) == -1)
		return -1;
	all = calloc(HOSTS_MAX, sizeof *all);
	if (all == NULL)
		return fault_set(f, "hosts: no memory");
	for (i = 0; i < json_array_size(list) && ret == 0; i++)
		ret = host(
		    out, json_array_get(list, i), domain, dhcp, all, &n, f);
	free(all);
	return ret;
}

/* A list of addresses, each into a line that begins with `word`. */
static int
addresses(FILE *out, const json_t *config, const char *key, const char *word,
    struct fault *f)
{
	struct guest_addr a;
	const char *text;
	json_t *list;
	size_t i;

	if (json_object_get(config, key) == NULL)
		return 0;
	if (guest_array("config", config, key, 16, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (text == NULL)
			return fault_set(f, "%s: an entry is not a text", key);
		if (guest_addr("config", key, text, &a, f) == -1)
			return -1;
		fprintf(out, "%s=%s\n", word, text);
	}
	return 0;
}

static int
write_all(
    FILE *out, const json_t *config, const struct lan *lan, struct fault *f)
{
	static const char *const keys[] = { "domain", "hosts", "upstream",
		"listen", "dhcp", "dhcp6", "ra", NULL };
	const char *domain;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_str("config", config, "domain", 189, &domain, f) == -1)
		return -1;
	if (!guest_name_ok(domain))
		return fault_set(f, "config: \"domain\" is not a domain name");
	fprintf(out, "%sdomain=%s\nlocal=/%s/\n", always, domain, domain);
	if (hosts(out, config, domain, f) == -1 ||
	    addresses(out, config, "upstream", "server", f) == -1)
		return -1;
	if (json_object_get(config, "listen") != NULL)
		fputs("bind-interfaces\n", out);
	if (addresses(out, config, "listen", "listen-address", f) == -1)
		return -1;
	return dnsmasq_ranges(out, config, lan, true, f);
}

/* --- DHCP alone -----------------------------------------------------------*/

static int
write_alone(
    FILE *out, const json_t *config, const struct lan *lan, struct fault *f)
{
	static const char *const keys[] = { "domain", "hosts", "dns", "ntp",
		"dhcp", "dhcp6", "ra", NULL };
	const char *domain;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_str("config", config, "domain", 189, &domain, f) == -1)
		return -1;
	if (!guest_name_ok(domain))
		return fault_set(f, "config: \"domain\" is not a domain name");
	if (json_object_get(config, "dhcp") == NULL)
		return fault_set(f, "config: there is no \"dhcp\"");
	fprintf(out, "%sport=0\ndomain=%s\n", always, domain);
	if (hosts(out, config, domain, f) == -1 ||
	    dnsmasq_told(out, "config", config, "dns", "option:dns-server",
		AF_INET, f) == -1 ||
	    dnsmasq_told(out, "config", config, "ntp", "option:ntp-server",
		AF_INET, f) == -1)
		return -1;
	return dnsmasq_ranges(out, config, lan, false, f);
}

/* --- both -----------------------------------------------------------------*/

typedef int write_fn(
    FILE *, const json_t *, const struct lan *, struct fault *);

static char *
make(const json_t *config, const struct lan *lan, write_fn *write_conf,
    struct fault *f)
{
	char *text = NULL;
	size_t n;
	FILE *out;
	int ret;

	out = open_memstream(&text, &n);
	if (out == NULL) {
		fault_sys(f, "write " DNSMASQ_CONF);
		return NULL;
	}
	ret = write_conf(out, config, lan, f);
	if (fclose(out) == EOF && ret == 0)
		ret = fault_sys(f, "write " DNSMASQ_CONF);
	if (ret == -1) {
		free(text);
		return NULL;
	}
	return text;
}

char *
dnsmasq_conf(const json_t *config, const struct lan *lan, struct fault *f)
{
	return make(config, lan, write_all, f);
}

char *
dnsmasq_dhcp_conf(const json_t *config, const struct lan *lan, struct fault *f)
{
	return make(config, lan, write_alone, f);
}
