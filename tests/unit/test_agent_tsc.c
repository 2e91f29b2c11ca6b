/* rooms: router-agent/machine/tsc.c router-agent/conf.c */
/* wrap: clock_gettime */
/* How fast the processor counts, measured on a host that has other work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "router-agent/machine/tsc.h"

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);

static int every; /* so many looks at the clock one waits; 0: none */
static int looks;

/* As if the host had given the processor to somebody else just before. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	if (every > 0 && ++looks % every == 0)
		nanosleep(&pause, NULL);
	return __real_clock_gettime(clock, t);
}

static void
who_is_put_aside_while_it_measures_measures_the_same(void **state)
{
	int64_t alone, beside;

	(void)state;
	every = 0;
	alone = tsc_measure();
	if (alone == 0)
		skip();
	every = 3;
	beside = tsc_measure();
	every = 0;
	assert_in_range(beside, alone - alone / 50, alone + alone / 50);
}

static void
it_is_measured_once(void **state)
{
	int64_t first = tsc_khz();
	int before = looks;

	(void)state;
	every = 1000000; /* counts, and does not wait */
	assert_int_equal(tsc_khz(), first);
	every = 0;
	assert_int_equal(looks, before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_is_put_aside_while_it_measures_measures_the_same),
		cmocka_unit_test(it_is_measured_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
