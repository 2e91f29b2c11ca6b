#include "builder/doubt/origin_read.h"

#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/origin.h"

static int
read_output(
    struct origin_output *o, const char *what, const json_t *j, struct err *err)
{
	static const char *const keys[] = { "name", "sha256", "size", NULL };

	if (!json_is_object(j))
		return err_set(
		    err, ERR_INPUT, "%s: an output is no object", what);
	if (js_only(what, j, keys, err) == -1 ||
	    js_str(what, j, "name", &o->name, err) == -1 ||
	    js_hash(what, j, "sha256", &o->sha256, err) == -1 ||
	    js_int(what, j, "size", 0, JS_INT_MAX, &o->size, err) == -1)
		return -1;
	if (!name_ok(o->name))
		return err_set(err, ERR_INPUT,
		    "%s: an output has a name that no file may have", what);
	return 0;
}

static int
read_tree(
    struct origin_tree *t, const char *what, const json_t *j, struct err *err)
{
	static const char *const keys[] = { "recipe", "tree", "signature",
		NULL };

	if (!json_is_object(j))
		return err_set(err, ERR_INPUT, "%s: a tree is no object", what);
	t->is_signed = !json_is_null(json_object_get(j, "signature"));
	if (js_only(what, j, keys, err) == -1 ||
	    js_str(what, j, "recipe", &t->recipe, err) == -1 ||
	    js_hash(what, j, "tree", &t->tree, err) == -1)
		return -1;
	return t->is_signed ? js_hash(what, j, "signature", &t->signature, err)
			    : 0;
}

static int
read_trees(
    struct origin_plan *p, const char *what, const json_t *j, struct err *err)
{
	json_t *list;

	if (!json_object_get(j, "trees"))
		return 0;
	if (js_array(what, j, "trees", &list, err) == -1)
		return -1;
	p->trees = mem_zero(json_array_size(list) + 1, sizeof(*p->trees));
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_tree(&p->trees[p->ntrees++], what,
			json_array_get(list, i), err) == -1)
			return -1;
	return 0;
}

static int
read_plan(
    struct origin_plan *p, const char *what, const json_t *j, struct err *err)
{
	static const char *const keys[] = { "plan", "lock", "recipe", "stage",
		"verdict", "judged", "outputs", "runs", "trees", NULL };
	json_t *outputs;

	if (!json_is_object(j))
		return err_set(err, ERR_INPUT, "%s: a plan is no object", what);
	if (js_only(what, j, keys, err) == -1 ||
	    js_hash(what, j, "plan", &p->plan, err) == -1 ||
	    js_hash(what, j, "lock", &p->lock, err) == -1 ||
	    js_str(what, j, "recipe", &p->recipe, err) == -1 ||
	    js_array(what, j, "outputs", &outputs, err) == -1)
		return -1;
	if (!name_ok(p->recipe))
		return err_set(err, ERR_INPUT,
		    "%s: a recipe has a name that no folder may have", what);
	p->outputs =
	    mem_zero(json_array_size(outputs) + 1, sizeof(*p->outputs));
	for (size_t i = 0; i < json_array_size(outputs); i++)
		if (read_output(&p->outputs[p->noutputs++], what,
			json_array_get(outputs, i), err) == -1)
			return -1;
	return read_trees(p, what, j, err);
}

static int
read_all(struct origin *o, const char *what, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "digest", "service",
		"plans", NULL };
	const json_t *digest = json_object_get(o->json, "digest");
	const json_t *service = json_object_get(o->json, "service");
	json_t *plans;
	size_t n;

	if (js_only(what, o->json, keys, err) == -1 ||
	    js_array(what, o->json, "plans", &plans, err) == -1)
		return -1;
	o->by_digest = !json_is_null(digest);
	if (o->by_digest &&
	    js_hash(what, o->json, "digest", &o->digest, err) == -1)
		return -1;
	if (!json_is_null(service)) {
		if (js_str(what, o->json, "service", &o->service, err) == -1)
			return -1;
		if (!name_ok(o->service))
			return err_set(err, ERR_INPUT,
			    "%s: a service has a name that none may have",
			    what);
	}
	n = json_array_size(plans);
	if (n == 0 || n > ORIGIN_PLANS)
		return err_set(err, ERR_INPUT, "%s: %zu plans, not 1 to %d",
		    what, n, ORIGIN_PLANS);
	o->plans = mem_zero(n, sizeof(*o->plans));
	for (size_t i = 0; i < n; i++)
		if (read_plan(&o->plans[o->nplans++], what,
			json_array_get(plans, i), err) == -1)
			return -1;
	return 0;
}

int
origin_read(struct origin *o, const char *what, const void *text, size_t n,
    struct err *err)
{
	*o = (struct origin){ 0 };
	o->json = js_record(what, "kiln/origin", 2, text, n, err);
	if (o->json && read_all(o, what, err) == 0)
		return 0;
	origin_release(o);
	return -1;
}

void
origin_release(struct origin *o)
{
	for (size_t i = 0; i < o->nplans; i++) {
		free(o->plans[i].outputs);
		free(o->plans[i].trees);
	}
	free(o->plans);
	json_decref(o->json);
	*o = (struct origin){ 0 };
}
