#include "builder/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/git.h"
#include "builder/inputs/gpg.h"
#include "builder/plan/arch.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/kiln_yaml.h"
#include "lib/mem.h"
#include "lib/own.h"

_Static_assert(
    GIT_URL_MAX == KILN_YAML_URL_MAX && GIT_REF_MAX == KILN_YAML_REF_MAX,
    "what the file may say is what git takes");

static int
read_arches(struct settings *s, const struct conf_node *root, struct err *err)
{
	size_t n = conf_count(root, "arch");

	s->arches.v = mem_zero(n + 1, sizeof(*s->arches.v));
	for (size_t i = 0; i < n; i++) {
		const char *word = conf_str_at(root, "arch", i);

		if (!arch_known(word))
			return conf_error(root, "arch", err,
			    "\"%.40s\" is no architecture that kiln knows",
			    word);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->arches.v[k], word) == 0)
				return conf_error(root, "arch", err,
				    "\"%s\" comes twice", word);
		s->arches.v[s->arches.n++] = word;
	}
	return 0;
}

static int
read_repos(struct settings *s, const struct conf_node *root, struct err *err)
{
	size_t n = conf_count(root, "recipes");

	s->repos = mem_zero(n + 1, sizeof(*s->repos));
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *at = conf_at(root, "recipes", i, NULL);
		struct settings_repo *r = &s->repos[s->nrepos++];

		r->url = conf_str(at, "git", "");
		r->ref = conf_str(at, "ref", "");
		r->folder = conf_str(at, "folder", "");
		if (!git_url_ok(r->url))
			return conf_error(at, "git", err,
			    "\"%.200s\" is no address of http, https or file,"
			    " without a password in it",
			    r->url);
		if (!git_ref_ok(r->ref))
			return conf_error(at, "ref", err,
			    "\"%.100s\" is not the name of a branch or tag",
			    r->ref);
		if (*r->folder && !path_ok(r->folder))
			return conf_error(at, "folder", err,
			    "\"%.200s\" is not a path in a repository",
			    r->folder);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->repos[k].url, r->url) == 0)
				return conf_error(
				    at, "git", err, "%s comes twice", r->url);
	}
	return 0;
}

static int
read_secrets(struct settings *s, const struct conf_node *root, struct err *err)
{
	size_t n = conf_count(root, "credentials");

	s->secrets = mem_zero(n + 1, sizeof(*s->secrets));
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *at =
		    conf_at(root, "credentials", i, NULL);
		struct archive_secret *c = &s->secrets[s->nsecrets++];
		const char *host;

		c->prefix = conf_str(at, "url", "");
		c->file = conf_str(at, "file", "");
		host = strstr(c->prefix, "://");
		/* Else "https://a.example" would be good for a.example.org. */
		if (!git_url_ok(c->prefix) ||
		    strncmp(c->prefix, "http", 4) != 0 ||
		    !strchr(host + 3, '/'))
			return conf_error(at, "url", err,
			    "\"%.200s\" is not the beginning of addresses: "
			    "https://HOST/ and what follows",
			    c->prefix);
		if (c->file[0] != '/')
			return conf_error(
			    at, "file", err, "not an absolute path");
	}
	return 0;
}

static void
read_keep(const struct conf_node *root, struct keep_rules *k)
{
	const struct conf_node *m = conf_map(root, "keep");

	if (!m)
		return;
	k->plans = conf_int(m, "plans", k->plans);
	k->sets = conf_int(m, "sets", k->sets);
	k->logs = conf_int(m, "logs", k->logs);
	k->age = conf_int(m, "age", k->age);
	k->every = conf_int(m, "every", k->every);
}

static int
read_doubt(struct settings *s, const struct conf_node *root, struct err *err)
{
	const struct conf_node *m = conf_map(root, "doubt");
	size_t n = m ? conf_count(m, "maintainers") : 0;

	if (!m)
		return 0;
	s->from = conf_str(m, "from", NULL);
	s->root = conf_str(m, "root", NULL);
	s->maintainers = mem_zero(n + 1, sizeof(*s->maintainers));
	for (size_t i = 0; i < n; i++) {
		const char *hex = conf_str_at(m, "maintainers", i);
		struct sig_public *k = &s->maintainers[s->nmaintainers++];

		if (!hex_decode(k->b, sizeof(k->b), hex, strlen(hex)) ||
		    !sig_public_ok(k))
			return conf_error(m, "maintainers", err,
			    "\"%.80s\" is no public key: the 64 digits of"
			    " NAME.pub",
			    hex);
	}
	return 0;
}

/* What a batch script and an argv may hold without a second thought. */
static bool
plain_path(const char *s)
{
	return s[0] == '/' && strlen(s) <= 200 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789/._-+") == strlen(s);
}

static int
read_features(const struct conf_node *m, struct exec_conf *e, struct err *err)
{
	auto_buf struct buf all = BUF_INIT;
	size_t n = conf_count(m, "cpu_features");

	for (size_t i = 0; i < conf_count(m, "features"); i++) {
		const char *one = conf_str_at(m, "features", i);

		if (!name_ok(one))
			return conf_error(m, "features", err,
			    "\"%.64s\" is no name of a feature", one);
		buf_printf(&all, "%s%s", all.len ? "&" : "", one);
	}
	e->features = buf_take(&all);
	e->cpu_features = mem_zero(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		const char *one = conf_str_at(m, "cpu_features", i);

		if (!name_ok(one))
			return conf_error(m, "cpu_features", err,
			    "\"%.64s\" is no name of a feature", one);
		e->cpu_features[e->ncpu_features++] = one;
	}
	if (e->lane_b == APART_OTHER_CPU && n < 2)
		return conf_error(m, "lane_b", err,
		    "other-cpu wants the makes' features in cpu_features");
	return 0;
}

static int
read_exec(struct settings *s, const struct conf_node *root, struct err *err)
{
	const struct conf_node *m = conf_map(root, "exec");
	struct exec_conf *e = &s->exec;

	if (!m)
		return 0;
	e->slurm = strcmp(conf_str(m, "engine", "local"), "slurm") == 0;
	e->server = conf_str(m, "server", NULL);
	e->runner = conf_str(m, "runner", e->runner);
	e->cache = conf_str(m, "cache", e->cache);
	e->partition = conf_str(m, "partition", NULL);
	e->config = conf_str(m, "config", NULL);
	e->lane_b = (enum exec_apart)conf_enum(m, "lane_b", APART_ANYWHERE);
	e->cpus = (int)conf_int(m, "cpus", e->cpus);
	e->memory = conf_int(m, "memory", e->memory);
	e->time = conf_int(m, "time", e->time);
	e->places = (int)conf_int(m, "places", e->places);
	e->attempts = conf_int(m, "attempts", e->attempts);
	e->poll = conf_int(m, "poll", e->poll);
	e->grace = conf_int(m, "grace", e->grace);
	if (!plain_path(e->runner))
		return conf_error(m, "runner", err,
		    "an absolute path of letters, digits and /._-+");
	if (!plain_path(e->cache))
		return conf_error(m, "cache", err,
		    "an absolute path of letters, digits and /._-+");
	if (e->config && !plain_path(e->config))
		return conf_error(m, "config", err,
		    "an absolute path of letters, digits and /._-+");
	if (e->slurm && !e->server)
		return conf_error(m, "engine", err,
		    "slurm wants server, where nodes reach this farm's pages");
	if (e->server &&
	    (!git_url_ok(e->server) || strncmp(e->server, "http", 4) != 0 ||
		strpbrk(e->server, " ?#")))
		return conf_error(m, "server", err,
		    "\"%.200s\" is no address: http://HOST or https://HOST",
		    e->server);
	return read_features(m, e, err);
}

int
settings_read(struct settings *s, int farm, const char *path, struct err *err)
{
	const struct conf_node *root;

	*s = (struct settings){ .poll = 3600,
		.jitter = 600,
		.keep = KEEP_RULES_DEFAULT,
		.audit = -1,
		.exec = EXEC_CONF_DEFAULT };
	if (kiln_yaml_read(&s->conf, farm, path, err) == -1)
		return -1;
	if (!s->conf)
		return 0;
	root = conf_root(s->conf);
	s->poll = conf_int(root, "poll", s->poll);
	s->jitter = conf_int(root, "jitter", s->jitter);
	s->jobs = conf_int(root, "jobs", 0);
	s->memory = conf_int(root, "memory", 0);
	s->cpus = conf_int(root, "cpus", 0);
	s->audit = conf_int(root, "audit", s->audit);
	read_keep(root, &s->keep);
	if (read_doubt(s, root, err) == 0 && read_exec(s, root, err) == 0 &&
	    read_arches(s, root, err) == 0 && read_repos(s, root, err) == 0 &&
	    read_secrets(s, root, err) == 0)
		return 0;
	settings_release(s);
	return -1;
}

void
settings_release(struct settings *s)
{
	free(s->arches.v);
	free(s->repos);
	free(s->exec.features);
	free(s->exec.cpu_features);
	free(s->secrets);
	free(s->maintainers);
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
