/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/judge/verdict.h"
#include "lib/canon.h"
#include "lib/json.h"

#define P "1111111111111111111111111111111111111111111111111111111111111111"
#define X "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define Y "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct verdict_run runs[4];
static size_t nruns;
static struct err err;
static enum verdict verdict;

static void
run(const char *lane, const char *outcome, const char *vary,
    const char *outputs)
{
	auto_buf struct buf b = BUF_INIT;

	buf_printf(&b,
	    "{\"kind\":\"kiln/run\",\"v\":1,\"plan\":\"" P
	    "\",\"lane\":\"%s\",\"builder\":\"farm\",\"outcome\":\"%s\","
	    "\"variations\":[%s],\"outputs\":[%s]}",
	    lane, outcome, vary, outputs);
	runs[nruns].record =
	    js_record("run", "kiln/run", 1, b.data, b.len, &err);
	if (!runs[nruns].record)
		fail_msg("%s", err.msg);
	hash_bytes(&runs[nruns].digest, b.data, b.len);
	nruns++;
}

static json_t *
judged(void)
{
	struct hash plan;
	json_t *j;

	assert_true(hash_parse(&plan, P));
	j = verdict_make(&plan, runs, nruns, &verdict, &err);
	for (size_t i = 0; i < nruns; i++)
		json_decref(runs[i].record);
	nruns = 0;
	return j;
}

static size_t
count(const json_t *j, const char *key)
{
	return json_array_size(json_object_get(j, key));
}

#define ONE(d) "{\"name\":\"one\",\"sha256\":\"" d "\",\"size\":1}"
#define TWO(d) "{\"name\":\"two\",\"sha256\":\"" d "\",\"size\":2}"
#define B_VARY "\"date\",\"umask\""

static void
equal_outputs_of_both_lanes_are_reproduced(void **state)
{
	auto_json json_t *j = NULL;

	(void)state;
	/* In any order: lanes come out sorted. */
	run("B", "succeeded", B_VARY, ONE(X) "," TWO(Y));
	run("A", "succeeded", "", ONE(X) "," TWO(Y));
	j = judged();
	assert_int_equal(verdict, VERDICT_REPRODUCED);
	assert_int_equal(count(j, "outputs"), 2);
	assert_int_equal(count(j, "differs"), 0);
	assert_int_equal(count(j, "varied"), 2);
	assert_int_equal(count(j, "runs"), 2);
	assert_int_equal(count(j, "by"), 1);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(j, "lanes"), 0)),
	    "A");
}

static void
the_record_does_not_depend_on_the_order_of_runs(void **state)
{
	auto_json json_t *a = NULL, *b = NULL;

	(void)state;
	run("B", "succeeded", B_VARY, ONE(X));
	run("A", "succeeded", "", ONE(X));
	a = judged();
	run("A", "succeeded", "", ONE(X));
	run("B", "succeeded", B_VARY, ONE(X));
	b = judged();
	assert_true(json_equal(a, b));
}

static void
different_outputs_are_both_kept(void **state)
{
	auto_json json_t *j = NULL;
	const json_t *d;

	(void)state;
	run("A", "succeeded", "", ONE(X) "," TWO(X));
	run("B", "succeeded", B_VARY, ONE(X) "," TWO(Y));
	j = judged();
	assert_int_equal(verdict, VERDICT_DIFFERS);
	assert_int_equal(count(j, "outputs"), 0);
	assert_int_equal(count(j, "differs"), 1);
	d = json_array_get(json_object_get(j, "differs"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(d, "name")), "two");
	assert_int_equal(count(d, "digests"), 2);
}

static void
an_output_that_a_lane_lacks_differs(void **state)
{
	auto_json json_t *j = NULL;

	(void)state;
	run("A", "succeeded", "", ONE(X) "," TWO(X));
	run("B", "succeeded", B_VARY, ONE(X));
	j = judged();
	assert_int_equal(verdict, VERDICT_DIFFERS);
}

static void
a_lane_that_failed_fails_the_plan(void **state)
{
	auto_json json_t *j = NULL, *k = NULL;

	(void)state;
	run("A", "succeeded", "", ONE(X));
	run("B", "failed", B_VARY, "");
	j = judged();
	assert_int_equal(verdict, VERDICT_FAILED);
	assert_int_equal(count(j, "outputs"), 0);
	run("A", "failed", "", "");
	k = judged();
	assert_int_equal(verdict, VERDICT_FAILED);
	assert_int_equal(count(k, "lanes"), 1);
}

static void
one_lane_alone_or_none_proves_nothing(void **state)
{
	auto_json json_t *j = NULL, *k = NULL, *l = NULL;

	(void)state;
	run("A", "succeeded", "", ONE(X));
	j = judged();
	assert_int_equal(verdict, VERDICT_INCONCLUSIVE);
	run("A", "succeeded", "", ONE(X));
	run("A", "succeeded", "", ONE(X));
	k = judged();
	assert_int_equal(verdict, VERDICT_INCONCLUSIVE);
	assert_int_equal(count(k, "varied"), 0);
	l = judged();
	assert_int_equal(verdict, VERDICT_INCONCLUSIVE);
	assert_int_equal(count(l, "runs"), 0);
}

static void
on(const char *cpu, const char *kernel)
{
	js_set(runs[nruns - 1].record, "machine",
	    json_pack("{s:s,s:s}", "cpu", cpu, "kernel", kernel));
}

static bool
lists(const json_t *j, const char *key, const char *word)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, key), i,
	    one) if (strcmp(json_string_value(one), word) == 0) return true;
	return false;
}

static void
lanes_on_processors_of_two_makes_varied_that_too(void **state)
{
	auto_json json_t *j = NULL, *k = NULL;

	(void)state;
	run("A", "succeeded", "", ONE(X));
	on("GenuineIntel", "6.1");
	run("B", "succeeded", B_VARY, ONE(X));
	on("AuthenticAMD", "6.1");
	j = judged();
	assert_true(lists(j, "varied", "cpu"));
	assert_false(lists(j, "not_varied", "cpu"));
	assert_true(lists(j, "not_varied", "kernel"));
	assert_int_equal(count(j, "varied"), 3);
	/* Two copies of one lane are no contrast. */
	run("A", "succeeded", "", ONE(X));
	on("GenuineIntel", "6.1");
	run("A", "succeeded", "", ONE(X));
	on("AuthenticAMD", "6.1");
	k = judged();
	assert_false(lists(k, "varied", "cpu"));
}

static void
a_run_of_another_plan_is_refused(void **state)
{
	struct hash other = { { 1 } };

	(void)state;
	run("A", "succeeded", "", ONE(X));
	assert_null(verdict_make(&other, runs, 1, &verdict, &err));
	assert_int_equal(err.cls, ERR_INPUT);
	json_decref(runs[0].record);
	nruns = 0;
}

static void
the_record_is_canonical(void **state)
{
	auto_json json_t *j = NULL;
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	run("A", "succeeded", "", ONE(X));
	run("B", "succeeded", B_VARY, ONE(X));
	j = judged();
	assert_int_equal(canon_json(j, &text, &err), 0);
	assert_non_null(strstr(text.data, "\"varied\":[\"date\",\"umask\"]"));
	assert_non_null(strstr(text.data, "\"verdict\":\"reproduced\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_outputs_of_both_lanes_are_reproduced),
		cmocka_unit_test(
		    the_record_does_not_depend_on_the_order_of_runs),
		cmocka_unit_test(different_outputs_are_both_kept),
		cmocka_unit_test(an_output_that_a_lane_lacks_differs),
		cmocka_unit_test(a_lane_that_failed_fails_the_plan),
		cmocka_unit_test(one_lane_alone_or_none_proves_nothing),
		cmocka_unit_test(
		    lanes_on_processors_of_two_makes_varied_that_too),
		cmocka_unit_test(a_run_of_another_plan_is_refused),
		cmocka_unit_test(the_record_is_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
