/* rooms: builder builder/inputs builder/plan builder/bake builder/judge */
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
		T(switches_are_chosen_by_name),
	};

	return cmocka_run_group_tests(tests, builds_setup, builds_teardown);
}
