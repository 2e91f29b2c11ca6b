#include "recipes/caldav/git.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/caldav/conf.h"

#define GIT "/usr/lib/git-core/git"
#define WORDS 16

static int
start(
    pid_t *pid, char *const argv[], char *const env[], int to, struct fault *f)
{
	posix_spawn_file_actions_t acts;
	int ret;

	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_addopen(&acts, 0, "/dev/null", O_RDONLY, 0);
	if (to != -1)
		posix_spawn_file_actions_adddup2(&acts, to, 1);
	ret = posix_spawn(pid, GIT, &acts, NULL, argv, env);
	posix_spawn_file_actions_destroy(&acts);
	if (ret == 0)
		return 0;
	errno = ret;
	return fault_sys(f, "start " GIT);
}

static char *
all_of(int fd, size_t *n)
{
	char *text = malloc(GIT_ANSWER + 1);
	ssize_t got;

	*n = 0;
	while (text != NULL && *n < (size_t)GIT_ANSWER &&
	       (got = read(fd, text + *n, (size_t)GIT_ANSWER - *n)) > 0)
		*n += (size_t)got;
	if (text != NULL)
		text[*n] = '\0';
	return text;
}

int
git_run(const char *folder, const char *who, char *const args[], char **out,
    size_t *n, struct fault *f)
{
	char tree[160], repo[160], author[80], author_mail[96], committer[80],
	    committer_mail[96], *argv[WORDS];
	char *const env[] = { (char[]){ "HOME=" CAL_DIR },
		(char[]){ "PATH=/usr/lib/git-core" },
		(char[]){ "GIT_EXEC_PATH=/usr/lib/git-core" },
		(char[]){ "GIT_CONFIG_NOSYSTEM=1" },
		(char[]){ "GIT_CONFIG_GLOBAL=" CAL_GITCONFIG },
		(char[]){ "GIT_TERMINAL_PROMPT=0" },
		(char[]){ "GIT_LITERAL_PATHSPECS=1" }, tree, repo, author,
		author_mail, committer, committer_mail, NULL };
	int status, pipes[2] = { -1, -1 };
	size_t i;
	pid_t pid;

	snprintf(tree, sizeof tree, "GIT_WORK_TREE=%s", folder);
	snprintf(repo, sizeof repo, "GIT_DIR=%s/.git", folder);
	snprintf(author, sizeof author, "GIT_AUTHOR_NAME=%s", who);
	snprintf(
	    author_mail, sizeof author_mail, "GIT_AUTHOR_EMAIL=%s@caldav", who);
	snprintf(committer, sizeof committer, "GIT_COMMITTER_NAME=%s", who);
	snprintf(committer_mail, sizeof committer_mail,
	    "GIT_COMMITTER_EMAIL=%s@caldav", who);
	argv[0] = (char[]){ "git" };
	for (i = 0; i + 2 < WORDS && args[i] != NULL; i++)
		argv[i + 1] = args[i];
	argv[i + 1] = NULL;
	if (out != NULL && pipe2(pipes, O_CLOEXEC) == -1)
		return fault_sys(f, "make a pipe");
	if (start(&pid, argv, env, pipes[1], f) == -1) {
		close(pipes[0]);
		close(pipes[1]);
		return -1;
	}
	if (out != NULL) {
		close(pipes[1]);
		*out = all_of(pipes[0], n);
		close(pipes[0]);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return fault_sys(f, "wait for " GIT);
	}
	if (WIFEXITED(status) && (out == NULL || *out != NULL))
		return WEXITSTATUS(status);
	if (out != NULL) {
		free(*out);
		*out = NULL;
	}
	return fault_set(f, "git %s was ended", args[0]);
}
