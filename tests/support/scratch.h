/*
 * A folder of its own for each test, removed afterwards.  Use scratch_setup
 * and scratch_teardown as the test's fixtures; then `scratch.fd` is open.
 */
#ifndef KILN_TEST_SCRATCH_H
#define KILN_TEST_SCRATCH_H

#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tree.h"

static struct {
	int fd;
	char path[256];
} scratch;

static int KILN_UNUSED
scratch_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(scratch.path, sizeof(scratch.path), "%s/kiln-test-XXXXXX",
	    tmp ? tmp : "/tmp");
	if (!mkdtemp(scratch.path))
		return -1;
	scratch.fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch.fd == -1 ? -1 : 0;
}

static int KILN_UNUSED
scratch_teardown(void **state)
{
	struct err err = ERR_INIT;
	char *name = strrchr(scratch.path, '/');
	int parent, r;

	(void)state;
	close(scratch.fd);
	*name++ = '\0';
	parent = open(scratch.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = tree_remove_at(parent, name, &err);
	if (r == -1)
		fprintf(stderr, "%s\n", err.msg);
	close(parent);
	return r;
}

/* Runs `fn` as an ordinary user who owns the scratch folder; true if it
 * returned true.  Without root we are one already. */
static bool KILN_UNUSED
scratch_as_user(bool (*fn)(void))
{
	const uid_t nobody = 65534;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return fn();
	if (fchown(scratch.fd, nobody, nobody) == -1)
		return false;
	pid = fork();
	if (pid == -1)
		return false;
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(nobody, nobody, nobody) == -1 ||
		    setresuid(nobody, nobody, nobody) == -1)
			_exit(2);
		_exit(fn() ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
