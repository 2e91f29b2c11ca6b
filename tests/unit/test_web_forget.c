/* rooms: web/forget.c web/routers.c web/schema.c */
/* wrap: time_now */
/* Reports go by age, and what is known of each router does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hash.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/scratch.h"
#include "web/forget.h"
#include "web/routers.h"
#include "web/schema.h"

#define DAY ((int64_t)86400)
#define BEGIN ((int64_t)1800000000)

static struct db *db;
static struct err err;
static struct forget forget;
static int64_t now;

int64_t __wrap_time_now(void);
int64_t
__wrap_time_now(void)
{
	return now;
}

static struct db *
opened(void)
{
	auto_free char *path = mem_printf("%s/web.db", scratch.path);

	return db_open(path, web_migrations, web_migrations_count, &err);
}

static int
each(void **state)
{
	err_clear(&err);
	now = BEGIN;
	forget = (struct forget){ .keep_s = 90 * DAY };
	return scratch_setup(state) == 0 && (db = opened()) ? 0 : -1;
}

static int
after(void **state)
{
	db_close(db);
	db = NULL;
	return scratch_teardown(state);
}

static int64_t
number(const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static void
says(int router, int64_t sequence)
{
	char id[HASH_HEX];
	struct said s = { .router = id,
		.key = id,
		.state = "rolled-back",
		.channel = "edge",
		.arch = "amd64",
		.agent = "1",
		.set_sha = "s",
		.sequence = sequence,
		.body = "{}",
		.body_len = 2,
		.bytes = -1,
		.published = true };

	snprintf(id, sizeof(id), "%064x", (unsigned)router);
	if (routers_said(db, &s, &err) == -1)
		fail_msg("%s", err.msg);
}

/* A whole pass; how many steps it took. */
static int
passes(void)
{
	int steps = 0, more;

	while ((more = forget_step(&forget, db, &err)) == 1)
		steps++;
	if (more == -1)
		fail_msg("%s", err.msg);
	forget.at = forget.id = 0;
	return steps;
}

static void
what_is_older_goes_and_what_is_younger_stays(void **state)
{
	(void)state;
	says(1, 1);
	now += 60 * DAY;
	says(1, 2);
	now += 10 * DAY;
	says(1, 3);
	now = BEGIN + 90 * DAY;
	assert_int_equal(passes(), 0); /* 90 days, not more */
	assert_int_equal(number("SELECT count(*) FROM report"), 3);
	now++;
	assert_int_equal(passes(), 1);
	assert_int_equal(number("SELECT count(*) FROM report"), 2);
	assert_int_equal(number("SELECT min(sequence) FROM report"), 2);
	assert_int_equal(forget.gone, 1);
}

static void
what_a_router_said_last_stays_however_long_ago(void **state)
{
	(void)state;
	says(1, 1);
	says(1, 2);
	says(2, 1);
	now += 3650 * DAY;
	passes();
	assert_int_equal(number("SELECT count(*) FROM report"), 2);
	assert_int_equal(number("SELECT count(*) FROM router r JOIN report p ON"
				" p.router = r.id AND p.sequence = r.sequence"),
	    2);
	assert_int_equal(number("SELECT sum(routers) FROM router_group"), 2);
}

static void
what_was_the_last_goes_when_it_is_not_any_more(void **state)
{
	(void)state;
	says(1, 1);
	now += 100 * DAY;
	passes();
	assert_int_equal(number("SELECT count(*) FROM report"), 1);
	says(1, 2);
	passes();
	assert_int_equal(number("SELECT count(*) FROM report"), 1);
	assert_int_equal(number("SELECT sequence FROM report"), 2);
}

static void
one_that_came_late_is_as_old_as_its_arrival(void **state)
{
	(void)state;
	says(1, 7);
	now += 50 * DAY;
	says(1, 3); /* it waited on the way */
	now += 50 * DAY;
	passes();
	assert_int_equal(number("SELECT count(*) FROM report"), 2);
	now += 50 * DAY;
	passes();
	assert_int_equal(number("SELECT sequence FROM report"), 7);
}

static void
many_go_in_small_steps_past_those_that_stay(void **state)
{
	const int routers = 3 * FORGET_ROWS / 2;

	(void)state;
	for (int r = 0; r < routers; r++)
		says(r, 1);
	for (int r = 0; r < routers; r += 2)
		says(r, 2);
	now += 91 * DAY;
	for (int r = 0; r < routers; r += 3)
		says(r, 3);
	/* Two steps are full, the third has the rest. */
	assert_int_equal(passes(), (routers + routers / 2) / FORGET_ROWS + 1);
	assert_int_equal(number("SELECT count(*) FROM report"), routers);
	assert_int_equal(number("SELECT count(*) FROM report p JOIN router r"
				" ON r.id = p.router AND r.sequence ="
				" p.sequence"),
	    routers);
}

static void
a_step_looks_only_at_what_is_old(void **state)
{
	static const char plan[] =
	    "EXPLAIN QUERY PLAN SELECT received_at, id FROM report WHERE"
	    " (received_at, id) > (1, 1) AND received_at < 2 ORDER BY"
	    " received_at, id LIMIT 3";
	auto_stmt struct stmt *q = db_stmt(db, plan);

	(void)state;
	assert_int_equal(stmt_step(q, &err), 1);
	assert_non_null(strstr(stmt_str(q, 3), "report_received"));
	assert_int_equal(stmt_step(q, &err), 0);
}

static void
who_cannot_write_now_forgets_later(void **state)
{
	struct db *other = opened();

	(void)state;
	assert_non_null(other);
	says(1, 1);
	says(1, 2);
	now += 100 * DAY;
	db_patience(db, 1);
	assert_int_equal(db_begin(other, &err), 0);
	assert_int_equal(forget_step(&forget, db, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_int_equal(forget.at, 0);
	db_rollback(other);
	db_close(other);
	err_clear(&err);
	passes();
	assert_int_equal(number("SELECT count(*) FROM report"), 1);
}

static void
a_tick_goes_on_until_the_pass_is_over_and_then_waits(void **state)
{
	(void)state;
	for (int n = 1; n <= FORGET_ROWS + 2; n++) {
		says(n, 1);
		says(n, 2);
	}
	now += 100 * DAY;
	for (int n = 0; n < 3; n++)
		assert_true(forget_tick(&forget, db));
	assert_false(forget_tick(&forget, db));
	assert_int_equal(
	    number("SELECT count(*) FROM report"), FORGET_ROWS + 2);
	assert_true(forget.due_ms > time_mono_ms());
	/* Not before it is due, and never without a policy. */
	says(1, 3);
	now += 100 * DAY;
	assert_false(forget_tick(&forget, db));
	forget.due_ms = forget.keep_s = 0;
	assert_false(forget_tick(&forget, db));
	assert_int_equal(number("SELECT count(*) FROM report WHERE router LIKE"
				" '%01' AND sequence < 3"),
	    1);
	forget.keep_s = DAY;
	assert_true(forget_tick(&forget, db));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, each, after)
	const struct CMUnitTest tests[] = {
		T(what_is_older_goes_and_what_is_younger_stays),
		T(what_a_router_said_last_stays_however_long_ago),
		T(what_was_the_last_goes_when_it_is_not_any_more),
		T(one_that_came_late_is_as_old_as_its_arrival),
		T(many_go_in_small_steps_past_those_that_stay),
		T(a_step_looks_only_at_what_is_old),
		T(who_cannot_write_now_forgets_later),
		T(a_tick_goes_on_until_the_pass_is_over_and_then_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
