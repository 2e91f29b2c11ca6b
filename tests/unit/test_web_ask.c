/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"
#include "web/ask.h"
#include "web/schema.h"

static struct web web;
static struct err err;

static struct db *
open_with(size_t migrations)
{
	auto_free char *path = mem_printf("%s/web.db", scratch.path);

	return db_open(path, web_migrations, migrations, &err);
}

static int
setup(void **state)
{
	if (scratch_setup(state) == -1)
		return -1;
	err_clear(&err);
	web.state = scratch.fd;
	web.web = open_with(web_migrations_count);
	return web.web ? 0 : -1;
}

static int
teardown(void **state)
{
	db_close(web.web);
	return scratch_teardown(state);
}

static int64_t
number(const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(web.web, sql);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static int64_t
file(const char *kind, const char *argument, const char *by)
{
	struct ask a = { .kind = kind, .argument = argument, .by = by };
	int64_t id;

	if (ask_file(&web, &a, &id, &err) == -1)
		return -1;
	return id;
}

static void
every_kind_can_be_filed(void **state)
{
	static const char *const kinds[] = { "poll", "cancel", "retry", "halt",
		"promote", "start", "resume", "waves" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_int_equal(file(kinds[i], "{}", "ada"), (int64_t)i + 1);
}

static void
a_value_is_filed_as_canonical_json(void **state)
{
	auto_json json_t *o = json_object();
	auto_stmt struct stmt *q = NULL;
	int64_t id;

	(void)state;
	js_set_str(o, "reason", "it \"burns\"");
	js_set_str(o, "channel", "edge");
	assert_int_equal(ask_json(&web, "halt", o, "ada", &id, &err), 0);
	q = db_stmt(web.web, "SELECT argument FROM request WHERE id = ?1");
	stmt_bind_int(q, 1, id);
	assert_int_equal(stmt_step(q, &err), 1);
	assert_string_equal(stmt_str(q, 0),
	    "{\"channel\":\"edge\",\"reason\":\"it \\\"burns\\\"\"}");
}

static void
the_same_wish_again_has_a_new_id_and_one_row(void **state)
{
	int64_t first, second;

	(void)state;
	first = file("halt", "{\"channel\":\"edge\"}", "ada");
	assert_true(file("halt", "{\"channel\":\"edge\"}", "bob") > first);
	second = file("halt", "{\"channel\":\"edge\"}", "ada");
	assert_true(second > first);
	assert_int_equal(number("SELECT count(*) FROM request"), 2);
	/* nor is the id of a row that went used again */
	assert_int_equal(db_exec(web.web, "DELETE FROM request", &err), 0);
	assert_true(file("resume", "{}", "ada") > second);
}

static void
the_table_does_not_grow_for_ever(void **state)
{
	(void)state;
	for (int i = 0; i < ASK_ROWS + 20; i++) {
		auto_free char *text = mem_printf("%d", i);

		assert_int_not_equal(file("poll", text, "hook"), -1);
	}
	assert_int_equal(number("SELECT count(*) FROM request"), ASK_ROWS);
}

static void
long_texts_and_control_characters_are_refused(void **state)
{
	auto_free char *text = mem_zero(1, ASK_ARGUMENT_MAX + 2);

	(void)state;
	memset(text, 'x', ASK_ARGUMENT_MAX + 1);
	assert_int_equal(file("halt", text, "ada"), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(file("halt", "{}\n", "ada"), -1);
	assert_int_equal(file("halt", "{}", "a\033[2J"), -1);
	assert_int_equal(file("halt", "{}", ""), -1);
	text[ASK_BY_MAX + 1] = '\0';
	assert_int_equal(file("halt", "{}", text), -1);
	assert_int_equal(number("SELECT count(*) FROM request"), 0);
}

static void
rows_of_the_first_schema_keep_their_ids(void **state)
{
	(void)state;
	db_close(web.web);
	assert_int_equal(unlinkat(scratch.fd, "web.db", 0), 0);
	(void)unlinkat(scratch.fd, "web.db-wal", 0);
	(void)unlinkat(scratch.fd, "web.db-shm", 0);
	web.web = open_with(1);
	assert_non_null(web.web);
	assert_int_equal(db_exec(web.web,
			     "INSERT INTO request(id, at, kind, argument, by)"
			     " VALUES (41, 1, 'poll', 'forge', 'hook')",
			     &err),
	    0);
	db_close(web.web);
	web.web = open_with(web_migrations_count);
	assert_non_null(web.web);
	assert_int_equal(number("SELECT id FROM request"), 41);
	assert_int_equal(file("halt", "{}", "ada"), 42);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_kind_can_be_filed),
		T(a_value_is_filed_as_canonical_json),
		T(the_same_wish_again_has_a_new_id_and_one_row),
		T(the_table_does_not_grow_for_ever),
		T(long_texts_and_control_characters_are_refused),
		T(rows_of_the_first_schema_keep_their_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
