/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/bake/lane.h"
#include "builder/bake/mkpath.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static const char *
value(const struct lane *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < l->nenv; i++)
		if (strncmp(l->env[i].data, name, n) == 0 &&
		    l->env[i].data[n] == '=')
			return l->env[i].data + n + 1;
	return NULL;
}

static void
lane_a_is_quiet(void **state)
{
	struct lane l;

	(void)state;
	lane_init(&l, 'A', VARY_NONE, scratch.path, "amd64", 12345);
	assert_int_equal(l.uid, 1000);
	assert_int_equal(l.jobs, 1);
	assert_int_equal(l.cpus, 1);
	assert_true(l.no_aslr);
	assert_false(l.reverse_order);
	assert_string_equal(l.hostname, "build");
	assert_string_equal(l.umask, "022");
	assert_string_equal(value(&l, "TZ"), "UTC");
	assert_string_equal(value(&l, "LC_ALL"), "C.UTF-8");
	assert_string_equal(value(&l, "SOURCE_DATE_EPOCH"), "12345");
	assert_string_equal(value(&l, "KILN_JOBS"), "1");
	assert_string_equal(value(&l, "KILN_ARCH"), "amd64");
	assert_string_equal(value(&l, "HOME"), "/build");
	assert_null(value(&l, "LD_PRELOAD"));
	assert_null(value(&l, "COLUMNS"));
	/* PATH HOME LC_ALL LANG TZ SOURCE_DATE_EPOCH KILN_JOBS KILN_ARCH
	 * and nothing else. */
	assert_int_equal(l.nenv, 8);
	lane_release(&l);
}

static void
each_switch_changes_something_and_only_its_own(void **state)
{
	(void)state;
	for (int v = 0; v < VARY_COUNT; v++) {
		struct lane quiet, loud;
		int changes = 0;

		if (v == VARY_DATE)
			continue;
		lane_init(&quiet, 'A', VARY_NONE, scratch.path, "a", 0);
		lane_init(&loud, 'B', VARY(v), scratch.path, "a", 0);
		changes += quiet.uid != loud.uid;
		changes += quiet.cpus != loud.cpus;
		changes += quiet.no_aslr != loud.no_aslr;
		changes += quiet.reverse_order != loud.reverse_order;
		changes += quiet.long_path != loud.long_path;
		changes += strcmp(quiet.hostname, loud.hostname) != 0;
		changes += strcmp(quiet.umask, loud.umask) != 0;
		changes += quiet.nenv != loud.nenv;
		for (size_t i = 0; i < quiet.nenv; i++)
			if (strcmp(quiet.env[i].data, loud.env[i].data) != 0) {
				/* LC_ALL and LANG are one thing. */
				changes +=
				    strncmp(quiet.env[i].data, "LANG", 4) != 0;
			}
		if (changes != 1)
			fail_msg("%s: %d changes", variation_name(v), changes);
		assert_int_equal(loud.vary, VARY(v));
		lane_release(&quiet);
		lane_release(&loud);
	}
}

static void
the_date_is_shifted_only_where_the_library_is(void **state)
{
	struct err err = ERR_INIT;
	struct lane l;
	auto_fd int dir = -1;

	(void)state;
	lane_init(&l, 'B', VARY_ALL, scratch.path, "a", 0);
	assert_int_equal(l.vary, VARY_ALL & ~VARY(VARY_DATE));
	assert_null(value(&l, "FAKETIME"));
	lane_release(&l);

	dir = mkpath(scratch.fd, "usr/lib/some-triplet/faketime", &err);
	assert_int_equal(
	    file_write_at(dir, "libfaketimeMT.so.1", "", 0, 0644, &err), 0);
	lane_init(&l, 'B', VARY_ALL, scratch.path, "a", 0);
	assert_int_equal(l.vary, VARY_ALL);
	assert_string_equal(value(&l, "LD_PRELOAD"),
	    "/usr/lib/some-triplet/faketime/libfaketimeMT.so.1");
	assert_string_equal(value(&l, "FAKETIME"), "+400d");
	lane_release(&l);
}

static void
names_are_sorted_and_what_is_not_varied_is_said(void **state)
{
	json_t *all = lane_varied(VARY_ALL), *not = lane_not_varied(VARY_ALL);
	json_t *few = lane_not_varied(VARY_ALL & ~VARY(VARY_DATE));

	(void)state;
	assert_int_equal(json_array_size(all), VARY_COUNT);
	for (size_t i = 1; i < json_array_size(all); i++)
		assert_true(
		    strcmp(json_string_value(json_array_get(all, i - 1)),
			json_string_value(json_array_get(all, i))) < 0);
	assert_int_equal(json_array_size(not ), 3);
	assert_int_equal(json_array_size(few), 4);
	assert_string_equal(json_string_value(json_array_get(few, 2)), "date");
	json_decref(all);
	json_decref(not );
	json_decref(few);
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		T(lane_a_is_quiet),
		T(each_switch_changes_something_and_only_its_own),
		T(the_date_is_shifted_only_where_the_library_is),
		T(names_are_sorted_and_what_is_not_varied_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
