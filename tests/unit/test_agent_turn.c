/* rooms: router-agent/trust/turn.c router-agent/boot.c router-agent/clock.c */
/* Waves and windows: who goes when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/wave.h"
#include "router-agent/trust/turn.h"

#define SEEN 1800000000

static int
turn(const char *text, unsigned place, struct turn *t)
{
	struct err err = ERR_INIT;
	auto_json json_t *set = js_parse("set", text, strlen(text), &err);

	assert_non_null(set);
	return turn_read(t, set, place, SEEN, &err);
}

static void
a_set_without_waves_is_everybodys_at_once(void **state)
{
	struct turn t;

	(void)state;
	assert_int_equal(turn("{}", 99, &t), 0);
	assert_int_equal(t.at, SEEN);
	assert_int_equal(turn("{\"waves\":[],\"window\":null}", 99, &t), 0);
	assert_int_equal(t.at, SEEN);
	assert_int_equal(turn_closed(&t, 700), 0);
}

static void
each_place_has_the_first_wave_that_reaches_it(void **state)
{
	static const char set[] = "{\"waves\":[{\"after_h\":0,\"percent\":10},"
				  "{\"after_h\":24,\"percent\":50}]}";
	struct turn t;

	(void)state;
	assert_int_equal(turn(set, 9, &t), 0);
	assert_int_equal(t.at, SEEN);
	assert_int_equal(turn(set, 10, &t), 0);
	assert_int_equal(t.at, SEEN + 86400);
	assert_int_equal(turn(set, 50, &t), 0);
	assert_true(t.at == TURN_NEVER);
}

static void
places_are_even_and_another_for_each_release(void **state)
{
	unsigned first = 0, moved = 0;
	struct hash device, one, two;

	(void)state;
	hash_bytes(&one, "one", 3);
	hash_bytes(&two, "two", 3);
	for (uint32_t i = 0; i < 10000; i++) {
		hash_bytes(&device, &i, sizeof(i));
		first += wave_place(&device, &one) < 10;
		moved += wave_place(&device, &one) != wave_place(&device, &two);
	}
	assert_in_range(first, 850, 1150);
	assert_in_range(moved, 9800, 10000);
}

static void
a_window_may_lie_over_midnight(void **state)
{
	struct turn t;

	(void)state;
	assert_int_equal(
	    turn("{\"window\":{\"from\":\"23:00\",\"to\":\"02:30\"}}", 0, &t),
	    0);
	assert_int_equal(turn_closed(&t, 23 * 60), 0);
	assert_int_equal(turn_closed(&t, 149), 0);
	assert_int_equal(turn_closed(&t, 150), 23 * 60 - 150);
	assert_int_equal(turn_closed(&t, 22 * 60), 60);
}

static void
a_wave_counts_from_the_first_sight_of_its_set(void **state)
{
	static const char text[] =
	    "{\"waves\":[{\"after_h\":24,\"percent\":100}]}";
	struct err err = ERR_INIT;
	auto_json json_t *j = js_parse("set", text, strlen(text), &err);
	struct set set = { .channel = "edge", .counter = 4 };
	struct clock seen = { 0 };
	struct hash device = { 0 };
	struct turn t;

	(void)state;
	for (int64_t i = 0; i < 3; i++) {
		assert_int_equal(
		    turn_of(&t, j, &set, &device, SEEN + i * 3600, &seen, &err),
		    0);
		assert_int_equal(t.at, SEEN + 86400);
	}
	set.counter = 5;
	assert_int_equal(
	    turn_of(&t, j, &set, &device, SEEN + 3600, &seen, &err), 0);
	assert_int_equal(t.at, SEEN + 3600 + 86400);
}

static void
what_is_no_wave_and_no_window_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"waves\":1}",
		"{\"waves\":[{\"after_h\":0,\"percent\":101}]}",
		"{\"waves\":[{\"after_h\":-1,\"percent\":1}]}",
		"{\"window\":{\"from\":\"24:00\",\"to\":\"02:00\"}}",
		"{\"window\":{\"from\":\"02:60\",\"to\":\"02:00\"}}",
		"{\"window\":{\"from\":\"02:00\"}}",
		"{\"window\":7}",
	};
	struct turn t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(turn(bad[i], 0, &t), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_without_waves_is_everybodys_at_once),
		cmocka_unit_test(each_place_has_the_first_wave_that_reaches_it),
		cmocka_unit_test(places_are_even_and_another_for_each_release),
		cmocka_unit_test(a_window_may_lie_over_midnight),
		cmocka_unit_test(a_wave_counts_from_the_first_sight_of_its_set),
		cmocka_unit_test(what_is_no_wave_and_no_window_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
