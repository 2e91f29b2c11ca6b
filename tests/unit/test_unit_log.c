/* rooms: builder/cli/unit_log.c */
/* A program's log is turned over under its hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/cli/unit_log.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct err err;

/* As a program has it. */
static int
appending(void)
{
	int fd = openat(scratch.fd, "web.log",
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_int_not_equal(fd, -1);
	return fd;
}

static void
says(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
turn(void)
{
	if (unit_log_turn(scratch.fd, "web", 10, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
holds(const char *name, const char *text)
{
	auto_buf struct buf b = BUF_INIT;

	assert_int_equal(file_read_at(scratch.fd, name, 1000, &b, &err), 0);
	assert_string_equal(b.data, text);
}

static void
a_small_log_stays(void **state)
{
	auto_fd int fd = appending();

	(void)state;
	says(fd, "a line\n");
	turn();
	holds("web.log", "a line\n");
	assert_int_equal(faccessat(scratch.fd, "web.log.1", F_OK, 0), -1);
}

static void
a_large_one_is_kept_once_and_goes_on_empty(void **state)
{
	auto_fd int fd = appending();

	(void)state;
	says(fd, "the first of them\n");
	turn();
	says(fd, "the second of them\n");
	holds("web.log", "the second of them\n");
	holds("web.log.1", "the first of them\n");
	turn();
	holds("web.log", "");
	holds("web.log.1", "the second of them\n");
}

static void
no_log_yet_is_no_failure(void **state)
{
	(void)state;
	turn();
}

/* log/ is root's, but a link there must not lead root elsewhere. */
static void
a_link_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", scratch.fd, "web.log"), 0);
	assert_int_equal(unit_log_turn(scratch.fd, "web", 10, &err), -1);
	err_clear(&err);
}

static void
what_cannot_be_kept_is_not_emptied(void **state)
{
	auto_fd int fd = appending();

	(void)state;
	says(fd, "the first of them\n");
	assert_int_equal(mkdirat(scratch.fd, "web.log.1", 0755), 0);
	assert_int_equal(unit_log_turn(scratch.fd, "web", 10, &err), -1);
	err_clear(&err);
	holds("web.log", "the first of them\n");
}

int
main(void)
{
#define CASE(fn) \
	cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_small_log_stays),
		CASE(a_large_one_is_kept_once_and_goes_on_empty),
		CASE(no_log_yet_is_no_failure),
		CASE(a_link_is_not_followed),
		CASE(what_cannot_be_kept_is_not_emptied),
	};

	return cmocka_run_group_tests_name("unit_log", tests, NULL, NULL);
}
