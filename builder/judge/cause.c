#include "builder/judge/cause.h"

#include <inttypes.h>
#include <string.h>

#include "builder/bake/lane.h"
#include "builder/judge/cause_table.h"
#include "builder/judge/differ.h"
#include "builder/judge/evidence.h"
#include "builder/judge/lab.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define ITSELF "itself"
#define FINDINGS 12 /* kept with a cause */
#define TRIES 4	    /* runs before an unsteady lane counts as the same */

/* What is known so far. */
struct search {
	struct lab lab;
	unsigned hold; /* without it the quiet lane differs from itself */
	unsigned base; /* held while switches are tried */
	bool lost;     /* it does so even with all held */
	bool unsteady; /* everything contrary differs from itself */
	struct sample quiet;
	struct sample flipped; /* the last run that flipped … */
	unsigned flipped_by;   /* … and its switches */
	json_t *causes;
};

/* --- what came of it ----------------------------------------------------- */

static int
find_differences(struct search *s, const struct sample *a,
    const struct sample *b, json_t **findings, struct err *err)
{
	auto_json json_t *j = NULL;
	json_t *all;

	*findings = json_array();
	if (a->failed || b->failed) {
		auto_json json_t *one = json_object();

		js_set(one, "path", json_array());
		js_set_str(one, "what", "failed");
		js_set_str(one, "a", a->failed ? a->cause : "succeeded");
		js_set_str(one, "b", b->failed ? b->cause : "succeeded");
		json_array_append(*findings, one);
		return 0;
	}
	j = differ_outputs(
	    s->lab.q->place->store, &a->outputs, &b->outputs, err);
	if (!j) {
		json_decref(*findings);
		return -1;
	}
	all = json_object_get(j, "findings");
	for (size_t i = 0; i < FINDINGS && i < json_array_size(all); i++)
		json_array_append(*findings, json_array_get(all, i));
	return 0;
}

/* Digests of both sides, by name; the quiet side's names come first. */
static json_t *
both_outputs(const struct sample *a, const struct sample *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->outputs.n; i++)
		for (size_t k = 0; k < b->outputs.n; k++) {
			const struct output *x = &a->outputs.v[i],
					    *y = &b->outputs.v[k];
			json_t *one;

			if (strcmp(x->name, y->name) != 0 ||
			    hash_equal(&x->sha256, &y->sha256))
				continue;
			one = json_object();
			js_set_str(one, "name", x->name);
			js_set_hash(one, "a", &x->sha256);
			js_set_hash(one, "b", &y->sha256);
			json_array_append_new(list, one);
		}
	return list;
}

/* A name for it: its switches, or what had to be held. */
static char *
name_of(unsigned vary, unsigned hold)
{
	auto_buf struct buf b = BUF_INIT;

	if (hold & HOLD(HOLD_FILE_TIMES))
		return mem_str(hold_name(HOLD_FILE_TIMES));
	if (hold & HOLD(HOLD_CLOCK))
		return mem_str(variation_name(VARY_DATE));
	for (int h = 0; h < HOLD_COUNT; h++)
		if (hold & HOLD(h))
			buf_printf(&b, "%s%s", b.len ? "+" : "",
			    hold_name((enum hold)h));
	for (int v = 0; v < VARY_COUNT; v++)
		if (vary & VARY(v))
			buf_printf(&b, "%s%s", b.len ? "+" : "",
			    variation_name((enum variation)v));
	return mem_str(b.len ? b.data : ITSELF);
}

static json_t *
held_names(unsigned hold)
{
	json_t *list = json_array();

	for (int h = 0; h < HOLD_COUNT; h++)
		if (hold & HOLD(h))
			json_array_append_new(
			    list, json_string(hold_name((enum hold)h)));
	return list;
}

/* The first word of a set says what it is. */
static const struct cause_rule *
rule_for(const char *name, const json_t *findings)
{
	auto_free char *first = mem_strn(name, strcspn(name, "+"));

	return cause_rule_for(first, findings);
}

static json_t *
cause_named(const struct search *s, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(s->causes, i, one)
	{
		const char *n = json_string_value(json_object_get(one, "name"));

		if (strcmp(n, name) == 0)
			return one;
	}
	return NULL;
}

/* What nothing could hold may still say what it is. */
static const char *
seen_to_be(
    const json_t *findings, const struct sample *a, const struct sample *b)
{
	if (evidence_file_times(findings, a, b))
		return hold_name(HOLD_FILE_TIMES);
	if (evidence_random_names(findings))
		return hold_name(HOLD_RANDOM);
	return ITSELF;
}

static int
add_cause(struct search *s, unsigned vary, unsigned hold,
    const struct sample *a, const struct sample *b, struct err *err)
{
	auto_free char *name = name_of(vary, hold);
	const struct cause_rule *r;
	json_t *j, *findings;

	if (find_differences(s, a, b, &findings, err) == -1)
		return -1;
	if (strcmp(name, ITSELF) == 0) {
		free(name);
		name = mem_str(seen_to_be(findings, a, b));
	}
	r = rule_for(name, findings);
	j = json_object();
	js_set_str(j, "name", name);
	js_set(j, "variations", lane_varied(vary));
	js_set(j, "held", held_names(hold));
	js_set_str(j, "says", r ? r->says : "differs");
	js_set_str(j, "fix", r ? r->fix : "");
	js_set(j, "findings", findings);
	js_set(j, "outputs", both_outputs(a, b));
	json_array_append_new(s->causes, j);
	return 0;
}

/* --- against itself ------------------------------------------------------ */

/* Two quiet runs with that held: the same? */
static int
steady(struct search *s, unsigned hold, struct sample *a, struct sample *b,
    bool *same, struct err *err)
{
	if (lab_run(&s->lab, VARY_NONE, hold, a, err) == -1)
		return -1;
	lab_let_time_pass(a);
	if (lab_run(&s->lab, VARY_NONE, hold, b, err) == -1)
		return -1;
	*same = sample_same(a, b);
	return 0;
}

/* One thing less is held; if that shows, it is a cause. */
static int
try_without(struct search *s, unsigned less, unsigned named, struct err *err)
{
	auto_sample struct sample a = { 0 }, b = { 0 };
	bool same;

	if (!(s->hold & less))
		return 0;
	if (steady(s, s->hold & ~less, &a, &b, &same, err) == -1)
		return -1;
	if (!same)
		return add_cause(s, VARY_NONE, named, &a, &b, err);
	s->hold &= ~less;
	return 0;
}

static int
find_passing(struct search *s, struct err *err)
{
	static const unsigned times = HOLD(HOLD_CLOCK) | HOLD(HOLD_FILE_TIMES);
	auto_sample struct sample a = { 0 }, b = { 0 };
	bool same;

	lab_say(&s->lab, "it differs from itself: what passes is held still");
	s->hold = HOLD_ALL;
	if (steady(s, s->hold, &a, &b, &same, err) == -1)
		return -1;
	if (!same) {
		s->hold = 0;
		s->lost = true;
		return add_cause(s, VARY_NONE, 0, &a, &b, err);
	}
	if (try_without(s, HOLD(HOLD_FILE_TIMES), times, err) == -1)
		return -1;
	/* The clock goes with the files' times. */
	if (!(s->hold & HOLD(HOLD_FILE_TIMES)) &&
	    try_without(s, HOLD(HOLD_CLOCK), HOLD(HOLD_CLOCK), err) == -1)
		return -1;
	/* Seeds of hash tables are random numbers, too: who is content with
	 * those alone is not asked further. */
	if (try_without(s, HOLD(HOLD_RANDOM), HOLD(HOLD_RANDOM), err) == -1)
		return -1;
	return try_without(s, HOLD(HOLD_HASHES), HOLD(HOLD_HASHES), err);
}

/* --- by halves ----------------------------------------------------------- */

static int
flips(struct search *s, unsigned vary, bool *yes, struct err *err)
{
	auto_sample struct sample one = { 0 };

	*yes = false;
	for (int i = 0; i < (s->unsteady ? TRIES : 1) && !*yes; i++) {
		if (lab_run(&s->lab, vary, s->base, &one, err) == -1)
			return -1;
		*yes = !sample_same(&s->quiet, &one);
	}
	if (*yes) {
		sample_move(&s->flipped, &one);
		s->flipped_by = vary;
	}
	return 0;
}

static unsigned
half_of(unsigned set)
{
	int n = __builtin_popcount(set) / 2;
	unsigned half = 0;

	for (int v = 0; v < VARY_COUNT && n > 0; v++)
		if (set & VARY(v)) {
			half |= VARY(v);
			n--;
		}
	return half;
}

/*
 * The smallest part of `set` that flips together with `with`, which does not
 * flip alone: a half of it, the other half, or some of each.
 */
static int
smallest(struct search *s, unsigned set, unsigned with, unsigned *out,
    struct err *err)
{
	unsigned one = half_of(set), other = set & ~one, part;
	bool yes;

	if (__builtin_popcount(set) <= 1) {
		*out = set;
		return 0;
	}
	if (flips(s, one | with, &yes, err) == -1)
		return -1;
	if (yes)
		return smallest(s, one, with, out, err);
	if (flips(s, other | with, &yes, err) == -1)
		return -1;
	if (yes)
		return smallest(s, other, with, out, err);
	if (smallest(s, one, with | other, &part, err) == -1 ||
	    smallest(s, other, with | part, out, err) == -1)
		return -1;
	*out |= part;
	return 0;
}

/* The date's own cause is known already, if time passing shows in it. */
static bool
known(struct search *s, unsigned set)
{
	json_t *j;

	if (set != VARY(VARY_DATE))
		return false;
	j = cause_named(s, hold_name(HOLD_FILE_TIMES));
	if (!j)
		j = cause_named(s, variation_name(VARY_DATE));
	if (j)
		js_set(j, "variations", lane_varied(set));
	return j != NULL;
}

/* Switches that flip the result, until what is left does not. */
static int
find_switches(struct search *s, struct err *err)
{
	unsigned rest = s->lab.q->vary, set;
	auto_sample struct sample again = { 0 };
	bool yes;

	/* A clock that stands keeps the hour's end out of the comparison. */
	s->base = s->hold | HOLD(HOLD_CLOCK);
	if (lab_run(&s->lab, VARY_NONE, s->base, &s->quiet, err) == -1)
		return -1;
	while (rest) {
		if (flips(s, rest, &yes, err) == -1)
			return -1;
		/* Does it flip each time?  Else no is not yet no. */
		if (!s->unsteady && rest == s->lab.q->vary) {
			if (lab_run(&s->lab, rest, s->base, &again, err) == -1)
				return -1;
			s->unsteady =
			    !sample_same(yes ? &s->flipped : &s->quiet, &again);
			if (s->unsteady && !yes) {
				sample_move(&s->flipped, &again);
				s->flipped_by = rest;
				yes = true;
			}
		}
		if (!yes)
			return 0;
		if (smallest(s, rest, VARY_NONE, &set, err) == -1)
			return -1;
		/* The last that flipped may have had more of them. */
		if (s->flipped_by != set && flips(s, set, &yes, err) == -1)
			return -1;
		if (!known(s, set) &&
		    add_cause(s, set, 0, &s->quiet, &s->flipped, err) == -1)
			return -1;
		rest &= ~set;
	}
	return 0;
}

/* --- what only follows ---------------------------------------------------- */

/*
 * Memory that nobody wrote to, addresses and the order of a hash table follow
 * everything that a process is given: its variables, its arguments.  What
 * flips just where one of them shows comes of it.
 */
static void
fold(struct search *s)
{
	static const char *const roots[] = { "heap", "aslr", "hashes" };

	for (size_t r = 0; r < ARRAY_LEN(roots); r++) {
		json_t *root = cause_named(s, roots[r]), *also = json_array();

		for (size_t i = json_array_size(s->causes); root && i-- > 0;) {
			json_t *one = json_array_get(s->causes, i);

			if (one == root ||
			    !evidence_covers(json_object_get(root, "findings"),
				json_object_get(one, "findings")))
				continue;
			json_array_append(also, json_object_get(one, "name"));
			json_array_remove(s->causes, i);
		}
		if (root && json_array_size(also))
			js_set(root, "also", also);
		else
			json_decref(also);
	}
}

/* --- the question -------------------------------------------------------- */

static int
search(struct search *s, struct err *err)
{
	auto_sample struct sample one = { 0 }, two = { 0 };
	bool same;

	if (steady(s, 0, &one, &two, &same, err) == -1)
		return -1;
	if (one.failed && two.failed)
		return err_set(err, ERR_INPUT,
		    "its quiet lane fails (cause=%s): there is nothing to "
		    "compare",
		    one.cause);
	if (!same && find_passing(s, err) == -1)
		return -1;
	/* What differs by itself with all held compares with nothing. */
	return s->lost ? 0 : find_switches(s, err);
}

json_t *
cause_find(const struct cause_question *q, struct err *err)
{
	struct search s = { .lab = { .q = q, .at = time_now() },
		.causes = json_array() };
	json_t *j = NULL;
	int rc = search(&s, err);

	/* What was found in all the runs there are is told. */
	if (rc == 0 || s.lab.spent) {
		err_clear(err);
		fold(&s);
		j = js_record_new("kiln/cause", 1);
		js_set_hash(j, "plan", &q->order.plan->digest);
		js_set_str(j, "outcome",
		    cause_named(&s, ITSELF)	? ITSELF
		    : json_array_size(s.causes) ? "named"
						: "none");
		js_set_int(j, "runs", s.lab.runs);
		js_set_bool(j, "complete", !s.lab.spent && !s.lost);
		js_set(j, "causes", json_incref(s.causes));
	}
	json_decref(s.causes);
	sample_release(&s.quiet);
	sample_release(&s.flipped);
	return j;
}

static void
add_name(const json_t *cause, struct buf *out)
{
	const char *name = json_string_value(json_object_get(cause, "name"));

	if (strcmp(name, ITSELF) == 0)
		buf_str(out, "by itself");
	else if (json_array_size(json_object_get(cause, "variations")))
		buf_printf(out, "lane B's %s", name);
	else
		buf_printf(out, "in either lane, %s", name);
}

static void
add_also(const json_t *cause, struct buf *out)
{
	const json_t *also = json_object_get(cause, "also"), *one;
	size_t i;

	json_array_foreach(also, i, one)
	{
		buf_printf(out, "%s%s", i ? ", " : "    flipped there by ",
		    json_string_value(one));
	}
	if (json_array_size(also))
		buf_str(out, ", too\n");
}

void
cause_words(const json_t *cause, struct buf *out)
{
	const json_t *one, *finding;
	size_t i, k;

	json_array_foreach(json_object_get(cause, "causes"), i, one)
	{
		add_name(one, out);
		buf_printf(out, ": %s\n",
		    json_string_value(json_object_get(one, "says")));
		json_array_foreach(json_object_get(one, "findings"), k, finding)
		{
			buf_str(out, "    ");
			differ_words_one(finding, out);
			buf_char(out, '\n');
		}
		add_also(one, out);
		buf_printf(out, "    usual fix: %s\n",
		    json_string_value(json_object_get(one, "fix")));
	}
	if (json_array_size(json_object_get(cause, "causes")) == 0)
		buf_str(out,
		    "nothing flips it here: every run gave the same outputs\n");
	if (!json_is_true(json_object_get(cause, "complete")))
		buf_str(out,
		    "(there may be more: no run is left that could tell)\n");
	buf_printf(out, "%" PRId64 " runs\n",
	    (int64_t)json_integer_value(json_object_get(cause, "runs")));
}
