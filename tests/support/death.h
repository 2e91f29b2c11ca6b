/*
 * A process that dies before the n-th of its calls that make a file last:
 * every state that a crash can leave, one after the other.
 *
 * The test's second comment must be
 *
 *	wrap: renameat linkat fsync unlinkat
 *
 * Only a child that sets `mortal` dies; programs which it starts do not.
 */
#ifndef KILN_TEST_DEATH_H
#define KILN_TEST_DEATH_H

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/attr.h"

#define KILLED 77 /* the exit status of one that died */

/* The call that is not survived; 0: none.  Shared with children, so that the
 * parent learns how far they came. */
static struct {
	int at, count;
} * death;
static bool mortal;

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);
int __real_fsync(int);
int __wrap_fsync(int);
int __real_unlinkat(int, const char *, int);
int __wrap_unlinkat(int, const char *, int);

static void
die_here(void)
{
	if (mortal && ++death->count == death->at)
		_exit(KILLED);
}

int
__wrap_renameat(int from, const char *a, int to, const char *b)
{
	die_here();
	return __real_renameat(from, a, to, b);
}

int
__wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	die_here();
	return __real_linkat(from, a, to, b, flags);
}

int
__wrap_fsync(int fd)
{
	die_here();
	return __real_fsync(fd);
}

int
__wrap_unlinkat(int dirfd, const char *name, int flags)
{
	die_here();
	return __real_unlinkat(dirfd, name, flags);
}

/*
 * Runs `act` in a process of its own that dies before its call number `at`
 * (0: it lives).  Returns the exit status: what `act` gave, or KILLED.
 */
static int KILN_UNUSED
die_at(int at, int (*act)(void *), void *arg)
{
	int status;
	pid_t pid;

	if (!death) {
		death = mmap(NULL, sizeof(*death), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(death, MAP_FAILED);
	}
	death->at = at;
	death->count = 0;
	pid = fork();
	if (pid == 0) {
		mortal = true;
		_exit(act(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif
