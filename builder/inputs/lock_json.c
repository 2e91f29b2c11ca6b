#include "builder/inputs/lock_json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

/* Entries of any one array: far above a closure of all of Debian's base. */
#define ENTRIES_MAX 100000

static json_t *
packages_json(const struct lock_packages *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->v[i];
		json_t *o = json_object();

		js_set_str(o, "name", p->name);
		js_set_str(o, "version", p->version);
		js_set_str(o, "arch", p->arch);
		js_set_hash(o, "sha256", &p->sha256);
		js_set_int(o, "size", p->size);
		js_set_str(o, "path", p->path);
		js_set_str(o, "suite", p->suite);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *
sources_json(const struct lock_sources *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct lock_source *s = &l->v[i];
		json_t *o = json_object();

		js_set_str(o, "name", s->name);
		js_set_str(o, "version", s->version);
		js_set_str(o, "file", s->file);
		js_set_hash(o, "sha256", &s->sha256);
		js_set_int(o, "size", s->size);
		js_set_str(o, "path", s->path);
		js_set_str(o, "suite", s->suite);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *
suites_json(const struct lock *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->nsuites; i++) {
		const struct lock_suite *s = &l->suites[i];
		json_t *o = json_object(), *indexes = json_array();

		for (size_t k = 0; k < s->nindexes; k++) {
			json_t *x = json_object();

			js_set_str(x, "path", s->indexes[k].path);
			js_set_hash(x, "sha256", &s->indexes[k].sha256);
			json_array_append_new(indexes, x);
		}
		js_set_str(o, "name", s->name);
		js_set_hash(o, "inrelease", &s->inrelease);
		js_set(o, "indexes", indexes);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *
git_json(const struct lock_gits *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct lock_git *g = &l->v[i];
		json_t *o = json_object();

		js_set_str(o, "file", g->file);
		js_set_str(o, "url", g->url);
		js_set_str(o, "ref", g->ref);
		js_set_str(o, "commit", g->commit);
		js_set_str(o, "tree", g->tree);
		js_set_hash(o, "sha256", &g->sha256);
		js_set_int(o, "size", g->size);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *
files_json(const struct lock_files *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		json_t *o = json_object();

		js_set_str(o, "file", l->v[i].file);
		js_set_str(o, "url", l->v[i].url);
		js_set_hash(o, "sha256", &l->v[i].sha256);
		js_set_int(o, "size", l->v[i].size);
		json_array_append_new(a, o);
	}
	return a;
}

static bool
qualified(const struct lock_packages *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].name[lock_package_plain(l->v[i].name)])
			return true;
	return false;
}

/* Version 1 has neither git nor files, and no packages of a second
 * architecture, which version 2 has not either. */
static int
version_of(const struct lock *l)
{
	if (qualified(&l->build) || qualified(&l->image))
		return 3;
	return l->git.n > 0 || l->files.n > 0 ? 2 : 1;
}

/* What an older version can say is said in it, so that there is one text for
 * a lock. */
json_t *
lock_json(const struct lock *l)
{
	int version = version_of(l);
	json_t *j = js_record_new("kiln/lock", version);
	json_t *names = json_array();

	for (size_t i = 0; i < l->consulted.n; i++)
		json_array_append_new(names, json_string(l->consulted.v[i]));
	js_set_str(j, "recipe", l->recipe);
	js_set_str(j, "arch", l->arch);
	js_set(j, "suites", suites_json(l));
	js_set(j, "build", packages_json(&l->build));
	js_set(j, "image", packages_json(&l->image));
	js_set(j, "sources", sources_json(&l->sources));
	js_set(j, "git", git_json(&l->git));
	if (version > 1)
		js_set(j, "files", files_json(&l->files));
	js_set(j, "consulted", names);
	return j;
}

static int
get_name(const char *what, const json_t *o, const char *key, char **out,
    struct err *err)
{
	const char *s;

	if (js_str(what, o, key, &s, err) == -1)
		return -1;
	if (!name_ok(s))
		return err_set(
		    err, ERR_INPUT, "%s: %s is not a name", what, key);
	*out = mem_str(s);
	return 0;
}

static int
get_path(const char *what, const json_t *o, char **out, struct err *err)
{
	const char *s;

	if (js_str(what, o, "path", &s, err) == -1)
		return -1;
	if (!path_ok(s))
		return err_set(err, ERR_INPUT, "%s: path is not allowed", what);
	*out = mem_str(s);
	return 0;
}

/* Versions hold a colon, which name_ok() does not allow. */
static int
get_version(const char *what, const json_t *o, char **out, struct err *err)
{
	const char *s;

	if (js_str(what, o, "version", &s, err) == -1)
		return -1;
	if (*s == '\0' || strlen(s) > 255 ||
	    s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:")] != '\0')
		return err_set(
		    err, ERR_INPUT, "%s: version is not a version", what);
	*out = mem_str(s);
	return 0;
}

/* "NAME" or "NAME:ARCH". */
static int
get_package_name(const char *what, const json_t *o, char **out, struct err *err)
{
	auto_free char *plain = NULL;
	const char *s;
	size_t n;

	if (js_str(what, o, "name", &s, err) == -1)
		return -1;
	n = lock_package_plain(s);
	plain = mem_strn(s, n);
	if (!name_ok(plain) || (s[n] && !name_ok(s + n + 1)))
		return err_set(
		    err, ERR_INPUT, "%s: name is not a package's", what);
	*out = mem_str(s);
	return 0;
}

static int
get_array(const char *what, const json_t *o, const char *key, json_t **out,
    struct err *err)
{
	if (js_array(what, o, key, out, err) == -1)
		return -1;
	if (json_array_size(*out) > ENTRIES_MAX)
		return err_set(
		    err, ERR_INPUT, "%s: %s has too many entries", what, key);
	return 0;
}

static int
get_packages(const char *what, const json_t *j, const char *key,
    struct lock_packages *l, struct err *err)
{
	static const char *const keys[] = { "name", "version", "arch", "sha256",
		"size", "path", "suite", NULL };
	json_t *a, *o;
	size_t i;

	if (get_array(what, j, key, &a, err) == -1)
		return -1;
	json_array_foreach(a, i, o)
	{
		auto_free char *where = mem_printf("%s: %s[%zu]", what, key, i);
		struct lock_package *p;

		MEM_GROW(l->v, l->n, l->cap);
		p = &l->v[l->n++];
		*p = (struct lock_package){ 0 };
		if (js_only(where, o, keys, err) == -1 ||
		    get_package_name(where, o, &p->name, err) == -1 ||
		    get_version(where, o, &p->version, err) == -1 ||
		    get_name(where, o, "arch", &p->arch, err) == -1 ||
		    js_hash(where, o, "sha256", &p->sha256, err) == -1 ||
		    js_int(where, o, "size", 0, INT64_MAX, &p->size, err) ==
			-1 ||
		    get_path(where, o, &p->path, err) == -1 ||
		    get_name(where, o, "suite", &p->suite, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_sources(
    const char *what, const json_t *j, struct lock_sources *l, struct err *err)
{
	static const char *const keys[] = { "name", "version", "file", "sha256",
		"size", "path", "suite", NULL };
	json_t *a, *o;
	size_t i;

	if (get_array(what, j, "sources", &a, err) == -1)
		return -1;
	json_array_foreach(a, i, o)
	{
		auto_free char *where = mem_printf("%s: sources[%zu]", what, i);
		struct lock_source *s;

		MEM_GROW(l->v, l->n, l->cap);
		s = &l->v[l->n++];
		*s = (struct lock_source){ 0 };
		if (js_only(where, o, keys, err) == -1 ||
		    get_name(where, o, "name", &s->name, err) == -1 ||
		    get_version(where, o, &s->version, err) == -1 ||
		    get_name(where, o, "file", &s->file, err) == -1 ||
		    js_hash(where, o, "sha256", &s->sha256, err) == -1 ||
		    js_int(where, o, "size", 0, INT64_MAX, &s->size, err) ==
			-1 ||
		    get_path(where, o, &s->path, err) == -1 ||
		    get_name(where, o, "suite", &s->suite, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_indexes(
    const char *what, const json_t *j, struct lock_suite *s, struct err *err)
{
	static const char *const keys[] = { "path", "sha256", NULL };
	json_t *a, *o;
	size_t i;

	if (get_array(what, j, "indexes", &a, err) == -1)
		return -1;
	s->indexes = mem_zero(json_array_size(a) + 1, sizeof(*s->indexes));
	json_array_foreach(a, i, o)
	{
		struct lock_index *x = &s->indexes[s->nindexes++];

		if (js_only(what, o, keys, err) == -1 ||
		    get_path(what, o, &x->path, err) == -1 ||
		    js_hash(what, o, "sha256", &x->sha256, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_suites(const char *what, const json_t *j, struct lock *l, struct err *err)
{
	static const char *const keys[] = { "name", "inrelease", "indexes",
		NULL };
	json_t *a, *o;
	size_t i;

	if (get_array(what, j, "suites", &a, err) == -1)
		return -1;
	l->suites = mem_zero(json_array_size(a) + 1, sizeof(*l->suites));
	json_array_foreach(a, i, o)
	{
		auto_free char *where = mem_printf("%s: suites[%zu]", what, i);
		struct lock_suite *s = &l->suites[l->nsuites++];

		if (js_only(where, o, keys, err) == -1 ||
		    get_name(where, o, "name", &s->name, err) == -1 ||
		    js_hash(where, o, "inrelease", &s->inrelease, err) == -1 ||
		    get_indexes(where, o, s, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_names(
    const char *what, const json_t *j, struct lock_names *l, struct err *err)
{
	json_t *a, *o;
	size_t i;

	if (get_array(what, j, "consulted", &a, err) == -1)
		return -1;
	json_array_foreach(a, i, o)
	{
		const char *s = json_string_value(o);

		if (!s || !name_ok(s))
			return err_set(err, ERR_INPUT,
			    "%s: consulted[%zu] is not a name", what, i);
		lock_names_add(l, s);
	}
	return 0;
}

static int
get_url(const char *what, const json_t *o, char **out, struct err *err)
{
	const char *s;

	if (js_str(what, o, "url", &s, err) == -1)
		return -1;
	if (strlen(s) > 2000)
		return err_set(err, ERR_INPUT, "%s: url is too long", what);
	*out = mem_str(s);
	return 0;
}

/* A SHA-1 name: nothing is believed because of it. */
static int
get_id(const char *what, const json_t *o, const char *key, char **out,
    struct err *err)
{
	const char *s;

	if (js_str(what, o, key, &s, err) == -1)
		return -1;
	if (strlen(s) != 40 || strspn(s, "0123456789abcdef") != 40)
		return err_set(
		    err, ERR_INPUT, "%s: %s is not 40 hex digits", what, key);
	*out = mem_str(s);
	return 0;
}

static int
get_git(const char *what, json_t *a, struct lock_gits *l, struct err *err)
{
	static const char *const keys[] = { "file", "url", "ref", "commit",
		"tree", "sha256", "size", NULL };
	const char *ref;
	json_t *o;
	size_t i;

	json_array_foreach(a, i, o)
	{
		auto_free char *where = mem_printf("%s: git[%zu]", what, i);
		struct lock_git *g;

		MEM_GROW(l->v, l->n, l->cap);
		g = &l->v[l->n++];
		*g = (struct lock_git){ 0 };
		if (js_only(where, o, keys, err) == -1 ||
		    get_name(where, o, "file", &g->file, err) == -1 ||
		    get_url(where, o, &g->url, err) == -1 ||
		    js_str(where, o, "ref", &ref, err) == -1 ||
		    get_id(where, o, "commit", &g->commit, err) == -1 ||
		    get_id(where, o, "tree", &g->tree, err) == -1 ||
		    js_hash(where, o, "sha256", &g->sha256, err) == -1 ||
		    js_int(where, o, "size", 0, INT64_MAX, &g->size, err) == -1)
			return -1;
		g->ref = mem_str(ref);
	}
	return 0;
}

static int
get_files(const char *what, json_t *a, struct lock_files *l, struct err *err)
{
	static const char *const keys[] = { "file", "url", "sha256", "size",
		NULL };
	json_t *o;
	size_t i;

	json_array_foreach(a, i, o)
	{
		auto_free char *where = mem_printf("%s: files[%zu]", what, i);
		struct lock_file *f;

		MEM_GROW(l->v, l->n, l->cap);
		f = &l->v[l->n++];
		*f = (struct lock_file){ 0 };
		if (js_only(where, o, keys, err) == -1 ||
		    get_name(where, o, "file", &f->file, err) == -1 ||
		    get_url(where, o, &f->url, err) == -1 ||
		    js_hash(where, o, "sha256", &f->sha256, err) == -1 ||
		    js_int(where, o, "size", 0, INT64_MAX, &f->size, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_more(const char *name, const json_t *j, struct lock *l, struct err *err)
{
	json_t *git, *files;

	if (get_array(name, j, "git", &git, err) == -1)
		return -1;
	if (json_integer_value(json_object_get(j, "v")) == 1) {
		if (json_array_size(git) == 0 && !json_object_get(j, "files"))
			return 0;
		return err_set(err, ERR_INPUT,
		    "%s: version 1 has neither git nor files", name);
	}
	if (get_array(name, j, "files", &files, err) == -1 ||
	    get_git(name, git, &l->git, err) == -1)
		return -1;
	return get_files(name, files, &l->files, err);
}

int
lock_from_json(
    const char *name, const json_t *j, struct lock *l, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "recipe", "arch",
		"suites", "build", "image", "sources", "git", "files",
		"consulted", NULL };

	if (js_only(name, j, keys, err) == -1 ||
	    get_name(name, j, "recipe", &l->recipe, err) == -1 ||
	    get_name(name, j, "arch", &l->arch, err) == -1 ||
	    get_suites(name, j, l, err) == -1 ||
	    get_packages(name, j, "build", &l->build, err) == -1 ||
	    get_packages(name, j, "image", &l->image, err) == -1 ||
	    get_sources(name, j, &l->sources, err) == -1 ||
	    get_names(name, j, &l->consulted, err) == -1)
		return -1;
	if (get_more(name, j, l, err) == -1)
		return -1;
	if (json_integer_value(json_object_get(j, "v")) == version_of(l))
		return 0;
	return err_set(err, ERR_INPUT,
	    "%s: v: what it says is said in version %d", name, version_of(l));
}
