/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/bake/lane.h"
#include "builder/judge/cause_table.h"
#include "builder/judge/evidence.h"
#include "lib/json.h"
#include "lib/num.h"

static struct err err;

/* A new reference. */
static json_t *
list(const char *text)
{
	auto_json json_t *j = js_parse("findings", text, strlen(text), &err);

	if (!j)
		fail_msg("%s", err.msg);
	return json_incref(json_object_get(j, "f"));
}

/* One finding, in a list. */
static bool
names(const char *a, const char *b)
{
	auto_json json_t *all = json_array();
	json_t *one = json_object();

	js_set_str(one, "what", "bytes");
	js_set_str(one, "a", a);
	js_set_str(one, "b", b);
	json_array_append_new(all, one);
	return evidence_random_names(all);
}

static void
a_random_name_is_one_word_of_a_path(void **state)
{
	(void)state;
	assert_true(
	    names("in /tmp/tmp.aB3dE6gH9j x", "in /tmp/tmp.zY1xW2vU3t x"));
	assert_true(names("/tmp/ccAbCdEf", "/tmp/ccAbCdEg"));
	/* Another length, no path, too short, two words, a date, nothing. */
	assert_false(names("/tmp/tmp.aB3dE6gH9j", "/tmp/tmp.aB3dE6gH9"));
	assert_false(names("tmp aB3dE6gH9j", "tmp zY1xW2vU3t"));
	assert_false(names("/tmp/a1", "/tmp/b2"));
	assert_false(names("/tmp/abcdef/ghijkl", "/tmp/bbcdef/ghijkm"));
	assert_false(names("/on/2026-11-21", "/on/2027-12-26"));
	assert_false(names("/tmp/abcdefgh", "/tmp/abcdefgh"));
	assert_false(names("", ""));
}

static bool
times(const char *a, const char *b)
{
	auto_json json_t *all = json_array();
	json_t *one = json_object();
	struct sample sa = { 0 }, sb = { 0 };

	assert_int_equal(
	    time_parse("2026-01-01T00:00:00Z", &sa.started, &err), 0);
	sa.finished = sa.started + 10;
	sb.started = sa.started + 20;
	sb.finished = sa.started + 30;
	js_set_str(one, "what", "time");
	js_set_str(one, "a", a);
	js_set_str(one, "b", b);
	json_array_append_new(all, one);
	return evidence_file_times(all, &sa, &sb);
}

static void
a_file_time_is_one_at_which_its_own_run_ran(void **state)
{
	(void)state;
	assert_true(times("2026-01-01T00:00:00Z", "2026-01-01T00:00:30Z"));
	assert_true(
	    times("2026-01-01T00:00:10Z +5 ns", "2026-01-01T00:00:20Z +7 ns"));
	assert_false(times("2025-12-31T23:59:59Z", "2026-01-01T00:00:30Z"));
	assert_false(times("2026-01-01T00:00:00Z", "2026-01-01T00:00:31Z"));
	assert_false(times("2026-01-01T00:00:20Z", "2026-01-01T00:00:20Z"));
	assert_false(times("none", "2026-01-01T00:00:20Z"));
}

static void
a_place_is_a_path_and_a_line(void **state)
{
	auto_json json_t *a =
	    list("{\"f\":[{\"path\":[\"o\",\"m\"],\"line\":3},"
		 "{\"path\":[\"p\"]}]}");
	auto_json json_t *in =
	    list("{\"f\":[{\"path\":[\"o\",\"m\"],\"line\":3}]}");
	auto_json json_t *other =
	    list("{\"f\":[{\"path\":[\"o\",\"m\"],\"line\":4}]}");
	auto_json json_t *more =
	    list("{\"f\":[{\"path\":[\"p\"]},{\"path\":[\"q\"]}]}");
	auto_json json_t *none = list("{\"f\":[]}");

	(void)state;
	assert_true(evidence_covers(a, in));
	assert_false(evidence_covers(in, a));
	assert_false(evidence_covers(a, other));
	assert_false(evidence_covers(a, more));
	assert_false(evidence_covers(a, none));
}

static void
every_switch_and_hold_has_a_fix(void **state)
{
	auto_json json_t *nothing = json_array();

	(void)state;
	for (int v = 0; v < VARY_COUNT; v++)
		assert_non_null(
		    cause_rule_for(variation_name((enum variation)v), nothing));
	for (int h = 0; h < HOLD_COUNT; h++)
		if (h != HOLD_CLOCK) /* it is told as the date */
			assert_non_null(
			    cause_rule_for(hold_name((enum hold)h), nothing));
	assert_non_null(cause_rule_for("itself", nothing));
	assert_null(cause_rule_for("moon", nothing));
}

static void
the_finding_chooses_among_fixes(void **state)
{
	auto_json json_t *id =
	    list("{\"f\":[{\"path\":[\"o\",\".note.gnu.build-id\"],"
		 "\"what\":\"bytes\"}]}");

	(void)state;
	assert_non_null(
	    strstr(cause_rule_for("random", id)->fix, "--build-id=sha1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_name_is_one_word_of_a_path),
		cmocka_unit_test(a_file_time_is_one_at_which_its_own_run_ran),
		cmocka_unit_test(a_place_is_a_path_and_a_line),
		cmocka_unit_test(every_switch_and_hold_has_a_fix),
		cmocka_unit_test(the_finding_chooses_among_fixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
