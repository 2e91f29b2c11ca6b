/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge builder/keep tuf-repo/schema.c web/schema.c */
/* wrap: unlinkat */
/* What gc removes, in which order, and what an interrupted one leaves. */
#include <errno.h>

#include "tests/support/keepfarm.h"

/* The disk fails at the n-th removal; -1: it does not. */
static int removals_left = -1;
int __real_unlinkat(int, const char *, int);
int __wrap_unlinkat(int, const char *, int);

int
__wrap_unlinkat(int fd, const char *name, int flags)
{
	if (removals_left == 0) {
		errno = EIO;
		return -1;
	}
	if (removals_left > 0)
		removals_left--;
	return __real_unlinkat(fd, name, flags);
}

static int
setup(void **state)
{
	removals_left = -1;
	return keepfarm_setup(state);
}

static int
teardown(void **state)
{
	removals_left = -1;
	return keepfarm_teardown(state);
}

static void
a_dry_run_changes_nothing_and_says_the_same(void **state)
{
	const char *lock = put_lock("l");
	int64_t bytes;
	size_t n;

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	assert_int_equal(try_gc(true), 0);
	n = json_array_size(gc.removed);
	bytes = gc.removed_bytes;
	assert_true(n >= 4 && bytes > 0);
	assert_true(there("old-out"));
	assert_int_equal(
	    count("SELECT count(*) FROM plan WHERE verdict IS NULL"), 0);
	run_gc();
	assert_int_equal(json_array_size(gc.removed), n);
	assert_int_equal(gc.removed_bytes, bytes);
	gone("old-out");
	run_gc();
	assert_int_equal(json_array_size(gc.removed), 0);
}

static void
killed_anywhere_the_next_one_finishes(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	put("stray");
	/* None, one, and another one each time. */
	for (int i = 0; i < 4; i++) {
		removals_left = i > 0;
		assert_int_equal(try_gc(false), -1);
		/* The database has learnt it before the first file goes. */
		assert_int_equal(
		    count("SELECT count(*) FROM plan WHERE verdict IS NULL"),
		    1);
		err_clear(&err);
	}
	removals_left = -1;
	run_gc();
	gone("old-out");
	gone("stray");
	assert_true(there("c-out"));
}

static void
nothing_goes_while_a_record_that_is_needed_is_damaged(void **state)
{
	const char *lock = put_lock("l");
	auto_free char *file = NULL;
	char path[STORE_PATH];
	struct hash h;

	(void)state;
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	put("stray");
	assert_true(hash_parse(&h, hex_of("p-plan")));
	store_path(&h, path);
	file = mem_printf("s/%s", path);
	assert_int_equal(fchmodat(scratch.fd, file, 0644, 0), 0);
	auto_fd int fd = openat(scratch.fd, file, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 3), 1);
	assert_int_equal(try_gc(false), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_non_null(strstr(err.msg, "the plan that stands for r/build"));
	assert_true(there("stray"));
}

static void
environments_of_plans_that_stand_stay_and_others_go(void **state)
{
	auto_env struct env used = ENV_INIT, unused = ENV_INIT;
	const char *lock = put_lock("l");
	auto_free char *tree = NULL;

	(void)state;
	make_env("used", &used);
	make_env("unused", &unused);
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	sql(needs.farm, "UPDATE run SET environment = '%s'",
	    strrchr(used.root, '/') + 1);
	/* Its package is named by somebody. */
	sql(needs.farm,
	    "CREATE TABLE x (y TEXT) STRICT; INSERT INTO x VALUES ('%s')",
	    hex_of("used-deb"));
	run_gc();
	assert_true(has_env(&used));
	assert_false(has_env(&unused));
	tree = mem_printf("deb/%s", hex_of("used-deb"));
	assert_true(file_exists_at(place.dirfd, tree));
	free(tree);
	tree = mem_printf("deb/%s", hex_of("unused-deb"));
	assert_false(file_exists_at(place.dirfd, tree));
	assert_int_equal(env_same(&place, &used.digest, &err), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_dry_run_changes_nothing_and_says_the_same),
		T(killed_anywhere_the_next_one_finishes),
		T(nothing_goes_while_a_record_that_is_needed_is_damaged),
		T(environments_of_plans_that_stand_stay_and_others_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
