#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/openpgp/sq.h"

#define SQ "/usr/bin/sq"

/* A file in memory that holds `n` bytes, from its beginning. */
static int
memory(const void *bytes, size_t n)
{
	int fd = memfd_create("openpgp", MFD_CLOEXEC);

	if (fd == -1)
		return -1;
	while (n > 0) {
		ssize_t w = write(fd, bytes, n);

		if (w <= 0) {
			close(fd);
			return -1;
		}
		bytes = (const char *)bytes + w;
		n -= (size_t)w;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Its status, or -1 when its time is over. */
static int
end_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = -1;
	struct pollfd p = { fd, POLLIN, 0 };

	if (fd == -1 || poll(&p, 1, SQ_MS) != 1)
		kill(pid, SIGKILL);
	if (fd != -1)
		close(fd);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return status;
}

static int
take(int fd, char **out, size_t *n)
{
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) == -1)
		return -1;
	*n = (size_t)st.st_size;
	*out = malloc(*n + 1);
	if (*out == NULL)
		return -1;
	got = pread(fd, *out, *n, 0);
	if (got != (ssize_t)*n) {
		free(*out);
		return -1;
	}
	return 0;
}

int
sq_run(char *const argv[], const void *in, size_t nin, const void *side,
    size_t nside, char **out, size_t *n, struct fault *f)
{
	int fd[3] = { memory(in, nin), memory("", 0),
		memory(side == NULL ? "" : side, nside) };
	char home[] = "HOME=/tmp";
	char *const env[] = { home, NULL };
	posix_spawn_file_actions_t actions;
	int ret = -1, status, i;
	pid_t pid;

	if (fd[0] == -1 || fd[1] == -1 || fd[2] == -1) {
		fault_sys(f, "make room for " SQ);
		goto out;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[0], 0);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd[2], 3);
	status = posix_spawn(&pid, SQ, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	if (status != 0) {
		errno = status;
		fault_sys(f, "start " SQ);
		goto out;
	}
	status = end_of(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		ret = 0;
	else if (take(fd[1], out, n) == -1)
		fault_sys(f, "read what " SQ " says");
	else
		ret = 1;
out:
	for (i = 0; i < 3; i++) {
		if (fd[i] != -1)
			close(fd[i]);
	}
	return ret;
}
