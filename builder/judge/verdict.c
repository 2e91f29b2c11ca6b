#include "builder/judge/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/lane.h"
#include "builder/judge/compare.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static const char *const names[] = {
	[VERDICT_REPRODUCED] = "reproduced",
	[VERDICT_DIFFERS] = "differs",
	[VERDICT_FAILED] = "failed",
	[VERDICT_INCONCLUSIVE] = "inconclusive",
};

const char *
verdict_name(enum verdict v)
{
	return names[v];
}

static const char *
text_of(const struct verdict_run *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->record, key));

	return s ? s : "";
}

static int
by_lane(const void *a, const void *b)
{
	return strcmp(text_of(a, "lane"), text_of(b, "lane"));
}

static int
check(const struct hash *plan, const struct verdict_run *r, struct err *err)
{
	struct hash of;
	const char *lane, *outcome;
	json_t *list;

	if (js_hash("run", r->record, "plan", &of, err) == -1 ||
	    js_str("run", r->record, "lane", &lane, err) == -1 ||
	    js_str("run", r->record, "outcome", &outcome, err) == -1 ||
	    js_array("run", r->record, "outputs", &list, err) == -1 ||
	    js_array("run", r->record, "variations", &list, err) == -1)
		return -1;
	if (!hash_equal(&of, plan))
		return err_set(err, ERR_INPUT,
		    "a run of another plan cannot judge this one");
	return 0;
}

static enum verdict
judge(const struct verdict_run *runs, size_t n, json_t **differs)
{
	auto_free json_t **good = mem_zero(n + 1, sizeof(json_t *));
	size_t ngood = 0;
	bool other_lane = false;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(text_of(&runs[i], "outcome"), "succeeded") != 0)
			return VERDICT_FAILED;
		good[ngood++] = runs[i].record;
		if (by_lane(&runs[0], &runs[i]) != 0)
			other_lane = true;
	}
	/* The same lane twice proves too little. */
	if (!other_lane)
		return VERDICT_INCONCLUSIVE;
	json_decref(*differs);
	*differs = compare_outputs(good, ngood);
	return json_array_size(*differs) ? VERDICT_DIFFERS : VERDICT_REPRODUCED;
}

/* Bits of what differed between some two of the runs. */
static unsigned
varied(const struct verdict_run *runs, size_t n)
{
	unsigned any = 0, all = VARY_ALL;

	for (size_t i = 0; i < n; i++) {
		const json_t *list =
		    json_object_get(runs[i].record, "variations");
		unsigned bits = 0;
		const json_t *one;
		size_t k;

		json_array_foreach(list, k,
		    one) for (int v = 0; v < VARY_COUNT;
			      v++) if (json_is_string(one) &&
				       strcmp(json_string_value(one),
					   variation_name(v)) == 0) bits |=
		    VARY(v);
		any |= bits;
		all &= bits;
	}
	return n ? any & ~all : 0;
}

/* What a run says of the machine it ran on, or "". */
static const char *
of_machine(const struct verdict_run *r, const char *key)
{
	const char *s = json_string_value(
	    json_object_get(json_object_get(r->record, "machine"), key));

	return s ? s : "";
}

/* Runs on one machine cannot differ in it; those of an engine may. */
static bool
machines_differ(const struct verdict_run *runs, size_t n, const char *key)
{
	for (size_t i = 1; i < n; i++)
		if (by_lane(&runs[0], &runs[i]) != 0 &&
		    strcmp(of_machine(&runs[0], key),
			of_machine(&runs[i], key)) != 0)
			return true;
	return false;
}

/* Both lists are sorted. */
static void
move_word(json_t *from, json_t *to, const char *word)
{
	size_t i;

	for (i = 0; i < json_array_size(from); i++)
		if (strcmp(json_string_value(json_array_get(from, i)), word) ==
		    0)
			break;
	if (i == json_array_size(from))
		return;
	json_array_remove(from, i);
	for (i = 0; i < json_array_size(to); i++)
		if (strcmp(json_string_value(json_array_get(to, i)), word) > 0)
			break;
	json_array_insert_new(to, i, json_string(word));
}

static void
set_varied(json_t *j, const struct verdict_run *runs, size_t n)
{
	static const char *const of_machines[] = { "cpu", "kernel" };
	unsigned bits = varied(runs, n);
	json_t *yes = lane_varied(bits), *no = lane_not_varied(bits);

	for (size_t i = 0; i < ARRAY_LEN(of_machines); i++)
		if (machines_differ(runs, n, of_machines[i]))
			move_word(no, yes, of_machines[i]);
	js_set(j, "varied", yes);
	js_set(j, "not_varied", no);
}

static void
add_once(json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(
	    list, i, one) if (strcmp(json_string_value(one), text) == 0) return;
	json_array_append_new(list, json_string(text));
}

json_t *
verdict_make(const struct hash *plan, const struct verdict_run *given, size_t n,
    enum verdict *verdict, struct err *err)
{
	auto_free struct verdict_run *runs = mem_zero(n + 1, sizeof(*runs));
	json_t *differs = json_array(), *by = json_array(),
	       *lanes = json_array(), *digests = json_array(), *j;
	enum verdict v;

	if (n)
		memcpy(runs, given, n * sizeof(*runs));
	for (size_t i = 0; i < n; i++)
		if (check(plan, &runs[i], err) == -1) {
			json_decref(differs);
			json_decref(by);
			json_decref(lanes);
			json_decref(digests);
			return NULL;
		}
	qsort(runs, n, sizeof(*runs), by_lane);
	v = judge(runs, n, &differs);
	for (size_t i = 0; i < n; i++) {
		char hex[HASH_HEX];

		add_once(by, text_of(&runs[i], "builder"));
		add_once(lanes, text_of(&runs[i], "lane"));
		hash_hex(&runs[i].digest, hex);
		json_array_append_new(digests, json_string(hex));
	}
	j = js_record_new("kiln/verdict", 1);
	js_set_hash(j, "plan", plan);
	js_set_str(j, "verdict", names[v]);
	js_set(j, "by", by);
	js_set(j, "lanes", lanes);
	js_set(j, "runs", digests);
	js_set(j, "outputs",
	    v == VERDICT_REPRODUCED
		? json_deep_copy(json_object_get(runs[0].record, "outputs"))
		: json_array());
	js_set(j, "differs", differs);
	set_varied(j, runs, n);
	*verdict = v;
	return j;
}
