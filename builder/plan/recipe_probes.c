/* Probes: what may be asked for, and as they enter a release. */
#include <string.h>

#include "builder/plan/recipe.h"
#include "builder/plan/recipe_read.h"
#include "lib/conf.h"
#include "lib/json.h"
#include "lib/mem.h"

static const char *const probe_types[] = { "dns", "tcp", "http", "tls", "mqtt",
	"dhcp", "program", NULL };
#define PROBES_FILE "/etc/kiln/probes"
static const char *const qtypes[] = { "A", "AAAA", "TXT", NULL };
static const char *const transports[] = { "udp", "tcp", NULL };

const struct conf_key recipe_probe_keys[] = {
	{ .name = "type",
	    .type = CONF_ENUM,
	    .required = true,
	    .words = probe_types },
	{ .name = "name", .type = CONF_STR },
	{ .name = "qtype", .type = CONF_ENUM, .words = qtypes },
	{ .name = "expect", .type = CONF_STR },
	{ .name = "transport", .type = CONF_ENUM, .words = transports },
	{ .name = "port", .type = CONF_INT, .min = 1, .max = 65535 },
	{ .name = "path", .type = CONF_STR, .max = 255 },
	{ 0 },
};
/* By type: which of the keys it has, and needs. */
static const struct {
	const char *type, *needs, *may[5];
} probe_rules[] = {
	{ "dns", "name", { "name", "qtype", "expect", "transport", NULL } },
	{ "tcp", "port", { "port", NULL } },
	{ "http", "port", { "port", "path", "expect", NULL } },
	{ "tls", "port", { "port", NULL } },
	{ "mqtt", "port", { "port", "expect", NULL } },
	{ "dhcp", NULL, { NULL } },
	{ "program", "name", { "name", NULL } },
};

static bool
probe_has(int type, const char *key)
{
	for (size_t i = 0; probe_rules[type].may[i]; i++)
		if (strcmp(probe_rules[type].may[i], key) == 0)
			return true;
	return false;
}

/* It is a word of a line to the guest, and of a line of that file. */
static int
check_program(const struct conf_node *root, const struct conf_node *p,
    const struct recipe *r, struct err *err)
{
	const char *name = conf_str(p, "name", "");
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || n > 32 || name[n] != '\0')
		return conf_error(p, "name", err,
		    "at most 32 lower-case letters, digits and hyphens");
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->files[i].path, PROBES_FILE) == 0)
			return 0;
	return conf_error(root, "probes", err,
	    "the image has no " PROBES_FILE ", which names the program");
}

int
recipe_probes_check(
    const struct conf_node *root, const struct recipe *r, struct err *err)
{
	static const char *const words[] = { "name", "qtype", "expect",
		"transport", "port", "path" };

	for (size_t i = 0; i < conf_count(root, "probes"); i++) {
		const struct conf_node *p = conf_at(root, "probes", i, NULL);
		int type = conf_enum(p, "type", 0);
		const char *needs = probe_rules[type].needs;

		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (conf_has(p, words[k]) && !probe_has(type, words[k]))
				return conf_error(p, words[k], err,
				    "not for a probe of type %s",
				    probe_types[type]);
		if (needs && !conf_has(p, needs))
			return conf_error(p, NULL, err, "a %s probe needs %s",
			    probe_types[type], needs);
		if (conf_str(p, "path", "/")[0] != '/')
			return conf_error(
			    p, "path", err, "it does not begin with /");
		if (strcmp(probe_types[type], "program") == 0 &&
		    check_program(root, p, r, err) == -1)
			return -1;
	}
	return 0;
}

json_t *
recipe_probes(const struct recipe *r)
{
	const struct conf_node *root = conf_root(r->conf);
	json_t *list = json_array();

	for (size_t i = 0; i < conf_count(root, "probes"); i++) {
		const struct conf_node *p = conf_at(root, "probes", i, NULL);
		json_t *j = js_record_new("kiln/probe", 1);
		int type = conf_enum(p, "type", 0);

		js_set_str(j, "type", probe_types[type]);
		if (conf_has(p, "port"))
			js_set_int(j, "port", conf_int(p, "port", 0));
		if (probe_has(type, "path"))
			js_set_str(j, "path", conf_str(p, "path", "/"));
		if (probe_has(type, "expect"))
			js_set_str(j, "expect", conf_str(p, "expect", "any"));
		if (probe_has(type, "name"))
			js_set_str(j, "name", conf_str(p, "name", ""));
		if (probe_has(type, "qtype")) {
			js_set_str(
			    j, "qtype", qtypes[conf_enum(p, "qtype", 0)]);
			if (conf_enum(p, "transport", 0) == 1)
				js_set_str(j, "transport", "tcp");
		}
		json_array_append_new(list, j);
	}
	return list;
}
