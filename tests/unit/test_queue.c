/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* wrap: task_start */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "builder/queue.h"
#include "builder/schema.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

#define GIB ((int64_t)1 << 30)

static struct builder b;
static struct work_slot slots[4];
static struct recipe recipes[3];
static struct task tasks[3];
static struct buf started;
static struct err err;

/* A run takes a slot, and that is all. */
int __wrap_task_start(
    struct builder *, struct task *, struct task_lane *, struct err *);
int
__wrap_task_start(
    struct builder *bu, struct task *t, struct task_lane *l, struct err *e)
{
	struct work_slot *s = work_free(&bu->work);

	(void)e;
	assert_non_null(s);
	s->busy = true;
	s->owner = t;
	s->order.lane = l->name;
	bu->work.nbusy++;
	l->active = true;
	buf_printf(&started, "%s%s/%c", started.len ? " " : "", t->recipe->name,
	    l->name);
	return 0;
}

static int
setup(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	auto_free char *path = NULL;

	if (scratch_setup(state) != 0)
		return -1;
	path = mem_printf("%s/farm.db", scratch.path);
	memset(&b, 0, sizeof(b));
	memset(slots, 0, sizeof(slots));
	memset(recipes, 0, sizeof(recipes));
	memset(tasks, 0, sizeof(tasks));
	buf_init(&started);
	b.db = db_open(path, farm_migrations, farm_migrations_count, &err);
	assert_non_null(b.db);
	b.work.slots = slots;
	b.work.nslots = 4;
	b.memory = 8 * GIB;
	b.cpus = 8;
	for (size_t i = 0; i < 3; i++) {
		recipes[i].name = mem_str(names[i]);
		recipes[i].budget.memory = GIB;
		tasks[i].recipe = &recipes[i];
		tasks[i].state = TASK_RUNS;
		for (int l = 0; l < 2; l++) {
			tasks[i].lanes[l].name = (char)('A' + l);
			tasks[i].lanes[l].state = RUN_QUEUED;
		}
	}
	return 0;
}

static int
teardown(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		free(recipes[i].name);
		free(tasks[i].waits);
		free(tasks[i].told);
	}
	buf_release(&started);
	db_close(b.db);
	return scratch_teardown(state);
}

static void
start(const char *want)
{
	bool any = false;

	buf_clear(&started);
	assert_int_equal(queue_start(&b, tasks, 3, &any, &err), 0);
	assert_string_equal(started.data, want);
	assert_true(any == (*want != '\0'));
}

/* A run of that task ends well. */
static void
end(struct task *t, size_t lane)
{
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		if (slots[i].busy && slots[i].owner == t &&
		    slots[i].order.lane == t->lanes[lane].name)
			slots[i].busy = false;
	b.work.nbusy--;
	t->lanes[lane].active = false;
	t->lanes[lane].state = RUN_SUCCEEDED;
}

static void
both_lanes_start_in_the_order_of_the_graph(void **state)
{
	(void)state;
	start("one/A one/B two/A two/B");
	assert_string_equal(tasks[2].waits, "all 4 places are taken");
	start("");
	end(&tasks[0], 0);
	start("three/A");
}

static void
a_security_update_goes_first(void **state)
{
	(void)state;
	tasks[2].urgent = true;
	start("three/A three/B one/A one/B");
}

static void
nothing_overtakes_a_security_update_that_waits(void **state)
{
	(void)state;
	b.memory = 2 * GIB;
	recipes[2].budget.memory = 3 * GIB;
	tasks[0].lanes[1].state = RUN_SUCCEEDED;
	start("one/A two/A");
	tasks[2].urgent = true;
	end(&tasks[0], 0);
	start("");
	assert_string_equal(tasks[2].waits,
	    "it may take 3072 MiB of memory, and 1024 of 2048 are taken");
	assert_string_equal(tasks[1].waits, "after three, a security update");
	/* Alone it may, though it is more than there is. */
	end(&tasks[1], 0);
	start("three/A");
}

static void
runs_stay_within_the_memory(void **state)
{
	(void)state;
	b.memory = 3 * GIB;
	recipes[1].budget.memory = 2 * GIB;
	start("one/A one/B three/A");
	assert_string_equal(tasks[1].waits,
	    "it may take 2048 MiB of memory, and 2048 of 3072 are taken");
}

static void
runs_stay_within_the_processors(void **state)
{
	(void)state;
	b.cpus = 2;
	start("one/A one/B");
	assert_string_equal(
	    tasks[1].waits, "it takes 1.0 processors, and 2.0 of 2 are taken");
}

static void
what_a_run_takes_is_known_from_the_past(void **state)
{
	static const char sql[] =
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('" /* any digest */
	    "0000000000000000000000000000000000000000000000000000000000000001"
	    "', 'one', 'build',"
	    " '0000000000000000000000000000000000000000000000000000000000000002"
	    "', 0);"
	    "INSERT INTO run (plan, lane, state, queued_at, wall_ms, cpu_ms,"
	    " max_rss_kib) VALUES"
	    " ('"
	    "0000000000000000000000000000000000000000000000000000000000000001"
	    "', 'A', 'succeeded', 0, 1000, 1500, 102400)";

	(void)state;
	assert_int_equal(db_exec(b.db, sql, &err), 0);
	b.memory = GIB + 512 * ((int64_t)1 << 20);
	b.cpus = 2;
	/* 100 MiB, half more, and 16 beside; 1.5 processors. */
	tasks[0].lanes[1].state = RUN_SUCCEEDED;
	start("one/A");
	assert_int_equal(tasks[0].lanes[0].memory, (int64_t)(150 + 16) << 20);
	assert_int_equal(tasks[0].lanes[0].mcpu, 1500);
	assert_string_equal(
	    tasks[1].waits, "it takes 1.0 processors, and 1.5 of 2 are taken");
}

static void
what_waits_and_why_is_told_to_the_database(void **state)
{
	static const char sql[] =
	    "SELECT group_concat(recipe || ' ' || state || ' ' || urgent ||"
	    " ' ' || ifnull(why, '-'), '; ') FROM (SELECT * FROM task"
	    " ORDER BY recipe)";
	auto_stmt struct stmt *q = NULL;

	(void)state;
	b.work.nslots = 1;
	tasks[1].state = TASK_WAITS;
	tasks[1].blocker = &tasks[0];
	tasks[2].urgent = true;
	start("three/A");
	assert_int_equal(queue_tell(&b, tasks, 3, &err), 0);
	q = db_stmt(b.db, sql);
	assert_int_equal(stmt_step(q, &err), 1);
	assert_string_equal(stmt_str(q, 0),
	    "one queued 0 after three, a security update;"
	    " three runs 1 all 1 places are taken;"
	    " two waits 0 waits for the build of one");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(both_lanes_start_in_the_order_of_the_graph),
		T(a_security_update_goes_first),
		T(nothing_overtakes_a_security_update_that_waits),
		T(runs_stay_within_the_memory),
		T(runs_stay_within_the_processors),
		T(what_a_run_takes_is_known_from_the_past),
		T(what_waits_and_why_is_told_to_the_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
