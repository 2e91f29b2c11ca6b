/* rooms: web/routers.c web/schema.c */
/* What is counted of routers agrees with what is kept of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"
#include "web/routers.h"
#include "web/schema.h"

static struct db *db;
static struct err err;
static int64_t sequence;

static char *
path(void)
{
	return mem_printf("%s/web.db", scratch.path);
}

static void
sql(const char *text)
{
	if (db_exec(db, text, &err) == -1)
		fail_msg("%s", err.msg);
}

static int64_t
number(const char *text)
{
	auto_stmt struct stmt *q = db_stmt(db, text);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_null(q, 0) ? -1 : stmt_int(q, 0);
}

static int
open_at(size_t version)
{
	auto_free char *at = path();

	db = db_open(at, web_migrations, version, &err);
	return db ? 0 : -1;
}

static int
each(void **state)
{
	err_clear(&err);
	return scratch_setup(state) == 0 ? open_at(web_migrations_count) : -1;
}

static int
after(void **state)
{
	db_close(db);
	db = NULL;
	return scratch_teardown(state);
}

static void
name(int router, char hex[HASH_HEX])
{
	snprintf(hex, HASH_HEX, "%064x", (unsigned)router);
}

static int
say(struct said s, int router)
{
	char id[HASH_HEX];

	name(router, id);
	s.router = s.key = id;
	s.agent = "1";
	s.arch = "amd64";
	if (!s.channel)
		s.channel = "edge";
	if (!s.state)
		s.state = "committed";
	if (s.sequence == 0)
		s.sequence = ++sequence;
	s.body = "{}";
	s.body_len = 2;
	return routers_said(db, &s, &err);
}

static void
comes_to(int router, int64_t counter)
{
	struct said s = { .set_sha = "s",
		.counter = counter,
		.bytes = -1,
		.published = true };

	assert_int_equal(say(s, router), 0);
}

static void
costs(int router, const char *state, int64_t bytes, int64_t gap_ms,
    bool published)
{
	struct said s = { .set_sha = "s",
		.state = state,
		.counter = 3,
		.bytes = bytes,
		.gap_ms = gap_ms,
		.published = published };

	assert_int_equal(say(s, router), 0);
}

static void
what_updates_cost_is_summed_up_for_each_set(void **state)
{
	(void)state;
	comes_to(1, 3); /* an old agent */
	assert_int_equal(number("SELECT count(*) FROM cost"), 0);
	costs(1, "committed", 1000, 20, true);
	costs(2, "committed", 3000, 40, true);
	costs(3, "committed", 500, -1, true); /* nothing to switch */
	/* Went back, or says it of a set that is none of ours. */
	costs(4, "rolled-back", 9999, 9999, true);
	costs(5, "committed", 9999, 9999, false);
	assert_int_equal(number("SELECT count(*) FROM cost"), 1);
	assert_int_equal(number("SELECT updates FROM cost"), 3);
	assert_int_equal(number("SELECT bytes FROM cost"), 4500);
	assert_int_equal(number("SELECT most_bytes FROM cost"), 3000);
	assert_int_equal(number("SELECT switches FROM cost"), 2);
	assert_int_equal(number("SELECT gap_ms FROM cost"), 60);
	assert_int_equal(number("SELECT longest_ms FROM cost"), 40);
	/* What is sent again is not counted again. */
	sequence = 1;
	costs(1, "committed", 1000, 20, true);
	assert_int_equal(number("SELECT updates FROM cost"), 3);
}

static void
the_counts_are_those_of_the_rows_whatever_is_said(void **state)
{
	static const char *const words[] = { "committed", "failed", "refused" };
	static const char *const channels[] = { "edge", "stable" };
	static const char *const causes[] = { "boot", "memory", NULL };
	static const char *const shas[] = { "a", "b", NULL };
	static const char differ[] =
	    "SELECT count(*) FROM (SELECT channel, arch, counter,"
	    " coalesce(set_sha, ''), state, coalesce(cause, ''), count(*)"
	    " FROM router GROUP BY 1, 2, 3, 4, 5, 6 EXCEPT"
	    " SELECT * FROM router_group)";
	static const char same[] =
	    "SELECT (SELECT sum(routers) FROM router_group) ="
	    " (SELECT count(*) FROM router)";

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		unsigned r = i * 2654435761U >> 7;
		struct said s = { .state = words[r % 3],
			.channel = channels[r / 3 % 2],
			.cause = causes[r / 6 % 3],
			.set_sha = shas[r / 18 % 3],
			.counter = r / 54 % 4,
			.published = r / 216 % 2,
			.timestamp = 1 };

		assert_int_equal(say(s, (int)(r / 432 % 40)), 0);
	}
	assert_true(number("SELECT count(*) FROM reach") > 2);
	assert_int_equal(
	    number("SELECT count(*) FROM reach r WHERE routers <> (SELECT"
		   " count(*) FROM router WHERE channel = r.channel AND"
		   " best >= r.counter)"),
	    0);
	sql("DELETE FROM report WHERE router IN (SELECT id FROM router LIMIT"
	    " 3); DELETE FROM router WHERE id NOT IN (SELECT router FROM"
	    " report)");
	assert_int_equal(number("SELECT count(*) FROM router"), 37);
	assert_int_equal(number(differ), 0);
	assert_int_equal(number(same), 1);
	assert_int_equal(
	    number("SELECT count(*) FROM router_group WHERE routers = 0"), 0);
	assert_int_equal(routers_of_set(db, "a", &err),
	    number("SELECT count(*) FROM router WHERE set_sha = 'a'"));
}

static void
a_set_is_marked_when_half_nine_of_ten_and_all_came_to_it(void **state)
{
	static const char marks[] = "SELECT (half_at IS NOT NULL) +"
				    " (most_at IS NOT NULL) +"
				    " (all_at IS NOT NULL) FROM reach"
				    " WHERE counter = 2";

	(void)state;
	for (int i = 0; i < 20; i++)
		comes_to(i, 1);
	for (int i = 0; i < 9; i++)
		comes_to(i, 2);
	assert_int_equal(number(marks), 0);
	comes_to(9, 2);
	assert_int_equal(number(marks), 1);
	for (int i = 10; i < 17; i++)
		comes_to(i, 2);
	assert_int_equal(number(marks), 1);
	comes_to(17, 2);
	assert_int_equal(number(marks), 2);
	comes_to(18, 2);
	comes_to(18, 2);
	assert_int_equal(number(marks), 2);
	comes_to(19, 2);
	assert_int_equal(number(marks), 3);
	/* A router that begins later takes nothing back. */
	comes_to(20, 1);
	assert_int_equal(number(marks), 3);
}

static void
who_passes_a_set_by_has_come_to_it(void **state)
{
	(void)state;
	comes_to(1, 1);
	comes_to(2, 7);
	/* The row of a set that is between is made late. */
	comes_to(1, 4);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE counter = 4"), 2);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE counter = 7"), 1);
	assert_int_equal(
	    number("SELECT all_at FROM reach WHERE counter = 4") > 0, 1);
	/* Going back does not count anew. */
	comes_to(2, 4);
	comes_to(2, 7);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE counter = 7"), 1);
}

static void
what_nobody_published_reaches_nobody(void **state)
{
	struct said s = { .set_sha = "s", .counter = 99 };

	(void)state;
	assert_int_equal(say(s, 1), 0);
	s.published = true;
	s.state = "refused";
	assert_int_equal(say(s, 1), 0);
	assert_int_equal(number("SELECT count(*) FROM reach"), 0);
	assert_int_equal(number("SELECT best FROM router"), 0);
}

static void
a_router_of_another_channel_is_counted_there(void **state)
{
	struct said s = { .channel = "stable",
		.set_sha = "t",
		.counter = 2,
		.published = true };

	(void)state;
	comes_to(2, 4);
	comes_to(1, 5);
	assert_int_equal(
	    number("SELECT all_at FROM reach WHERE counter = 5"), -1);
	assert_int_equal(say(s, 2), 0);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE channel = 'edge' AND"
		   " counter = 4"),
	    1);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE channel = 'stable'"), 1);
	/* All who are left have it now. */
	assert_true(number("SELECT all_at FROM reach WHERE counter = 5") > 0);
}

static void
a_late_report_changes_no_count(void **state)
{
	struct said s = {
		.set_sha = "old", .counter = 9, .sequence = 1, .published = true
	};

	(void)state;
	sequence = 10;
	comes_to(1, 3);
	assert_int_equal(say(s, 1), 0);
	assert_int_equal(number("SELECT count(*) FROM report"), 2);
	assert_int_equal(number("SELECT max(counter) FROM reach"), 3);
	assert_int_equal(routers_of_set(db, "old", &err), 0);
}

static void
what_was_adopted_before_is_kept_as_marks(void **state)
{
	static const char router[] =
	    "INSERT INTO router (id, key, first_at, sequence, seen_at, state,"
	    " channel, arch, counter, set_sha) VALUES ('%064d', '%064d', 1, 1,"
	    " 1, 'committed', 'edge', 'amd64', 3, 'three')";
	static const char report[] =
	    "INSERT INTO report (router, sequence, received_at, state,"
	    " counter, body) VALUES ('%064d', %d, 1, 'committed', %d,"
	    " '{\"channel\":\"edge\",\"arch\":\"amd64\",\"set\":{\"sha256\":"
	    "\"%s\"}}')";
	static const char adopted[] =
	    "INSERT INTO adopted VALUES ('%s', '%064d', %d)";

	(void)state;
	db_close(db);
	scratch_teardown(NULL);
	scratch_setup(NULL);
	assert_int_equal(open_at(5), 0);
	for (int i = 0; i < 4; i++) {
		auto_free char *a = mem_printf(router, i, i);
		auto_free char *b = mem_printf(report, i, 1, 2, "two");
		auto_free char *c = mem_printf(report, i, 2, 3, "three");
		auto_free char *d = mem_printf(adopted, "two", i, 100 + i);
		auto_free char *e = mem_printf(adopted, "three", i, 200 + i);

		sql(a);
		sql(b);
		sql(c);
		sql(d);
		/* One of them runs two still. */
		if (i < 3)
			sql(e);
	}
	db_close(db);
	assert_int_equal(open_at(web_migrations_count), 0);
	assert_int_equal(number("SELECT sum(routers) FROM router_group"), 4);
	assert_int_equal(
	    number("SELECT half_at FROM reach WHERE counter = 2"), 101);
	assert_int_equal(
	    number("SELECT all_at FROM reach WHERE counter = 2"), 103);
	assert_int_equal(
	    number("SELECT half_at FROM reach WHERE counter = 3"), 201);
	assert_int_equal(
	    number("SELECT most_at FROM reach WHERE counter = 3"), -1);
	assert_int_equal(
	    number("SELECT routers FROM reach WHERE counter = 3"), 3);
	assert_int_equal(number("SELECT sum(best) FROM router"), 11);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, each, after)
	const struct CMUnitTest tests[] = {
		T(the_counts_are_those_of_the_rows_whatever_is_said),
		T(a_set_is_marked_when_half_nine_of_ten_and_all_came_to_it),
		T(what_updates_cost_is_summed_up_for_each_set),
		T(who_passes_a_set_by_has_come_to_it),
		T(what_nobody_published_reaches_nobody),
		T(a_router_of_another_channel_is_counted_there),
		T(a_late_report_changes_no_count),
		T(what_was_adopted_before_is_kept_as_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
