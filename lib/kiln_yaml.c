#include "lib/kiln_yaml.h"

#include <unistd.h>

#include "lib/fdio.h"

#define SYSTEM_FILE "/etc/kiln/kiln.yaml"
#define FILE_MAX_BYTES ((size_t)1 << 20)
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
static const struct conf_key repo_keys[] = {
	{ .name = "git",
	    .type = CONF_STR,
	    .required = true,
	    .max = KILN_YAML_URL_MAX },
	{ .name = "ref",
	    .type = CONF_STR,
	    .required = true,
	    .max = KILN_YAML_REF_MAX },
	{ .name = "folder", .type = CONF_STR, .max = 1000 },
	{ 0 },
};
static const struct conf_key secret_keys[] = {
	{ .name = "url",
	    .type = CONF_STR,
	    .required = true,
	    .max = KILN_YAML_URL_MAX },
	{ .name = "file", .type = CONF_STR, .required = true, .max = 1000 },
	{ 0 },
};
static const struct conf_key keep_keys[] = {
	{ .name = "plans", .type = CONF_INT, .min = 1, .max = 1000 },
	{ .name = "sets", .type = CONF_INT, .min = 2, .max = 1000 },
	{ .name = "logs", .type = CONF_DURATION, .min = 0, .max = 3650 * DAY },
	{ .name = "reports",
	    .type = CONF_DURATION,
	    .min = DAY,
	    .max = 3650 * DAY },
	{ .name = "age", .type = CONF_DURATION, .min = 0, .max = 3650 * DAY },
	{ .name = "every", .type = CONF_DURATION, .min = 0, .max = 366 * DAY },
	{ 0 },
};
static const char *const reading[] = { "public", "accounts", NULL };
static const char *const reports[] = { "all", "enrolled", NULL };
static const struct conf_key web_keys[] = {
	{ .name = "reading", .type = CONF_ENUM, .words = reading },
	{ .name = "reports", .type = CONF_ENUM, .words = reports },
	{ .name = "approval", .type = CONF_BOOL },
	{ .name = "certificate", .type = CONF_STR, .max = 1000 },
	{ .name = "key", .type = CONF_STR, .max = 1000 },
	{ 0 },
};
static const struct conf_key stop_keys[] = {
	{ .name = "percent", .type = CONF_INT, .min = 0, .max = 100 },
	{ .name = "least", .type = CONF_INT, .min = 1, .max = 1000000 },
	{ 0 },
};
static const struct conf_key publish_keys[] = {
	{ .name = "to", .type = CONF_STR, .required = true, .max = 1000 },
	{ .name = "endpoint",
	    .type = CONF_STR,
	    .required = true,
	    .max = KILN_YAML_URL_MAX },
	{ .name = "region", .type = CONF_NAME, .max = 64 },
	{ .name = "key", .type = CONF_STR, .required = true, .max = 1000 },
	{ 0 },
};
static const struct conf_key doubt_keys[] = {
	{ .name = "from", .type = CONF_STR, .max = 2000 },
	{ .name = "root", .type = CONF_STR, .max = 1000 },
	{ .name = "maintainers", .type = CONF_STRS, .max = 32 },
	{ 0 },
};
static const char *const engines[] = { "local", "slurm", NULL };
static const char *const lane_b[] = { "anywhere", "elsewhere", "other-cpu",
	NULL };
static const struct conf_key exec_keys[] = {
	{ .name = "engine", .type = CONF_ENUM, .words = engines },
	{ .name = "server", .type = CONF_STR, .max = KILN_YAML_URL_MAX },
	{ .name = "runner", .type = CONF_STR, .max = 200 },
	{ .name = "cache", .type = CONF_STR, .max = 1000 },
	{ .name = "partition", .type = CONF_NAME, .max = 64 },
	{ .name = "features", .type = CONF_STRS, .max = 16 },
	{ .name = "cpu_features", .type = CONF_STRS, .max = 16 },
	{ .name = "lane_b", .type = CONF_ENUM, .words = lane_b },
	{ .name = "config", .type = CONF_STR, .max = 1000 },
	{ .name = "cpus", .type = CONF_INT, .min = 1, .max = 1024 },
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = 0,
	    .max = (int64_t)1 << 40 },
	{ .name = "time", .type = CONF_DURATION, .min = 0, .max = 7 * DAY },
	{ .name = "places", .type = CONF_INT, .min = 1, .max = 10000 },
	{ .name = "attempts", .type = CONF_INT, .min = 1, .max = 100 },
	{ .name = "poll", .type = CONF_DURATION, .min = 1, .max = 600 },
	{ .name = "grace", .type = CONF_DURATION, .min = 1, .max = DAY },
	{ 0 },
};
static const struct conf_key keys[] = {
	{ .name = "arch", .type = CONF_STRS, .max = 8 },
	{ .name = "suites", .type = CONF_DICT, .sub = suite_keys, .max = 64 },
	{ .name = "poll", .type = CONF_DURATION, .min = 60, .max = 7 * DAY },
	{ .name = "jitter", .type = CONF_DURATION, .min = 1, .max = DAY },
	{ .name = "mirrors", .type = CONF_SEQ, .sub = mirror_keys, .max = 64 },
	{ .name = "recipes", .type = CONF_SEQ, .sub = repo_keys, .max = 16 },
	{ .name = "credentials",
	    .type = CONF_SEQ,
	    .sub = secret_keys,
	    .max = 64 },
	{ .name = "proxy", .type = CONF_STR, .max = 1000 },
	{ .name = "cpus", .type = CONF_INT, .min = 1, .max = 1024 },
	{ .name = "audit", .type = CONF_INT, .min = 0, .max = 100 },
	{ .name = "keep", .type = CONF_MAP, .sub = keep_keys },
	{ .name = "doubt", .type = CONF_MAP, .sub = doubt_keys },
	{ .name = "web", .type = CONF_MAP, .sub = web_keys },
	{ .name = "stop", .type = CONF_MAP, .sub = stop_keys },
	{ .name = "exec", .type = CONF_MAP, .sub = exec_keys },
	{ .name = "publish", .type = CONF_MAP, .sub = publish_keys },
	{ .name = "jobs", .type = CONF_INT, .min = 1, .max = 64 },
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = (int64_t)64 << 20,
	    .max = (int64_t)1 << 50 },
	{ 0 },
};

/* The operator's own path, wherever it is. */
static struct conf *
read_path(const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, FILE_MAX_BYTES, &text, err) == -1)
		return NULL;
	return conf_parse(path, text.data, text.len, keys, err);
}

int
kiln_yaml_read(struct conf **out, int farm, const char *path, struct err *err)
{
	*out = NULL;
	if (path)
		*out = read_path(path, err);
	else if (file_exists_at(farm, FARM_FILE))
		*out = conf_read_at(farm, FARM_FILE, FARM_FILE, keys, err);
	else if (access(SYSTEM_FILE, F_OK) == 0)
		*out = read_path(SYSTEM_FILE, err);
	else
		return 0;
	return *out ? 0 : -1;
}
