#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/firewall/rules.h"

#define LIST_MAX 256

static int
optional_str(const char *what, const json_t *j, const char *key, size_t max,
    const char **out, struct fault *f)
{
	*out = NULL;
	if (json_object_get(j, key) == NULL)
		return 0;
	return guest_str(what, j, key, max, out, f);
}

/* --- what a rule says ------------------------------------------------------*/

static int
check_proto(const char *what, const json_t *j, bool needed, struct fault *f)
{
	const char *proto;
	int64_t port;

	if (!needed && json_object_get(j, "proto") == NULL) {
		if (json_object_get(j, "port") != NULL)
			return fault_set(
			    f, "%s: \"port\" without \"proto\"", what);
		return 0;
	}
	if (guest_str(what, j, "proto", 3, &proto, f) == -1)
		return -1;
	if (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)
		return fault_set(f, "%s: \"proto\" is not tcp or udp", what);
	if (!needed && json_object_get(j, "port") == NULL)
		return 0;
	return guest_int(what, j, "port", 1, 65535, &port, f);
}

static int
check_target(const char *what, const json_t *j, int family, struct fault *f)
{
	struct guest_addr a;
	const char *to;

	if (guest_str(what, j, "to", 45, &to, f) == -1 ||
	    guest_addr(what, "to", to, &a, f) == -1)
		return -1;
	if (a.family != family)
		return fault_set(f, "%s: \"to\" is not an %s address", what,
		    family == AF_INET ? "IPv4" : "IPv6");
	return 0;
}

static int
check_forward(struct rules *r, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "proto", "port", "to", "to_port",
		NULL };
	int64_t port;

	(void)r;
	if (guest_only("forward", j, keys, f) == -1 ||
	    check_proto("forward", j, true, f) == -1 ||
	    check_target("forward", j, AF_INET, f) == -1)
		return -1;
	if (json_object_get(j, "to_port") == NULL)
		return 0;
	return guest_int("forward", j, "to_port", 1, 65535, &port, f);
}

static int
check_open(struct rules *r, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "proto", "port", "to", NULL };

	(void)r;
	if (guest_only("open", j, keys, f) == -1 ||
	    check_proto("open", j, true, f) == -1)
		return -1;
	return check_target("open", j, AF_INET6, f);
}

/* An address or a network; *family is 0 for what is neither. */
static void
network(const char *text, int *family)
{
	char copy[64], *slash, *end;
	unsigned char bytes[16];
	long prefix = 0;

	*family = 0;
	if (strlen(text) >= sizeof copy)
		return;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash != NULL) {
		*slash++ = '\0';
		if (*slash < '0' || *slash > '9')
			return;
		prefix = strtol(slash, &end, 10);
		if (*end != '\0' || prefix > 128)
			return;
	}
	if (inet_pton(AF_INET, copy, bytes) == 1 && prefix <= 32)
		*family = AF_INET;
	else if (inet_pton(AF_INET6, copy, bytes) == 1)
		*family = AF_INET6;
}

static struct rules_name *
name_find(const struct rules *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->names; i++) {
		if (strcmp(r->name[i].name, name) == 0)
			return (struct rules_name *)&r->name[i];
	}
	return NULL;
}

static int
check_block(struct rules *r, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "from", "to", "proto", "port",
		NULL };
	const char *from, *to;
	int ffrom = 0, fto = 0;

	if (guest_only("block", j, keys, f) == -1 ||
	    check_proto("block", j, false, f) == -1 ||
	    optional_str("block", j, "from", 49, &from, f) == -1 ||
	    optional_str("block", j, "to", 253, &to, f) == -1)
		return -1;
	if (json_object_size(j) == 0)
		return fault_set(f, "block: a rule that says nothing would "
				    "block everything");
	if (from != NULL) {
		network(from, &ffrom);
		if (ffrom == 0)
			return fault_set(f,
			    "block: \"from\" is neither an address nor a "
			    "network");
	}
	if (to == NULL)
		return 0;
	network(to, &fto);
	if (fto != 0 && ffrom != 0 && fto != ffrom)
		return fault_set(
		    f, "block: \"from\" and \"to\" are of two families");
	if (fto != 0 || name_find(r, to) != NULL)
		return 0;
	if (!guest_name_ok(to) || strchr(to, '.') == NULL)
		return fault_set(f, "block: \"to\" is neither an address, a "
				    "network nor a name with a dot");
	if (r->names == RULES_NAMES)
		return fault_set(f, "block: more than %d names", RULES_NAMES);
	snprintf(r->name[r->names].name, sizeof r->name[0].name, "%s", to);
	r->names++;
	return 0;
}

static int
check_list(struct rules *r, const char *key,
    int (*check)(struct rules *, const json_t *, struct fault *),
    struct fault *f)
{
	json_t *list;
	size_t i;

	if (json_object_get(r->config, key) == NULL)
		return 0;
	if (guest_array("config", r->config, key, LIST_MAX, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_object(j))
			return fault_set(
			    f, "%s: an entry is not an object", key);
		if (check(r, j, f) == -1)
			return -1;
	}
	return 0;
}

int
rules_read(const json_t *config, struct rules *r, struct fault *f)
{
	static const char *const keys[] = { "forward", "open", "block",
		"resolver", "masquerade", NULL };
	const json_t *masquerade = json_object_get(config, "masquerade");
	const char *resolver;

	memset(r, 0, sizeof *r);
	r->config = config;
	if (guest_only("config", config, keys, f) == -1 ||
	    optional_str("config", config, "resolver", 45, &resolver, f) == -1)
		return -1;
	if (masquerade != NULL && !json_is_boolean(masquerade))
		return fault_set(f, "config: \"masquerade\" is not a boolean");
	if (resolver != NULL &&
	    guest_addr("config", "resolver", resolver, &r->resolver, f) == -1)
		return -1;
	r->has_resolver = resolver != NULL;
	if (check_list(r, "forward", check_forward, f) == -1 ||
	    check_list(r, "open", check_open, f) == -1 ||
	    check_list(r, "block", check_block, f) == -1)
		return -1;
	if (r->names > 0 && !r->has_resolver)
		return fault_set(f,
		    "config: %.100s is a name, and there is no \"resolver\" "
		    "to ask for it",
		    r->name[0].name);
	return 0;
}

/* --- nft's words -----------------------------------------------------------*/

static const char *
text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static long long
int_of(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static void
write_set(FILE *out, const struct rules_name *n, size_t number, int family)
{
	char text[INET6_ADDRSTRLEN];
	const char *comma = "";
	size_t i;

	fprintf(out, "\tset name%zu_%d {\n\t\ttype %s\n", number,
	    family == AF_INET ? 4 : 6,
	    family == AF_INET ? "ipv4_addr" : "ipv6_addr");
	for (i = 0; i < n->n; i++) {
		if (n->at[i].family != family)
			continue;
		fprintf(out, "%s%s",
		    *comma != '\0' ? ", " : "\t\telements = { ",
		    inet_ntop(family, n->at[i].bytes, text, sizeof text));
		comma = ",";
	}
	fprintf(out, "%s\t}\n", *comma != '\0' ? " }\n" : "");
}

static void
write_sets(const struct rules *r, FILE *out)
{
	size_t i;

	for (i = 0; i < r->names; i++) {
		write_set(out, &r->name[i], i, AF_INET);
		write_set(out, &r->name[i], i, AF_INET6);
	}
}

static void
write_port(const json_t *j, FILE *out)
{
	const char *proto = text_of(j, "proto");

	if (proto == NULL)
		return;
	if (json_object_get(j, "port") != NULL)
		fprintf(out, " %s dport %lld", proto, int_of(j, "port"));
	else
		fprintf(out, " meta l4proto %s", proto);
}

/* One rule for each family that `to` and `from` may be of. */
static void
write_block(const struct rules *r, const json_t *j, int family, FILE *out)
{
	const char *word = family == AF_INET ? "ip" : "ip6";
	const char *from = text_of(j, "from"), *to = text_of(j, "to");
	int ffrom = 0, fto = 0;

	if (from != NULL)
		network(from, &ffrom);
	if (to != NULL)
		network(to, &fto);
	if ((from != NULL && ffrom != family) ||
	    (to != NULL && fto != 0 && fto != family))
		return;
	fprintf(out, "\t\tiifname \"lan\" meta nfproto %s",
	    family == AF_INET ? "ipv4" : "ipv6");
	if (from != NULL)
		fprintf(out, " %s saddr %s", word, from);
	if (to != NULL && fto != 0)
		fprintf(out, " %s daddr %s", word, to);
	else if (to != NULL)
		fprintf(out, " %s daddr @name%zu_%d", word,
		    (size_t)(name_find(r, to) - r->name),
		    family == AF_INET ? 4 : 6);
	write_port(j, out);
	fputs(" reject\n", out);
}

static void
write_filter(const struct rules *r, FILE *out)
{
	const json_t *j;
	size_t i;

	fputs("\tchain input {\n"
	      "\t\ttype filter hook input priority filter; policy drop\n"
	      "\t\tct state invalid drop\n"
	      "\t\tct state established,related accept\n"
	      "\t\tiifname \"lo\" accept\n"
	      "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert,"
	      " nd-router-advert } accept\n"
	      "\t\ticmp type echo-request limit rate 20/second accept\n"
	      "\t\ticmpv6 type echo-request limit rate 20/second accept\n",
	    out);
	fprintf(out, "\t\tiifname \"lan\" tcp dport %d accept\n\t}\n",
	    FIREWALL_PORT);
	fputs("\tchain forward {\n"
	      "\t\ttype filter hook forward priority filter; policy drop\n"
	      "\t\tct state invalid drop\n",
	    out);
	json_array_foreach(json_object_get(r->config, "block"), i, j)
	{
		write_block(r, j, AF_INET, out);
		write_block(r, j, AF_INET6, out);
	}
	fputs("\t\tct state established,related accept\n"
	      "\t\tiifname \"wan\" ct status dnat accept\n",
	    out);
	json_array_foreach(json_object_get(r->config, "open"), i, j)
	{
		fprintf(
		    out, "\t\tiifname \"wan\" ip6 daddr %s", text_of(j, "to"));
		write_port(j, out);
		fputs(" accept\n", out);
	}
	fputs("\t\tiifname \"lan\" oifname \"wan\" accept\n\t}\n", out);
}

static void
write_nat(const struct rules *r, FILE *out)
{
	const json_t *j;
	size_t i;

	fputs("\tchain prerouting {\n"
	      "\t\ttype nat hook prerouting priority dstnat\n",
	    out);
	json_array_foreach(json_object_get(r->config, "forward"), i, j)
	{
		fputs("\t\tiifname \"wan\" meta nfproto ipv4", out);
		write_port(j, out);
		fprintf(out, " dnat ip to %s:%lld\n", text_of(j, "to"),
		    int_of(j, json_object_get(j, "to_port") != NULL ? "to_port"
								    : "port"));
	}
	fputs("\t}\n\tchain postrouting {\n"
	      "\t\ttype nat hook postrouting priority srcnat\n",
	    out);
	if (!json_is_false(json_object_get(r->config, "masquerade")))
		fputs(
		    "\t\toifname \"wan\" meta nfproto ipv4 masquerade\n", out);
	fputs("\t}\n", out);
}

void
rules_write(const struct rules *r, FILE *out)
{
	/* made if it is missing, so that it can be taken away */
	fputs("table inet kiln\ndelete table inet kiln\ntable inet kiln {\n",
	    out);
	write_sets(r, out);
	write_filter(r, out);
	write_nat(r, out);
	fputs("}\n", out);
}
