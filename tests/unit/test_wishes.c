/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/schema.h"
#include "builder/task.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

#include "web/schema.c"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct builder b;
static struct work_slot slots[2];
static struct recipe recipe;
static struct plan plan;
static struct task task;
static struct db *web;
static char *web_path;
static struct err err;

static void
sql(struct db *db, const char *text)
{
	if (db_exec(db, text, &err) == -1)
		fail_msg("%s: %s", text, err.msg);
}

static int
setup(void **state)
{
	auto_free char *path = NULL;

	if (scratch_setup(state) != 0)
		return -1;
	err = (struct err)ERR_INIT;
	path = mem_printf("%s/farm.db", scratch.path);
	web_path = mem_printf("%s/web.db", scratch.path);
	memset(&b, 0, sizeof(b));
	memset(slots, 0, sizeof(slots));
	memset(&task, 0, sizeof(task));
	b.db = db_open(path, farm_migrations, farm_migrations_count, &err);
	web = db_open(web_path, web_migrations, web_migrations_count, &err);
	assert_non_null(b.db);
	assert_non_null(web);
	b.wishes.web_db = web_path;
	b.work.slots = slots;
	b.work.nslots = 2;
	assert_true(hash_parse(&plan.digest, HEX_A));
	recipe.name = mem_str("one");
	task.recipe = &recipe;
	task.plan = &plan;
	task.state = TASK_RUNS;
	for (int i = 0; i < 2; i++)
		task.lanes[i] = (struct task_lane){ .name = (char)('A' + i),
			.state = RUN_QUEUED,
			.id = i + 1 };
	sql(b.db,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('" HEX_A "', 'one', 'build', '" HEX_A "', 1),"
	    " ('" HEX_B "', 'one', 'image', '" HEX_B "', 1);"
	    "INSERT INTO current (recipe, stage, plan) VALUES"
	    " ('one', 'build', '" HEX_A "');"
	    "INSERT INTO run (id, plan, lane, state, queued_at) VALUES"
	    " (1, '" HEX_A "', 'A', 'running', 1),"
	    " (2, '" HEX_A "', 'B', 'queued', 1),"
	    " (3, '" HEX_B "', 'A', 'succeeded', 1)");
	return 0;
}

static int
teardown(void **state)
{
	free(task.why);
	free(task.cancelled);
	free(recipe.name);
	wishes_close(&b.wishes);
	db_close(b.db);
	db_close(web);
	free(web_path);
	return scratch_teardown(state);
}

static void
ask(const char *kind, const char *argument)
{
	auto_free char *text = mem_printf(
	    "INSERT INTO request (at, kind, argument, by) VALUES (1, '%s',"
	    " '%s', 'ada')",
	    kind, argument);

	sql(web, text);
	if (wishes_take(&b, &task, 1, &err) == -1)
		fail_msg("%s", err.msg);
}

/* The first column of the first row, "" without one; static. */
static const char *
cell(const char *text)
{
	static char out[600];
	struct stmt *q = db_stmt(b.db, text);

	out[0] = '\0';
	if (stmt_step(q, &err) == 1 && !stmt_null(q, 0))
		snprintf(out, sizeof(out), "%s", stmt_str(q, 0));
	stmt_done(q);
	return out;
}

#define ANSWER "SELECT text FROM asked ORDER BY id DESC LIMIT 1"

/* A runs in the first slot. */
static void
start_a(void)
{
	slots[0].busy = true;
	slots[0].owner = &task;
	b.work.nbusy = 1;
	task.lanes[0].active = true;
}

static void
a_cancel_stops_what_runs_and_drops_what_waits(void **state)
{
	(void)state;
	start_a();
	ask("cancel", "{\"reason\":\"wrong branch\",\"run\":1}");
	assert_true(atomic_load(&slots[0].stop));
	assert_false(atomic_load(&slots[1].stop));
	assert_int_equal(task.lanes[1].state, RUN_NONE);
	assert_string_equal(task.cancelled, "cancelled by ada: wrong branch");
	/* Held once its run has ended; nothing more starts before. */
	assert_int_equal(task.state, TASK_RUNS);
	assert_null(task_next_lane(&task));
	assert_string_equal(
	    cell("SELECT state || ' ' || cause FROM run WHERE id = 2"),
	    "lost cancelled");
	assert_string_equal(
	    cell("SELECT state FROM run WHERE id = 1"), "running");
	assert_string_equal(cell("SELECT by || ': ' || reason FROM cancelled"),
	    "ada: wrong branch");
	assert_string_equal(
	    cell("SELECT text FROM event WHERE kind = 'cancelled'"),
	    "ada asked to cancel build 1 (wrong branch): cancelled, and held "
	    "until it is asked for again");
}

static void
what_only_waits_is_held_at_once(void **state)
{
	auto_buf struct buf why = BUF_INIT;

	(void)state;
	ask("cancel", "{\"reason\":\"later\",\"run\":2}");
	assert_int_equal(task.state, TASK_HELD);
	assert_string_equal(task.why, "cancelled by ada: later");
	assert_int_equal(wishes_cancelled(b.db, &plan.digest, &why, &err), 1);
	assert_string_equal(why.data, "cancelled by ada: later");
}

static void
a_request_is_taken_once(void **state)
{
	(void)state;
	ask("cancel", "{\"reason\":\"x\",\"run\":2}");
	sql(b.db, "DELETE FROM cancelled");
	ask("poll", "hook");
	assert_string_equal(cell("SELECT count(*) FROM cancelled"), "0");
	assert_string_equal(cell("SELECT count(*) FROM asked"), "1");
	assert_true(b.wishes.poll);
	/* Neither by one that was started anew. */
	wishes_close(&b.wishes);
	b.wishes = (struct wishes){ .web_db = web_path };
	assert_int_equal(wishes_take(&b, &task, 1, &err), 0);
	assert_string_equal(cell("SELECT count(*) FROM cancelled"), "0");
	assert_false(b.wishes.poll);
}

static void
a_retry_sets_a_cancelled_plan_free(void **state)
{
	auto_buf struct buf why = BUF_INIT;

	(void)state;
	ask("cancel", "{\"reason\":\"x\",\"run\":2}");
	ask("retry", "{\"reason\":\"now\",\"run\":2}");
	assert_true(b.wishes.again);
	assert_int_equal(wishes_cancelled(b.db, &plan.digest, &why, &err), 0);
	assert_string_equal(
	    cell(ANSWER), "it had been cancelled; it goes into the next cycle");
}

static void
a_retry_of_a_failed_plan_runs_anew_what_failed(void **state)
{
	enum run_state st;
	struct hash record;
	int64_t id, lost;
	int i;

	(void)state;
	sql(b.db,
	    "UPDATE plan SET verdict = 'failed', verdict_record = '" HEX_B
	    "', judged_at = 2 WHERE digest = '" HEX_A "';"
	    "UPDATE run SET state = 'succeeded', record = '" HEX_A
	    "' WHERE id = 1;"
	    "UPDATE run SET state = 'failed', cause = 'exit', record = '" HEX_B
	    "' WHERE id = 2");
	for (i = 0; i < 3; i++)
		sql(b.db,
		    "INSERT INTO run (plan, lane, state, queued_at, cause)"
		    " VALUES ('" HEX_A "', 'B', 'lost', 1, 'sandbox')");
	ask("retry", "{\"reason\":\"the network is back\",\"run\":2}");
	assert_true(b.wishes.again);
	assert_string_equal(cell("SELECT coalesce(verdict, 'none') FROM plan "
				 "WHERE digest = '" HEX_A "'"),
	    "none");
	/* What went well stays; what failed counts no more. */
	assert_int_equal(
	    ledger_run(b.db, &plan.digest, 'A', &st, &id, &record, &err), 0);
	assert_int_equal(st, RUN_SUCCEEDED);
	assert_int_equal(
	    ledger_run(b.db, &plan.digest, 'B', &st, &id, &record, &err), 0);
	assert_int_equal(st, RUN_NONE);
	assert_int_equal(ledger_lost(b.db, &plan.digest, 'B', &lost, &err), 0);
	assert_int_equal(lost, 0);
	/* The rows are still there for who looks. */
	assert_string_equal(
	    cell("SELECT state FROM run WHERE id = 2"), "failed");
}

static void
outputs_that_were_seen_are_not_tried_again(void **state)
{
	static const char *const verdicts[] = { "differs", "reproduced" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		auto_free char *text =
		    mem_printf("UPDATE plan SET verdict = '%s'", verdicts[i]);

		sql(b.db, text);
		ask("retry", "{\"reason\":\"x\",\"run\":1}");
		assert_false(b.wishes.again);
		assert_non_null(strstr(cell(ANSWER), verdicts[i]));
	}
	assert_string_equal(
	    cell("SELECT count(*) FROM plan WHERE verdict IS NULL"), "0");
	assert_string_equal(
	    cell("SELECT count(*) FROM event WHERE kind = 'retried'"), "0");
}

static void
what_makes_no_sense_is_refused_and_told(void **state)
{
	static const struct {
		const char *kind, *argument, *says;
	} bad[] = {
		{ "cancel", "{\"reason\":\"x\",\"run\":99}",
		    "there is no build 99" },
		{ "cancel", "{\"reason\":\"x\",\"run\":3}",
		    "build 3 has ended: nothing is left to cancel" },
		{ "cancel", "{\"reason\":\"\",\"run\":1}", "the reason has" },
		{ "cancel", "{\"run\":1}", "reason" },
		{ "cancel", "{\"reason\":\"x\",\"run\":\"1\"}", "run" },
		{ "cancel", "{\"reason\":\"x\",\"run\":1,\"more\":1}", "more" },
		{ "cancel", "not json", "request" },
		{ "retry", "{\"reason\":\"x\",\"run\":1}", "is in hand" },
		{ "retry", "{\"reason\":\"x\",\"run\":3}",
		    "stands for no recipe any more" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ask(bad[i].kind, bad[i].argument);
		if (!strstr(cell(ANSWER), bad[i].says))
			fail_msg("%s %s: %s", bad[i].kind, bad[i].argument,
			    cell(ANSWER));
	}
	assert_string_equal(cell("SELECT count(*) FROM cancelled"), "0");
	assert_string_equal(cell("SELECT count(*) FROM event"), "0");
	assert_int_equal(task.state, TASK_RUNS);
}

static void
an_audit_that_is_cancelled_leaves_its_plan_alone(void **state)
{
	(void)state;
	start_a();
	task.state = TASK_AUDITS;
	task.audit.active = true;
	sql(b.db, "UPDATE run SET audit = 1 WHERE id = 1");
	ask("cancel", "{\"reason\":\"x\",\"run\":1}");
	assert_true(atomic_load(&slots[0].stop));
	assert_string_equal(cell("SELECT count(*) FROM cancelled"), "0");
	assert_int_equal(task.state, TASK_AUDITS);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_cancel_stops_what_runs_and_drops_what_waits),
		T(what_only_waits_is_held_at_once),
		T(a_request_is_taken_once),
		T(a_retry_sets_a_cancelled_plan_free),
		T(a_retry_of_a_failed_plan_runs_anew_what_failed),
		T(outputs_that_were_seen_are_not_tried_again),
		T(what_makes_no_sense_is_refused_and_told),
		T(an_audit_that_is_cancelled_leaves_its_plan_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
