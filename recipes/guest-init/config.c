#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "recipes/guest-init/config.h"

bool
config_magic(const unsigned char head[CONFIG_HEAD])
{
	return memcmp(head, CONFIG_MAGIC, 8) == 0;
}

int
config_length(
    const unsigned char head[CONFIG_HEAD], size_t *out, struct fault *f)
{
	uint64_t n = 0;
	size_t i;

	for (i = 8; i < CONFIG_HEAD; i++)
		n = n << 8 | head[i];
	if (n == 0 || n > GUEST_CONFIG_MAX)
		return fault_set(f,
		    "configuration disk: a length of %llu bytes is not in "
		    "1..%u",
		    (unsigned long long)n, GUEST_CONFIG_MAX);
	*out = (size_t)n;
	return 0;
}

static int
parse_link(const json_t *j, struct config_link *l, struct fault *f)
{
	static const char *const keys[] = { "name", "mac", "address", "prefix",
		"gateway", NULL };
	static const char what[] = "network";
	const char *text;
	int64_t prefix;

	if (!json_is_object(j))
		return fault_set(f, "network: an entry is not an object");
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "mac", 17, &text, f) == -1 ||
	    guest_mac(what, text, l->mac, f) == -1 ||
	    guest_str(what, j, "address", 45, &text, f) == -1 ||
	    guest_addr(what, "address", text, &l->address, f) == -1 ||
	    guest_int(what, j, "prefix", 1,
		(int64_t)guest_addr_size(&l->address) * 8, &prefix, f) == -1)
		return -1;
	l->prefix = (unsigned char)prefix;
	if (json_object_get(j, "name") != NULL) {
		if (guest_str(what, j, "name", sizeof l->name - 1, &text, f) ==
		    -1)
			return -1;
		if (!guest_label_ok(text))
			return fault_set(f,
			    "network: \"name\" is not a name of "
			    "a-z, 0-9, - and _");
		snprintf(l->name, sizeof l->name, "%s", text);
	}
	l->has_gateway = json_object_get(j, "gateway") != NULL;
	if (!l->has_gateway)
		return 0;
	if (guest_str(what, j, "gateway", 45, &text, f) == -1 ||
	    guest_addr(what, "gateway", text, &l->gateway, f) == -1)
		return -1;
	if (l->gateway.family != l->address.family)
		return fault_set(f, "network: \"gateway\" is of another family "
				    "than \"address\"");
	return 0;
}

/* Below the root, no empty or dotted part: nothing to resolve but folders. */
static bool
path_ok(const char *p)
{
	if (p[0] != '/' || p[1] == '\0')
		return false;
	for (; *p != '\0'; p++) {
		if (*p == '/' && (p[1] == '/' || p[1] == '.' || p[1] == '\0'))
			return false;
	}
	return true;
}

static int
parse_volume(const json_t *j, struct config_volume *v, struct fault *f)
{
	static const char *const keys[] = { "serial", "path", NULL };
	static const char what[] = "volumes";
	const char *serial, *path;

	if (!json_is_object(j))
		return fault_set(f, "volumes: an entry is not an object");
	if (guest_only(what, j, keys, f) == -1 ||
	    guest_str(what, j, "serial", sizeof v->serial - 1, &serial, f) ==
		-1 ||
	    guest_str(what, j, "path", sizeof v->path - 1, &path, f) == -1)
		return -1;
	if (!guest_label_ok(serial))
		return fault_set(f, "volumes: \"serial\" is not a name of "
				    "a-z, 0-9, - and _");
	if (!path_ok(path))
		return fault_set(f, "volumes: \"path\" is not a plain "
				    "absolute path");
	snprintf(v->serial, sizeof v->serial, "%s", serial);
	snprintf(v->path, sizeof v->path, "%s", path);
	return 0;
}

static int
parse_object(const json_t *j, struct config *c, struct fault *f)
{
	static const char *const keys[] = { "kind", "v", "hostname", "clock",
		"network", "volumes", "log", "config", NULL };
	static const char what[] = "guest configuration";
	json_t *list, *service;
	const char *text;
	int64_t v;
	size_t i;

	if (guest_str(what, j, "kind", 32, &text, f) == -1)
		return -1;
	if (strcmp(text, "kiln/guest") != 0)
		return fault_set(f, "%s: \"kind\" is not kiln/guest", what);
	if (guest_int(what, j, "v", 1, 1, &v, f) == -1 ||
	    guest_only(what, j, keys, f) == -1 ||
	    guest_int(what, j, "clock", 0, INT64_C(1) << 40, &c->clock, f) ==
		-1 ||
	    guest_str(what, j, "hostname", sizeof c->hostname - 1, &text, f) ==
		-1)
		return -1;
	if (!guest_label_ok(text))
		return fault_set(
		    f, "%s: \"hostname\" is not a host name", what);
	snprintf(c->hostname, sizeof c->hostname, "%s", text);
	if (guest_str(what, j, "log", 32, &text, f) == -1)
		return -1;
	if (strcmp(text, "console") != 0)
		return fault_set(f, "%s: \"log\" can only be console", what);
	if (guest_array(what, j, "network", CONFIG_LINKS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (parse_link(json_array_get(list, i), &c->link[i], f) == -1)
			return -1;
	}
	c->links = i;
	if (guest_array(what, j, "volumes", CONFIG_VOLUMES, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (parse_volume(json_array_get(list, i), &c->volume[i], f) ==
		    -1)
			return -1;
	}
	c->volumes = i;
	service = json_object_get(j, "config");
	if (!json_is_object(service))
		return fault_set(f, "%s: \"config\" is not an object", what);
	c->service = json_incref(service);
	return 0;
}

int
config_parse(const char *text, size_t n, struct config *out, struct fault *f)
{
	struct config c = { 0 };
	auto_json json_t *j = guest_json("guest configuration", text, n, f);

	if (j == NULL || parse_object(j, &c, f) == -1)
		return -1;
	*out = c;
	return 0;
}

void
config_release(struct config *c)
{
	json_decref(c->service);
	c->service = NULL;
}
