/* rooms: router-agent/slots.c router-agent/supervise.c */
/* wrap: time_mono_ms */
/* The agent's own program: slots, trials, and the way back. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/slots.h"
#include "router-agent/supervise.h"
#include "tests/support/scratch.h"

#define PATIENCE_MS 60000

static int dir;	       /* self/ */
static int64_t *slept; /* ms, by all processes */

int64_t __real_time_mono_ms(void);
int64_t __wrap_time_mono_ms(void);
int64_t
__wrap_time_mono_ms(void)
{
	return __real_time_mono_ms() + (slept ? *slept : 0);
}

static int
setup(void **state)
{
	struct err err = ERR_INIT;

	if (scratch_setup(state) == -1)
		return -1;
	dir = dir_make_at(scratch.fd, SLOTS_DIR, 0755, &err);
	return dir == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	close(dir);
	return scratch_teardown(state);
}

/* A script as the agent: says that it was started, then what it does. */
static char *
script(const char *name, const char *does)
{
	return mem_printf(
	    "#!/bin/sh\necho >>'%s/%s.starts'\n%s\n", scratch.path, name, does);
}

static size_t
starts(const char *name)
{
	auto_free char *file = mem_printf("%s.starts", name);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (file_read_at(scratch.fd, file, 65536, &text, &err) == -1)
		return 0;
	return text.len;
}

static int
image(const char *agent, const char *fetch, struct hash *h)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = strlen(agent);
	int fd;

	buf_str(&b, "kilnagt1");
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_char(&b, (char)(n >> shift & 0xff));
	buf_str(&b, agent);
	buf_str(&b, fetch);
	hash_bytes(h, b.data, b.len);
	assert_int_equal(
	    file_write_at(scratch.fd, "image", b.data, b.len, 0600, &err), 0);
	fd = file_open_at(scratch.fd, "image", O_RDONLY, 0, &err);
	assert_int_not_equal(fd, -1);
	return fd;
}

static void
on_trial(const char *name, const char *does, struct hash *h)
{
	auto_free char *text = script(name, does);
	auto_fd int fd = image(text, "#!/bin/sh\n", h);
	struct err err = ERR_INIT;
	struct slots s;

	assert_int_equal(slots_load(dir, &s, &err), 0);
	if (slots_install(dir, fd, h, &s, &err) == -1)
		fail_msg("%s", err.msg);
}

static pid_t
start(const char *installed, int64_t deadline_ms)
{
	struct err why = ERR_INIT;
	pid_t pid;

	assert_int_equal(file_write_at(scratch.fd, "installed", installed,
			     strlen(installed), 0755, &why),
	    0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		auto_free char *program =
		    mem_printf("%s/installed", scratch.path);
		const struct supervise s = {
			.state = scratch.path,
			.config = "none",
			.installed = program,
			.deadline_ms = deadline_ms,
			.pause_ms = 1,
		};
		struct err err = ERR_INIT;
		int ret;

		close(2);
		ret = supervise(&s, &err);
		_exit(ret == 0 ? 0 : 1);
	}
	return pid;
}

static void
stop(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
until(bool (*there)(const struct slots *, const struct hash *),
    const struct hash *h, struct slots *s)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t end = time_mono_ms() + PATIENCE_MS;
	struct err err = ERR_INIT;

	do {
		assert_int_equal(slots_load(dir, s, &err), 0);
		if (there(s, h))
			return;
		nanosleep(&nap, NULL);
	} while (time_mono_ms() < end);
	fail_msg("it did not come about");
}

static void
until_starts(const char *name, size_t n)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t end = time_mono_ms() + PATIENCE_MS;

	while (starts(name) < n && time_mono_ms() < end)
		nanosleep(&nap, NULL);
	assert_int_equal(starts(name), n);
}

static bool
is_good(const struct slots *s, const struct hash *h)
{
	return s->good.name && hash_equal(&s->good.image, h);
}

static bool
is_bad_and_installed_runs(const struct slots *s, const struct hash *h)
{
	return slots_is_bad(s, h) && starts("installed") > 0;
}

static bool
is_bad_and_good_runs(const struct slots *s, const struct hash *h)
{
	return slots_is_bad(s, h) && starts("good") > 0;
}

static bool
installed_runs(const struct slots *s, const struct hash *h)
{
	(void)s;
	(void)h;
	return starts("installed") > 0;
}

#define HEALTHY "printf h >&3; exec sleep 1000"

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
	slots_settle(&s, true);
	assert_int_equal(slots_save(dir, &s, &err), 0);
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
one_that_reports_becomes_the_good_one(void **state)
{
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	on_trial("new", HEALTHY, &h);
	pid = start("#!/bin/sh\nexit 1\n", PATIENCE_MS);
	until(is_good, &h, &s);
	stop(pid);
	assert_int_equal(s.good.name, 'a');
	assert_int_equal(s.trial.name, 0);
	assert_int_equal(starts("new"), 1);
}

/* Told before it knew what the signal means, and after. */
static void
the_word_to_ask_the_server_reaches_the_one_that_is_well(void **state)
{
	auto_free char *installed =
	    mem_printf("#!/bin/sh\necho >>'%s/early.starts'\n"
		       "while [ ! -e '%s/told' ]; do sleep 0.01; done\n"
		       "trap 'echo >>\"%s/asked.starts\"' USR1\n"
		       "echo >>'%s/known.starts'\nprintf h >&3\n"
		       "while :; do sleep 0.01; done\n",
		scratch.path, scratch.path, scratch.path, scratch.path);
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	pid = start(installed, PATIENCE_MS);
	until_starts("early", 1);
	assert_int_equal(kill(pid, SIGUSR1), 0);
	assert_int_equal(
	    file_write_at(scratch.fd, "told", "", 0, 0644, &err), 0);
	until_starts("asked", 1);
	assert_int_equal(kill(pid, SIGUSR1), 0);
	until_starts("asked", 2);
	stop(pid);
	assert_int_equal(starts("early"), 1);
	assert_int_equal(starts("known"), 1);
}

static void
one_that_crashes_is_tried_three_times(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	on_trial("new", "exit 1", &h);
	pid = start(installed, PATIENCE_MS);
	until(is_bad_and_installed_runs, &h, &s);
	stop(pid);
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
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	on_trial("good", HEALTHY, &good);
	assert_int_equal(slots_load(dir, &s, &err), 0);
	slots_settle(&s, true);
	assert_int_equal(slots_save(dir, &s, &err), 0);
	on_trial("new", "exec sleep 1000", &h);
	pid = start(installed, 300);
	until(is_bad_and_good_runs, &h, &s);
	stop(pid);
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

static void
one_that_takes_over_in_the_same_process_becomes_the_good_one(void **state)
{
	auto_free char *installed = takes_over();
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	pid = start(installed, PATIENCE_MS);
	until(installed_runs, &h, &s);
	on_trial("new", HEALTHY, &h);
	go();
	until(is_good, &h, &s);
	stop(pid);
	assert_int_equal(starts("new"), 1);
	assert_int_equal(starts("installed"), 1);
	assert_int_equal(s.trial.name, 0);
}

static void
one_that_takes_over_and_crashes_is_tried_three_times(void **state)
{
	auto_free char *installed = takes_over();
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	pid = start(installed, PATIENCE_MS);
	until(installed_runs, &h, &s);
	on_trial("new", "exit 1", &h);
	go();
	until(is_bad_and_installed_runs, &h, &s);
	stop(pid);
	assert_int_equal(starts("new"), SLOTS_TRIES);
	assert_int_equal(s.good.name, 0);
}

static void
one_that_takes_over_and_hangs_is_bad_at_once(void **state)
{
	auto_free char *installed = takes_over();
	struct slots s;
	struct hash h;
	pid_t pid;

	(void)state;
	pid = start(installed, 300);
	until(installed_runs, &h, &s);
	on_trial("new", "exec sleep 1000", &h);
	go();
	until(is_bad_and_installed_runs, &h, &s);
	stop(pid);
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

static void
a_damaged_slot_gives_way_to_what_was_installed(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	struct slots s;
	struct hash h;
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	on_trial("good", HEALTHY, &h);
	assert_int_equal(slots_load(dir, &s, &err), 0);
	slots_settle(&s, true);
	assert_int_equal(slots_save(dir, &s, &err), 0);
	assert_int_equal(
	    file_write_at(dir, "a/" SLOTS_FETCH, "x", 1, 0755, &err), 0);
	pid = start(installed, PATIENCE_MS);
	until(installed_runs, &h, &s);
	stop(pid);
	assert_int_equal(starts("good"), 0);
}

/* What a power cut leaves between the steps of an installation. */
static void
a_slot_that_no_record_names_is_not_started(void **state)
{
	auto_free char *installed = script("installed", HEALTHY);
	auto_free char *half = script("half", HEALTHY);
	struct slots s;
	struct hash h = { 0 };
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	assert_int_equal(mkdirat(dir, "a", 0755), 0);
	assert_int_equal(file_write_at(dir, "a/" SLOTS_PROGRAM, half,
			     strlen(half), 0755, &err),
	    0);
	pid = start(installed, PATIENCE_MS);
	until(installed_runs, &h, &s);
	stop(pid);
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
	pid_t pid;

	(void)state;
	on_trial("new", HEALTHY, &h);
	assert_int_equal(
	    file_write_at(dir, "a/" SLOTS_PROGRAM, "", 0, 0755, &err), 0);
	pid = start(installed, PATIENCE_MS);
	until(is_bad_and_installed_runs, &h, &s);
	stop(pid);
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
	int64_t end = time_mono_ms() + PATIENCE_MS;
	pid_t pid;

	(void)state;
	on_trial("new", HEALTHY, &h);
	assert_int_equal(
	    file_write_at(dir, "record", "{\"kind\"", 7, 0600, &err), 0);
	assert_int_equal(slots_load(dir, &s, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	pid = start(installed, PATIENCE_MS);
	while (starts("installed") == 0 && time_mono_ms() < end)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
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
		int64_t end = time_mono_ms() + PATIENCE_MS;

		pid = start(installed, PATIENCE_MS);
		while (starts("new") < i && time_mono_ms() < end)
			nanosleep(
			    &(struct timespec){ .tv_nsec = 5000000 }, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(starts("new"), i);
	}
	pid = start(installed, PATIENCE_MS);
	until(is_bad_and_installed_runs, &h, &s);
	stop(pid);
	assert_int_equal(starts("new"), SLOTS_TRIES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_slot_that_no_record_names_is_not_started, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_trial_that_is_cut_off_is_bad_without_being_started, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_damaged_record_gives_way_to_what_was_installed, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    tries_are_counted_through_power_cuts, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_image_is_taken_apart_into_the_free_slot, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_no_image_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_reports_becomes_the_good_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_word_to_ask_the_server_reaches_the_one_that_is_well,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_crashes_is_tried_three_times, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_is_silent_gives_way_to_the_good_one, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_takes_over_in_the_same_process_becomes_the_good_one,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_takes_over_and_crashes_is_tried_three_times, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_takes_over_and_hangs_is_bad_at_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    an_hour_of_the_supervisors_own_is_no_silence, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_damaged_slot_gives_way_to_what_was_installed, setup,
		    teardown),
	};

	slept = mmap(NULL, sizeof(*slept), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return slept == MAP_FAILED ? 1
				   : cmocka_run_group_tests(tests, NULL, NULL);
}
