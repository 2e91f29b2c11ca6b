#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/web-git/site.h"

#define GIT "/usr/lib/git-core/git"
#define REPO WEB_OWN "/repository"
#define REF "refs/heads/site"

/* Runs git with the NULL-ended arguments; `index` is of a checkout. */
static int
git(char *const argv[], const char *index, struct fault *f)
{
	char words[128];
	char *const env[] = { (char[]){ "HOME=" WEB_OWN },
		(char[]){ "PATH=/usr/lib/git-core" },
		(char[]){ "GIT_EXEC_PATH=/usr/lib/git-core" },
		(char[]){ "GIT_CONFIG_NOSYSTEM=1" },
		(char[]){ "GIT_CONFIG_GLOBAL=" WEB_GITCONFIG },
		(char[]){ "GIT_TERMINAL_PROMPT=0" },
		(char[]){ "GIT_ALLOW_PROTOCOL=https:http:git" },
		(char[]){ "GIT_DIR=" REPO }, words, NULL };
	pid_t pid;
	int ret, status;

	snprintf(words, sizeof words, "GIT_INDEX_FILE=%s",
	    index == NULL ? REPO "/index" : index);
	ret = posix_spawn(&pid, GIT, NULL, NULL, argv, env);
	if (ret != 0) {
		errno = ret;
		return fault_sys(f, "start " GIT);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return fault_sys(f, "wait for " GIT);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(f, "git %s did not succeed", argv[1]);
	return 0;
}

int
site_init(struct fault *f)
{
	char *const argv[] = { (char[]){ "git" }, (char[]){ "init" },
		(char[]){ "-q" }, (char[]){ "--bare" },
		(char[]){ "--template=" }, NULL };

	return git(argv, NULL, f);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void
folder_of(unsigned int number, char path[64])
{
	snprintf(path, 64, WEB_OWN "/site-%u", number);
}

void
site_remove(struct site *s)
{
	char path[64];

	folder_of(s->number, path);
	if (s->dir != -1)
		close(s->dir);
	s->dir = -1;
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int
checkout(struct site *next, struct fault *f)
{
	char path[64], tree[80], index[80];
	char *const argv[] = { (char[]){ "git" }, tree, (char[]){ "checkout" },
		(char[]){ "-q" }, (char[]){ "-f" }, (char[]){ "site" },
		(char[]){ "--" }, (char[]){ "." }, NULL };
	int ret;

	folder_of(next->number, path);
	snprintf(tree, sizeof tree, "--work-tree=%s", path);
	snprintf(index, sizeof index, "%s.index", path);
	if (mkdir(path, 0700) == -1)
		return fault_sys(f, "make %s", path);
	ret = git(argv, index, f);
	unlink(index);
	if (ret == 0) {
		next->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next->dir == -1)
			ret = fault_sys(f, "open %s", path);
	}
	if (ret == -1)
		site_remove(next);
	return ret;
}

static int
fetch(const struct web *w, char *commit, size_t room, struct fault *f)
{
	char what[256];
	char *const argv[] = { (char[]){ "git" }, (char[]){ "fetch" },
		(char[]){ "-q" }, (char[]){ "--depth=1" },
		(char[]){ "--no-tags" }, (char[]){ "--" },
		(char *)w->repository, what, NULL };
	char *text;
	size_t n;

	snprintf(what, sizeof what, "+refs/heads/%s:" REF, w->branch);
	if (git(argv, NULL, f) == -1 ||
	    guest_read(REPO "/" REF, 128, &text, &n, f) == -1)
		return -1;
	snprintf(commit, room, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return 0;
}

int
site_fetch(const struct web *w, const struct site *now, struct site *next,
    struct fault *f)
{
	char *const clean[] = { (char[]){ "git" }, (char[]){ "gc" },
		(char[]){ "-q" }, (char[]){ "--prune=now" }, NULL };

	next->dir = -1;
	next->number = now->number + 1;
	if (fetch(w, next->commit, sizeof next->commit, f) == -1)
		return -1;
	if (now->dir != -1 && strcmp(next->commit, now->commit) == 0)
		return 0;
	if (checkout(next, f) == -1)
		return -1;
	/* what was before is of no use to anybody */
	git(clean, NULL, f);
	return 1;
}
