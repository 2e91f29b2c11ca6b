#include "builder/doubt/derive.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/policy.h"
#include "builder/judge/closure.h"
#include "builder/judge/sbom.h"
#include "builder/judge/terms.h"
#include "builder/plan/arch.h"
#include "builder/plan/recipe_read.h"
#include "builder/plan/recipe_tree.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/recipe_sig.h"

#define TREE_MAX ((size_t)1 << 20)
#define YAML_MAX ((size_t)1 << 20)

struct deriving {
	struct doubt *d;
	const struct maintainers *who;
	json_t *seen; /* "PLAN RECIPE" */
};

static void
recipe_own(struct recipe *r)
{
	recipe_read_release(r);
	recipe_tree_release(r);
	free(r->folder);
	free(r->name);
}

/* --- a recipe by its files -------------------------------------------------
 */

static int
fetch(struct doubt *d, const struct hash *h, const char *name, size_t limit,
    struct buf *out, struct err *err)
{
	if (bytes_blob(&d->bytes, h, -1, name, err) == -1 ||
	    store_read(d->at->store, h, limit, out, err) == -1)
		return err_prefix(err, "%s", name);
	return 0;
}

static int
check_signed(struct deriving *g, const struct origin_tree *t,
    const json_t *tree, struct err *err)
{
	auto_recipe_sig struct recipe_sig sig = RECIPE_SIG_INIT;
	auto_free char *what = mem_printf("%s/" RECIPE_SIG_FILE, t->recipe);
	auto_buf struct buf text = BUF_INIT;

	if (g->who->n == 0)
		return 0;
	if (t->is_signed &&
	    (fetch(g->d, &t->signature, what, RECIPE_SIG_MAX, &text, err) ==
		    -1 ||
		recipe_sig_read(&sig, what, text.data, text.len, err) == -1))
		return -1;
	return recipe_sig_judge(
	    tree, t->is_signed ? &sig : NULL, g->who->keys, g->who->n, err);
}

/* A farm calls a recipe with the architecture, if it is not that of its
 * machine and both are built. */
static char *
folder_of(const struct plan *p, const char *recipe)
{
	auto_free char *end = mem_printf(".%s", p->arch);
	size_t n = strlen(recipe), e = strlen(end);

	return p->on && n > e && strcmp(recipe + n - e, end) == 0
		   ? mem_strn(recipe, n - e)
		   : mem_str(recipe);
}

static const void *
tree_called(const void *of, const char *recipe)
{
	const struct origin_plan *o = of;

	for (size_t i = 0; i < o->ntrees; i++)
		if (strcmp(o->trees[i].recipe, recipe) == 0)
			return &o->trees[i];
	return NULL;
}

static const struct origin_tree *
tree_of(const struct doubt_plan *p, const char *folder)
{
	return recipe_arch_used(
	    folder, p->plan->arch, p->plan->on, tree_called, p->origin);
}

static int
load_recipe(struct deriving *g, const struct doubt_plan *p, const char *name,
    struct recipe *r, struct err *err)
{
	const struct origin_tree *t = tree_of(p, name);
	auto_free char *what = mem_printf("files of the recipe %s", name);
	auto_buf struct buf text = BUF_INIT, yaml = BUF_INIT;
	auto_json json_t *tree = NULL;
	const struct recipe_file *f;
	const char *its;

	if (!t)
		return err_set(err, ERR_TRUST,
		    "recipe %s: the farm does not show its files", name);
	if (fetch(g->d, &t->tree, what, TREE_MAX, &text, err) == -1 ||
	    !(tree = js_record(
		  what, RECIPE_TREE_KIND, 1, text.data, text.len, err)) ||
	    recipe_tree_check(what, tree, err) == -1 ||
	    js_str(what, tree, "recipe", &its, err) == -1)
		return -1;
	if (strcmp(its, name) != 0)
		return err_set(err, ERR_TRUST,
		    "recipe %s: the farm shows the files of %s", name, its);
	if (check_signed(g, t, tree, err) == -1)
		return -1;
	recipe_tree_take(r, tree);
	r->name = mem_str(t->recipe);
	r->arch = arch_known(p->plan->arch);
	r->on = p->plan->on ? arch_known(p->plan->on) : NULL;
	if (!r->arch || (p->plan->on && !r->on))
		return err_set(err, ERR_TRUST,
		    "recipe %s: it is for an architecture that kiln does not"
		    " know",
		    name);
	f = recipe_tree_find(r, "recipe.yaml");
	if (!f)
		return err_set(
		    err, ERR_TRUST, "recipe %s: it has no recipe.yaml", name);
	if (fetch(g->d, &f->sha256, "recipe.yaml", YAML_MAX, &yaml, err) == -1)
		return -1;
	return recipe_read_text(yaml.data, yaml.len, r, err);
}

/* --- its plan ---------------------------------------------------------------
 */

static const char *
asked_of(const struct plan *p, const struct plan_use *u, const char *name)
{
	return strcmp(u->recipe, p->own) == 0 ? name : u->recipe;
}

static bool
has_use(const struct plan *p, const char *own, const char *recipe,
    const char *output)
{
	for (size_t i = 0; i < p->nuses; i++)
		if (strcmp(asked_of(p, &p->uses[i], own), recipe) == 0 &&
		    strcmp(p->uses[i].output, output) == 0)
			return true;
	return false;
}

/* A plan echoes what it was given to use: it has to be what is asked for. */
static bool
same_uses(const struct plan *p, const struct recipe *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nuses; i++)
		for (size_t k = 0; k < r->uses[i].outputs.n; k++, n++)
			if (!has_use(p, r->name, r->uses[i].recipe,
				r->uses[i].outputs.v[k]))
				return false;
	for (size_t k = 0; p->stage == STAGE_IMAGE && k < r->outputs.n;
	     k++, n++)
		if (!has_use(p, r->name, r->name, r->outputs.v[k]))
			return false;
	return n == p->nuses;
}

static int
check_plan(const struct doubt_plan *dp, const struct recipe *r, struct err *err)
{
	const struct plan *p = dp->plan;
	auto_free struct plan_use *uses = mem_zero(p->nuses + 1, sizeof(*uses));
	auto_plan struct plan *own = NULL;
	struct hash policy;

	for (size_t i = 0; i < p->nuses; i++) {
		uses[i] = p->uses[i];
		uses[i].recipe = asked_of(p, &p->uses[i], r->name);
	}
	policy_digest(&policy);
	if (p->stage == STAGE_IMAGE ? !r->has_image : !r->has_build)
		return err_set(err, ERR_TRUST, "recipe %s: it has no %s stage",
		    r->name, recipe_stage_name(p->stage));
	own = plan_make(r, p->stage, dp->lock, uses, p->nuses, &policy, err);
	if (!own)
		return -1;
	if (!same_uses(p, r) || !hash_equal(&own->digest, &p->digest))
		return err_set(err, ERR_TRUST,
		    "recipe %s: its %s plan is not what its files and its lock"
		    " give",
		    r->name, recipe_stage_name(p->stage));
	return 0;
}

static int check(struct deriving *g, size_t plan, const char *name,
    struct recipe *, struct err *err);

static int
check_used(struct deriving *g, const struct doubt_plan *p, const char *name,
    struct err *err)
{
	for (size_t i = 0; i < p->plan->nuses; i++) {
		struct recipe r = { 0 };
		int rc = check(g, p->uses[i],
		    asked_of(p->plan, &p->plan->uses[i], name), &r, err);

		recipe_own(&r);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* Users come after those they use, so that this ends. */
static int
check(struct deriving *g, size_t plan, const char *name, struct recipe *r,
    struct err *err)
{
	const struct doubt_plan *p = &g->d->plans[plan];
	auto_free char *key = mem_printf("%zu %s", plan, name);

	if (json_object_get(g->seen, key))
		return 0;
	js_set_bool(g->seen, key, true);
	if (load_recipe(g, p, name, r, err) == -1 ||
	    check_plan(p, r, err) == -1)
		return -1;
	return check_used(g, p, name, err);
}

/* --- what is told of it ------------------------------------------------------
 */

static int
sbom_digest(struct doubt *d, const struct closure *c, const char *service,
    const char *version, const json_t *outputs, struct hash *h, struct err *err)
{
	auto_sbom struct sbom s = SBOM_INIT;
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;

	if (sbom_collect(&s, d->at->store, c, service, version, outputs, err) ==
		-1 ||
	    !(j = sbom_spdx(&s, err)) || canon_json(j, &text, err) == -1)
		return err_prefix(err, "SBOM of %s", service);
	hash_bytes(h, text.data, text.len);
	return 0;
}

static void
add_entry(json_t *entries, const char *service, const char *arch,
    const struct hash *sbom, const json_t *target)
{
	const char *hex = json_string_value(json_object_get(target, "sha256"));
	auto_free char *path =
	    mem_printf("images/%s/%s/%s", service, arch, hex);
	json_t *j = json_object(), *hashes = json_object();
	json_t *custom = json_copy(json_object_get(target, "custom"));

	js_set_str(hashes, "sha256", hex);
	js_set_hash(custom, "sbom", sbom);
	js_set(j, "length", json_incref(json_object_get(target, "size")));
	js_set(j, "hashes", hashes);
	js_set(j, "custom", custom);
	js_set(entries, path, j);
}

/* What is said of a unikernel is read in it; its digest is what counts. */
static int
have_outputs(struct doubt *d, const json_t *outputs, struct err *err)
{
	const json_t *one;
	struct hash h;
	size_t i;

	json_array_foreach(outputs, i, one)
	{
		if (js_hash("outputs", one, "sha256", &h, err) == -1 ||
		    bytes_blob(&d->bytes, &h, -1, "a unikernel", err) == -1)
			return -1;
	}
	return 0;
}

static int
tell(struct doubt *d, const char *service, const struct recipe *r,
    json_t **entries, struct err *err)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	const json_t *outputs = json_object_get(
	    json_array_get(
		json_object_get(d->origin.json, "plans"), d->nplans - 1),
	    "outputs");
	auto_json json_t *targets = NULL, *all = json_object();
	auto_closure struct closure c = CLOSURE_INIT;
	auto_buf struct buf version = BUF_INIT;
	struct hash sbom;
	json_t *one;
	size_t i;

	if (!recipe_is_service(r) || strcmp(recipe_service(r), service) != 0)
		return err_set(err, ERR_TRUST,
		    "recipe %s is not of the service %s", r->name, service);
	if (closure_of_origin(d->origin.json, d->at->store, &c, err) == -1 ||
	    terms_version(r, d->at->store, last->lock, &c, &version, err) ==
		-1 ||
	    sbom_digest(d, &c, service, version.data, outputs, &sbom, err) ==
		-1)
		return -1;
	if (r->kind == RECIPE_SOLO5 && have_outputs(d, outputs, err) == -1)
		return -1;
	targets = terms_targets(r, d->at->store, outputs, version.data, err);
	if (!targets)
		return -1;
	json_array_foreach(targets, i, one)
	    add_entry(all, service, last->plan->arch, &sbom, one);
	*entries = json_incref(all);
	return 0;
}

int
derive_entries(struct doubt *d, const char *service,
    const struct maintainers *who, json_t **entries, struct err *err)
{
	auto_json json_t *seen = json_object();
	struct deriving g = { d, who, seen };
	struct recipe r = { 0 };
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	auto_free char *folder = folder_of(last->plan, last->origin->recipe);
	int rc = check(&g, d->nplans - 1, folder, &r, err);

	if (rc == 0)
		rc = tell(d, service, &r, entries, err);
	recipe_own(&r);
	return rc;
}
