/* Landlock, on this kernel and on one that has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "lib/fdio.h"
#include "lib/landlock.h"
#include "tests/support/scratch.h"

/* Exit codes of the child, by the first thing that is wrong. */
enum {
	GOOD,
	NO_LANDLOCK = 77,
};

static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
opens(const char *path, int flags)
{
	int fd = openat(scratch.fd, path, flags | O_CLOEXEC, 0600);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

static int
restricted(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct err err = ERR_INIT;
	int dir = openat(scratch.fd, "mine", O_RDONLY | O_DIRECTORY);
	int net = socket(AF_INET, SOCK_STREAM, 0);
	char name[] = "true";
	char *const argv[] = { name, NULL };
	int rc;

	if (dir == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return 2;
	rc = landlock_only(&dir, 1, &err);
	if (rc == -1)
		return 3;
	if (rc == 0)
		return NO_LANDLOCK;
	if (!opens("mine/file", O_RDONLY) || !opens("mine/file", O_RDWR) ||
	    !opens("mine/new", O_WRONLY | O_CREAT) ||
	    !opens("mine/new", O_WRONLY | O_TRUNC) ||
	    !opens("mine", O_RDONLY | O_DIRECTORY))
		return 4;
	if (opens("other/file", O_RDONLY) || opens("other/file", O_WRONLY) ||
	    opens("other/new", O_WRONLY | O_CREAT) ||
	    opens("mine/../other/file", O_RDONLY) ||
	    opens("/etc/passwd", O_RDONLY) || opens("mine/link", O_RDONLY))
		return 5;
	if (unlinkat(dir, "file", 0) == 0 || mkdirat(dir, "sub", 0700) == 0)
		return 6;
	if (execv("/bin/true", argv) == 0 || errno != EACCES)
		return 7;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (net != -1 &&
	    syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U) >= 4 &&
	    (bind(net, (struct sockaddr *)&a, sizeof(a)) == 0 ||
		errno != EACCES))
		return 8;
	return GOOD;
}

static void
only_what_lies_below_the_folder_is_reached(void **state)
{
	struct err err = ERR_INIT;
	int rc;

	(void)state;
	assert_int_equal(mkdirat(scratch.fd, "mine", 0700), 0);
	assert_int_equal(mkdirat(scratch.fd, "other", 0700), 0);
	assert_int_equal(
	    file_write_at(scratch.fd, "mine/file", "x", 1, 0600, &err), 0);
	assert_int_equal(
	    file_write_at(scratch.fd, "other/file", "x", 1, 0600, &err), 0);
	assert_int_equal(
	    symlinkat("../other/file", scratch.fd, "mine/link"), 0);
	rc = in_child(restricted);
	if (rc == NO_LANDLOCK)
		skip(); /* the other test stands for this kernel */
	assert_int_equal(rc, GOOD);
}

/* A kernel without it: the system call is unknown. */
static int
without(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	struct err err = ERR_INIT;

	if (!f ||
	    seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS),
		SYS_landlock_create_ruleset, 0) != 0 ||
	    seccomp_load(f) != 0)
		return 2;
	if (landlock_only(&scratch.fd, 1, &err) != 0)
		return 3;
	return opens("/etc/passwd", O_RDONLY) ? GOOD : 4;
}

static void
a_kernel_without_it_is_told_apart_from_a_failure(void **state)
{
	(void)state;
	assert_int_equal(in_child(without), GOOD);
}

static int
refused(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	struct err err = ERR_INIT;

	if (!f ||
	    seccomp_rule_add(
		f, SCMP_ACT_ERRNO(EPERM), SYS_landlock_restrict_self, 0) != 0 ||
	    seccomp_load(f) != 0)
		return 2;
	switch (landlock_only(&scratch.fd, 1, &err)) {
	case 0:
		return NO_LANDLOCK;
	case -1:
		return err.cls == ERR_SYSTEM ? GOOD : 4;
	default:
		return 3;
	}
}

static void
rules_that_cannot_be_put_on_are_a_failure(void **state)
{
	int rc = in_child(refused);

	(void)state;
	if (rc == NO_LANDLOCK)
		skip();
	assert_int_equal(rc, GOOD);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_what_lies_below_the_folder_is_reached),
		T(a_kernel_without_it_is_told_apart_from_a_failure),
		T(rules_that_cannot_be_put_on_are_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
