#include "builder/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define KIND "kiln/plan"
#define VERSION 2
#define VERSION_CROSS 3 /* with `on`, and then alone */
#define PLAN_MAX ((size_t)16 << 20)

/* --- making -------------------------------------------------------------- */

/*
 * What the sandbox will show of the folder.  recipe.yaml is not in it: what
 * it says enters the plan by itself, and a new summary builds nothing again.
 * An image sees the files it holds and no others, for the same reason.
 */
static bool
is_input(const struct recipe *r, enum recipe_stage stage, const char *path)
{
	if (strcmp(path, "recipe.yaml") == 0)
		return false;
	if (stage == STAGE_BUILD)
		return true;
	for (size_t i = 0; i < r->nfiles; i++)
		if (r->files[i].type == FROM_RECIPE &&
		    strcmp(r->files[i].what, path) == 0)
			return true;
	return false;
}

static json_t *
tree_json(const struct recipe *r, enum recipe_stage stage)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->ntree; i++) {
		json_t *j;

		if (!is_input(r, stage, r->tree[i].path))
			continue;
		j = json_object();

		js_set_str(j, "path", r->tree[i].path);
		js_set_bool(j, "x", r->tree[i].x);
		js_set_hash(j, "sha256", &r->tree[i].sha256);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *
packages_json(const struct lock_packages *p)
{
	json_t *list = json_array();

	/* Those of the other architecture come last: the environment's order.
	 */
	for (int other = 0; other < 2; other++)
		for (size_t i = 0; i < p->n; i++) {
			const char *name = p->v[i].name;
			json_t *j;

			if ((name[lock_package_plain(name)] != '\0') != other)
				continue;
			j = json_object();
			js_set_str(j, "name", name);
			js_set_hash(j, "sha256", &p->v[i].sha256);
			json_array_append_new(list, j);
		}
	return list;
}

struct source_file {
	const char *file;
	const struct hash *sha256;
};

static int
by_file(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->file,
	    ((const struct source_file *)b)->file);
}

/* Of every kind, since the sandbox shows them in one folder. */
static json_t *
sources_json(const struct lock *l)
{
	size_t n = 0;
	auto_free struct source_file *v =
	    mem_zero(l->sources.n + l->git.n + l->files.n + 1, sizeof(*v));
	json_t *list = json_array();

	for (size_t i = 0; i < l->sources.n; i++)
		v[n++] = (struct source_file){ l->sources.v[i].file,
			&l->sources.v[i].sha256 };
	for (size_t i = 0; i < l->git.n; i++)
		v[n++] = (struct source_file){ l->git.v[i].file,
			&l->git.v[i].sha256 };
	for (size_t i = 0; i < l->files.n; i++)
		v[n++] = (struct source_file){ l->files.v[i].file,
			&l->files.v[i].sha256 };
	qsort(v, n, sizeof(*v), by_file);
	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object();

		js_set_str(j, "file", v[i].file);
		js_set_hash(j, "sha256", v[i].sha256);
		json_array_append_new(list, j);
	}
	return list;
}

static int
by_use(const void *pa, const void *pb)
{
	const struct plan_use *a = pa, *b = pb;
	int c = strcmp(a->recipe, b->recipe);

	return c ? c : strcmp(a->output, b->output);
}

static json_t *
uses_json(const struct recipe *r, const struct plan_use *uses, size_t n)
{
	auto_free struct plan_use *sorted = mem_zero(n + 1, sizeof(*sorted));
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		sorted[i] = uses[i];
		if (strcmp(uses[i].recipe, r->name) == 0)
			sorted[i].recipe = PLAN_OWN;
	}
	qsort(sorted, n, sizeof(*sorted), by_use);
	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object();

		js_set_str(j, "recipe", sorted[i].recipe);
		js_set_str(j, "output", sorted[i].output);
		js_set_hash(j, "sha256", &sorted[i].sha256);
		json_array_append_new(list, j);
	}
	return list;
}

static int
by_word(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
outputs_json(const struct recipe *r, enum recipe_stage stage)
{
	size_t n = r->outputs.n;
	auto_free const char **sorted = mem_zero(n + 1, sizeof(*sorted));
	json_t *list = json_array();

	if (stage == STAGE_IMAGE) {
		json_array_append_new(list, json_string("image"));
		return list;
	}
	if (n)
		memcpy(sorted, r->outputs.v, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_word);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(sorted[i]));
	return list;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_file *)a)->path,
	    ((const struct image_file *)b)->path);
}

static json_t *
files_json(const struct recipe *r)
{
	size_t n = r->nfiles;
	auto_free struct image_file *sorted = mem_zero(n + 1, sizeof(*sorted));
	json_t *list = json_array();

	if (n)
		memcpy(sorted, r->files, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_path);
	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object();

		js_set_str(j, "path", sorted[i].path);
		js_set_str(j, "from", sorted[i].from);
		js_set_str(j, "mode", sorted[i].mode);
		json_array_append_new(list, j);
	}
	return list;
}

struct plan *
plan_make(const struct recipe *r, enum recipe_stage stage,
    const struct lock *lock, const struct plan_use *uses, size_t nuses,
    const struct hash *policy, struct err *err)
{
	auto_json json_t *j =
	    js_record_new(KIND, r->on ? VERSION_CROSS : VERSION);
	auto_buf struct buf text = BUF_INIT;
	char clock[TIME_TEXT];

	time_text(r->clock, clock);
	js_set_str(j, "stage", recipe_stage_name(stage));
	js_set_str(j, "arch", lock->arch);
	if (r->on)
		js_set_str(j, "on", r->on);
	js_set_str(j, "clock", clock);
	js_set_hash(j, "policy", policy);
	js_set(j, "tree", tree_json(r, stage));
	js_set(j, "uses", uses_json(r, uses, nuses));
	js_set(j, "outputs", outputs_json(r, stage));
	if (stage == STAGE_BUILD) {
		js_set_str(j, "script", r->script);
		js_set(j, "packages", packages_json(&lock->build));
		js_set(j, "sources", sources_json(lock));
	} else {
		js_set(j, "packages", packages_json(&lock->image));
		js_set(j, "sources", json_array());
		js_set(j, "files", files_json(r));
	}
	if (canon_json(j, &text, err) == -1)
		return NULL;
	/* Through the reader, so that what is made is what will be read. */
	return plan_parse(r->name, text.data, text.len, err);
}

/* --- reading ------------------------------------------------------------- */

/* A name that becomes a path below a folder of ours. */
static int
check_name(const char *what, const char *name, bool path, struct err *err)
{
	if (path ? path_ok(name) : name_ok(name))
		return 0;
	return err_set(
	    err, ERR_INPUT, "%s: \"%.100s\" is not a plain name", what, name);
}

static int
read_tree(const char *what, struct plan *p, json_t *list, struct err *err)
{
	static const char *const keys[] = { "path", "x", "sha256", NULL };
	json_t *j;
	size_t i;

	p->tree = mem_zero(json_array_size(list) + 1, sizeof(*p->tree));
	json_array_foreach(list, i, j)
	{
		struct plan_file *f = &p->tree[i];
		const json_t *x = json_object_get(j, "x");

		if (js_only(what, j, keys, err) == -1 ||
		    js_str(what, j, "path", &f->path, err) == -1 ||
		    check_name(what, f->path, true, err) == -1 ||
		    js_hash(what, j, "sha256", &f->sha256, err) == -1)
			return -1;
		if (!json_is_boolean(x))
			return err_set(
			    err, ERR_INPUT, "%s: x: not true or false", what);
		f->x = json_is_true(x);
		p->ntree++;
	}
	return 0;
}

static int
read_packages(const char *what, struct plan *p, json_t *list, struct err *err)
{
	static const char *const keys[] = { "name", "sha256", NULL };
	json_t *j;
	size_t i;

	p->packages = mem_zero(json_array_size(list) + 1, sizeof(*p->packages));
	json_array_foreach(list, i, j)
	{
		struct plan_package *k = &p->packages[i];

		if (js_only(what, j, keys, err) == -1 ||
		    js_str(what, j, "name", &k->name, err) == -1 ||
		    js_hash(what, j, "sha256", &k->sha256, err) == -1)
			return -1;
		p->npackages++;
	}
	return 0;
}

static int
read_sources(const char *what, struct plan *p, json_t *list, struct err *err)
{
	static const char *const keys[] = { "file", "sha256", NULL };
	json_t *j;
	size_t i;

	p->sources = mem_zero(json_array_size(list) + 1, sizeof(*p->sources));
	json_array_foreach(list, i, j)
	{
		struct plan_source *s = &p->sources[i];

		if (js_only(what, j, keys, err) == -1 ||
		    js_str(what, j, "file", &s->file, err) == -1 ||
		    check_name(what, s->file, false, err) == -1 ||
		    js_hash(what, j, "sha256", &s->sha256, err) == -1)
			return -1;
		p->nsources++;
	}
	return 0;
}

static int
read_uses(const char *what, struct plan *p, json_t *list, struct err *err)
{
	static const char *const keys[] = { "recipe", "output", "sha256",
		NULL };
	json_t *j;
	size_t i;

	p->uses = mem_zero(json_array_size(list) + 1, sizeof(*p->uses));
	json_array_foreach(list, i, j)
	{
		struct plan_use *u = &p->uses[i];

		if (js_only(what, j, keys, err) == -1 ||
		    js_str(what, j, "recipe", &u->recipe, err) == -1 ||
		    js_str(what, j, "output", &u->output, err) == -1 ||
		    check_name(what, u->recipe, false, err) == -1 ||
		    check_name(what, u->output, false, err) == -1 ||
		    js_hash(what, j, "sha256", &u->sha256, err) == -1)
			return -1;
		p->nuses++;
	}
	return 0;
}

static int
read_outputs(const char *what, struct plan *p, json_t *list, struct err *err)
{
	json_t *j;
	size_t i;

	p->outputs = mem_zero(json_array_size(list) + 1, sizeof(*p->outputs));
	json_array_foreach(list, i, j)
	{
		const char *name = json_string_value(j);

		if (!name)
			return err_set(
			    err, ERR_INPUT, "%s: outputs: not a text", what);
		if (check_name(what, name, false, err) == -1)
			return -1;
		p->outputs[p->noutputs++] = name;
	}
	if (p->noutputs == 0)
		return err_set(err, ERR_INPUT, "%s: no outputs", what);
	return 0;
}

/* They become lines of /kiln/files. */
static int
check_entry(const char *what, const struct plan_entry *e, struct err *err)
{
	if (e->path[0] == '/' && path_ok(e->path + 1) && strchr(e->from, ':') &&
	    strlen(e->mode) == 4 && strspn(e->mode, "01234567") == 4 &&
	    e->from[strcspn(e->from, " \t\n\\")] == '\0')
		return 0;
	return err_set(err, ERR_INPUT, "%s: files: %.100s: not a good entry",
	    what, e->path);
}

static int
read_files(const char *what, struct plan *p, json_t *list, struct err *err)
{
	static const char *const keys[] = { "path", "from", "mode", NULL };
	json_t *j;
	size_t i;

	p->files = mem_zero(json_array_size(list) + 1, sizeof(*p->files));
	json_array_foreach(list, i, j)
	{
		struct plan_entry *e = &p->files[i];

		if (js_only(what, j, keys, err) == -1 ||
		    js_str(what, j, "path", &e->path, err) == -1 ||
		    js_str(what, j, "from", &e->from, err) == -1 ||
		    js_str(what, j, "mode", &e->mode, err) == -1 ||
		    check_entry(what, e, err) == -1)
			return -1;
		p->nfiles++;
	}
	return 0;
}

static int
read_stage(const char *what, struct plan *p, struct err *err)
{
	static const char *const build[] = { "kind", "v", "recipe", "stage",
		"arch", "on", "clock", "policy", "tree", "packages", "sources",
		"uses", "outputs", "script", NULL };
	static const char *const image[] = { "kind", "v", "recipe", "stage",
		"arch", "on", "clock", "policy", "tree", "packages", "sources",
		"uses", "outputs", "files", NULL };
	const char *stage;
	json_t *list;

	if (js_str(what, p->json, "stage", &stage, err) == -1)
		return -1;
	if (strcmp(stage, recipe_stage_name(STAGE_BUILD)) == 0) {
		p->stage = STAGE_BUILD;
		return js_only(what, p->json, build, err) == -1 ||
			       js_str(what, p->json, "script", &p->script,
				   err) == -1 ||
			       check_name(what, p->script, true, err) == -1
			   ? -1
			   : 0;
	}
	if (strcmp(stage, recipe_stage_name(STAGE_IMAGE)) != 0)
		return err_set(
		    err, ERR_INPUT, "%s: unknown stage \"%.40s\"", what, stage);
	p->stage = STAGE_IMAGE;
	return js_only(what, p->json, image, err) == -1 ||
		       js_array(what, p->json, "files", &list, err) == -1 ||
		       read_files(what, p, list, err) == -1
		   ? -1
		   : 0;
}

/* The first version named its recipe, whose digest was then another though
 * the job was the same. */
static int
read_owner(const char *what, struct plan *p, struct err *err)
{
	p->own = PLAN_OWN;
	if (json_integer_value(json_object_get(p->json, "v")) > 1)
		return json_object_get(p->json, "recipe")
			   ? err_set(err, ERR_INPUT,
				 "%s: unknown key \"recipe\"", what)
			   : 0;
	if (js_str(what, p->json, "recipe", &p->own, err) == -1)
		return -1;
	return check_name(what, p->own, false, err);
}

static int
read_on(const char *what, struct plan *p, struct err *err)
{
	bool cross =
	    json_integer_value(json_object_get(p->json, "v")) >= VERSION_CROSS;

	if (!cross)
		return json_object_get(p->json, "on")
			   ? err_set(
				 err, ERR_INPUT, "%s: unknown key \"on\"", what)
			   : 0;
	return js_str(what, p->json, "on", &p->on, err);
}

static int
read_plan(const char *what, struct plan *p, struct err *err)
{
	const char *clock;
	json_t *list;

	if (read_owner(what, p, err) == -1 || read_on(what, p, err) == -1 ||
	    read_stage(what, p, err) == -1 ||
	    js_str(what, p->json, "arch", &p->arch, err) == -1 ||
	    js_str(what, p->json, "clock", &clock, err) == -1 ||
	    time_parse(clock, &p->clock, err) == -1 ||
	    js_hash(what, p->json, "policy", &p->policy, err) == -1 ||
	    js_array(what, p->json, "tree", &list, err) == -1 ||
	    read_tree(what, p, list, err) == -1 ||
	    js_array(what, p->json, "packages", &list, err) == -1 ||
	    read_packages(what, p, list, err) == -1 ||
	    js_array(what, p->json, "sources", &list, err) == -1 ||
	    read_sources(what, p, list, err) == -1 ||
	    js_array(what, p->json, "uses", &list, err) == -1 ||
	    read_uses(what, p, list, err) == -1 ||
	    js_array(what, p->json, "outputs", &list, err) == -1 ||
	    read_outputs(what, p, list, err) == -1)
		return -1;
	return 0;
}

struct plan *
plan_parse(const char *what, const void *bytes, size_t n, struct err *err)
{
	auto_plan struct plan *p = mem_zero(1, sizeof(*p));

	buf_init(&p->text);
	p->json = js_record(what, KIND, VERSION_CROSS, bytes, n, err);
	if (!p->json || read_plan(what, p, err) == -1 ||
	    canon_json(p->json, &p->text, err) == -1)
		return NULL;
	/* The digest is of the text: there is one text for a plan. */
	if (p->text.len != n || memcmp(p->text.data, bytes, n) != 0) {
		err_set(err, ERR_INPUT, "%s: not canonical", what);
		return NULL;
	}
	hash_bytes(&p->digest, bytes, n);
	return take_ptr(&p);
}

struct plan *
plan_load(struct store *store, const struct hash *digest, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char hex[HASH_HEX];
	char what[HASH_HEX + 8] = "plan ";

	hash_hex(digest, hex);
	memcpy(what + 5, hex, 12);
	if (store_read(store, digest, PLAN_MAX, &text, err) == -1) {
		err_prefix(err, "%s", what);
		return NULL;
	}
	return plan_parse(what, text.data, text.len, err);
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	json_decref(p->json);
	buf_release(&p->text);
	free(p->tree);
	free(p->packages);
	free(p->sources);
	free(p->uses);
	free(p->outputs);
	free(p->files);
	free(p);
}
