#include "builder/plan/recipe_sources.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/git.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

const struct conf_key recipe_source_keys[] = {
	{ .name = "git", .type = CONF_STR, .max = GIT_URL_MAX },
	{ .name = "ref", .type = CONF_STR, .max = GIT_REF_MAX },
	{ .name = "commit", .type = CONF_STR, .max = 40 },
	{ .name = "url", .type = CONF_STR, .max = GIT_URL_MAX },
	{ .name = "mirrors", .type = CONF_STRS, .max = 20 },
	{ .name = "sha256", .type = CONF_STR, .max = 64 },
	{ .name = "name", .type = CONF_NAME, .max = 100 },
	{ 0 },
};

/* What stands behind the last slash. */
static const char *
last_part(const char *url)
{
	const char *slash = strrchr(url, '/');

	return slash ? slash + 1 : url;
}

/* Of a source without a name of its own; NULL: none can be told. */
static char *
own_name(const char *url, bool git)
{
	auto_free char *name = mem_str(last_part(url));
	size_t n = strlen(name);

	if (git && n > 4 && strcmp(name + n - 4, ".git") == 0)
		name[n - 4] = '\0';
	return name_ok(name) && strlen(name) <= 100 ? take_ptr(&name) : NULL;
}

/* Names are files of one folder in the sandbox. */
static bool
taken(const struct recipe *r, const char *name, bool git)
{
	auto_free char *file = git ? mem_printf("%s.tar", name) : mem_str(name);

	for (size_t i = 0; i < r->ngit; i++) {
		size_t n = strlen(r->git[i].name);

		if (strncmp(file, r->git[i].name, n) == 0 &&
		    strcmp(file + n, ".tar") == 0)
			return true;
	}
	for (size_t i = 0; i < r->nfetched; i++)
		if (strcmp(file, r->fetched[i].file) == 0)
			return true;
	return false;
}

static int
name_of(const struct conf_node *at, const struct recipe *r, const char *url,
    bool git, char **out, struct err *err)
{
	auto_free char *name = conf_has(at, "name")
				   ? mem_str(conf_str(at, "name", NULL))
				   : own_name(url, git);

	if (!name)
		return conf_error(at, git ? "git" : "url", err,
		    "no name can be taken from %.200s: add name", url);
	if (taken(r, name, git))
		return conf_error(at, conf_has(at, "name") ? "name" : NULL, err,
		    "a source called %s comes twice", name);
	*out = take_ptr(&name);
	return 0;
}

static int
refuse_keys(const struct conf_node *at, const char *const *keys,
    const char *kind, struct err *err)
{
	for (; *keys; keys++)
		if (conf_has(at, *keys))
			return conf_error(
			    at, *keys, err, "not for a source by %s", kind);
	return 0;
}

static int
read_git(const struct conf_node *at, struct recipe *r, struct err *err)
{
	static const char *const others[] = { "url", "mirrors", "sha256",
		NULL };
	struct upstream_git *g = &r->git[r->ngit];
	const char *commit = conf_str(at, "commit", NULL);
	char *name;

	g->url = conf_str(at, "git", "");
	g->ref = conf_str(at, "ref", commit);
	if (refuse_keys(at, others, "git", err) == -1)
		return -1;
	if (!git_url_ok(g->url))
		return conf_error(at, "git", err,
		    "\"%.200s\" is no address of http, https or file, without "
		    "a password in it",
		    g->url);
	if (!g->ref || (commit && conf_has(at, "ref")))
		return conf_error(at, NULL, err, "needs either ref or commit");
	if (commit && !git_commit_ok(commit))
		return conf_error(
		    at, "commit", err, "not 40 lower-case hex digits");
	if (!git_ref_ok(g->ref))
		return conf_error(at, "ref", err,
		    "\"%.100s\" is not the name of a branch or tag", g->ref);
	if (name_of(at, r, g->url, true, &name, err) == -1)
		return -1;
	g->name = name;
	r->ngit++;
	return 0;
}

/* The home and each mirror. */
static int
read_urls(const struct conf_node *at, struct upstream_file *f, struct err *err)
{
	size_t mirrors = conf_count(at, "mirrors");

	f->urls = mem_zero(mirrors + 1, sizeof(*f->urls));
	f->urls[f->nurls++] = conf_str(at, "url", "");
	for (size_t i = 0; i < mirrors; i++)
		f->urls[f->nurls++] = conf_str_at(at, "mirrors", i);
	for (size_t i = 0; i < f->nurls; i++)
		if (!git_url_ok(f->urls[i]) ||
		    strncmp(f->urls[i], "file:", 5) == 0)
			return conf_error(at, i ? "mirrors" : "url", err,
			    "\"%.200s\" is no address of http or https",
			    f->urls[i]);
	return 0;
}

static int
read_file(const struct conf_node *at, struct recipe *r, struct err *err)
{
	static const char *const others[] = { "ref", "commit", NULL };
	struct upstream_file *f = &r->fetched[r->nfetched];
	char *name;

	if (refuse_keys(at, others, "url", err) == -1)
		return -1;
	if (!hash_parse(&f->sha256, conf_str(at, "sha256", "")))
		return conf_error(at, conf_has(at, "sha256") ? "sha256" : NULL,
		    err, "needs sha256: 64 lower-case hex digits");
	if (name_of(at, r, conf_str(at, "url", ""), false, &name, err) == -1)
		return -1;
	f->file = name;
	r->nfetched++; /* released from here on */
	return read_urls(at, f, err);
}

static int
read_debian(const struct conf_node *root, const char *word, struct recipe *r,
    struct err *err)
{
	if (!name_ok(word))
		return conf_error(
		    root, "sources", err, "\"%s\" is not allowed here", word);
	if (strs_has(&r->sources, word))
		return conf_error(
		    root, "sources", err, "\"%s\" comes twice", word);
	r->sources.v[r->sources.n++] = word;
	return 0;
}

int
recipe_sources_read(
    const struct conf_node *root, struct recipe *r, struct err *err)
{
	size_t n = conf_count(root, "sources");

	if (n == 0)
		return 0;
	r->sources.v = mem_zero(n, sizeof(*r->sources.v));
	r->git = mem_zero(n, sizeof(*r->git));
	r->fetched = mem_zero(n, sizeof(*r->fetched));
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *at = conf_at(root, "sources", i, NULL);
		int rc;

		if (!at)
			rc = read_debian(
			    root, conf_str_at(root, "sources", i), r, err);
		else if (conf_has(at, "git"))
			rc = read_git(at, r, err);
		else if (conf_has(at, "url"))
			rc = read_file(at, r, err);
		else
			rc = conf_error(at, NULL, err,
			    "a source is a name, or has git or url");
		if (rc == -1)
			return -1;
	}
	return 0;
}

void
recipe_sources_release(struct recipe *r)
{
	for (size_t i = 0; i < r->ngit; i++)
		free((char *)r->git[i].name);
	for (size_t i = 0; i < r->nfetched; i++) {
		free((char *)r->fetched[i].file);
		free(r->fetched[i].urls);
	}
	free(r->git);
	free(r->fetched);
}
