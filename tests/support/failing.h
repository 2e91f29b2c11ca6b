/*
 * A disk that fails: the n-th call of a kind from now on, each count 0 while
 * it does not.
 *
 * The test's second comment must name fsync, renameat and linkat as wrapped.
 */
#ifndef KILN_TEST_FAILING_H
#define KILN_TEST_FAILING_H

#include <errno.h>
#include <stdbool.h>

static int fail_fsync, fail_rename, fail_link;
static int link_errno = ENOSPC;

int __real_fsync(int);
int __wrap_fsync(int);
int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);

static bool
fails(int *count)
{
	return *count && --*count == 0;
}

int
__wrap_fsync(int fd)
{
	if (fails(&fail_fsync)) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

int
__wrap_renameat(int a, const char *from, int b, const char *to)
{
	if (fails(&fail_rename)) {
		errno = ENOSPC;
		return -1;
	}
	return __real_renameat(a, from, b, to);
}

int
__wrap_linkat(int a, const char *from, int b, const char *to, int flags)
{
	if (fails(&fail_link)) {
		errno = link_errno;
		return -1;
	}
	return __real_linkat(a, from, b, to, flags);
}

#endif
