/* rooms: builder/schema.c tuf-repo/schema.c web/schema.c */
/*
 * Databases that the programs of former releases wrote (tests/upgrade/NAME, as
 * text) opened by this one: they come to the schema a new farm has, nothing in
 * them is lost, and what those programs read is still there for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "builder/schema.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"
#include "tuf-repo/schema.h"
#include "web/schema.h"

#define KEPT "tests/upgrade"

static const struct owner {
	const char *name;
	const char *const *migrations;
	const size_t *count;
} owners[] = {
	{ "farm", farm_migrations, &farm_migrations_count },
	{ "tuf", tuf_migrations, &tuf_migrations_count },
	{ "web", web_migrations, &web_migrations_count },
};

/* Tables that only their owner read, and that became something else. */
static const char *const became[] = {
	"adopted", /* web.db: router.standing */
};

static bool
is_gone(struct span table)
{
	for (size_t i = 0; i < ARRAY_LEN(became); i++)
		if (span_is(table, became[i]))
			return true;
	return false;
}

/* Calls fn for each database of each release; returns how many there were. */
static int
each_kept(void (*fn)(const struct owner *, const char *release))
{
	DIR *d = opendir(KEPT);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
			auto_free char *dump = mem_printf(
			    "%s/%s/%s.sql", KEPT, e->d_name, owners[i].name);

			if (access(dump, F_OK) == 0) {
				fn(&owners[i], e->d_name);
				n++;
			}
		}
	closedir(d);
	return n;
}

static void
run(sqlite3 *db, const char *sql)
{
	char *msg = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s", msg);
}

static sqlite3 *
raw(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

/* A file of that name made from the release's dump. */
static char *
kept(const struct owner *o, const char *release)
{
	auto_free char *dump =
	    mem_printf("%s/%s/%s.sql", KEPT, release, o->name);
	char *path = mem_printf("%s/%s-%s.db", scratch.path, release, o->name);
	auto_buf struct buf sql = BUF_INIT;
	struct err err = ERR_INIT;
	sqlite3 *db;

	unlink(path);
	assert_int_equal(file_read_at(AT_FDCWD, dump, 16 << 20, &sql, &err), 0);
	db = raw(path);
	run(db, sql.data);
	sqlite3_close(db);
	return path;
}

/* All rows of a query as text, one a line. */
static char *
ask(const char *path, const char *sql)
{
	sqlite3 *db = raw(path);
	struct buf b = BUF_INIT;
	sqlite3_stmt *q;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(q); i++)
			buf_printf(&b, "%s%s", i ? "|" : "",
			    (const char *)sqlite3_column_text(q, i)
				? (const char *)sqlite3_column_text(q, i)
				: "");
		buf_char(&b, '\n');
	}
	sqlite3_finalize(q);
	sqlite3_close(db);
	return buf_take(&b);
}

static void
opened(const char *path, const struct owner *o)
{
	struct err err = ERR_INIT;
	auto_db struct db *db = db_open(path, o->migrations, *o->count, &err);

	if (!db)
		fail_msg("%s: %s", path, err.msg);
}

/* Spaces and quotes apart, in which ALTER TABLE and CREATE differ. */
static char *
schema(const char *path)
{
	return ask(path,
	    "SELECT m.type, m.name, m.tbl_name, x.cid, x.name, x.type,"
	    " x.\"notnull\", x.dflt_value, x.pk FROM sqlite_schema m"
	    " LEFT JOIN pragma_table_xinfo(m.name) x"
	    " WHERE m.name NOT LIKE 'sqlite_%' ORDER BY m.type, m.name, x.cid");
}

static void
comes_to_the_schema(const struct owner *o, const char *release)
{
	auto_free char *path = kept(o, release), *fresh = NULL;
	auto_free char *is = NULL, *new = NULL, *bad = NULL, *links = NULL;

	fresh = mem_printf("%s/fresh-%s.db", scratch.path, o->name);
	unlink(fresh);
	opened(fresh, o);
	opened(path, o);
	is = schema(path);
	new = schema(fresh);
	assert_string_equal(is, new);
	bad = ask(path, "PRAGMA integrity_check");
	assert_string_equal(bad, "ok\n");
	links = ask(path, "PRAGMA foreign_key_check");
	assert_string_equal(links, "");
}

static void
an_old_database_comes_to_the_schema_of_a_new_farm(void **state)
{
	int n = each_kept(comes_to_the_schema);

	(void)state;
	assert_true(n >= 3);
}

static void
loses_nothing(const struct owner *o, const char *release)
{
	static const char tables[] =
	    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT"
	    " LIKE 'sqlite_%' ORDER BY name";
	auto_free char *path = kept(o, release), *before = NULL;
	auto_buf struct buf counts = BUF_INIT;
	auto_free char *is = NULL, *was = NULL;
	struct span all, line;

	before = ask(path, tables);
	all = span_str(before);
	buf_str(&counts, "SELECT 0");
	while (span_next(&all, '\n', &line))
		if (!is_gone(line))
			buf_printf(&counts,
			    ", (SELECT '%.*s ' || count(*) FROM \"%.*s\")",
			    (int)line.n, line.p, (int)line.n, line.p);
	was = ask(path, counts.data);
	opened(path, o);
	is = ask(path, counts.data);
	assert_string_equal(is, was);
}

static void
no_row_of_an_old_database_is_lost(void **state)
{
	(void)state;
	assert_true(each_kept(loses_nothing) >= 3);
}

static void
keeps_its_columns(const struct owner *o, const char *release)
{
	static const char columns[] =
	    "SELECT m.name || '.' || x.name FROM sqlite_schema m"
	    " JOIN pragma_table_xinfo(m.name) x WHERE m.type IN"
	    " ('table', 'view') AND m.name NOT LIKE 'sqlite_%'"
	    " ORDER BY 1";
	auto_free char *path = kept(o, release), *was = ask(path, columns);
	auto_free char *is = NULL;
	struct span all = span_str(was), line;

	opened(path, o);
	is = ask(path, columns);
	while (span_next(&all, '\n', &line)) {
		auto_free char *one = mem_printf("%.*s\n", (int)line.n, line.p);
		struct span rest = line, table;

		assert_true(span_next(&rest, '.', &table));
		if (!is_gone(table) && !strstr(is, one))
			fail_msg("%s: %s is gone, which its readers may use",
			    path, one);
	}
}

/* Programs that were not started since read on meanwhile. */
static void
what_an_old_reader_asks_for_is_still_there(void **state)
{
	(void)state;
	assert_true(each_kept(keeps_its_columns) >= 3);
}

static void
migrated_twice(const struct owner *o, const char *release)
{
	auto_free char *path = kept(o, release), *once = NULL, *twice = NULL;
	static const char version[] =
	    "SELECT user_version, (SELECT count(*) FROM sqlite_schema)"
	    " FROM pragma_user_version";

	opened(path, o);
	once = ask(path, version);
	opened(path, o);
	twice = ask(path, version);
	assert_string_equal(once, twice);
}

static void
a_second_start_changes_nothing(void **state)
{
	(void)state;
	assert_true(each_kept(migrated_twice) >= 3);
}

static void
refused_when_newer(const struct owner *o, const char *release)
{
	auto_free char *path = kept(o, release), *sql = NULL, *is = NULL;
	struct err err = ERR_INIT;
	sqlite3 *db;

	opened(path, o);
	sql = mem_printf("PRAGMA user_version = %zu", *o->count + 1);
	db = raw(path);
	run(db, sql);
	sqlite3_close(db);
	assert_null(db_open(path, o->migrations, *o->count, &err));
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "it was written by a newer kiln"));
	is = ask(path, "SELECT user_version FROM pragma_user_version");
	assert_int_equal(atol(is), *o->count + 1);
}

static void
a_newer_database_is_refused_in_words_and_stays(void **state)
{
	(void)state;
	assert_true(each_kept(refused_when_newer) >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_old_database_comes_to_the_schema_of_a_new_farm),
		cmocka_unit_test(no_row_of_an_old_database_is_lost),
		cmocka_unit_test(what_an_old_reader_asks_for_is_still_there),
		cmocka_unit_test(a_second_start_changes_nothing),
		cmocka_unit_test(
		    a_newer_database_is_refused_in_words_and_stays),
	};

	return cmocka_run_group_tests_name(
	    "upgrade", tests, scratch_setup, scratch_teardown);
}
