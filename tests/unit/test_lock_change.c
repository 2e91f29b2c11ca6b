/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/* What changed from one lock to the next, in words and in rows. */
#include "builder/inputs/lock_change.h"
#include "tests/support/archive/lock_choices.h"

static void
difference_names_versions_and_security(void **state)
{
	struct lock_request rq = request("tool", cc);
	struct hash a = must(&rq), b;
	auto_lock struct lock *old = load(&a), *new = NULL;
	auto_buf struct buf text = BUF_INIT;
	struct lock_changes l = { 0 };
	int64_t event = 0;

	(void)state;
	fake_package(&security, "libc-dev", "2.37", NULL, "dev, mended");
	fake_package(&bookworm, "cc", "5", "Depends: libc-dev, ld\n", "cc5");
	fake_package(&bookworm, "ld", "1", NULL, "ld");
	publish();
	b = must(&rq);
	new = load(&b);
	lock_diff(old, new, &l);
	lock_changes_text(&l, 9, &text);
	assert_string_equal(
	    text.data, "libc-dev 2.36 → 2.37 (security), cc 4 → 5, ld 1 (new)");
	buf_clear(&text);
	lock_changes_text(&l, 1, &text);
	assert_string_equal(
	    text.data, "libc-dev 2.36 → 2.37 (security) and 2 more");
	assert_int_equal(
	    lock_changes_write(parts.db, "tool", &l, 0, &event, &parts.err), 0);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock_change"), 3);
	assert_int_equal(
	    parts_ask("SELECT count(*) FROM lock_change WHERE security AND"
		      " package = 'libc-dev' AND old = '2.36' AND new = '2.37'"
		      " AND suite = 'bookworm-security' AND part = 'build'"),
	    1);
	lock_changes_release(&l);
	/* And back. */
	lock_diff(new, old, &l);
	buf_clear(&text);
	lock_changes_text(&l, 9, &text);
	assert_string_equal(
	    text.data, "cc 5 → 4, ld 1 (gone), libc-dev 2.37 → 2.36");
	lock_changes_release(&l);
	/* Nothing. */
	lock_diff(new, new, &l);
	assert_int_equal(l.n, 0);
	lock_changes_release(&l);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, keep_setup, suites_teardown)
		T(difference_names_versions_and_security),
	};

	return suites_main(argc, argv, tests);
}
