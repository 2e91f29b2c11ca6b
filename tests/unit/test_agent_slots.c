/* rooms: router-agent/slots.c router-agent/supervise.c */
/* The slots of the agent's own program: whole, damaged, cut off. */
#include "tests/support/supervised.h"

static void
an_image_is_taken_apart_into_the_free_slot(void **state)
{
	struct slots s;
	struct hash h, other;
	struct err err = ERR_INIT;

	(void)state;
	on_trial("new", HEALTHY, &h);
	assert_int_equal(slots_load(dir, &s, &err), 0);
	assert_int_equal(s.trial.name, 'a');
	assert_true(hash_equal(&s.trial.image, &h));
	assert_int_equal(slots_check(dir, &s.trial, &err), 0);
	settle();
	on_trial("newer", HEALTHY, &other);
	assert_int_equal(slots_load(dir, &s, &err), 0);
	assert_int_equal(s.good.name, 'a');
	assert_int_equal(s.trial.name, 'b');
	assert_int_equal(slots_check(dir, &s.good, &err), 0);
}

static void
what_is_no_image_changes_nothing(void **state)
{
	static const char *const texts[] = { "", "kilnagt1",
		"kilnagt2\0\0\0\0\0\0\0\1ab", "kilnagt1\0\0\0\0\0\0\0\0ab",
		"kilnagt1\0\0\0\0\0\0\0\2ab",
		"kilnagt1\377\377\377\377\377\377\377\377ab" };
	static const size_t sizes[] = { 0, 8, 18, 18, 18, 18 };
	struct slots s = { 0 };
	struct hash h = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = ERR_INIT;
		auto_fd int fd = -1;

		assert_int_equal(file_write_at(scratch.fd, "image", texts[i],
				     sizes[i], 0600, &err),
		    0);
		fd = file_open_at(scratch.fd, "image", O_RDONLY, 0, &err);
		assert_int_equal(slots_install(dir, fd, &h, &s, &err), -1);
		assert_int_equal(err.cls, ERR_INPUT);
	}
	assert_false(file_exists_at(dir, "record"));
}

static void
a_damaged_slot_gives_way_to_what_was_installed(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	struct err err = ERR_INIT;

	(void)state;
	on_trial("good", HEALTHY, &h);
	settle();
	assert_int_equal(
	    file_write_at(dir, "a/" SLOTS_FETCH, "x", 1, 0755, &err), 0);
	run_until(installed, PATIENCE_MS, installed_runs, NULL, &s);
	assert_int_equal(starts("good"), 0);
}

/* What a power cut leaves between the steps of an installation. */
static void
a_slot_that_no_record_names_is_not_started(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	auto_free char *half = script("half", HEALTHY);
	struct slots s;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(dir, "a", 0755), 0);
	assert_int_equal(file_write_at(dir, "a/" SLOTS_PROGRAM, half,
			     strlen(half), 0755, &err),
	    0);
	run_until(installed, PATIENCE_MS, installed_runs, NULL, &s);
	assert_int_equal(starts("half"), 0);
	assert_int_equal(s.trial.name, 0);
}

static void
a_trial_that_is_cut_off_is_bad_without_being_started(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	struct err err = ERR_INIT;

	(void)state;
	on_trial("new", HEALTHY, &h);
	assert_int_equal(
	    file_write_at(dir, "a/" SLOTS_PROGRAM, "", 0, 0755, &err), 0);
	run_until(installed, PATIENCE_MS, is_bad_and_installed_runs, &h, &s);
	assert_int_equal(starts("new"), 0);
	assert_int_equal(s.good.name, 0);
}

static void
a_damaged_record_gives_way_to_what_was_installed(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	on_trial("new", HEALTHY, &h);
	assert_int_equal(
	    file_write_at(dir, "record", "{\"kind\"", 7, 0600, &err), 0);
	assert_int_equal(slots_load(dir, &s, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	pid = start(installed, PATIENCE_MS);
	until_starts("installed", 1);
	stop(pid);
	assert_int_equal(starts("installed"), 1);
	assert_int_equal(starts("new"), 0);
}

/* The tries of a trial outlive whoever counts them. */
static void
tries_are_counted_through_power_cuts(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	int status;
	pid_t pid;

	(void)state;
	on_trial("new", "exec sleep 1000", &h);
	for (size_t i = 1; i <= SLOTS_TRIES; i++) {
		pid = start(installed, PATIENCE_MS);
		until_starts("new", i);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(starts("new"), i);
	}
	run_until(installed, PATIENCE_MS, is_bad_and_installed_runs, &h, &s);
	assert_int_equal(starts("new"), SLOTS_TRIES);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(an_image_is_taken_apart_into_the_free_slot),
		T(what_is_no_image_changes_nothing),
		T(a_damaged_slot_gives_way_to_what_was_installed),
		T(a_slot_that_no_record_names_is_not_started),
		T(a_trial_that_is_cut_off_is_bad_without_being_started),
		T(a_damaged_record_gives_way_to_what_was_installed),
		T(tries_are_counted_through_power_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
