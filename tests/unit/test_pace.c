/* rooms: builder/pace.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/pace.h"

/* The whole range of what a random number can be, and its ends. */
static void
range(int64_t poll, int64_t jitter, bool reached, int64_t *min, int64_t *max)
{
	struct settings s = { .poll = poll, .jitter = jitter };

	*min = INT64_MAX;
	*max = 0;
	for (uint64_t i = 0; i < 100000; i++) {
		uint32_t r = (uint32_t)(i * 42949);
		int64_t ms = pace_poll_ms(&s, reached, r);

		*min = ms < *min ? ms : *min;
		*max = ms > *max ? ms : *max;
	}
}

static void
polls_are_spread_over_the_jitter_and_never_come_early(void **state)
{
	int64_t min, max;

	(void)state;
	range(3600, 600, true, &min, &max);
	assert_in_range(min, 3600000, 3601000);
	assert_in_range(max, 4199000, 4200000);
}

static void
what_was_not_reached_is_asked_again_soon_and_spread_too(void **state)
{
	int64_t min, max;

	(void)state;
	range(3600, 600, false, &min, &max);
	assert_in_range(min, 300000, 301000);
	assert_in_range(max, 359000, 360000);
}

static void
a_farm_that_polls_often_is_not_slowed_by_a_failure(void **state)
{
	int64_t min, max;

	(void)state;
	range(60, 1, false, &min, &max);
	assert_in_range(min, 60000, 60100);
	assert_in_range(max, 60900, 61000);
}

static void
draws_differ(void **state)
{
	uint32_t first = pace_random();
	bool other = false;

	(void)state;
	for (int i = 0; i < 16; i++)
		other = other || pace_random() != first;
	assert_true(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    polls_are_spread_over_the_jitter_and_never_come_early),
		cmocka_unit_test(
		    what_was_not_reached_is_asked_again_soon_and_spread_too),
		cmocka_unit_test(
		    a_farm_that_polls_often_is_not_slowed_by_a_failure),
		cmocka_unit_test(draws_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
