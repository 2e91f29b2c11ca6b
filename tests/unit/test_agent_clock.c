/* rooms: router-agent/boot.c router-agent/clock.c router-agent/trust/brake.c */
/* Life without a clock: what may raise the floor, what may not, and how it
 * comes down again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/tuf_read.h"
#include "router-agent/clock.h"
#include "router-agent/trust/brake.h"
#include "tests/support/scratch.h"

#define T0 (CLOCK_BUILD + 100 * CLOCK_DAY)
#define YEAR (365 * CLOCK_DAY)

static struct clock_facts
at(int64_t now, bool ntp)
{
	return (struct clock_facts){
		.now = now, .up = 50, .ntp = ntp, .boot = "one"
	};
}

static struct clock_view
judged(const struct clock *c, const struct clock_facts *f, int64_t expires)
{
	struct clock_view v;

	clock_judge(c, f, expires, &v);
	return v;
}

static void
floor_by(struct clock *c, uint8_t key, int64_t when)
{
	memset(c->floors[c->nfloors].key.b, key, 32);
	c->floors[c->nfloors++].at = when;
}

/* A root whose timestamp and snapshot are both signed by key `k`. */
static struct tuf_file *
root_of(uint8_t k)
{
	struct tuf_file *f = mem_zero(1, sizeof(*f));
	static const char *const names[] = { "timestamp", "snapshot" };

	f->type = TUF_ROOT;
	f->keys = mem_zero(1, sizeof(*f->keys));
	f->nkeys = 1;
	f->keys[0].keyid = mem_str("k");
	f->keys[0].usable = true;
	memset(f->keys[0].pub.b, k, 32);
	f->roles = mem_zero(2, sizeof(*f->roles));
	for (f->nroles = 0; f->nroles < 2; f->nroles++) {
		struct tuf_role *r = &f->roles[f->nroles];

		r->name = mem_str(names[f->nroles]);
		r->keyids = mem_zero(1, sizeof(*r->keyids));
		r->keyids[0] = mem_str("k");
		r->nkeyids = 1;
		r->threshold = 1;
	}
	return f;
}

static void
without_any_word_the_agents_own_date_is_the_floor(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(0, false);
	struct clock_view v = judged(&c, &f, 0);

	(void)state;
	assert_int_equal(v.state, CLOCK_WILD);
	assert_int_equal(v.time, CLOCK_BUILD);
}

static void
a_clock_kept_by_ntp_is_believed(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0, true);
	struct clock_view v = judged(&c, &f, 0);

	(void)state;
	assert_int_equal(v.state, CLOCK_SYNCED);
	assert_int_equal(v.time, T0);
}

static void
a_clock_within_a_day_of_a_signed_time_is_believed(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0 + 3600, false);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0);
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.state, CLOCK_SYNCED);
	assert_int_equal(v.time, T0 + 3600);
}

static void
a_clock_far_above_the_floor_is_not_believed(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0 + 30 * CLOCK_DAY, false);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0);
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.state, CLOCK_FLOOR);
	assert_int_equal(v.time, T0);
}

static void
a_random_future_clock_raises_nothing(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0 + 80 * YEAR, false);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0);
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.state, CLOCK_WILD);
	clock_learn(&c, &f, &v);
	f = at(T0 + 60, false);
	strcpy(f.boot, "two");
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.state, CLOCK_SYNCED);
	assert_int_equal(v.time, T0 + 60);
	assert_int_equal(c.synced, 0);
}

static void
a_clock_before_the_floor_is_wild_even_with_ntp(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0 - CLOCK_DAY, true);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0);
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.state, CLOCK_WILD);
	assert_int_equal(v.time, T0);
}

static void
what_ntp_said_once_holds_through_the_boot_and_is_a_floor_after(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0, true);
	struct clock_view v = judged(&c, &f, 0);

	(void)state;
	clock_learn(&c, &f, &v);
	/* Ten days on, the line is dead, the clock went on. */
	f = at(T0 + 10 * CLOCK_DAY, false);
	f.up += 10 * CLOCK_DAY;
	v = judged(&c, &f, 0);
	assert_int_equal(v.state, CLOCK_SYNCED);
	/* Set back by hand. */
	f.now = T0;
	assert_int_equal(judged(&c, &f, 0).state, CLOCK_WILD);
	/* After a reboot only the saved time is left. */
	f = at(0, false);
	strcpy(f.boot, "two");
	assert_int_equal(judged(&c, &f, 0).time, T0);
}

static void
a_stolen_keys_far_future_stays_below_the_roots_end(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0, false);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0 + 74 * YEAR);
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.time, T0 + YEAR - 1);
}

static void
a_stolen_keys_far_future_is_forgotten_with_the_key(void **state)
{
	struct clock c = { 0 };
	struct clock_facts f = at(T0, false);
	auto_tuf struct tuf_file *old = root_of(1), *next = root_of(2);
	struct clock_view v;

	(void)state;
	floor_by(&c, 1, T0 + 74 * YEAR);
	v = judged(&c, &f, T0 + YEAR);
	clock_learn(&c, &f, &v);
	assert_false(clock_drop(&c, old));
	assert_true(clock_drop(&c, next));
	v = judged(&c, &f, T0 + YEAR);
	assert_int_equal(v.time, CLOCK_BUILD);
	floor_by(&c, 2, T0);
	assert_false(clock_drop(&c, next));
	assert_int_equal(judged(&c, &f, T0 + YEAR).time, T0);
}

static void
what_is_remembered_is_read_back_and_written_once(void **state)
{
	int dir = scratch.fd;
	struct clock c = { 0 }, back;
	struct clock_facts f = at(T0, true);
	struct clock_view v = judged(&c, &f, 0);
	struct err err = ERR_INIT;
	struct stat one, two;

	(void)state;
	floor_by(&c, 7, T0);
	clock_learn(&c, &f, &v);
	assert_int_equal(clock_sight(&c, "brake edge 3", T0), T0);
	assert_int_equal(clock_save(dir, &c, &err), 0);
	assert_int_equal(fstatat(dir, CLOCK_FILE, &one, 0), 0);
	clock_load(dir, &back);
	assert_memory_equal(&back, &c, sizeof(c));
	/* An idle day. */
	f.now += CLOCK_DAY;
	f.up += CLOCK_DAY;
	v = judged(&back, &f, 0);
	clock_learn(&back, &f, &v);
	assert_int_equal(clock_sight(&back, "brake edge 3", f.now), T0);
	assert_int_equal(clock_save(dir, &back, &err), 0);
	assert_int_equal(fstatat(dir, CLOCK_FILE, &two, 0), 0);
	assert_int_equal(one.st_ino, two.st_ino);
}

static void
a_damaged_memory_is_an_empty_one(void **state)
{
	int dir = scratch.fd;
	struct clock c, none = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_write_at(dir, CLOCK_FILE, "{", 1, 0600, &err), 0);
	clock_load(dir, &c);
	assert_memory_equal(&c, &none, sizeof(c));
}

static void
a_brake_is_obeyed_for_at_most_14_days_however_it_is_renewed(void **state)
{
	struct clock seen = { 0 };
	int64_t held = 0;

	(void)state;
	for (int64_t day = 0; day < 60; day++) {
		struct brake b = { .counter = 5 };
		int64_t now = T0 + day * CLOCK_DAY;

		b.until = now + 7 * CLOCK_DAY;
		held += brake_holds(&b, "edge", 5, now, &seen);
		assert_false(brake_holds(&b, "edge", 4, now, &seen));
	}
	assert_int_equal(held, 14);
}

static void
another_release_has_a_brake_of_its_own(void **state)
{
	struct clock seen = { 0 };
	struct brake b = { .counter = 5, .until = T0 + CLOCK_DAY };

	(void)state;
	assert_true(brake_holds(&b, "edge", 5, T0, &seen));
	b.counter = 6;
	b.until = T0 + 21 * CLOCK_DAY;
	assert_true(brake_holds(&b, "edge", 6, T0 + 20 * CLOCK_DAY, &seen));
	/* Longer than a brake may be is none at all. */
	b.until = T0 + 40 * CLOCK_DAY;
	assert_false(brake_holds(&b, "edge", 6, T0 + 20 * CLOCK_DAY, &seen));
}

static void
a_boot_is_new_once_and_only_where_there_was_another(void **state)
{
	static const char other[] = "00000000-0000-0000-0000-000000000000\n";
	char id[BOOT_ID];
	struct err err = ERR_INIT;

	(void)state;
	boot_id(id);
	assert_int_equal(strlen(id), 36);
	assert_false(boot_is_new(scratch.fd)); /* never in use */
	assert_false(boot_is_new(scratch.fd));
	assert_int_equal(
	    file_write_at(scratch.fd, "boot", other, strlen(other), 0644, &err),
	    0);
	assert_true(boot_is_new(scratch.fd));
	assert_false(boot_is_new(scratch.fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    without_any_word_the_agents_own_date_is_the_floor),
		cmocka_unit_test(a_clock_kept_by_ntp_is_believed),
		cmocka_unit_test(
		    a_clock_within_a_day_of_a_signed_time_is_believed),
		cmocka_unit_test(a_clock_far_above_the_floor_is_not_believed),
		cmocka_unit_test(a_random_future_clock_raises_nothing),
		cmocka_unit_test(
		    a_clock_before_the_floor_is_wild_even_with_ntp),
		cmocka_unit_test(
		    what_ntp_said_once_holds_through_the_boot_and_is_a_floor_after),
		cmocka_unit_test(
		    a_stolen_keys_far_future_stays_below_the_roots_end),
		cmocka_unit_test(
		    a_stolen_keys_far_future_is_forgotten_with_the_key),
		cmocka_unit_test_setup_teardown(
		    what_is_remembered_is_read_back_and_written_once,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    a_damaged_memory_is_an_empty_one, scratch_setup,
		    scratch_teardown),
		cmocka_unit_test(
		    a_brake_is_obeyed_for_at_most_14_days_however_it_is_renewed),
		cmocka_unit_test(another_release_has_a_brake_of_its_own),
		cmocka_unit_test_setup_teardown(
		    a_boot_is_new_once_and_only_where_there_was_another,
		    scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
