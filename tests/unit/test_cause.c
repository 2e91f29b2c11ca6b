/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* Causes found by real builds; the classic ones are in tests/defects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/judge/cause.h"
#include "builder/judge/differ.h"
#include "tests/support/builds.h"

static json_t *cause;
static struct buf words, steps;

static void
told(void *arg, const char *sentence)
{
	(void)arg;
	buf_printf(&steps, "%s\n", sentence);
}

static int
ask(const char *script)
{
	static const char *const outputs[] = { "a", NULL };
	struct cause_question q;

	make_plan(script, outputs);
	q = (struct cause_question){ .place = &place,
		.order = order_of('A'),
		.vary = VARY_ALL,
		.told = told };
	next_id += CAUSE_RUNS;
	json_decref(cause);
	cause = cause_find(&q, &err);
	if (!cause)
		return -1;
	buf_clear(&words);
	cause_words(cause, &words);
	return 0;
}

static const char *
text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

/* "name name …", sorted as found. */
static void
names(const char *want)
{
	auto_buf struct buf got = BUF_INIT;
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(cause, "causes"), i, one)
	{
		buf_printf(&got, "%s%s", i ? " " : "", text_of(one, "name"));
	}
	if (strcmp(got.data, want) != 0)
		fail_msg("\"%s\" instead of \"%s\":\n%s\n%s", got.data, want,
		    steps.data, words.data);
}

static void
finds(const char *script, const char *want)
{
	buf_clear(&steps);
	if (ask(script) == -1)
		fail_msg("%s\n%s", err.msg, steps.data);
	names(want);
}

static int
after(void **state)
{
	json_decref(cause);
	cause = NULL;
	buf_release(&words);
	buf_release(&steps);
	return builds_after(state);
}

static void
nothing_is_named_when_nothing_flips(void **state)
{
	(void)state;
	finds("echo same >/out/a", "");
	assert_string_equal(text_of(cause, "outcome"), "none");
	assert_true(json_is_true(json_object_get(cause, "complete")));
	/* Quiet twice, quiet with the clock held, contrary twice. */
	assert_int_equal(json_integer_value(json_object_get(cause, "runs")), 5);
	assert_non_null(strstr(words.data, "nothing flips it here"));
}

static void
one_switch_is_named_with_its_evidence_and_its_fix(void **state)
{
	(void)state;
	finds("echo first >/out/a; echo \"by $(id -u)\" >>/out/a", "uid");
	assert_string_equal(text_of(cause, "outcome"), "named");
	assert_non_null(strstr(words.data,
	    "lane B's uid: embeds the builder's user or group\n"
	    "    a, line 2, offset 9: line: \"by 1000\" and \"by 4242\"\n"
	    "    usual fix: leave it out\n"));
}

static void
two_that_flip_each_alone_are_both_named(void **state)
{
	(void)state;
	finds("{ id -u; umask; } >/out/a", "uid umask");
}

static void
two_that_flip_only_together_are_named_as_one(void **state)
{
	(void)state;
	finds("if [ \"$(id -u)\" = 4242 ] && [ \"$(umask)\" = 0077 ]; then\n"
	      "echo odd; else echo even; fi >/out/a",
	    "uid+umask");
}

static void
a_build_that_a_switch_breaks_is_explained_too(void **state)
{
	(void)state;
	finds(
	    "cd \"$HOME\" && [ \"$HOME\" = /build ] && echo x >/out/a", "home");
	assert_non_null(
	    strstr(words.data, "failed: \"succeeded\" and \"exit\""));
}

static void
what_passes_is_told_from_what_is_switched(void **state)
{
	(void)state;
	finds("mktemp -u >/out/a; id -u >>/out/a", "random uid");
	finds("date +%s >/out/a", "date");
	assert_int_equal(
	    json_array_size(json_object_get(
		json_array_get(json_object_get(cause, "causes"), 0),
		"variations")),
	    1);
}

static void
what_nothing_holds_differs_by_itself(void **state)
{
	(void)state;
	finds("cat /proc/uptime >/out/a", "itself");
	assert_string_equal(text_of(cause, "outcome"), "itself");
	assert_false(json_is_true(json_object_get(cause, "complete")));
}

static void
a_build_that_fails_in_the_quiet_lane_is_no_question(void **state)
{
	(void)state;
	assert_int_equal(ask("exit 3"), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "its quiet lane fails"));
}

int
main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, builds_each, after)
	const struct CMUnitTest tests[] = {
		T(nothing_is_named_when_nothing_flips),
		T(one_switch_is_named_with_its_evidence_and_its_fix),
		T(two_that_flip_each_alone_are_both_named),
		T(two_that_flip_only_together_are_named_as_one),
		T(a_build_that_a_switch_breaks_is_explained_too),
		T(what_passes_is_told_from_what_is_switched),
		T(what_nothing_holds_differs_by_itself),
		T(a_build_that_fails_in_the_quiet_lane_is_no_question),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return differ_main();
	buf_init(&words);
	buf_init(&steps);
	return cmocka_run_group_tests(tests, builds_setup, builds_teardown);
}
