/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/*
 * Each switch of a lane alone, seen by a real build from inside: its own
 * trace changes and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/num.h"
#include "tests/support/builds.h"

/* A line each, in the order of the switches. */
static const char *const traces[VARY_COUNT] = {
	[VARY_ASLR] = "sed -n 's/ .*stack.*//p' /proc/self/maps",
	[VARY_COLUMNS] = "echo ${COLUMNS-none} ${LINES-none}",
	[VARY_CPUS] = "sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status",
	[VARY_DATE] = "date -u +%Y",
	[VARY_DOMAIN] = "uname -n | sed 's/[^.]*//'",
	[VARY_FILE_ORDER] = "ls -U /kiln/recipe | tr '\\n' ' '; echo",
	[VARY_HEAP] = "echo ${MALLOC_PERTURB_-none}",
	[VARY_HOME] = "echo $HOME",
	[VARY_HOSTNAME] = "uname -n | sed 's/[.].*//'",
	[VARY_JOBS] = "echo $KILN_JOBS",
	[VARY_LOCALE] = "echo $LC_ALL $LANG",
	[VARY_OUTSIDE_PATH] =
	    "sed -n 's,.*\\(/run-[0-9]*\\)\\(.*\\)/build /build .*,\\2,p'"
	    " /proc/self/mountinfo; echo",
	[VARY_PATH] = "echo $PATH",
	[VARY_TIMEZONE] = "date +%z",
	[VARY_UID] = "echo $(id -u) $(id -g)",
	[VARY_UMASK] = "umask; touch t; stat -c %a t; rm t",
};

/* What each trace said. */
static char *seen[VARY_COUNT], *quiet[VARY_COUNT];

static void
forget(char **v)
{
	for (int i = 0; i < VARY_COUNT; i++) {
		free(v[i]);
		v[i] = NULL;
	}
}

static void
look(unsigned vary, char **to)
{
	static const char *const outputs[] = { "a", NULL };
	auto_buf struct buf script = BUF_INIT;
	struct build_order o;
	struct span rest, part;
	auto_buf struct buf log = BUF_INIT;
	int i = 0;

	for (int v = 0; v < VARY_COUNT; v++)
		buf_printf(&script, "%s; echo ::\n", traces[v]);
	buf_str(&script, "echo x >/out/a\n");
	make_plan(script.data, outputs);
	o = order_of('B');
	o.vary = vary;
	build_result_release(&result);
	if (build_run(&place, &o, &result, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(store_read(st, &result.log, 1 << 20, &log, &err), 0);
	if (!result.succeeded)
		fail_msg("%s", log.data);
	assert_int_equal(result.vary, vary);
	forget(to);
	rest = span_buf(&log);
	to[0] = mem_str("");
	while (span_next(&rest, '\n', &part) && i < VARY_COUNT) {
		if (part.n == 2 && memcmp(part.p, "::", 2) == 0) {
			if (++i < VARY_COUNT)
				to[i] = mem_str("");
			continue;
		}
		auto_free char *before = to[i];
		to[i] = mem_printf("%s%.*s\n", before, (int)part.n, part.p);
	}
	assert_int_equal(i, VARY_COUNT);
}

static void
each_switch_is_seen_inside_and_no_other(void **state)
{
	(void)state;
	look(VARY_NONE, quiet);
	for (int v = 0; v < VARY_COUNT; v++) {
		look(VARY(v), seen);
		for (int i = 0; i < VARY_COUNT; i++) {
			bool differs = strcmp(seen[i], quiet[i]) != 0;

			/* One processor cannot be more than one. */
			if (i == VARY_CPUS && v == i &&
			    sysconf(_SC_NPROCESSORS_ONLN) < 2)
				continue;
			if (differs != (i == v))
				fail_msg("with %s: %s says %sinstead of %s",
				    variation_name((enum variation)v),
				    variation_name((enum variation)i), seen[i],
				    quiet[i]);
		}
	}
	forget(seen);
	forget(quiet);
}

static void
the_date_is_off_by_more_than_a_year_and_only_there(void **state)
{
	int64_t before = time_now();

	(void)state;
	build("date +%s; stat -c %Y /kiln/recipe/sub/data; echo x >/out/a\n");
	assert_true(strtoll(text, NULL, 10) - before < 3600);
	build_in('B');
	assert_true(strtoll(text, NULL, 10) - before > 366 * 86400);
	/* Files keep the times they have. */
	assert_non_null(strstr(text, "\n1577836800\n"));
	assert_true(time_now() - before < 3600);
}

/* A line for each thing that can be held, in their order. */
static const char *const passing[HOLD_COUNT] = {
	[HOLD_CLOCK] = "date +%s.%N",
	[HOLD_FILE_TIMES] = "echo >f; tar cf - f | tar tvf - --full-time; rm f",
	[HOLD_HASHES] =
	    "LC_ALL=C perl -e 'print join q( ), keys %{{map {$_, 1} 1..40}}'",
	[HOLD_RANDOM] = "od -An -tx1 -N8 /dev/urandom; mktemp -u;"
			" cat /proc/sys/kernel/random/uuid",
};

/* What the log of a run says, one part a thing. */
static void
run_held(unsigned hold, int64_t at, char *to[HOLD_COUNT])
{
	static const char *const outputs[] = { "a", NULL };
	auto_buf struct buf script = BUF_INIT;
	struct build_order o;
	char *rest;

	for (int h = 0; h < HOLD_COUNT; h++)
		buf_printf(&script, "%s; echo ::\n", passing[h]);
	buf_str(&script, "echo x >/out/a\n");
	make_plan(script.data, outputs);
	o = order_of('A');
	o.hold = hold;
	o.hold_at = at;
	build_result_release(&result);
	if (build_run(&place, &o, &result, &err) == -1)
		fail_msg("%s", err.msg);
	auto_buf struct buf log = BUF_INIT;
	assert_int_equal(store_read(st, &result.log, 1 << 20, &log, &err), 0);
	if (!result.succeeded)
		fail_msg("%s", log.data);
	rest = log.data;
	for (int h = 0; h < HOLD_COUNT; h++) {
		char *end = strstr(rest, "::\n");

		assert_non_null(end);
		to[h] = mem_strn(rest, (size_t)(end - rest));
		rest = end + 3;
	}
}

static void
what_is_held_is_the_same_and_what_is_not_passes(void **state)
{
	/* Far from now: who is not held cannot meet it. */
	const int64_t one = 1000000000;
	char *a[HOLD_COUNT], *b[HOLD_COUNT], *c[HOLD_COUNT];

	(void)state;
	run_held(HOLD_ALL, one, a);
	run_held(HOLD_ALL, one, b);
	run_held(0, 0, c);
	for (int h = 0; h < HOLD_COUNT; h++) {
		if (strcmp(a[h], b[h]) != 0)
			fail_msg("%s is not held: %s%s",
			    hold_name((enum hold)h), a[h], b[h]);
		if (strcmp(a[h], c[h]) == 0)
			fail_msg("%s does not pass: %s",
			    hold_name((enum hold)h), a[h]);
	}
	assert_non_null(strstr(a[HOLD_FILE_TIMES], "2001-09-09"));
	for (int h = 0; h < HOLD_COUNT; h++) {
		free(a[h]);
		free(b[h]);
		free(c[h]);
	}
}

static void
the_clock_alone_leaves_files_their_times(void **state)
{
	char *a[HOLD_COUNT];

	(void)state;
	run_held(HOLD(HOLD_CLOCK), 1000000000, a);
	assert_int_equal(strncmp(a[HOLD_CLOCK], "1000000000", 10), 0);
	assert_null(strstr(a[HOLD_FILE_TIMES], "2001-09-09"));
	for (int h = 0; h < HOLD_COUNT; h++)
		free(a[h]);
}

static void
a_clock_that_is_held_is_the_same_in_every_zone(void **state)
{
	static const char *const outputs[] = { "a", NULL };
	auto_buf struct buf first = BUF_INIT, second = BUF_INIT;
	struct buf *logs[] = { &first, &second };

	(void)state;
	make_plan("date -u +%F.%T; date +%s; echo x >/out/a\n", outputs);
	for (int i = 0; i < 2; i++) {
		struct build_order o = order_of('B');

		o.vary = i ? VARY(VARY_TIMEZONE) : VARY_NONE;
		o.hold = HOLD(HOLD_CLOCK);
		o.hold_at = 1000000000;
		build_result_release(&result);
		if (build_run(&place, &o, &result, &err) == -1)
			fail_msg("%s", err.msg);
		assert_int_equal(
		    store_read(st, &result.log, 1 << 20, logs[i], &err), 0);
	}
	assert_string_equal(first.data, second.data);
	assert_non_null(
	    strstr(first.data, "2001-09-09.01:46:40\n1000000000\n"));
}

static void
switches_are_chosen_by_name(void **state)
{
	unsigned vary = 1;

	(void)state;
	assert_int_equal(vary_parse("", &vary, &err), 0);
	assert_int_equal(vary, VARY_NONE);
	assert_int_equal(vary_parse("all", &vary, &err), 0);
	assert_int_equal(vary, VARY_ALL);
	assert_int_equal(vary_parse("date,umask", &vary, &err), 0);
	assert_int_equal(vary, VARY(VARY_DATE) | VARY(VARY_UMASK));
	assert_int_equal(vary_parse("date,moon", &vary, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "\"moon\""));
	assert_non_null(strstr(err.msg, "outside-path"));
	assert_int_equal(vary, VARY(VARY_DATE) | VARY(VARY_UMASK));
	assert_int_equal(vary_parse("date,", &vary, &err), -1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, builds_each, builds_after)
	const struct CMUnitTest tests[] = {
		T(each_switch_is_seen_inside_and_no_other),
		T(the_date_is_off_by_more_than_a_year_and_only_there),
		T(what_is_held_is_the_same_and_what_is_not_passes),
		T(the_clock_alone_leaves_files_their_times),
		T(a_clock_that_is_held_is_the_same_in_every_zone),
		T(switches_are_chosen_by_name),
	};

	return cmocka_run_group_tests(tests, builds_setup, builds_teardown);
}
