#include "builder/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "builder/inputs/gpg.h"
#include "lib/fdio.h"
#include "lib/mem.h"

#define SYSTEM_FILE "/etc/kiln/kiln.yaml"
#define FARM_FILE "kiln.yaml"
#define DAY ((int64_t)24 * 3600)

static const struct conf_key suite_keys[] = {
	{ .name = "enabled", .type = CONF_BOOL, .required = true },
	{ 0 },
};
static const struct conf_key mirror_keys[] = {
	{ .name = "uri", .type = CONF_STR, .required = true, .max = 1000 },
	{ .name = "suite", .type = CONF_STR, .required = true, .max = 200 },
	{ .name = "keyring", .type = CONF_STR, .max = 1000 },
	{ 0 },
};
static const struct conf_key keys[] = {
	{ .name = "suites", .type = CONF_DICT, .sub = suite_keys, .max = 64 },
	{ .name = "poll", .type = CONF_DURATION, .min = 60, .max = 7 * DAY },
	{ .name = "jitter", .type = CONF_DURATION, .min = 1, .max = DAY },
	{ .name = "mirrors", .type = CONF_SEQ, .sub = mirror_keys, .max = 64 },
	{ .name = "proxy", .type = CONF_STR, .max = 1000 },
	{ .name = "cpus", .type = CONF_INT, .min = 1, .max = 1024 },
	{ .name = "audit", .type = CONF_INT, .min = 0, .max = 100 },
	{ .name = "jobs", .type = CONF_INT, .min = 1, .max = 64 },
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = (int64_t)64 << 20,
	    .max = (int64_t)1 << 50 },
	{ 0 },
};

int
settings_read(struct settings *s, int farm, const char *path, struct err *err)
{
	const struct conf_node *root;

	*s = (struct settings){ .poll = 3600, .jitter = 600, .audit = -1 };
	if (path)
		s->conf = conf_read_at(AT_FDCWD, path, path, keys, err);
	else if (file_exists_at(farm, FARM_FILE))
		s->conf = conf_read_at(farm, FARM_FILE, FARM_FILE, keys, err);
	else if (file_exists_at(AT_FDCWD, SYSTEM_FILE))
		s->conf =
		    conf_read_at(AT_FDCWD, SYSTEM_FILE, SYSTEM_FILE, keys, err);
	else
		return 0;
	if (!s->conf)
		return -1;
	root = conf_root(s->conf);
	s->poll = conf_int(root, "poll", s->poll);
	s->jitter = conf_int(root, "jitter", s->jitter);
	s->jobs = conf_int(root, "jobs", 0);
	s->memory = conf_int(root, "memory", 0);
	s->cpus = conf_int(root, "cpus", 0);
	s->audit = conf_int(root, "audit", s->audit);
	return 0;
}

void
settings_release(struct settings *s)
{
	conf_free(s->conf);
	*s = (struct settings){ 0 };
}

bool
settings_suite_enabled(const struct settings *s, const char *suite)
{
	const struct conf_node *root = s->conf ? conf_root(s->conf) : NULL;

	for (size_t i = 0; root && i < conf_count(root, "suites"); i++) {
		const char *name;
		const struct conf_node *one = conf_at(root, "suites", i, &name);

		if (strcmp(name, suite) == 0)
			return conf_bool(one, "enabled", true);
	}
	return true;
}

int
settings_sources(
    const struct settings *s, struct apt_sources *out, struct err *err)
{
	const struct conf_node *root = s->conf ? conf_root(s->conf) : NULL;
	const char *proxy = root ? conf_str(root, "proxy", NULL) : NULL;
	size_t n = root ? conf_count(root, "mirrors") : 0;

	if (n == 0 && apt_sources_read(out, NULL, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *m = conf_at(root, "mirrors", i, NULL);

		if (apt_sources_add(out, conf_str(m, "uri", ""),
			conf_str(m, "suite", ""),
			conf_str(m, "keyring", DEBIAN_KEYRING), err) == -1) {
			struct err why = *err;

			return conf_error(m, NULL, err, "%s", why.msg);
		}
	}
	if (proxy) {
		free(out->proxy);
		out->proxy = mem_str(proxy);
	}
	return 0;
}
