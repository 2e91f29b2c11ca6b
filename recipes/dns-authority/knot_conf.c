#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/dns-authority/knot_conf.h"

#define KEYS_MAX 64
#define PEERS_MAX 16
#define RECORDS_MAX 4096
#define TTL_DEFAULT 3600

static const char server[] = "# written by /etc/kiln/configure\n"
			     "server:\n"
			     "    rundir: " KNOT_RUN "\n"
			     "    pidfile: " KNOT_RUN "/pid\n"
			     "    listen: [ 0.0.0.0@53, ::@53 ]\n"
			     "    udp-workers: 1\n"
			     "    tcp-workers: 1\n"
			     "    background-workers: 1\n"
			     "    identity: \"\"\n"
			     "    version: \"\"\n"
			     "    nsid: \"\"\n"
			     "log:\n"
			     "  - target: stderr\n"
			     "    any: error\n"
			     "database:\n"
			     "    storage: " KNOT_RUN "\n"
			     "    journal-db-max-size: 16M\n"
			     "    kasp-db-max-size: 5M\n"
			     "    timer-db-max-size: 1M\n";

/* The parts of the file, each of which collects while zones are read. */
struct reading {
	const json_t *config;
	struct guest_files *files;
	FILE *remote, *acl, *zone;
	unsigned int remotes, acls;
};

#define ALNUM                                                  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789"

static bool
text_ok(const char *s, const char *allowed)
{
	return s[strspn(s, allowed)] == '\0';
}

/* --- keys
 * -------------------------------------------------------------------*/

static int
keys(const json_t *config, FILE *out, struct fault *f)
{
	static const char *const known[] = { "name", "secret", NULL };
	const char *name, *secret;
	json_t *list;
	size_t i;

	if (json_object_get(config, "keys") == NULL)
		return 0;
	if (guest_array("config", config, "keys", KEYS_MAX, &list, f) == -1)
		return -1;
	if (json_array_size(list) > 0)
		fputs("key:\n", out);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_object(j))
			return fault_set(f, "keys: an entry is not an object");
		if (guest_only("keys", j, known, f) == -1 ||
		    guest_str("keys", j, "name", 63, &name, f) == -1 ||
		    guest_str("keys", j, "secret", 256, &secret, f) == -1)
			return -1;
		if (!guest_name_ok(name))
			return fault_set(
			    f, "keys: a name is not a domain name");
		if (!text_ok(secret, ALNUM "+/="))
			return fault_set(
			    f, "keys: %s: \"secret\" is not base64", name);
		fprintf(out,
		    "  - id: %s\n    algorithm: hmac-sha256\n    secret: %s\n",
		    name, secret);
	}
	return 0;
}

static int
find_key(const char *what, const struct reading *r, const json_t *j,
    const char **out, struct fault *f)
{
	const json_t *one;
	const char *name;
	size_t i;

	if (guest_str(what, j, "key", 63, out, f) == -1)
		return -1;
	json_array_foreach(json_object_get(r->config, "keys"), i, one)
	{
		name = json_string_value(json_object_get(one, "name"));
		if (name != NULL && strcmp(name, *out) == 0)
			return 0;
	}
	return fault_set(f, "%s: there is no key %.60s", what, *out);
}

/* --- who is spoken to
 * ---------------------------------------------------------*/

/* Each of a list of {"address","key"} as a remote and, for `action`, an acl;
 * their names go into `refer` under `word`. */
static int
peers(struct reading *r, const json_t *zone, const char *key,
    const char *action, const char *word, FILE *acls, struct fault *f)
{
	static const char *const known[] = { "address", "key", NULL };
	const char *address, *tsig;
	struct guest_addr a;
	json_t *list;
	size_t i;

	if (guest_array("zones", zone, key, PEERS_MAX, &list, f) == -1)
		return -1;
	if (json_array_size(list) > 0)
		fprintf(r->zone, "    %s: [", word);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_object(j))
			return fault_set(
			    f, "%s: an entry is not an object", key);
		if (guest_only(key, j, known, f) == -1 ||
		    guest_str(key, j, "address", 45, &address, f) == -1 ||
		    guest_addr(key, "address", address, &a, f) == -1)
			return -1;
		tsig = NULL;
		if (json_object_get(j, "key") != NULL &&
		    find_key(key, r, j, &tsig, f) == -1)
			return -1;
		fprintf(r->remote, "  - id: remote%u\n    address: %s\n",
		    r->remotes, address);
		fprintf(r->acl,
		    "  - id: acl%u\n    address: %s\n    action: %s\n", r->acls,
		    address, action);
		if (tsig != NULL) {
			fprintf(r->remote, "    key: %s\n", tsig);
			fprintf(r->acl, "    key: %s\n", tsig);
		}
		fprintf(
		    r->zone, "%sremote%u", i > 0 ? ", " : " ", r->remotes++);
		fprintf(acls, " acl%u,", r->acls++);
	}
	if (i > 0)
		fputs(" ]\n", r->zone);
	return 0;
}

static int
updates(struct reading *r, const json_t *zone, const char *domain, FILE *acls,
    struct fault *f)
{
	static const char *const known[] = { "key", "name", NULL };
	const char *tsig, *name;
	json_t *list;
	size_t i;

	if (json_object_get(zone, "update") == NULL)
		return 0;
	if (guest_array("zones", zone, "update", PEERS_MAX, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_object(j))
			return fault_set(
			    f, "update: an entry is not an object");
		if (guest_only("update", j, known, f) == -1 ||
		    find_key("update", r, j, &tsig, f) == -1 ||
		    guest_str("update", j, "name", 189, &name, f) == -1)
			return -1;
		if (!guest_name_ok(name))
			return fault_set(
			    f, "update: \"name\" is not a name in the zone");
		fprintf(r->acl,
		    "  - id: acl%u\n    key: %s\n    action: update\n"
		    "    update-type: [ TXT ]\n    update-owner: name\n"
		    "    update-owner-match: equal\n"
		    "    update-owner-name: [ %s.%s. ]\n",
		    r->acls, tsig, name, domain);
		fprintf(acls, " acl%u,", r->acls++);
	}
	return 0;
}

/* --- zones
 * --------------------------------------------------------------------*/

static int
record(const json_t *j, FILE *out, struct fault *f)
{
	static const char *const known[] = { "name", "type", "data", "ttl",
		NULL };
	const char *name, *type, *data;
	int64_t ttl = TTL_DEFAULT;

	if (!json_is_object(j))
		return fault_set(f, "records: an entry is not an object");
	if (guest_only("records", j, known, f) == -1 ||
	    guest_str("records", j, "name", 253, &name, f) == -1 ||
	    guest_str("records", j, "type", 16, &type, f) == -1 ||
	    guest_str("records", j, "data", 2048, &data, f) == -1 ||
	    (json_object_get(j, "ttl") != NULL &&
		guest_int("records", j, "ttl", 1, 7 * 86400, &ttl, f) == -1))
		return -1;
	if (strcmp(name, "@") != 0 && strcmp(name, "*") != 0 &&
	    !guest_name_ok(name))
		return fault_set(
		    f, "records: %.60s is not a name in the zone", name);
	if (type[strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] != '\0')
		return fault_set(
		    f, "records: %s: a type is of A-Z and 0-9", name);
	if (strcmp(type, "SOA") == 0)
		return fault_set(f, "records: the SOA is made");
	fprintf(out, "%s %lld IN %s %s\n", name, (long long)ttl, type, data);
	return 0;
}

static int
zone_file(struct reading *r, const json_t *zone, const char *domain,
    uint32_t serial, struct fault *f)
{
	json_t *list;
	FILE *out;
	size_t i;
	int ret = 0;

	if (guest_array("zones", zone, "records", RECORDS_MAX, &list, f) == -1)
		return -1;
	out = guest_file_open(r->files, f, KNOT_DIR "/zone%zu", r->files->n);
	if (out == NULL)
		return -1;
	fprintf(r->zone, "    file: %s\n", guest_file_path(r->files));
	fprintf(out,
	    "$ORIGIN %s.\n"
	    "@ 3600 IN SOA ns hostmaster %u 3600 600 604800 300\n",
	    domain, serial);
	for (i = 0; i < json_array_size(list) && ret == 0; i++)
		ret = record(json_array_get(list, i), out, f);
	return guest_file_close(out, ret, f);
}

static int
zone_parts(struct reading *r, const json_t *j, const char *domain,
    uint32_t serial, FILE *acls, struct fault *f)
{
	bool copy = json_object_get(j, "primaries") != NULL;

	if (copy == (json_object_get(j, "records") != NULL))
		return fault_set(f,
		    "zones: %s: it has either \"records\" or \"primaries\"",
		    domain);
	if (copy && json_object_get(j, "update") != NULL)
		return fault_set(
		    f, "zones: %s: a copy takes no \"update\"", domain);
	fprintf(r->zone,
	    "  - domain: %s\n    storage: " KNOT_RUN "\n"
	    "    zonefile-sync: -1\n",
	    domain);
	if (copy) {
		fputs("    zonefile-load: none\n", r->zone);
		if (peers(r, j, "primaries", "notify", "master", acls, f) == -1)
			return -1;
	} else {
		fputs("    zonefile-load: whole\n", r->zone);
		if (zone_file(r, j, domain, serial, f) == -1 ||
		    updates(r, j, domain, acls, f) == -1)
			return -1;
	}
	if (json_object_get(j, "secondaries") == NULL)
		return 0;
	return peers(r, j, "secondaries", "transfer", "notify", acls, f);
}

static int
zone(struct reading *r, const json_t *j, uint32_t serial, struct fault *f)
{
	static const char *const known[] = { "name", "records", "secondaries",
		"update", "primaries", NULL };
	const char *domain;
	char *acls = NULL;
	size_t n;
	FILE *out;
	int ret;

	if (!json_is_object(j))
		return fault_set(f, "zones: an entry is not an object");
	if (guest_only("zones", j, known, f) == -1 ||
	    guest_str("zones", j, "name", 189, &domain, f) == -1)
		return -1;
	if (!guest_name_ok(domain))
		return fault_set(f, "zones: \"name\" is not a domain name");
	out = open_memstream(&acls, &n);
	if (out == NULL)
		return fault_sys(f, "write a zone");
	ret =
	    guest_file_close(out, zone_parts(r, j, domain, serial, out, f), f);
	if (ret == 0 && n > 0)
		fprintf(r->zone, "    acl: [%.*s ]\n", (int)n - 1, acls);
	free(acls);
	return ret;
}

static int
zones(struct reading *r, uint32_t serial, struct fault *f)
{
	json_t *list;
	size_t i;

	if (guest_array("config", r->config, "zones", KNOT_ZONES, &list, f) ==
	    -1)
		return -1;
	if (json_array_size(list) == 0)
		return fault_set(f, "zones: there is none");
	for (i = 0; i < json_array_size(list); i++) {
		if (zone(r, json_array_get(list, i), serial, f) == -1)
			return -1;
	}
	return 0;
}

/* --- all
 * ----------------------------------------------------------------------*/

struct part {
	char *text;
	size_t n;
	FILE *out;
};

static int
write_parts(struct reading *r, struct part *p, uint32_t serial, FILE *out,
    struct fault *f)
{
	static const char *const heads[] = { "remote:\n", "acl:\n", "zone:\n" };
	int ret, i;

	r->remote = p[0].out;
	r->acl = p[1].out;
	r->zone = p[2].out;
	ret = zones(r, serial, f);
	for (i = 0; i < 3; i++) {
		fflush(p[i].out);
		if (ret == 0 && p[i].n > 0)
			fprintf(out, "%s%s", heads[i], p[i].text);
	}
	return ret;
}

int
knot_conf(const json_t *config, uint32_t serial, struct guest_files *files,
    struct fault *f)
{
	static const char *const known[] = { "keys", "zones", NULL };
	struct reading r = { .config = config, .files = files };
	struct part p[3] = { { 0 } };
	FILE *out;
	int ret = 0, i;

	out = guest_file_open(files, f, KNOT_DIR "/knot.conf");
	if (out == NULL)
		return -1;
	fputs(server, out);
	for (i = 0; i < 3; i++) {
		p[i].out = open_memstream(&p[i].text, &p[i].n);
		if (p[i].out == NULL)
			ret = fault_sys(f, "write knot.conf");
	}
	if (ret == 0 && (guest_only("config", config, known, f) == -1 ||
			    keys(config, out, f) == -1))
		ret = -1;
	if (ret == 0)
		ret = write_parts(&r, p, serial, out, f);
	for (i = 0; i < 3; i++) {
		if (p[i].out != NULL)
			fclose(p[i].out);
		free(p[i].text);
	}
	return guest_file_close(out, ret, f);
}
