/* rooms: router-agent/change/due.c router-agent/poll.c
 * router-agent/trust/turn.c router-agent/state.c router-agent/set.c
 * router-agent/set_json.c router-agent/set_wire.c router-agent/probe_spec.c
 * router-agent/boot.c router-agent/clock.c */
/* When a router asks again, and when it may begin what it was offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "router-agent/change/due.h"
#include "router-agent/owner/hold.h"
#include "router-agent/poll.h"

#define HOUR ((int64_t)3600)

/* --- asking again -------------------------------------------------------- */

static void
polls_lie_between_half_and_one_and_a_half(void **arg)
{
	struct poll_plan p = { .every_s = 6 * HOUR };

	(void)arg;
	assert_int_equal(poll_next(&p, false, 0), 3 * HOUR * 1000);
	assert_int_equal(poll_next(&p, false, 500), 6 * HOUR * 1000);
	assert_true(poll_next(&p, false, 999) < 9 * HOUR * 1000);
	assert_true(poll_next(&p, false, 999) > 8 * HOUR * 1000);
}

static void
the_first_poll_after_a_boot_is_spread_evenly_over_ten_minutes(void **state)
{
	(void)state;
	assert_int_equal(poll_first(6 * HOUR, 0), 0);
	assert_int_equal(poll_first(6 * HOUR, UINT32_MAX / 2 + 1), 300000);
	assert_int_equal(poll_first(6 * HOUR, UINT32_MAX), 599999);
	/* An owner who polls more often waits no longer than that. */
	assert_int_equal(poll_first(60, UINT32_MAX), 59999);
}

static void
failures_are_tried_soon_and_later_each_time(void **arg)
{
	struct poll_plan p = { .every_s = 6 * HOUR };

	(void)arg;
	assert_int_equal(poll_next(&p, true, 500), 60 * 1000);
	assert_int_equal(poll_next(&p, true, 500), 120 * 1000);
	assert_int_equal(poll_next(&p, true, 500), 240 * 1000);
	for (int i = 0; i < 100; i++)
		assert_true(poll_next(&p, true, 500) <= 6 * HOUR * 1000);
	/* For as long as it lasts, as often as ever and by chance. */
	assert_int_equal(poll_next(&p, true, 500), 6 * HOUR * 1000);
	assert_int_equal(poll_next(&p, true, 0), 3 * HOUR * 1000);
	assert_int_equal(poll_next(&p, false, 500), 6 * HOUR * 1000);
	assert_int_equal(p.fails, 0);
}

static void
what_a_server_asks_for_is_kept_to_for_a_day(void **arg)
{
	struct poll_plan p = { .every_s = HOUR, .retry_after = 7 * HOUR };

	(void)arg;
	assert_int_equal(poll_next(&p, true, 500), 7 * HOUR * 1000);
	p.retry_after = 1000 * HOUR;
	assert_int_equal(poll_next(&p, true, 500), 24 * HOUR * 1000);
}

static void
what_waits_is_looked_at_when_it_is_due(void **arg)
{
	struct poll_plan p = { .every_s = 6 * HOUR, .wait_s = 100 };

	(void)arg;
	assert_int_equal(poll_next(&p, false, 500), 101 * 1000);
	p.wait_s = 20 * HOUR;
	assert_int_equal(poll_next(&p, false, 500), 6 * HOUR * 1000);
}

/* --- beginning ----------------------------------------------------------- */

static const struct state none;
static const struct hash a_set = { { 1 } };

static struct due_facts
facts(void)
{
	return (struct due_facts){ .has_current = true,
		.state = &none,
		.every_s = 6 * HOUR,
		.now = 1000000,
		.minute = 600,
		.set = &a_set,
		.turn = { .at = 900000 },
		.judged_at = 1000000,
		.clock = CLOCK_SYNCED };
}

static enum due
look(const struct due_facts *f, int64_t *wait)
{
	return due_look(f, wait);
}

static void
nothing_in_the_way_begins(void **arg)
{
	struct due_facts f = facts();
	int64_t wait;

	(void)arg;
	assert_int_equal(look(&f, &wait), DUE_NOW);
	assert_int_equal(wait, 0);
}

static void
its_wave_and_its_window_are_waited_for(void **arg)
{
	struct due_facts f = facts();
	int64_t wait;

	(void)arg;
	f.turn.at = f.judged_at + 50;
	assert_int_equal(look(&f, &wait), DUE_WAVE);
	assert_int_equal(wait, 50);
	f.turn.at = TURN_NEVER;
	assert_int_equal(look(&f, &wait), DUE_NEVER);
	assert_int_equal(wait, 6 * HOUR);
	f.turn = (struct turn){ .at = 1, .from = 660, .to = 720 };
	assert_int_equal(look(&f, &wait), DUE_WINDOW);
	assert_int_equal(wait, HOUR);
	f.clock = CLOCK_FLOOR;
	assert_int_equal(look(&f, &wait), DUE_NOW);
	f.clock = CLOCK_SYNCED;
	f.minute = -1;
	assert_int_equal(look(&f, &wait), DUE_NOW);
}

static void
who_runs_nothing_waits_for_no_wave(void **arg)
{
	struct due_facts f = facts();
	int64_t wait;

	(void)arg;
	f.has_current = false;
	f.metered = true;
	f.turn.at = TURN_NEVER;
	assert_int_equal(look(&f, &wait), DUE_NOW);
}

static void
the_owner_goes_before_the_farm(void **arg)
{
	struct due_facts f = facts();
	int64_t wait;

	(void)arg;
	f.turn.at = TURN_NEVER;
	f.ask = true;
	assert_int_equal(look(&f, &wait), DUE_ASK);
	f.hold_until = f.now + 30;
	assert_int_equal(look(&f, &wait), DUE_HELD);
	assert_int_equal(wait, 30);
	f.hold_until = HOLD_FOR_EVER;
	assert_int_equal(look(&f, &wait), DUE_HELD);
	assert_int_equal(wait, 6 * HOUR);
	f.metered = true;
	assert_int_equal(look(&f, &wait), DUE_METERED);
	f.urgent = true;
	assert_int_equal(look(&f, &wait), DUE_HELD);
	f.at_once = true;
	assert_int_equal(look(&f, &wait), DUE_NOW);
}

static void
an_approved_plan_waits_for_its_wave_all_the_same(void **arg)
{
	struct due_facts f = facts();
	int64_t wait;

	(void)arg;
	f.ask = f.confirmed = true;
	f.turn.at = f.judged_at + 50;
	assert_int_equal(look(&f, &wait), DUE_WAVE);
}

static void
another_try_comes_later(void **arg)
{
	struct due_facts f = facts();
	struct state s = {
		.retry = { .sha256 = a_set, .failures = 1, .at = f.now - 60 }
	};
	int64_t wait;

	(void)arg;
	f.state = &s;
	assert_int_equal(look(&f, &wait), DUE_RETRY);
	assert_int_equal(wait, HOUR - 60);
	s.retry.at = f.now - HOUR;
	assert_int_equal(look(&f, &wait), DUE_NOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_first_poll_after_a_boot_is_spread_evenly_over_ten_minutes),
		cmocka_unit_test(polls_lie_between_half_and_one_and_a_half),
		cmocka_unit_test(failures_are_tried_soon_and_later_each_time),
		cmocka_unit_test(what_a_server_asks_for_is_kept_to_for_a_day),
		cmocka_unit_test(what_waits_is_looked_at_when_it_is_due),
		cmocka_unit_test(nothing_in_the_way_begins),
		cmocka_unit_test(its_wave_and_its_window_are_waited_for),
		cmocka_unit_test(who_runs_nothing_waits_for_no_wave),
		cmocka_unit_test(the_owner_goes_before_the_farm),
		cmocka_unit_test(
		    an_approved_plan_waits_for_its_wave_all_the_same),
		cmocka_unit_test(another_try_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
