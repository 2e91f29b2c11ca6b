#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"

static void
set_returns_minus_one_and_keeps_the_class(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&e, ERR_TRUST, "%d of %d", 1, 2), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "1 of 2");
	err_clear(&e);
	assert_int_equal(e.cls, ERR_NONE);
	assert_string_equal(e.msg, "");
	assert_int_equal(err_set(NULL, ERR_TRUST, "nobody asks"), -1);
}

static void
a_missing_file_is_missing_and_other_errno_is_system(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "open %s", "x"), -1);
	assert_int_equal(e.cls, ERR_MISSING);
	assert_string_equal(e.msg, "open x: No such file or directory");
	errno = ENOSPC;
	err_sys(&e, "write");
	assert_int_equal(e.cls, ERR_SYSTEM);
	assert_int_equal(e.sys, ENOSPC);
	assert_string_equal(err_cause(&e), "no-space");
}

static void
prefix_keeps_class_and_errno_and_may_use_the_old_sentence(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = EACCES;
	err_sys(&e, "open x");
	assert_int_equal(err_prefix(&e, "lock %s", "a"), -1);
	assert_string_equal(e.msg, "lock a: open x: Permission denied");
	assert_int_equal(e.cls, ERR_SYSTEM);
	assert_int_equal(e.sys, EACCES);
	err_set(&e, ERR_INPUT, "b");
	err_set(&e, ERR_INPUT, "<%s>", e.msg);
	assert_string_equal(e.msg, "<b>");
}

static void
a_sentence_has_no_newline_control_or_broken_utf8(void **state)
{
	struct err e = ERR_INIT;
	char longer[1000];

	(void)state;
	err_set(&e, ERR_INPUT,
	    "a\nb\x1b[31m\x7f\xff\xc3(ü\xc2\x9b"
	    "é");
	assert_string_equal(e.msg, "a b?[31m??"
				   "?(ü??é");
	/* Cut off inside a character. */
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + 478, "ü", 2);
	longer[999] = '\0';
	err_set(&e, ERR_INPUT, "%s", longer);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_int_equal(e.msg[478], '?');
	err_prefix(&e, "in front");
	assert_memory_equal(e.msg, "in front: xxx", 13);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void
exit_codes_and_causes_follow_the_class(void **state)
{
	static const struct {
		enum err_class cls;
		int exit;
		const char *cause;
	} want[] = {
		{ ERR_NONE, 1, "system" },
		{ ERR_SYSTEM, 1, "system" },
		{ ERR_INPUT, 2, "bad-input" },
		{ ERR_TRUST, 4, "not-trusted" },
		{ ERR_MISSING, 1, "missing" },
		{ ERR_BUSY, 75, "busy" },
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		err_set(&e, want[i].cls, "x");
		assert_int_equal(err_exit(&e), want[i].exit);
		assert_string_equal(err_cause(&e), want[i].cause);
	}
	err_set(&e, ERR_SYSTEM, "deadline");
	e.sys = ETIMEDOUT;
	assert_string_equal(err_cause(&e), "timeout");
	e.sys = EROFS;
	assert_string_equal(err_cause(&e), "read-only");
	e.sys = EPERM;
	assert_string_equal(err_cause(&e), "denied");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_minus_one_and_keeps_the_class),
		cmocka_unit_test(
		    a_missing_file_is_missing_and_other_errno_is_system),
		cmocka_unit_test(
		    prefix_keeps_class_and_errno_and_may_use_the_old_sentence),
		cmocka_unit_test(
		    a_sentence_has_no_newline_control_or_broken_utf8),
		cmocka_unit_test(exit_codes_and_causes_follow_the_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
