/* rooms: builder builder/inputs builder/plan builder/bake builder/judge
 * builder/keep tuf-repo/schema.c web/schema.c */
/* What nothing needs goes by itself, when it is due and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/bake/turn.h"
#include "builder/schema.h"
#include "builder/tidy.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/scratch.h"
#include "tuf-repo/schema.h"
#include "web/schema.h"

static struct builder b;
static struct farm farm;
static struct tidy tidy;
static struct err err;

static int
subdir(const char *name)
{
	assert_int_equal(mkdirat(scratch.fd, name, 0755), 0);
	return openat(scratch.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct db *
owned(const char *name, const char *const *migrations, size_t n)
{
	auto_free char *path = mem_printf("%s/%s", scratch.path, name);
	struct db *db = db_open(path, migrations, n, &err);

	if (!db)
		fail_msg("%s", err.msg);
	return db;
}

static int
setup(void **state)
{
	auto_fd int store = -1;

	if (scratch_setup(state) != 0)
		return -1;
	err_clear(&err);
	store = subdir("store");
	farm = (struct farm)FARM_INIT;
	farm.path = scratch.path;
	b.db = owned("farm.db", farm_migrations, farm_migrations_count);
	b.store = store_open(store, &err);
	b.envdir = subdir("env");
	b.workdir = subdir("work");
	b.env_path = scratch.path;
	b.settings.keep = (struct keep_rules){
		.plans = 1, .sets = 2, .logs = 0, .age = 0, .every = 3600
	};
	db_close(owned("tuf.db", tuf_migrations, tuf_migrations_count));
	db_close(owned("web.db", web_migrations, web_migrations_count));
	tidy = (struct tidy){ .farm = &farm };
	return b.store ? 0 : -1;
}

static int
teardown(void **state)
{
	db_close(b.db);
	store_free(b.store);
	close(b.envdir);
	close(b.workdir);
	return scratch_teardown(state);
}

/* An artifact that nothing names; `age` 0 counts those before this second. */
static struct hash
useless(const char *text)
{
	struct hash h;
	char hex[HASH_HEX];
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	auto_free char *path = NULL;

	assert_int_equal(
	    store_put_bytes(b.store, text, strlen(text), &h, &err), 0);
	hash_hex(&h, hex);
	path = mem_printf("store/%.2s/%s", hex, hex);
	assert_int_equal(utimensat(scratch.fd, path, old, 0), 0);
	return h;
}

static bool
there(const struct hash *h)
{
	int fd = -1;
	struct err none = ERR_INIT;
	bool is = store_get(b.store, h, &fd, &none) == 0;

	if (is)
		close(fd);
	return is;
}

static void
due(void)
{
	if (tidy_when_due(&tidy, &b, &err) == -1)
		fail_msg("%s", err.msg);
}

static int64_t
told(void)
{
	static const char sql[] =
	    "SELECT count(*) FROM event WHERE kind = 'tidied'";
	auto_stmt struct stmt *q = db_stmt(b.db, sql);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static void
what_nothing_needs_goes_and_is_told_of(void **state)
{
	struct hash h = useless("one");

	(void)state;
	due();
	assert_false(there(&h));
	assert_int_equal(told(), 1);
}

static void
a_second_time_comes_after_its_time(void **state)
{
	struct hash one = useless("one"), two;

	(void)state;
	due();
	assert_false(there(&one));
	two = useless("two");
	due();
	assert_true(there(&two));
	tidy.due = 1; /* long ago */
	due();
	assert_false(there(&two));
	assert_int_equal(told(), 2);
}

static void
a_start_is_no_reason(void **state)
{
	struct hash one = useless("one"), two;

	(void)state;
	due();
	assert_false(there(&one));
	two = useless("two");
	tidy = (struct tidy){ .farm = &farm };
	due();
	assert_true(there(&two));
	assert_true(tidy.due > time_mono_ms());
}

static void
never_is_never(void **state)
{
	struct hash h = useless("one");

	(void)state;
	b.settings.keep.every = 0;
	due();
	assert_true(there(&h));
	assert_int_equal(told(), 0);
}

static void
nothing_goes_out_of_turn(void **state)
{
	struct hash h = useless("one");
	auto_fd int turn = turn_take(b.workdir, 0, NULL, &err);

	(void)state;
	assert_int_not_equal(turn, -1);
	due();
	assert_true(there(&h));
	assert_true(tidy.due > time_mono_ms());
	own_close(&turn);
	turn = -1;
	tidy.due = 1;
	due();
	assert_false(there(&h));
}

/* A database of a newer schema might name what this program does not see. */
static void
nothing_goes_while_a_database_cannot_be_asked(void **state)
{
	struct hash h = useless("one");
	auto_db struct db *tuf =
	    owned("tuf.db", tuf_migrations, tuf_migrations_count);

	(void)state;
	assert_int_equal(db_exec(tuf, "PRAGMA user_version = 1", &err), 0);
	due();
	assert_true(there(&h));
	assert_int_equal(told(), 0);
}

static void
nothing_to_do_is_not_told(void **state)
{
	(void)state;
	due();
	assert_int_equal(told(), 0);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_nothing_needs_goes_and_is_told_of),
		CASE(a_second_time_comes_after_its_time),
		CASE(a_start_is_no_reason),
		CASE(never_is_never),
		CASE(nothing_goes_out_of_turn),
		CASE(nothing_goes_while_a_database_cannot_be_asked),
		CASE(nothing_to_do_is_not_told),
	};

	return cmocka_run_group_tests_name("tidy", tests, NULL, NULL);
}
