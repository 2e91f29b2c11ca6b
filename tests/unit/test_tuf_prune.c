/* rooms: tuf-repo */
/* wrap: renameat linkat fsync unlinkat */
/* Pruning takes only what nobody needs; and a sweep over promote, halt and
 * prune, killed before each call that changes the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/death.h"
#include "tests/support/tuf_prune.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/promote.h"
#include "tuf-repo/prune.h"
#include "tuf-repo/release_key.h"

static void
prune_takes_only_what_nobody_needs(void **state)
{
	struct tf_release r[21];
	size_t would;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	for (int i = 1; i <= 20; i++) {
		r[i] = tf_release_number(i);
		TF_OK(tf_pass());
	}
	assert_true(prune(true) > 20);
	assert_true(in_tree(&r[1].image));
	would = prune(true);
	assert_int_equal(prune(false), would);
	assert_false(in_tree(&r[1].image));
	/* the newest eight are listed, and those that stood in the last four
	 * snapshots */
	for (int i = 10; i <= 20; i++)
		assert_true(in_tree(&r[i].image));
	assert_true(file_exists_at(tf.repo.metadata, "1.root.json"));
	assert_int_equal(tf_findings(), 0);
	/* idle again, and publishing goes on */
	assert_int_equal(prune(false), 0);
	tf_release_number(21);
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	/* going back to what was pruned puts it there again */
	{
		char sql[256], hex[HASH_HEX];

		hash_hex(&r[1].plan, hex);
		snprintf(sql, sizeof(sql),
		    "UPDATE current SET plan = '%s'"
		    " WHERE recipe = 'dns-dhcp'",
		    hex);
		TF_OK(db_exec(tf.farm, sql, &tf.err));
	}
	TF_OK(tf_pass());
	assert_true(in_tree(&r[1].image));
	assert_int_equal(tf_findings(), 0);
}

static void
prune_leaves_what_is_not_its_own(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	TF_OK(file_write_at(
	    tf.repo.targets, "robots.txt", "x", 1, 0644, &tf.err));
	TF_OK(file_write_at(
	    tf.repo.metadata, "index.html", "x", 1, 0644, &tf.err));
	assert_int_equal(prune(false), 0);
	assert_true(file_exists_at(tf.repo.targets, "robots.txt"));
	assert_true(file_exists_at(tf.repo.metadata, "index.html"));
}

/* --- the sweep
 * ---------------------------------------------------------------- */

/* What operators do to a farm, one after the other. */
static int
everything(int n)
{
	struct promotion p = { .from = "edge" };
	struct brake_order o = {
		.channel = "stable", .reason = "sweep", .by = "test"
	};
	struct buf root = BUF_INIT, part = BUF_INIT, shown = BUF_INIT,
		   file = BUF_INIT;
	struct prune pr = { .dry = false };
	struct err *err = &tf.err;
	int64_t after;
	size_t stopped;

	(void)n;
	if (tf_pass() == -1 ||
	    role_newest(tf.repo.db, STABLE_ROLE, false, &after, err) == -1 ||
	    file_read_at(tf.offline, "root.json", TUF_ROOT_MAX, &root, err) ==
		-1 ||
	    promote_draft(&tf.repo, &p, &root, after, &part, &shown, err) ==
		-1 ||
	    release_sign(tf.offline, NULL, &part, &file, err) == -1 ||
	    promote_accept(&tf.repo, &file, err) == -1 || tf_pass() == -1 ||
	    brake_order(&tf.repo, &o, &stopped, err) == -1 || tf_pass() == -1)
		return -1;
	return prune_tree(&tf.repo, &pr, err);
}

static int
one_round(void *arg)
{
	mortal = false;
	tf_repo_open();
	mortal = true;
	if (everything(*(int *)arg) == -1) {
		print_message("# %s\n", tf.err.msg);
		return 1;
	}
	mortal = false;
	tf_repo_close();
	return 0;
}

static int
apart(int n, int at)
{
	return die_at(at, one_round, &n);
}

static void
promoting_stopping_and_pruning_killed_at_any_call_goes_on(void **state)
{
	int n, status = KILLED;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	tf_release_number(0);
	tf_repo_close();
	tf.repo.now = tf.start;
	assert_int_equal(apart(0, 0), 0);
	for (n = 1; status == KILLED; n++) {
		tf_release_number_closed(n);
		status = apart(n, n);
		if (status != KILLED)
			assert_int_equal(status, 0);
		assert_int_equal(tf_findings_closed(), 0);
		assert_int_equal(apart(n, 0), 0);
		assert_int_equal(tf_findings_closed(), 0);
	}
	print_message("# killed before each of %d calls\n", n - 2);
	assert_true(n > 30);
	tf_repo_open();
	/* counters never went back and no version has two contents */
	assert_int_equal(
	    tf_int(tf.repo.db,
		"SELECT count(*) FROM \"set\" a JOIN \"set\" b"
		" ON a.channel = b.channel AND a.arch = b.arch"
		" AND a.counter = b.counter AND a.digest <> b.digest"),
	    0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prune_takes_only_what_nobody_needs),
		TEST(prune_leaves_what_is_not_its_own),
		TEST(promoting_stopping_and_pruning_killed_at_any_call_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
