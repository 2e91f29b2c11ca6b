/*
 * Two suites in which recipes have choices, and the locks that are made of
 * them, kept or solved again.  Fixtures of each test: keep_setup,
 * suites_teardown.
 */
#ifndef KILN_TEST_LOCK_CHOICES_H
#define KILN_TEST_LOCK_CHOICES_H

#include "lib/attr.h"
#include "tests/support/archive/two_suites.h"

static void KILN_UNUSED
publish(void)
{
	struct archive_news news;

	suites_publish();
	lock_keep_forget(parts.archive.news); /* as each cycle does */
	parts.archive.news = NULL;
	if (suites_poll(&news) == -1)
		fail_msg("%s", parts.err.msg);
}

static int KILN_UNUSED
keep_setup(void **state)
{
	if (suites_setup(state) == -1)
		return -1;
	fake_base(&bookworm, lock_base);
	fake_package(&bookworm, "cc", "4", "Depends: libc-dev\n", "compiler");
	fake_package(&bookworm, "libc-dev", "2.36", NULL, "dev");
	fake_package(
	    &bookworm, "writer", "1", "Depends: paper | screen\n", "w");
	fake_package(&bookworm, "paper", "1", "Depends: ink\n", "paper");
	fake_package(&bookworm, "screen", "1", NULL, "screen");
	fake_package(&bookworm, "apart", "1", NULL, "apart");
	fake_source(&bookworm, "hello", "1.0-1", "hello_1.0.tar", "source");
	/* So that its two indexes are two artifacts. */
	fake_package(&security, "first", "1", NULL, "first");
	publish();
	return 0;
}

static struct lock_request KILN_UNUSED
request(const char *recipe, const char *const *build)
{
	return (struct lock_request){ .recipe = recipe,
		.arch = "amd64",
		.suites = suites,
		.nsuites = ARRAY_LEN(suites),
		.build = build,
		.nbuild = 1 };
}

static const char *const cc[] KILN_UNUSED = { "cc" };
static const char *const writer[] KILN_UNUSED = { "writer" };
static const char *const hello[] KILN_UNUSED = { "hello" };

static struct hash KILN_UNUSED
must(const struct lock_request *rq)
{
	struct hash h;

	parts.err = (struct err)ERR_INIT;
	if (lock_make(&parts.archive, rq, 0, &h, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	return h;
}

static KILN_UNUSED struct lock *
load(const struct hash *h)
{
	struct lock *l = lock_load(parts.store, h, &parts.err);

	assert_non_null(l);
	return l;
}

/* The recipe's row, as kiln-builder keeps it. */
static void KILN_UNUSED
stands(const char *recipe, const struct hash *lock)
{
	static const char sql[] =
	    "INSERT INTO recipe (name, kind, summary, tree, lock, loaded_at)"
	    " VALUES (?1, 'source', '', ?2, ?2, 0) ON CONFLICT (name)"
	    " DO UPDATE SET lock = ?2";
	auto_stmt struct stmt *q = db_stmt(parts.db, sql);

	stmt_bind_str(q, 1, recipe);
	stmt_bind_hash(q, 2, lock);
	assert_int_equal(stmt_run(q, &parts.err), 0);
}

static void KILN_UNUSED
ask_all(size_t *held, size_t *touched)
{
	struct archive_suite v[ARRAY_LEN(suites)];
	struct lock_set now;

	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		assert_int_equal(archive_suite_load(&parts.archive, suites[i],
				     "amd64", &v[i], &parts.err),
		    0);
	lock_set_of(v, ARRAY_LEN(suites), "amd64", &now);
	if (lock_keep_all(
		&parts.archive, "amd64", &now, held, touched, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		archive_suite_release(&v[i]);
}

#endif
