/*
 * A good root and good targets, to be bent, and what tuf_read says of them:
 * for the tests of the reader.
 */
#ifndef KILN_TEST_TUFREAD_H
#define KILN_TEST_TUFREAD_H

#include "lib/attr.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf/tufmake.h"

static struct tufmake_key keys[3]; /* made by make_keys */

static int KILN_UNUSED
make_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		tufmake_key(&keys[i], i);
	return 0;
}

static json_t *KILN_UNUSED
good_root(void)
{
	json_t *j = tufmake_root(1);

	tufmake_root_role(j, "root", keys, 2, 2);
	tufmake_root_role(j, "timestamp", keys, 1, 1);
	tufmake_root_role(j, "snapshot", keys, 1, 1);
	tufmake_root_role(j, "targets", keys, 1, 1);
	return j;
}

static json_t *KILN_UNUSED
good_targets(void)
{
	json_t *j = tufmake_targets(1);

	tufmake_target(j, "a/b", "hello");
	tufmake_delegate(j, "svc-a", keys, 2, 2, true, "images/a/*/*");
	return j;
}

/* NULL when refused; then the class must be ERR_TRUST and there is a word. */
static struct tuf_file *KILN_UNUSED
try_text(enum tuf_type type, const char *text, size_t n)
{
	struct err err = ERR_INIT;
	struct tuf_file *f = tuf_read(type, "x", text, n, &err);

	if (!f) {
		assert_int_equal(err.cls, ERR_TRUST);
		assert_true(strlen(err.msg) > 8);
	}
	return f;
}

static struct tuf_file *KILN_UNUSED
try(enum tuf_type type, const json_t *j)
{
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(j, keys, 1, &b);
	return try_text(type, b.data, b.len);
}

#define READS(type, j)                                       \
	do {                                                 \
		auto_tuf struct tuf_file *f_ = try(type, j); \
		assert_non_null(f_);                         \
	} while (0)
#define REFUSES(type, j) assert_null(try(type, j))

#endif
