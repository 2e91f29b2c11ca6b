/* rooms: router-agent/slots.c router-agent/supervise.c */
/* wrap: time_mono_ms */
/* A supervised program: its trial, and the way back to the good one. */
#include <sys/mman.h>

#include "tests/support/supervised.h"

static int64_t *slept; /* ms, by all processes */

int64_t __real_time_mono_ms(void);
int64_t __wrap_time_mono_ms(void);
int64_t
__wrap_time_mono_ms(void)
{
	return __real_time_mono_ms() + (slept ? *slept : 0);
}

static bool
is_good(const struct slots *s, const struct hash *h)
{
	return s->good.name && hash_equal(&s->good.image, h);
}

static bool
is_bad_and_good_runs(const struct slots *s, const struct hash *h)
{
	return slots_is_bad(s, h) && starts("good") > 0;
}

static void
one_that_reports_becomes_the_good_one(void **state)
{
	struct slots s;
	struct hash h;

	(void)state;
	on_trial("new", HEALTHY, &h);
	run_until("#!/bin/sh\nexit 1\n", PATIENCE_MS, is_good, &h, &s);
	assert_int_equal(s.good.name, 'a');
	assert_int_equal(s.trial.name, 0);
	assert_int_equal(starts("new"), 1);
}

/* Told before it knew what the signal means, and after. */
static void
a_word_reaches_the_one_that_is_well(const char *name, int sig)
{
	auto_free char *installed =
	    mem_printf("#!/bin/sh\necho >>'%s/early.starts'\n"
		       "while [ ! -e '%s/told' ]; do sleep 0.01; done\n"
		       "trap 'echo >>\"%s/asked.starts\"' %s\n"
		       "echo >>'%s/known.starts'\nprintf h >&3\n"
		       "while :; do sleep 0.01; done\n",
		scratch.path, scratch.path, scratch.path, name, scratch.path);
	struct err err = ERR_INIT;
	pid_t pid;

	pid = start(installed, PATIENCE_MS);
	until_starts("early", 1);
	assert_int_equal(kill(pid, sig), 0);
	assert_int_equal(
	    file_write_at(scratch.fd, "told", "", 0, 0644, &err), 0);
	until_starts("asked", 1);
	assert_int_equal(kill(pid, sig), 0);
	until_starts("asked", 2);
	stop(pid);
	assert_int_equal(starts("early"), 1);
	assert_int_equal(starts("known"), 1);
}

static void
the_word_to_ask_the_server_reaches_the_one_that_is_well(void **state)
{
	(void)state;
	a_word_reaches_the_one_that_is_well("USR1", SIGUSR1);
}

static void
so_does_the_word_that_agent_yaml_is_another(void **state)
{
	(void)state;
	a_word_reaches_the_one_that_is_well("HUP", SIGHUP);
}

static void
one_that_crashes_is_tried_three_times(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;

	(void)state;
	on_trial("new", "exit 1", &h);
	run_until(installed, PATIENCE_MS, is_bad_and_installed_runs, &h, &s);
	assert_int_equal(starts("new"), SLOTS_TRIES);
	assert_int_equal(s.good.name, 0);
	assert_int_equal(s.trial.name, 0);
}

static void
one_that_is_silent_gives_way_to_the_good_one(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash good, h;

	(void)state;
	on_trial("good", HEALTHY, &good);
	settle();
	on_trial("new", "exec sleep 1000", &h);
	run_until(installed, 300, is_bad_and_good_runs, &h, &s);
	assert_int_equal(starts("new"), 1);
	assert_true(hash_equal(&s.good.image, &good));
	assert_int_equal(starts("installed"), 0);
}

/* What was installed names the trial itself, and goes on as that program once
 * the test says so. */
static char *
takes_over(void)
{
	auto_free char *does =
	    mem_printf("printf h >&3\nwhile [ ! -e '%s/go' ]; do sleep 0.02; "
		       "done\nrm '%s/go'; printf t >&3\nexec '%s/" SLOTS_DIR
		       "/a/" SLOTS_PROGRAM "'",
		scratch.path, scratch.path, scratch.path);

	return script("installed", does);
}

static void
go(void)
{
	struct err err = ERR_INIT;

	assert_int_equal(file_write_at(scratch.fd, "go", "", 0, 0600, &err), 0);
}

/* `does`: what the one that takes over does. */
static void
take_over(const char *does, int64_t deadline_ms,
    bool (*there)(const struct slots *, const struct hash *), struct slots *s)
{
	auto_free char *installed = takes_over();
	struct hash h;
	pid_t pid = start(installed, deadline_ms);

	until(installed_runs, NULL, s);
	on_trial("new", does, &h);
	go();
	until(there, &h, s);
	stop(pid);
}

static void
one_that_takes_over_in_the_same_process_becomes_the_good_one(void **state)
{
	struct slots s;

	(void)state;
	take_over(HEALTHY, PATIENCE_MS, is_good, &s);
	assert_int_equal(starts("new"), 1);
	assert_int_equal(starts("installed"), 1);
	assert_int_equal(s.trial.name, 0);
}

static void
one_that_takes_over_and_crashes_is_tried_three_times(void **state)
{
	struct slots s;

	(void)state;
	take_over("exit 1", PATIENCE_MS, is_bad_and_installed_runs, &s);
	assert_int_equal(starts("new"), SLOTS_TRIES);
	assert_int_equal(s.good.name, 0);
}

static void
one_that_takes_over_and_hangs_is_bad_at_once(void **state)
{
	struct slots s;

	(void)state;
	take_over("exec sleep 1000", 300, is_bad_and_installed_runs, &s);
	assert_int_equal(starts("new"), 1);
}

/* It was stopped together with the program, or the router slept: that is not
 * the program's silence. */
static void
an_hour_of_the_supervisors_own_is_no_silence(void **state)
{
	const struct timespec some_ticks = { .tv_sec = 2,
		.tv_nsec = 500000000 };
	auto_free char *installed = script("installed", HEALTHY);
	auto_free char *waits = mem_printf("while [ ! -e '%s/go' ]; do sleep "
					   "0.05; done\n" HEALTHY,
	    scratch.path);
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	*slept = 0;
	on_trial("new", waits, &h);
	pid = start(installed, 10 * PATIENCE_MS);
	until_starts("new", 1);
	*slept = 3600000;
	nanosleep(&some_ticks, NULL);
	go();
	until(is_good, &h, &s);
	stop(pid);
	assert_int_equal(starts("new"), 1);
	assert_int_equal(starts("installed"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(one_that_reports_becomes_the_good_one),
		T(the_word_to_ask_the_server_reaches_the_one_that_is_well),
		T(so_does_the_word_that_agent_yaml_is_another),
		T(one_that_crashes_is_tried_three_times),
		T(one_that_is_silent_gives_way_to_the_good_one),
		T(one_that_takes_over_in_the_same_process_becomes_the_good_one),
		T(one_that_takes_over_and_crashes_is_tried_three_times),
		T(one_that_takes_over_and_hangs_is_bad_at_once),
		T(an_hour_of_the_supervisors_own_is_no_silence),
	};

	slept = mmap(NULL, sizeof(*slept), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return slept == MAP_FAILED ? 1
				   : cmocka_run_group_tests(tests, NULL, NULL);
}
