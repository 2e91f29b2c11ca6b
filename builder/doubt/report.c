/* What came of a reproduction, as JSON. */
#include "builder/doubt/doubt.h"
#include "lib/json.h"

static json_t *
run_json(const struct doubt_run *r)
{
	json_t *j = json_object();
	char lane[2] = { r->lane, '\0' };

	js_set_str(j, "lane", lane);
	if (!r->ended)
		return j;
	js_set(j, "record", json_incref(r->record));
	js_set_int(j, "wall_ms", r->result.wall_ms);
	js_set_int(j, "cpu_ms", r->result.cpu_ms);
	if (!r->result.succeeded)
		js_set_str(j, "message", r->result.message);
	return j;
}

static json_t *
plan_json(const struct doubt_plan *p)
{
	json_t *j = json_object(), *expected = json_array();
	json_t *runs = json_array();

	js_set_str(j, "recipe", p->origin->recipe);
	js_set_hash(j, "plan", &p->origin->plan);
	js_set_hash(j, "lock", &p->origin->lock);
	js_set_str(
	    j, "stage", p->plan ? recipe_stage_name(p->plan->stage) : NULL);
	js_set_str(j, "outcome", doubt_outcome_name(p->outcome));
	for (size_t i = 0; i < p->nexpected; i++) {
		json_t *one = json_object();

		js_set_str(one, "name", p->expected[i].name);
		js_set_hash(one, "sha256", &p->expected[i].sha256);
		json_array_append_new(expected, one);
	}
	for (size_t k = 0; k < p->nruns; k++)
		json_array_append_new(runs, run_json(&p->runs[k]));
	js_set(j, "expected", expected);
	js_set(j, "runs", runs);
	return j;
}

static json_t *
naming_json(const struct naming *n)
{
	json_t *j = json_object();

	js_set_str(j, "role", n->role);
	js_set_int(j, "keys", n->keys);
	js_set_int(j, "threshold", n->threshold);
	js_set_hash(j, "root", &n->root);
	js_set_int(j, "root_version", n->root_version);
	js_set_bool(j, "first_use", n->first_use);
	js_set_bool(j, "demo", n->demo);
	return j;
}

static json_t *
difference_json(const struct doubt_difference *f)
{
	json_t *j = json_object();
	char lane[2] = { f->run->lane, '\0' };

	js_set_str(j, "recipe", f->plan->origin->recipe);
	js_set_str(j, "stage", recipe_stage_name(f->plan->plan->stage));
	js_set_str(j, "lane", lane);
	js_set_str(j, "output", f->output);
	if (f->output) {
		js_set_hash(j, "expected", &f->expected);
		js_set_hash(j, "got", &f->got);
	} else {
		js_set_str(j, "cause", f->run->result.cause);
		js_set_str(j, "message", f->run->result.message);
	}
	return j;
}

json_t *
doubt_json(const struct doubt *d)
{
	json_t *j = js_record_new("kiln/doubt", 1), *plans = json_array();

	js_set_str(j, "outcome", doubt_outcome_name(d->outcome));
	js_set_str(j, "from", d->bytes.from);
	js_set_str(j, "service", d->origin.service);
	js_set(j, "named", d->named ? naming_json(&d->naming) : json_null());
	for (size_t i = 0; i < d->nplans; i++)
		json_array_append_new(plans, plan_json(&d->plans[i]));
	js_set(j, "plans", plans);
	js_set(j, "difference",
	    d->difference.plan ? difference_json(&d->difference) : json_null());
	js_set_int(j, "files", d->bytes.files);
	js_set_int(j, "bytes", d->bytes.size);
	js_set_int(j, "wall_ms", d->wall_ms);
	return j;
}
