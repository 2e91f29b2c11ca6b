/* The database module: one writer, readers of other uids, migrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/db.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

#define dir scratch.path

static const char *const first[] = {
	"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
	" h TEXT) STRICT;",
};
static const char *const second[] = {
	"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
	" h TEXT) STRICT;",
	"ALTER TABLE t ADD COLUMN more INTEGER; INSERT INTO t(name, more)"
	" VALUES ('migrated', 1);",
};

static char *
path(void)
{
	return mem_printf("%s/a.db", dir);
}

static struct db *
open_owner(const char *const *migrations, size_t n)
{
	char *p = path();
	struct err err = ERR_INIT;
	struct db *db = db_open(p, migrations, n, &err);

	if (!db)
		print_error("%s\n", err.msg);
	assert_non_null(db);
	free(p);
	return db;
}

static int64_t
count(struct db *db)
{
	struct err err = ERR_INIT;
	auto_stmt struct stmt *q = db_stmt(db, "SELECT count(*) FROM t");
	int64_t n;

	assert_int_equal(stmt_step(q, &err), 1);
	n = stmt_int(q, 0);
	assert_int_equal(stmt_step(q, &err), 0);
	return n;
}

static void
insert(struct db *db, const char *name)
{
	struct err err = ERR_INIT;
	auto_stmt struct stmt *q =
	    db_stmt(db, "INSERT INTO t(name) VALUES (?1)");

	stmt_bind_str(q, 1, name);
	assert_int_equal(stmt_run(q, &err), 0);
}

static void
migrations_are_applied_once_and_in_order(void **state)
{
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	assert_int_equal(count(db), 0);
	db_close(db);
	db = open_owner(second, 2);
	assert_int_equal(count(db), 1);
	db_close(db);
	db = open_owner(second, 2);
	assert_int_equal(count(db), 1);
	db_close(db);
}

static void
a_newer_database_is_refused(void **state)
{
	struct err err = ERR_INIT;
	auto_free char *p = path();

	(void)state;
	db_close(open_owner(second, 2));
	assert_null(db_open(p, first, 1, &err));
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "newer"));
}

static void
a_failing_migration_leaves_nothing_behind(void **state)
{
	static const char *const bad[] = {
		"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, h TEXT);",
		"CREATE TABLE u (id INTEGER); INSERT INTO nowhere VALUES (1);",
	};
	struct err err = ERR_INIT;
	auto_free char *p = path();
	struct db *db;

	(void)state;
	assert_null(db_open(p, bad, 2, &err));
	assert_non_null(strstr(err.msg, "migration 2"));
	db = open_owner(first, 1); /* would fail if t were there */
	assert_int_equal(count(db), 0);
	db_close(db);
}

static void
the_pragmas_are_set(void **state)
{
	static const struct {
		const char *sql, *want;
	} all[] = {
		{ "PRAGMA journal_mode", "wal" },
		{ "PRAGMA foreign_keys", "1" },
		{ "PRAGMA busy_timeout", "10000" },
		{ "PRAGMA trusted_schema", "0" },
		{ "PRAGMA synchronous", "2" },
		{ "PRAGMA query_only", "0" },
	};
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		auto_stmt struct stmt *q = db_stmt(db, all[i].sql);

		assert_int_equal(stmt_step(q, &err), 1);
		assert_string_equal(stmt_str(q, 0), all[i].want);
	}
	db_close(db);
}

static void
values_come_back_as_they_were_bound(void **state)
{
	struct err err = ERR_INIT;
	struct hash h, back;
	struct db *db;

	(void)state;
	hash_bytes(&h, "x", 1);
	db = open_owner(first, 1);
	{
		auto_stmt struct stmt *q = db_stmt(
		    db, "INSERT INTO t(id, name, h) VALUES (?1, ?2, ?3)");

		stmt_bind_int(q, 1, INT64_MIN);
		stmt_bind_text(q, 2, "abcdef", 3);
		stmt_bind_hash(q, 3, &h);
		assert_int_equal(stmt_run(q, &err), 0);
		assert_int_equal(db_last_id(db), INT64_MIN);
		assert_int_equal(db_changes(db), 1);
	}
	{
		auto_stmt struct stmt *q = db_stmt(
		    db, "INSERT INTO t(id, name, h) VALUES (?1, ?2, ?3)");

		/* Cached, and bindings are gone: a NULL id is given one. */
		stmt_bind_int(q, 1, 7);
		assert_int_equal(stmt_run(q, &err), 0);
	}
	{
		auto_stmt struct stmt *q =
		    db_stmt(db, "SELECT id, name, h FROM t ORDER BY id");

		assert_int_equal(stmt_step(q, &err), 1);
		assert_int_equal(stmt_int(q, 0), INT64_MIN);
		assert_string_equal(stmt_str(q, 1), "abc");
		assert_true(stmt_hash(q, 2, &back));
		assert_true(hash_equal(&h, &back));
		assert_int_equal(stmt_step(q, &err), 1);
		assert_true(stmt_null(q, 1));
		assert_null(stmt_str(q, 1));
		assert_false(stmt_hash(q, 2, &back));
		assert_int_equal(stmt_step(q, &err), 0);
	}
	db_close(db);
}

static void
the_same_sql_may_be_busy_twice(void **state)
{
	static const char sql[] = "SELECT name FROM t ORDER BY name";
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	insert(db, "a");
	insert(db, "b");
	{
		auto_stmt struct stmt *q = db_stmt(db, sql);
		auto_stmt struct stmt *p = NULL;

		assert_int_equal(stmt_step(q, &err), 1);
		p = db_stmt(db, sql);
		assert_ptr_not_equal(p, q);
		assert_int_equal(stmt_step(p, &err), 1);
		assert_string_equal(stmt_str(p, 0), "a");
		assert_int_equal(stmt_step(q, &err), 1);
		assert_string_equal(stmt_str(q, 0), "b");
	}
	db_close(db);
}

static void
many_texts_do_not_fill_the_cache(void **state)
{
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	for (int i = 0; i < 1000; i++) {
		auto_free char *sql = mem_printf("SELECT %d", i);
		auto_stmt struct stmt *q = db_stmt(db, sql);

		assert_int_equal(stmt_step(q, &err), 1);
		assert_int_equal(stmt_int(q, 0), i);
	}
	db_close(db);
}

static void
a_broken_constraint_is_an_error_with_its_name(void **state)
{
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	insert(db, "a");
	{
		auto_stmt struct stmt *q =
		    db_stmt(db, "INSERT INTO t(name) VALUES ('a')");

		assert_int_equal(stmt_run(q, &err), -1);
		assert_int_equal(err.cls, ERR_INPUT);
		assert_non_null(strstr(err.msg, "t.name"));
	}
	assert_int_equal(count(db), 1);
	db_close(db);
}

static void
rollback_undoes_and_is_harmless_outside(void **state)
{
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	db = open_owner(first, 1);
	db_rollback(db);
	assert_int_equal(db_begin(db, &err), 0);
	insert(db, "a");
	db_rollback(db);
	assert_int_equal(count(db), 0);
	assert_int_equal(db_begin(db, &err), 0);
	insert(db, "a");
	assert_int_equal(db_commit(db, &err), 0);
	assert_int_equal(count(db), 1);
	db_close(db);
}

static void
bad_sql_asserts_with_the_message(void **state)
{
	char text[512] = "";
	int pipefd[2], status;
	struct db *db;
	ssize_t n;
	pid_t pid;

	(void)state;
	db = open_owner(first, 1);
	assert_int_equal(pipe(pipefd), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipefd[1], 2);
		signal(SIGABRT, SIG_DFL);
		db_stmt(db, "SELECT nonsense FROM t");
		_exit(0);
	}
	close(pipefd[1]);
	n = read(pipefd[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	close(pipefd[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_non_null(strstr(text, "no such column: nonsense"));
	db_close(db);
}

static void
a_reader_of_nothing_is_told_it_is_missing(void **state)
{
	struct err err = ERR_INIT;
	auto_free char *p = path();

	(void)state;
	assert_null(db_open_reader(p, &err));
	assert_int_equal(err.cls, ERR_MISSING);
	/* Made by farm_enter, not yet opened by its owner. */
	db_close(open_owner(NULL, 0));
	err_clear(&err);
	assert_null(db_open_reader(p, &err));
	assert_int_equal(err.cls, ERR_MISSING);
}

static void
a_reader_of_an_older_database_is_told_to_come_again(void **state)
{
	struct err err = ERR_INIT;
	auto_free char *p = path();
	struct db *r;

	(void)state;
	db_close(open_owner(first, 1));
	assert_null(db_open_reader_of(p, 2, &err));
	assert_int_equal(err_exit(&err), EXIT_AGAIN);
	assert_non_null(strstr(err.msg, "has version 1, this program needs 2"));
	db_close(open_owner(second, 2));
	r = db_open_reader_of(p, 2, &err);
	assert_non_null(r);
	db_close(r);
	/* Migrations only add. */
	r = db_open_reader_of(p, 1, &err);
	assert_non_null(r);
	db_close(r);
}

static void
a_reader_sees_commits_and_cannot_write(void **state)
{
	struct err err = ERR_INIT;
	auto_free char *p = path();
	struct db *db, *r;
	int64_t v;

	(void)state;
	db = open_owner(first, 1);
	r = db_open_reader(p, &err);
	assert_non_null(r);
	v = db_data_version(r);
	assert_int_equal(count(r), 0);
	insert(db, "a");
	assert_int_not_equal(db_data_version(r), v);
	assert_int_equal(count(r), 1);
	{
		auto_stmt struct stmt *q =
		    db_stmt(r, "INSERT INTO t(name) VALUES ('x')");

		assert_int_equal(stmt_run(q, &err), -1);
	}
	assert_int_equal(db_exec(r, "DELETE FROM t", &err), -1);
	assert_int_equal(count(r), 1);
	db_close(r);
	db_close(db);
}

/* In a child of another uid, by a descriptor of a folder that it could not
 * search by name. */
static void
another_uid_reads_while_the_owner_writes(void **state)
{
	struct db *db;
	int dirfd, status, go[2];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	db = open_owner(first, 1);
	insert(db, "one");
	assert_int_equal(chmod(dir, 0755), 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(dirfd >= 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		struct err err = ERR_INIT;
		struct stat st;
		char p[64], c, name[128];
		struct db *r;

		if (setgroups(0, NULL) || setresgid(60900, 60900, 60900) ||
		    setresuid(60900, 60900, 60900))
			_exit(10);
		close(go[1]);
		snprintf(p, sizeof(p), "/proc/self/fd/%d/a.db", dirfd);
		r = db_open_reader(p, &err);
		if (!r) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(11);
		}
		/* The owner may have gone on already. */
		if (count(r) < 1)
			_exit(12);
		/* Wait until the owner wrote much more. */
		if (read(go[0], &c, 1) != 1)
			_exit(13);
		if (count(r) != 3001)
			_exit(14);
		/* No rights to make anything there. */
		snprintf(name, sizeof(name), "/proc/self/fd/%d/x", dirfd);
		if (open(name, O_CREAT | O_WRONLY, 0644) != -1)
			_exit(15);
		snprintf(name, sizeof(name), "/proc/self/fd/%d/a.db", dirfd);
		if (open(name, O_WRONLY) != -1 || stat(name, &st) != 0)
			_exit(16);
		db_close(r);
		_exit(0);
	}
	close(go[0]);
	{
		struct err err = ERR_INIT;

		for (int i = 0; i < 3000; i++) {
			auto_free char *name = mem_printf("n%d", i);

			if (i % 500 == 0)
				assert_int_equal(db_begin(db, &err), 0);
			insert(db, name);
			if (i % 500 == 499)
				assert_int_equal(db_commit(db, &err), 0);
		}
	}
	assert_int_equal(write(go[1], "x", 1), 1);
	close(go[1]);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* Its reading did not stop the owner. */
	insert(db, "last");
	db_close(db);
	close(dirfd);
}

static void
names_are_not_resolved(void **state)
{
	struct err err = ERR_INIT;
	char p[64];
	struct db *db;
	int dirfd;

	(void)state;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(dirfd >= 0);
	snprintf(p, sizeof(p), "/proc/self/fd/%d/a.db", dirfd);
	db = db_open(p, first, 1, &err);
	assert_non_null(db);
	/* With the folder gone from its name only the descriptor leads there.
	 */
	{
		auto_free char *moved = mem_printf("%s.moved", dir);
		struct db *r;

		assert_int_equal(rename(dir, moved), 0);
		r = db_open_reader(p, &err);
		assert_int_equal(rename(moved, dir), 0);
		assert_non_null(r);
		db_close(r);
	}
	db_close(db);
	/* -wal and -shm stay for readers and for who may not make them. */
	assert_int_equal(faccessat(dirfd, "a.db-wal", F_OK, 0), 0);
	assert_int_equal(faccessat(dirfd, "a.db-shm", F_OK, 0), 0);
	close(dirfd);
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	struct err err = ERR_INIT;
	auto_free char *p = path();
	FILE *f;

	(void)state;
	f = fopen(p, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	assert_null(db_open(p, first, 1, &err));
	assert_int_equal(err.cls, ERR_SYSTEM);
	assert_null(db_open_reader(p, &err));
}

static void
transactions_nest_and_the_outermost_counts(void **state)
{
	struct db *db = open_owner(first, 1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	insert(db, "one");
	assert_int_equal(db_commit(db, &err), 0);
	db_rollback(db);
	assert_int_equal(count(db), 0);
	db_close(db);
}

static void
an_inner_rollback_undoes_all(void **state)
{
	struct db *db = open_owner(first, 1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(db_begin(db, &err), 0);
	insert(db, "one");
	assert_int_equal(db_begin(db, &err), 0);
	db_rollback(db);
	assert_int_equal(db_commit(db, &err), -1);
	db_rollback(db);
	assert_int_equal(count(db), 0);
	/* … and the next one is its own. */
	err_clear(&err);
	assert_int_equal(db_begin(db, &err), 0);
	insert(db, "one");
	assert_int_equal(db_commit(db, &err), 0);
	assert_int_equal(count(db), 1);
	db_close(db);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(migrations_are_applied_once_and_in_order),
		TEST(a_newer_database_is_refused),
		TEST(a_failing_migration_leaves_nothing_behind),
		TEST(the_pragmas_are_set),
		TEST(values_come_back_as_they_were_bound),
		TEST(the_same_sql_may_be_busy_twice),
		TEST(many_texts_do_not_fill_the_cache),
		TEST(a_broken_constraint_is_an_error_with_its_name),
		TEST(rollback_undoes_and_is_harmless_outside),
		TEST(transactions_nest_and_the_outermost_counts),
		TEST(an_inner_rollback_undoes_all),
		TEST(bad_sql_asserts_with_the_message),
		TEST(a_reader_of_nothing_is_told_it_is_missing),
		TEST(a_reader_of_an_older_database_is_told_to_come_again),
		TEST(a_reader_sees_commits_and_cannot_write),
		TEST(another_uid_reads_while_the_owner_writes),
		TEST(names_are_not_resolved),
		TEST(a_file_that_is_no_database_is_refused),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
