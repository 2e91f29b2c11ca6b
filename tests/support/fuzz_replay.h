/*
 * Replays the corpus of a fuzz target, each file whole, cut short and bent.
 * Before it: the target's .c file, and CORPUS, the folder's name.
 */
#ifndef KILN_TEST_FUZZ_REPLAY_H
#define KILN_TEST_FUZZ_REPLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/tree.h"

static int
replay(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	size_t *count = arg;

	(void)path;
	if (!S_ISREG(st->st_mode))
		return 0;
	if (file_read_at(dirfd, name, 1 << 20, &b, err) == -1)
		return -1;
	LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
	for (size_t n = 0; n < b.len; n += 1 + b.len / 50) {
		/* Of exactly that size, so that a step beyond is seen. */
		uint8_t *part = malloc(n ? n : 1);

		for (size_t i = 0; i < n; i++)
			part[i] = (uint8_t)b.data[i];
		LLVMFuzzerTestOneInput(part, n);
		if (n > 0) {
			part[n - 1] ^= 0x5a;
			LLVMFuzzerTestOneInput(part, n);
		}
		free(part);
	}
	++*count;
	return 0;
}

static void
every_file_of_the_corpus_is_read_or_refused(void **state)
{
	struct err err = ERR_INIT;
	auto_fd int dir = dir_open("tests/fuzz/corpus/" CORPUS, &err);
	size_t count = 0;

	(void)state;
	assert_int_not_equal(dir, -1);
	assert_int_equal(tree_walk(dir, replay, &count, &err), 0);
	assert_true(count >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_of_the_corpus_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
