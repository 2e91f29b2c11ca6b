/* rooms: tuf-repo/s3.c */
/* An object store's key and names, and what its refusals mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "tuf-repo/s3.h"

static char dir[] = "/tmp/kiln-s3.XXXXXX", path[64];
static const struct s3_where where = { .endpoint = "http://127.0.0.1:1",
	.bucket = "routers",
	.region = "us-east-1" };

static void
names_are_encoded_but_for_what_needs_none(void **arg)
{
	auto_buf struct buf b = BUF_INIT;

	(void)arg;
	s3_encode("tuf/a-b._~/libstdc++ 1:2\xc3\xa9", &b);
	assert_string_equal(b.data, "tuf/a-b._~/libstdc%2B%2B%201%3A2%C3%A9");
}

static struct s3 *
open_with(const char *text, mode_t mode, struct err *err)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return s3_open(&where, path, err);
}

static void
a_key_is_one_line_that_nobody_else_reads(void **arg)
{
	static const char *const bad[] = { "", "\n", "AKIA\n", "AKIA:\n",
		":secret\n" };
	struct err err = ERR_INIT;
	struct s3 *s;

	(void)arg;
	assert_null(open_with("AKIA:secret\n", 0640, &err));
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "others may read"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err_clear(&err);
		assert_null(open_with(bad[i], 0600, &err));
		assert_int_equal(err.cls, ERR_INPUT);
		assert_null(strstr(err.msg, "AKIA"));
		assert_null(strstr(err.msg, "secret"));
	}
	/* Names of other servers hold colons themselves. */
	s = open_with("project:user:secret\n", 0600, &err);
	assert_non_null(s);
	s3_free(s);
	err_clear(&err);
	assert_null(s3_open(&where, "/nowhere/key", &err));
}

static enum err_class
class_of(int status, const char *code, const char *says)
{
	struct s3_answer a = { .status = status, .body = BUF_INIT };
	struct err err = ERR_INIT;

	snprintf(a.code, sizeof(a.code), "%s", code);
	assert_int_equal(s3_refused(&a, "tuf/x", &err), -1);
	assert_non_null(strstr(err.msg, "tuf/x"));
	assert_non_null(strstr(err.msg, says));
	return err.cls;
}

static void
each_refusal_has_its_class(void **arg)
{
	(void)arg;
	assert_int_equal(class_of(403, "SignatureDoesNotMatch",
			     "refuses the key (403 SignatureDoesNotMatch)"),
	    ERR_INPUT);
	assert_int_equal(
	    class_of(404, "NoSuchBucket", "no such bucket"), ERR_INPUT);
	assert_int_equal(class_of(503, "SlowDown", "503 SlowDown"), ERR_BUSY);
	assert_int_equal(class_of(429, "", "no reason given"), ERR_BUSY);
	assert_int_equal(
	    class_of(400, "EntityTooLarge", "EntityTooLarge"), ERR_INPUT);
}

static void
nobody_there_is_to_be_tried_again(void **arg)
{
	struct s3_ask ask = { .verb = S3_HEAD, .key = "tuf/x" };
	struct err err = ERR_INIT;
	struct s3_answer a;
	enum s3_verb verb;
	struct s3 *s = open_with("AKIA:secret\n", 0600, &err);
	void *who = NULL;
	int got = 0;

	(void)arg;
	assert_non_null(s);
	assert_int_equal(s3_start(s, &ask, &ask, &err), 0);
	assert_int_equal(s3_busy(s), 1);
	while (got == 0)
		got = s3_wait(s, 1000, &who, &verb, &a, &err);
	assert_int_equal(got, 1);
	assert_ptr_equal(who, &ask);
	assert_int_equal(verb, S3_HEAD);
	assert_int_equal(a.err.cls, ERR_BUSY);
	assert_int_equal(s3_busy(s), 0);
	s3_answer_release(&a);
	s3_free(s);
}

static int
set_up(void **arg)
{
	(void)arg;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int
tear_down(void **arg)
{
	(void)arg;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_encoded_but_for_what_needs_none),
		cmocka_unit_test(a_key_is_one_line_that_nobody_else_reads),
		cmocka_unit_test(each_refusal_has_its_class),
		cmocka_unit_test(nobody_there_is_to_be_tried_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
