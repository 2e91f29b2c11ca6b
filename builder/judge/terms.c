#include "builder/judge/terms.h"

#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/solo5.h"

/* A tag may move; a commit says what it is. */
static const char *
git_version(const struct upstream_git *g, const struct lock *l)
{
	for (size_t i = 0; i < l->git.n; i++)
		if (strcmp(l->git.v[i].url, g->url) == 0 &&
		    strcmp(l->git.v[i].ref, g->ref) == 0)
			return l->git.v[i].commit;
	return NULL;
}

static const char *
locked_version(const struct lock *l, const char *upstream)
{
	auto_free char *foreign = mem_printf("%s:%s", upstream, l->arch);
	const struct lock_package *p;

	for (size_t i = 0; i < l->sources.n; i++)
		if (strcmp(l->sources.v[i].name, upstream) == 0)
			return l->sources.v[i].version;
	p = lock_package_find(&l->image, foreign);
	if (!p)
		p = lock_package_find(&l->image, upstream);
	if (!p)
		p = lock_package_find(&l->build, foreign);
	if (!p)
		p = lock_package_find(&l->build, upstream);
	return p ? p->version : NULL;
}

/* What others made has no version but its digest. */
static bool
used_version(const struct plan *p, const char *upstream, struct buf *out)
{
	char hex[HASH_HEX];

	for (size_t i = 0; i < p->nuses; i++) {
		if (strcmp(p->uses[i].output, upstream) != 0)
			continue;
		hash_hex(&p->uses[i].sha256, hex);
		buf_printf(out, "%.12s", hex);
		return true;
	}
	return false;
}

static const char *
find_version(const struct recipe *r, const struct lock *l)
{
	for (size_t i = 0; i < r->ngit; i++)
		if (strcmp(r->git[i].name, r->upstream) == 0)
			return git_version(&r->git[i], l);
	return locked_version(l, r->upstream);
}

static json_t *
strs_json(const struct strs *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(list, json_string(s->v[i]));
	return list;
}

/* What a tender must give it, so that a router can tell before it fetches it.
 */
static int
add_notes(
    json_t *custom, struct store *store, const json_t *output, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_fd int fd = -1;
	struct hash h;
	struct solo5 s;

	if (js_hash("outputs", output, "sha256", &h, err) == -1 ||
	    store_get(store, &h, &fd, err) == -1)
		return -1;
	if (solo5_read_fd(fd, &s, err) == -1) {
		/* Whatever is wrong with it is the recipe's. */
		err->cls = ERR_INPUT;
		return -1;
	}
	solo5_text(&s, &text);
	js_set_str(custom, "solo5", text.data);
	return 0;
}

static json_t *
custom_json(const struct recipe *r, const char *part, const char *version)
{
	json_t *j = json_object(), *config;

	js_set_str(j, "service", recipe_service(r));
	js_set_str(j, "version", version);
	js_set_int(j, "memory", r->memory);
	if (r->kind == RECIPE_KERNEL) {
		js_set_str(j, "type", "kernel");
		js_set_str(j, "part", part);
		js_set_str(j, "machine", r->machine);
		js_set_str(j, "cmdline", r->cmdline);
		return j;
	}
	if (r->kind == RECIPE_AGENT) {
		js_set_str(j, "type", "agent");
		return j;
	}
	js_set_str(j, "type", r->kind == RECIPE_SOLO5 ? "solo5" : "vm");
	js_set_str(j, "handover", r->handover);
	js_set(j, "needs", strs_json(&r->needs));
	js_set(j, "provides", strs_json(&r->provides));
	js_set(j, "ports", strs_json(&r->ports));
	js_set(j, "volumes", recipe_volumes(r));
	js_set(j, "probes", recipe_probes(r));
	if (r->configure)
		js_set_str(j, "configure", r->configure);
	config = recipe_config(r);
	if (config)
		js_set(j, "config", config);
	return j;
}

json_t *
terms_targets(const struct recipe *r, struct store *store,
    const json_t *outputs, const char *version, struct err *err)
{
	json_t *list = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(outputs, i, one)
	{
		json_t *t = json_object(), *custom;

		js_set(t, "sha256", json_copy(json_object_get(one, "sha256")));
		js_set(t, "size", json_copy(json_object_get(one, "size")));
		js_set(t, "custom",
		    custom = custom_json(r,
			json_string_value(json_object_get(one, "name")),
			version));
		json_array_append_new(list, t);
		if (r->kind == RECIPE_SOLO5 &&
		    add_notes(custom, store, one, err) == -1) {
			json_decref(list);
			err_prefix(err, "recipe %s", r->name);
			return NULL;
		}
	}
	return list;
}

/* An image may be put together of what others compile: then the version is in
 * the lock of one of them. */
int
terms_version(const struct recipe *r, struct store *store,
    const struct lock *lock, const struct closure *c, struct buf *version,
    struct err *err)
{
	const char *found;

	if (!r->upstream) {
		buf_str(version, "0");
		return 0;
	}
	found = find_version(r, lock);
	if (found)
		buf_str(version, found);
	for (size_t i = 1; i < c->n && !found; i++) {
		auto_lock struct lock *l = lock_load(store, &c->v[i].lock, err);

		if (!l)
			return -1;
		found = locked_version(l, r->upstream);
		if (found)
			buf_str(version, found);
	}
	if (!found && !used_version(c->v[0].plan, r->upstream, version))
		return err_set(err, ERR_INPUT,
		    "%s/recipe.yaml: upstream: \"%s\" is in none of its"
		    " packages and sources, nor of those it uses",
		    r->name, r->upstream);
	return 0;
}
