/* rooms: router-agent/traffic.c */
/* What is written to flash in a day, and when that is enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "router-agent/traffic.h"
#include "tests/support/scratch.h"

#define DAY ((int64_t)86400)
#define NOON (20000 * DAY + DAY / 2)

static int64_t
writes(const char *name, size_t n)
{
	char bytes[4096] = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(
	    file_write_at(scratch.fd, name, bytes, n, 0600, &err), 0);
	return (int64_t)n;
}

static int
setup(void **state)
{
	int r = scratch_setup(state);

	fd_meter(scratch.fd);
	return r;
}

static void
files_of_the_flash_count_and_no_others(void **state)
{
	int64_t before = fd_metered();
	auto_fd int memory = memfd_create("elsewhere", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	int ends[2];

	(void)state;
	writes("a", 100);
	assert_int_equal(fd_metered() - before, 100);
	assert_int_equal(fd_write_all(memory, "elsewhere", 9, &err), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fd_write_all(ends[1], "somebody", 8, &err), 0);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(fd_metered() - before, 100);
}

static void
what_is_written_adds_up_over_a_day_and_restarts(void **state)
{
	struct traffic t, back;
	struct err err = ERR_INIT;
	int64_t kept;

	(void)state;
	traffic_load(scratch.fd, 0, &t);
	writes("a", 1000);
	assert_int_equal(traffic_written(&t, 0, NOON), 1000);
	/* Somebody else's. */
	assert_int_equal(traffic_written(&t, 500, NOON), 1500);
	assert_int_equal(traffic_keep(scratch.fd, &t, NOON, &err), 0);
	traffic_load(scratch.fd, 0, &back);
	assert_int_equal(traffic_written(&back, 0, NOON), 1500);
	writes("a", 10);
	kept = traffic_written(&t, 0, NOON);
	/* The meter's own writing counts as well. */
	assert_in_range(kept, 1510 + 15, 1510 + 100);
	assert_int_equal(traffic_today(&t, NOON), kept);
	assert_int_equal(traffic_today(&t, NOON + DAY), 0);
	assert_int_equal(traffic_written(&t, 0, NOON + DAY), 0);
}

static void
looking_writes_nothing(void **state)
{
	struct traffic t;
	int64_t before;

	(void)state;
	traffic_load(scratch.fd, 0, &t);
	before = fd_metered();
	for (int i = 0; i < 50; i++) {
		traffic_written(&t, 0, NOON + i * DAY / 10);
		traffic_worn(&t, 1000, NOON + i * DAY / 10);
		traffic_planned(&t, 7, NOON + i * DAY / 10);
	}
	assert_int_equal(fd_metered(), before);
	assert_false(file_exists_at(scratch.fd, "traffic"));
}

static void
a_day_s_writes_are_enough_some_time_and_begin_anew(void **state)
{
	struct traffic t;

	(void)state;
	traffic_load(scratch.fd, 0, &t);
	writes("a", 999);
	assert_false(traffic_worn(&t, 1000, NOON));
	writes("a", 1);
	assert_true(traffic_worn(&t, 1000, NOON));
	assert_false(traffic_worn(&t, 1000, NOON + DAY));
}

/* An image is written as it came, unpacked, and into the store. */
static void
an_update_has_room_of_its_own_and_a_second_one_shares_it(void **state)
{
	struct traffic t;

	(void)state;
	traffic_load(scratch.fd, 0, &t);
	traffic_planned(&t, 500, NOON);
	writes("a", 2499);
	assert_false(traffic_worn(&t, 1000, NOON));
	traffic_planned(&t, 500, NOON);
	traffic_planned(&t, 300, NOON);
	writes("a", 1);
	assert_true(traffic_worn(&t, 1000, NOON));
	/* A larger one has more. */
	traffic_planned(&t, 501, NOON);
	assert_false(traffic_worn(&t, 1000, NOON));
}

static void
what_an_older_agent_kept_is_read(void **state)
{
	static const char four[] = "20000 60 20 3\n";
	struct traffic t;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_write_at(scratch.fd, "traffic", four,
			     sizeof(four) - 1, 0644, &err),
	    0);
	traffic_load(scratch.fd, 3, &t);
	assert_int_equal(t.bytes, 60);
	assert_int_equal(t.update, 20);
	assert_int_equal(traffic_written(&t, 0, NOON), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(files_of_the_flash_count_and_no_others),
		T(what_is_written_adds_up_over_a_day_and_restarts),
		T(looking_writes_nothing),
		T(a_day_s_writes_are_enough_some_time_and_begin_anew),
		T(an_update_has_room_of_its_own_and_a_second_one_shares_it),
		T(what_an_older_agent_kept_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
