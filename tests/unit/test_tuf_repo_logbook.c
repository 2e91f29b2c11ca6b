/* rooms: tuf-repo */
/* The log of statements as files: made by a real signer, read by whoever
 * follows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/tlog_follow.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/ask.h"
#include "tuf-repo/logbook.h"

static struct checkpoint known;

/* As attest_sign leaves them; the log asks nothing of a signature. */
static void
said(int64_t n)
{
	static const char sql[] =
	    "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i"
	    " WHERE n < ?1) INSERT INTO attestation(digest, key, sig, at)"
	    " SELECT lower(hex(randomblob(32))), printf('%064d', 7),"
	    " printf('%0128d', n), 1 FROM i";
	auto_stmt struct stmt *q = db_stmt(tf.repo.db, sql);

	stmt_bind_int(q, 1, n);
	TF_OK(stmt_run(q, &tf.err));
	TF_OK(logbook_extend(&tf.repo, &tf.err));
}

static size_t
keys(struct sig_public *out, size_t max)
{
	auto_tuf struct tuf_file *targets = NULL;

	TF_OK(role_load_newest(tf.repo.db, "targets", &targets, &tf.err));
	return tlog_keys(targets, out, max);
}

static const struct tlog_source source = { "", tlog_get_at, &tf.repo.log };

static int
follow(void)
{
	struct sig_public v[8];
	size_t n = keys(v, 8);

	assert_int_equal(n, 1); /* all services have this farm's */
	return tlog_follow(&source, v, n, &known, &known, &tf.err);
}

static int
count_entry(void *arg, int64_t index, const void *p, size_t n,
    struct err *err KILN_UNUSED)
{
	int64_t *had = arg;

	assert_int_equal(index, *had);
	assert_memory_equal(p, "{\"key\":\"", 8);
	assert_int_equal(((const char *)p)[n - 1], '}');
	++*had;
	return 0;
}

static void
each_checkpoint_extends_the_one_before(void **state)
{
	static const int64_t steps[] = { 1, 3, 251, 1, 1, 255, 88, 512 };
	int64_t size = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct checkpoint before = known;
		int64_t had = 0;

		said(steps[i]);
		size += steps[i];
		TF_OK(follow());
		assert_int_equal(known.size, size);
		TF_OK(tlog_read_all(
		    &source, &before, &known, count_entry, &had, &tf.err));
		assert_int_equal(had, size);
	}
}

static void
nothing_new_writes_nothing(void **state)
{
	struct stat a, b;

	(void)state;
	said(5);
	assert_int_equal(fstatat(tf.repo.log, "checkpoint", &a, 0), 0);
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	assert_int_equal(fstatat(tf.repo.log, "checkpoint", &b, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void
parts_that_nobody_needs_are_gone(void **state)
{
	(void)state;
	said(2);
	said(2);
	said(2);
	assert_false(file_exists_at(tf.repo.log, "tile/0/000.p/2"));
	assert_true(file_exists_at(tf.repo.log, "tile/0/000.p/4"));
	assert_true(file_exists_at(tf.repo.log, "tile/0/000.p/6"));
	assert_false(file_exists_at(tf.repo.log, "tile/entries/000.p/2"));
	said(300);
	assert_false(file_exists_at(tf.repo.log, "tile/0/000.p/4"));
	assert_true(file_exists_at(tf.repo.log, "tile/0/000"));
	assert_true(file_exists_at(tf.repo.log, "tile/1/000.p/1"));
	TF_OK(follow());
}

static void
killed_anywhere_it_comes_to_the_same(void **state)
{
	struct checkpoint before;

	(void)state;
	said(260);
	TF_OK(follow());
	/* The checkpoint was not written, or the row after it was not. */
	said(40);
	before = known;
	TF_OK(follow());
	assert_int_equal(known.size, 300);
	TF_OK(file_remove_at(tf.repo.log, "checkpoint", &tf.err));
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	TF_OK(state_set(tf.repo.db, "log_size", 260, &tf.err));
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	known = before;
	TF_OK(follow());
	assert_int_equal(known.size, 300);
}

static void
a_database_made_anew_takes_the_log_back_from_its_files(void **state)
{
	(void)state;
	said(300);
	TF_OK(follow());
	TF_OK(db_exec(tf.repo.db, "DELETE FROM log_entry", &tf.err));
	TF_OK(db_exec(tf.repo.db, "DELETE FROM attestation", &tf.err));
	TF_OK(state_set(tf.repo.db, "log_size", 0, &tf.err));
	said(20); /* before it is taken back: they come behind */
	TF_OK(follow());
	assert_int_equal(known.size, 320);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM attestation"), 320);
	/* Files that are not what they were are not believed. */
	TF_OK(db_exec(tf.repo.db, "DELETE FROM log_entry", &tf.err));
	TF_OK(file_write_at(
	    tf.repo.log, "tile/entries/001.p/64", "x", 1, 0644, &tf.err));
	assert_int_equal(logbook_extend(&tf.repo, &tf.err), -1);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM log_entry"), 0);
}

static void
a_log_with_another_entry_is_a_fork(void **state)
{
	(void)state;
	said(10);
	TF_OK(follow());
	TF_OK(db_exec(tf.repo.db,
	    "UPDATE attestation SET sig = printf('%0128d', 99)"
	    " WHERE rowid = 3",
	    &tf.err));
	/* The next one, of a folder that was made anew. */
	TF_OK(file_remove_at(tf.repo.log, "checkpoint", &tf.err));
	said(1);
	assert_int_equal(follow(), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	assert_non_null(strstr(tf.err.msg, "(log fork)"));
}

static void
a_shorter_or_another_log_is_named(void **state)
{
	struct checkpoint was;

	(void)state;
	said(10);
	TF_OK(follow());
	was = known;
	known.size = 11;
	assert_int_equal(follow(), -1);
	assert_non_null(strstr(tf.err.msg, "(log rollback)"));
	known = was;
	known.origin[12] ^= 1;
	assert_int_equal(follow(), -1);
	assert_non_null(strstr(tf.err.msg, "(another log)"));
	known = was;
	known.root.b[0] ^= 1;
	assert_int_equal(follow(), -1);
	assert_non_null(strstr(tf.err.msg, "(log fork)"));
	known = was;
	TF_OK(file_remove_at(tf.repo.log, "checkpoint", &tf.err));
	assert_int_equal(follow(), -1);
	assert_int_equal(tf.err.cls, ERR_MISSING);
}

static void
what_was_seen_is_kept_and_what_is_damaged_is_no_beginning(void **state)
{
	struct checkpoint got;

	(void)state;
	TF_OK(tlog_seen_load(scratch.fd, &got, &tf.err));
	assert_int_equal(got.size, 0);
	said(3);
	TF_OK(follow());
	TF_OK(tlog_seen_save(scratch.fd, &known, &tf.err));
	TF_OK(tlog_seen_load(scratch.fd, &got, &tf.err));
	assert_string_equal(got.origin, known.origin);
	assert_int_equal(got.size, 3);
	assert_true(hash_equal(&got.root, &known.root));
	TF_OK(file_write_at(scratch.fd, TLOG_SEEN, "{}", 2, 0600, &tf.err));
	assert_int_equal(tlog_seen_load(scratch.fd, &got, &tf.err), -1);
}

static void
entries_that_are_not_the_signed_ones_are_found(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	const struct checkpoint none = { .size = 0 };
	const char name[] = "tile/entries/000.p/10";

	(void)state;
	said(10);
	TF_OK(follow());
	TF_OK(file_read_at(tf.repo.log, name, 1 << 20, &text, &tf.err));
	for (size_t i = 0; i < text.len; i += 97) {
		text.data[i] ^= 1;
		TF_OK(file_write_at(
		    tf.repo.log, name, text.data, text.len, 0644, &tf.err));
		assert_int_equal(
		    tlog_read_all(&source, &none, &known, NULL, NULL, &tf.err),
		    -1);
		assert_int_equal(tf.err.cls, ERR_TRUST);
		text.data[i] ^= 1;
	}
}

static void
the_signer_signs_no_second_root_for_a_size(void **state)
{
	struct hash first = { { 1 } };
	struct checkpoint c = { .size = 7, .root = { { 1 } } };
	struct answers a;

	(void)state;
	TF_OK(ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err));
	TF_OK(ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err));
	c.root.b[0] = 2;
	assert_int_equal(
	    ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	c.size = 6;
	assert_int_equal(
	    ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	c.size = 0;
	assert_int_equal(
	    ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err), -1);
	c.size = 8;
	TF_OK(ask_checkpoint(tf.repo.signer, &first, &c, &a, &tf.err));
}

static int
setup(void **state)
{
	known = (struct checkpoint){ .size = 0 };
	if (tf_setup(state) == -1)
		return -1;
	TF_OK(tf_pass());
	return 0;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, tf_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_checkpoint_extends_the_one_before),
		TEST(nothing_new_writes_nothing),
		TEST(parts_that_nobody_needs_are_gone),
		TEST(killed_anywhere_it_comes_to_the_same),
		TEST(a_database_made_anew_takes_the_log_back_from_its_files),
		TEST(a_log_with_another_entry_is_a_fork),
		TEST(a_shorter_or_another_log_is_named),
		TEST(what_was_seen_is_kept_and_what_is_damaged_is_no_beginning),
		TEST(entries_that_are_not_the_signed_ones_are_found),
		TEST(the_signer_signs_no_second_root_for_a_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
