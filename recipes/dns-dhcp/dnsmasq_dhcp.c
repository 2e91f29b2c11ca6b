#include "recipes/dns-dhcp/dnsmasq_dhcp.h"

#include <arpa/inet.h>
#include <string.h>

#define LEASE_MIN 120 /* dnsmasq's own floor, seconds */
#define LEASE_MAX (365 * 86400)
#define LEASES_MAX 4096 /* the agent keeps no more of one service */

/* Servers that clients are told of, as one option. */
int
dnsmasq_told(FILE *out, const char *what, const json_t *j, const char *key,
    const char *option, int family, struct fault *f)
{
	struct guest_addr a;
	const char *text;
	json_t *list;
	size_t i;

	if (json_object_get(j, key) == NULL)
		return 0;
	if (guest_array(what, j, key, 8, &list, f) == -1)
		return -1;
	fprintf(out, "dhcp-option=%s", option);
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (text == NULL)
			return fault_set(f, "%s: an entry is not a text", key);
		if (guest_addr(what, key, text, &a, f) == -1)
			return -1;
		if (a.family != family)
			return fault_set(f, "%s: \"%s\": %s is not IPv%d", what,
			    key, text, family == AF_INET ? 4 : 6);
		fprintf(out, family == AF_INET ? ",%s" : ",[%s]", text);
	}
	fputc('\n', out);
	return 0;
}

/* --- IPv4 -----------------------------------------------------------------*/

/* An IPv4 address in host byte order, or `absent` when the key is. */
static int
ipv4(const json_t *j, const char *key, uint32_t absent, uint32_t *out,
    struct fault *f)
{
	struct guest_addr a;
	const char *text;
	uint32_t raw;

	if (absent != 0 && json_object_get(j, key) == NULL) {
		*out = absent;
		return 0;
	}
	if (guest_str("dhcp", j, key, 45, &text, f) == -1 ||
	    guest_addr("dhcp", key, text, &a, f) == -1)
		return -1;
	if (a.family != AF_INET)
		return fault_set(f, "dhcp: \"%s\" is not an IPv4 address", key);
	memcpy(&raw, a.bytes, sizeof raw);
	*out = ntohl(raw);
	return 0;
}

static const char *
show(uint32_t address, char text[INET_ADDRSTRLEN])
{
	struct in_addr a = { .s_addr = htonl(address) };

	return inet_ntop(AF_INET, &a, text, INET_ADDRSTRLEN);
}

/* Hosts with an address of their own, within the range or not. */
static uint32_t
count_reserved(const json_t *config)
{
	const json_t *list = json_object_get(config, "hosts");
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		n += json_object_get(json_array_get(list, i), "mac") != NULL;
	return n;
}

/* `n`: how many leases there may be. */
static int
range4(FILE *out, const json_t *config, const struct lan *lan, uint32_t *n,
    struct fault *f)
{
	static const char *const keys[] = { "start", "end", "lease", "router",
		NULL };
	const json_t *j = json_object_get(config, "dhcp");
	char a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN];
	const uint32_t reserved = count_reserved(config);
	uint32_t start, end, router = 0;
	int64_t lease;
	size_t i;

	*n = 0;
	if (j == NULL)
		return 0;
	if (!json_is_object(j))
		return fault_set(f, "dhcp: not an object");
	if (guest_only("dhcp", j, keys, f) == -1 ||
	    ipv4(j, "start", 0, &start, f) == -1 ||
	    ipv4(j, "end", 0, &end, f) == -1 ||
	    guest_int("dhcp", j, "lease", LEASE_MIN, LEASE_MAX, &lease, f) ==
		-1)
		return -1;
	if (json_object_get(j, "router") != NULL || lan->gateway != 0) {
		if (ipv4(j, "router", lan->gateway, &router, f) == -1)
			return -1;
	}
	/* dnsmasq would start, and serve nobody */
	for (i = 0; i < lan->n; i++) {
		if (((start ^ lan->net[i].address) & lan->net[i].mask) == 0 &&
		    ((end ^ lan->net[i].address) & lan->net[i].mask) == 0)
			break;
	}
	if (i == lan->n || start > end)
		return fault_set(f,
		    "dhcp: %s to %s is not a range within a network of this "
		    "machine",
		    show(start, a), show(end, b));
	*n = end - start + 1;
	if (*n > LEASES_MAX - reserved)
		*n = LEASES_MAX - reserved;
	*n += reserved;
	fprintf(out, "dhcp-range=%s,%s,%lld\n", show(start, a), show(end, b),
	    (long long)lease);
	/* without one dnsmasq would name itself the way out */
	if (router != 0)
		fprintf(out, "dhcp-option=option:router,%s\n", show(router, a));
	else
		fputs("dhcp-option=option:router\n", out);
	return 0;
}

/* --- IPv6 -----------------------------------------------------------------*/

/* Both ends of a range are of 64 bits of network and 64 of host. */
static int
ipv6(const json_t *j, const char *key, struct guest_addr *a, uint64_t *host,
    struct fault *f)
{
	const char *text;
	size_t i;

	if (guest_str("dhcp6", j, key, 45, &text, f) == -1 ||
	    guest_addr("dhcp6", key, text, a, f) == -1)
		return -1;
	if (a->family != AF_INET6)
		return fault_set(
		    f, "dhcp6: \"%s\" is not an IPv6 address", key);
	for (*host = 0, i = 8; i < 16; i++)
		*host = *host << 8 | a->bytes[i];
	return 0;
}

/* This machine's address of the /64 of another; NULL: it has none. */
static const struct in6_addr *
own(const struct lan *lan, const unsigned char *address)
{
	for (size_t i = 0; i < lan->n6; i++)
		if (memcmp(&lan->net6[i], address, 8) == 0)
			return &lan->net6[i];
	return NULL;
}

/* Clients are told of this machine by the address that its successor has, too:
 * dnsmasq would name that of the link.  Of none if it does not listen there. */
static void
tell_self(FILE *out, const json_t *config, const struct in6_addr *self)
{
	const json_t *listen = json_object_get(config, "listen");
	char text[INET6_ADDRSTRLEN];
	bool answers = listen == NULL;
	struct in6_addr a;
	size_t i;

	for (i = 0; i < json_array_size(listen); i++) {
		const char *one = json_string_value(json_array_get(listen, i));

		answers |= one != NULL && inet_pton(AF_INET6, one, &a) == 1 &&
			   memcmp(&a, self, sizeof a) == 0;
	}
	fputs("dhcp-option=option6:dns-server", out);
	if (answers)
		fprintf(
		    out, ",[%s]", inet_ntop(AF_INET6, self, text, sizeof text));
	fputc('\n', out);
}

/* Advertised alone, when nobody gives addresses: the first of this machine. */
static int
prefix(FILE *out, const struct lan *lan, struct fault *f)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr net = { 0 };

	if (lan->n6 == 0)
		return fault_set(
		    f, "ra: this machine has no IPv6 address of a /64");
	memcpy(&net, &lan->net6[0], 8);
	fprintf(out, "dhcp-range=%s,ra-stateless,64\n",
	    inet_ntop(AF_INET6, &net, text, sizeof text));
	return 0;
}

/* `self`: this machine's address among those. */
static int
range6(FILE *out, const json_t *j, const char *mode, const struct lan *lan,
    uint32_t *n, const struct in6_addr **self, struct fault *f)
{
	static const char *const keys[] = { "start", "end", "lease", "dns",
		NULL };
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	struct guest_addr start, end;
	uint64_t from, to;
	int64_t lease;

	if (!json_is_object(j))
		return fault_set(f, "dhcp6: not an object");
	if (guest_only("dhcp6", j, keys, f) == -1 ||
	    ipv6(j, "start", &start, &from, f) == -1 ||
	    ipv6(j, "end", &end, &to, f) == -1 ||
	    guest_int("dhcp6", j, "lease", LEASE_MIN, LEASE_MAX, &lease, f) ==
		-1)
		return -1;
	inet_ntop(AF_INET6, start.bytes, a, sizeof a);
	inet_ntop(AF_INET6, end.bytes, b, sizeof b);
	*self = own(lan, start.bytes);
	/* dnsmasq would start, and serve nobody */
	if (*self == NULL || from > to ||
	    memcmp(start.bytes, end.bytes, 8) != 0)
		return fault_set(f,
		    "dhcp6: %s to %s is not a range within a /64 of this "
		    "machine",
		    a, b);
	*n += to - from < LEASES_MAX ? (uint32_t)(to - from + 1) : LEASES_MAX;
	fprintf(
	    out, "dhcp-range=%s,%s%s,64,%lld\n", a, b, mode, (long long)lease);
	return 0;
}

/* Who gives addresses is what advertisements say: clients themselves (A), this
 * machine (M), or both. */
static int
ranges6(FILE *out, const json_t *config, const struct lan *lan, bool names,
    uint32_t *n, struct fault *f)
{
	const json_t *j = json_object_get(config, "dhcp6");
	const struct in6_addr *self = &lan->net6[0];
	const char *ra = NULL;
	bool slaac = false;

	if (json_object_get(config, "ra") != NULL) {
		if (guest_str("config", config, "ra", 5, &ra, f) == -1)
			return -1;
		slaac = strcmp(ra, "slaac") == 0;
		if (!slaac && strcmp(ra, "dhcp") != 0 &&
		    strcmp(ra, "both") != 0)
			return fault_set(
			    f, "ra: not one of slaac, dhcp and both");
		if (slaac && j != NULL)
			return fault_set(
			    f, "ra: slaac beside \"dhcp6\" would be \"both\"");
		if (!slaac && j == NULL)
			return fault_set(f, "ra: %s needs \"dhcp6\"", ra);
		fputs("enable-ra\nra-param=*,0,0\nquiet-ra\n", out);
	}
	if (slaac && prefix(out, lan, f) == -1)
		return -1;
	if (j != NULL &&
	    range6(out, j, ra != NULL && *ra == 'b' ? ",slaac" : "", lan, n,
		&self, f) == -1)
		return -1;
	if (j != NULL && json_object_get(j, "dns") != NULL)
		return dnsmasq_told(
		    out, "dhcp6", j, "dns", "option6:dns-server", AF_INET6, f);
	if (names && (ra != NULL || j != NULL))
		tell_self(out, config, self);
	return 0;
}

/* ------------------------------------------------------------------------- */

int
dnsmasq_ranges(FILE *out, const json_t *config, const struct lan *lan,
    bool names, struct fault *f)
{
	uint32_t n;

	if (range4(out, config, lan, &n, f) == -1 ||
	    ranges6(out, config, lan, names, &n, f) == -1)
		return -1;
	if (json_object_get(config, "dhcp") == NULL &&
	    json_object_get(config, "dhcp6") == NULL &&
	    json_object_get(config, "ra") == NULL)
		return 0;
	/* dnsmasq's own limit is 1,000, of both families: for a LAN with a
	 * larger range it would be the end of the range, and a smaller one
	 * needs no room for more. */
	fprintf(out,
	    "dhcp-lease-max=%u\n"
	    "dhcp-authoritative\n"
	    "leasefile-ro\n"
	    "dhcp-script=" DNSMASQ_LEASES "\n"
	    "no-ping\n"
	    "quiet-dhcp\n"
	    "quiet-dhcp6\n",
	    n > 0 ? n : 1);
	return 0;
}
