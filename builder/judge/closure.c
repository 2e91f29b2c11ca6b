#include "builder/judge/closure.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/origin.h"
#include "lib/own.h"

static void
part_release(struct closure_part *p)
{
	plan_free(p->plan);
	free(p->recipe);
	free(p->made_by);
}

void
closure_release(struct closure *c)
{
	for (size_t i = 0; i < c->n; i++)
		part_release(&c->v[i]);
	free(c->v);
	*c = (struct closure)CLOSURE_INIT;
}

static int
add(const json_t *one, struct store *store, struct closure *c, struct err *err)
{
	const json_t *judged = json_object_get(one, "judged");
	struct closure_part p = { 0 };
	const char *recipe;
	struct hash digest;

	if (js_hash("origin", one, "plan", &digest, err) == -1 ||
	    js_hash("origin", one, "lock", &p.lock, err) == -1 ||
	    js_str("origin", one, "recipe", &recipe, err) == -1 ||
	    (json_is_string(judged) &&
		js_hash("origin", one, "judged", &p.verdict, err) == -1) ||
	    !(p.plan = plan_load(store, &digest, err)))
		return -1;
	p.recipe = mem_str(recipe);
	p.made_by = mem_zero(p.plan->nuses + 1, sizeof(*p.made_by));
	MEM_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = p;
	return 0;
}

static bool
gives(const json_t *plan, const struct plan_use *use)
{
	const json_t *one;
	char hex[HASH_HEX];
	size_t i;

	hash_hex(&use->sha256, hex);
	json_array_foreach(json_object_get(plan, "outputs"), i, one)
	{
		const char *name =
			       json_string_value(json_object_get(one, "name")),
			   *is = json_string_value(
			       json_object_get(one, "sha256"));

		if (name && is && strcmp(name, use->output) == 0 &&
		    strcmp(is, hex) == 0)
			return true;
	}
	return false;
}

/* The plan that gave this output, before the one that uses it. */
static int
giver(const json_t *plans, size_t before, const struct plan_use *use,
    size_t *at, struct err *err)
{
	for (*at = 0; *at < before; ++*at)
		if (gives(json_array_get(plans, *at), use))
			return 0;
	return err_set(err, ERR_MISSING,
	    "nothing says what %s of %s was built from", use->output,
	    use->recipe);
}

/* `place[i]`: which part plan i of the list has become, or SIZE_MAX. */
static int
follow(const json_t *plans, struct store *store, size_t *place, size_t *of,
    struct closure *c, struct err *err)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->v[i].plan->nuses; k++) {
			size_t at;

			if (giver(plans, of[i], &c->v[i].plan->uses[k], &at,
				err) == -1)
				return -1;
			if (place[at] == SIZE_MAX) {
				place[at] = c->n;
				of[c->n] = at;
				if (add(json_array_get(plans, at), store, c,
					err) == -1)
					return -1;
			}
			c->v[i].made_by[k] = place[at];
		}
	return 0;
}

int
closure_of_origin(const json_t *origin, struct store *store, struct closure *c,
    struct err *err)
{
	const json_t *plans = json_object_get(origin, "plans");
	size_t n = json_array_size(plans);
	auto_free size_t *place = mem_zero(n + 1, sizeof(*place));
	auto_free size_t *of = mem_zero(n + 1, sizeof(*of));

	if (n == 0)
		return err_set(err, ERR_INPUT, "origin: no plans");
	for (size_t i = 0; i < n; i++)
		place[i] = SIZE_MAX;
	place[n - 1] = 0;
	of[0] = n - 1;
	if (add(json_array_get(plans, n - 1), store, c, err) == -1)
		return -1;
	return follow(plans, store, place, of, c, err);
}

int
closure_collect(struct db *db, struct store *store, const struct hash *plan,
    struct closure *c, bool *whole, struct err *err)
{
	auto_json json_t *origin =
	    origin_of_plan(db, store_folder(store), plan, whole, err);

	if (!origin)
		return *whole ? -1 : 0;
	return closure_of_origin(origin, store, c, err);
}
