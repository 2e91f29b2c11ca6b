/* rooms: builder/schema.c builder/progress.c builder/inputs */
/*
 * The facts of an index: which names differ between two states of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <solv/solv_xfopen.h>

#include "builder/inputs/facts.h"
#include "lib/mem.h"
#include "lib/own.h"

static struct err err = ERR_INIT;

static int
xz_of(const char *text)
{
	int fd = memfd_create("index", MFD_CLOEXEC);
	FILE *f = solv_xfopen_fd("index.xz", dup(fd), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
facts_of(const char *index, struct buf *out)
{
	auto_fd int fd = xz_of(index);

	if (facts_read(fd, out, &err) == -1)
		fail_msg("%s", err.msg);
}

/* "a b c": the names that are other. */
static char *
other(const char *old, const char *now)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT, text = BUF_INIT;
	struct lock_names names = { 0 };
	struct span x, y;

	facts_of(old, &a);
	facts_of(now, &b);
	assert_int_equal(facts_lines(span_buf(&a), &x, &err), 0);
	assert_int_equal(facts_lines(span_buf(&b), &y, &err), 0);
	facts_diff(x, y, &names);
	lock_names_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		buf_printf(&text, "%s%s", i ? " " : "", names.v[i]);
	lock_names_release(&names);
	return buf_take(&text);
}

static void
is_other(const char *old, const char *now, const char *want)
{
	auto_free char *is = other(old, now);

	assert_string_equal(is, want);
}

#define A "Package: a\nVersion: 1\nDescription: old words\nSHA256: 11\n"
#define B "Package: b\nVersion: 1\nProvides: v1 (= 2), w:any |x,\n y\n"

static void
order_of_stanzas_and_words_for_people_do_not_matter(void **state)
{
	(void)state;
	is_other(A "\n" B, B "\n" A, "");
	is_other(A,
	    "Package: a\nVersion: 1\nDescription: new\n words\nSHA256: 11\n",
	    "");
}

static void
each_other_field_matters(void **state)
{
	(void)state;
	is_other(A, "Package: a\nVersion: 2\nSHA256: 11\n", "a");
	is_other(A, "Package: a\nVersion: 1\nSHA256: 12\n", "a");
	is_other(A, A "Depends: c\n", "a");
	is_other(A, A "Never-Heard-Of: c\n", "a");
	is_other(A "Depends: b,\n c\n", A "Depends: b,\n d\n", "a");
}

static void
provided_names_are_named(void **state)
{
	(void)state;
	is_other(A, A "\n" B, "b v1 w x y");
	is_other(B, "Package: b\nVersion: 1\nprovides: z\n", "b v1 w x y z");
}

static void
of_sources_files_matter_and_build_dependencies_do_not(void **state)
{
#define S "Package: s\nVersion: 1\nDirectory: pool/s\nChecksums-Sha256:\n"
	(void)state;
	is_other(S " 11 5 s.tar\n", S " 11 5 s.tar\nBuild-Depends: x\n", "");
	is_other(S " 11 5 s.tar\n", S " 12 5 s.tar\n", "s");
	is_other(S " 11 5 s.tar\n", A, "a s");
}

static void
damaged_facts_are_refused(void **state)
{
	auto_buf struct buf good = BUF_INIT;
	struct span lines;

	(void)state;
	facts_of(A "\n" B, &good);
	assert_int_equal(facts_lines(span_buf(&good), &lines, &err), 0);
	for (size_t n = 0; n < good.len; n++) {
		struct span cut = { good.data, n };

		assert_int_equal(facts_lines(cut, &lines, &err), -1);
		good.data[n] ^= 1;
		assert_int_equal(
		    facts_lines(span_buf(&good), &lines, &err), -1);
		good.data[n] ^= 1;
	}
	assert_int_equal(facts_lines(span_buf(&good), &lines, &err), 0);
}

static void
index_that_is_none_has_no_facts(void **state)
{
	auto_buf struct buf out = BUF_INIT;
	auto_fd int text = xz_of("no field\n"), cut = xz_of(A);

	(void)state;
	assert_int_equal(facts_read(text, &out, &err), -1);
	assert_int_equal(ftruncate(cut, lseek(cut, 0, SEEK_END) - 20), 0);
	assert_int_equal(lseek(cut, 0, SEEK_SET), 0);
	assert_int_equal(facts_read(cut, &out, &err), -1);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    order_of_stanzas_and_words_for_people_do_not_matter),
		cmocka_unit_test(each_other_field_matters),
		cmocka_unit_test(provided_names_are_named),
		cmocka_unit_test(
		    of_sources_files_matter_and_build_dependencies_do_not),
		cmocka_unit_test(damaged_facts_are_refused),
		cmocka_unit_test(index_that_is_none_has_no_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
