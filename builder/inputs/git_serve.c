/* The child's side of git.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/inputs/git.h"
#include "builder/inputs/git_mirror.h"
#include "builder/inputs/git_tree.h"
#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define NAME_MAX_BYTES 128
#define PATH_MAX_BYTES 4096
#define FRAMES_MAX ((rlim_t)512 << 20) /* around the bytes of files */
#define LOCAL_SECONDS (9 * 60)

struct request {
	uint32_t id, type;
	char *url, *what, *third, *proxy; /* ref or commit; by type */
	int64_t limit, deadline_ms;
	int dirfd, out;
};

static void
request_release(struct request *rq)
{
	free(rq->url);
	free(rq->what);
	free(rq->third);
	free(rq->proxy);
}

static int
request_get(struct ipc_msg *m, struct request *rq, struct err *err)
{
	rq->type = m->type;
	rq->dirfd = m->fds[0];
	rq->out = m->fds[1];
	rq->deadline_ms = LOCAL_SECONDS * 1000;
	if (ipc_get_str(m, GIT_URL_MAX + 1, &rq->url, err) == -1 ||
	    ipc_get_str(m, GIT_REF_MAX + 1, &rq->what, err) == -1 ||
	    ipc_get_str(m, PATH_MAX_BYTES, &rq->third, err) == -1)
		return -1;
	if (rq->type == GIT_LOOK &&
	    ipc_get_str(m, PATH_MAX_BYTES, &rq->proxy, err) == -1)
		return -1;
	if (ipc_get_i64(m, &rq->limit, err) == -1)
		return -1;
	if (rq->type == GIT_LOOK && ipc_get_i64(m, &rq->deadline_ms, err) == -1)
		return -1;
	if (ipc_end(m, err) == -1)
		return -1;
	if (rq->dirfd == -1 || (rq->type == GIT_TAR && rq->out == -1))
		return err_set(err, ERR_INPUT, "a request without its folder");
	return 0;
}

/* --- in the request's own process ---------------------------------------- */

static int
look(const struct request *rq, struct buf *answer, struct err *err)
{
	struct git_look l = { .url = rq->url,
		.ref = rq->what,
		.credentials = *rq->third ? rq->third : NULL,
		.proxy = rq->proxy,
		.limit = rq->limit };
	struct git_seen seen;

	if (git_mirror_look(&l, &seen, err) == -1)
		return -1;
	ipc_add_str(answer, seen.commit);
	ipc_add_str(answer, seen.tree);
	ipc_add_i64(answer, seen.received);
	return 0;
}

/* Named last, so that a folder is there whole or not at all. */
static int
checkout_new(const struct request *rq, git_repository *repo, git_commit *c,
    const char *path, struct err *err)
{
	auto_free char *fresh = mem_printf("%s.new", path);
	auto_fd int fd = -1;

	if (tree_remove_at(AT_FDCWD, fresh, err) == -1)
		return -1;
	if ((mkdir("checkout", 0755) == -1 && errno != EEXIST) ||
	    mkdir(fresh, 0755) == -1)
		return err_sys(err, "make git/%s", fresh);
	fd = dir_open(fresh, err);
	if (fd == -1 ||
	    git_tree_files(repo, c, rq->third, rq->limit, fd, err) == -1)
		return -1;
	if (rename(fresh, path) == -1)
		return err_sys(err, "name git/%s", path);
	return 0;
}

/* Those of the same folder at other commits. */
static int
forget_others(const char *path, struct err *err)
{
	const char *name = strchr(path, '/') + 1;
	auto_fd int fd = dir_open("checkout", err);
	auto_dir DIR *d = NULL;
	const struct dirent *e;

	if (fd == -1)
		return -1;
	d = fdopendir(fd);
	if (!d)
		return err_sys(err, "list git/checkout");
	fd = -1;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, name, 65) == 0 &&
		    strcmp(e->d_name, name) != 0 &&
		    tree_remove_at(dirfd(d), e->d_name, err) == -1)
			return -1;
	return 0;
}

static int
export_tree(const struct request *rq, struct err *err)
{
	git_repository *repo = NULL;
	git_commit *c = NULL;
	int r = git_mirror_commit(rq->url, rq->what, &repo, &c, err);

	if (r == 0 && rq->type == GIT_TAR)
		r = git_tree_tar(repo, c, rq->third, rq->limit, rq->out, err);
	if (r == 0 && rq->type == GIT_CHECKOUT) {
		char path[GIT_CHECKOUT_MAX];
		struct stat st;

		git_checkout_path(rq->url, rq->what, rq->third, path);
		if (stat(path, &st) == -1)
			r = checkout_new(rq, repo, c, path, err);
		if (r == 0)
			r = forget_others(path, err);
	}
	git_commit_free(c);
	git_repository_free(repo);
	return r;
}

static int
do_request(const struct request *rq, struct buf *answer, struct err *err)
{
	struct rlimit most = { (rlim_t)rq->limit + FRAMES_MAX,
		(rlim_t)rq->limit + FRAMES_MAX };

	/* No file of it grows beyond the limit, whatever libgit2 counts. */
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &most) == -1 || fchdir(rq->dirfd) == -1)
		return err_sys(err, "enter git");
	if (git_mirror_init(err) == -1)
		return -1;
	return rq->type == GIT_LOOK ? look(rq, answer, err)
				    : export_tree(rq, err);
}

/* The process of one request. */
static int
answer_one(const struct request *rq)
{
	auto_buf struct buf answer = BUF_INIT;
	struct err err = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(rq->deadline_ms / 1000) + 1);
	ipc_add_u32(&answer, rq->id);
	if (do_request(rq, &answer, &err) == -1) {
		worker_fail(rq->id, &err);
		return EXIT_DONE;
	}
	if (ipc_send(WORKER_SOCK, rq->type == GIT_LOOK ? GIT_SEEN : GIT_DONE,
		&answer, NULL, 0, &err) == -1)
		return EXIT_FAILED;
	return EXIT_DONE;
}

/* --- the server ---------------------------------------------------------- */

static void
tell_end(const struct request *rq, int status)
{
	struct err err = ERR_INIT;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
		return; /* it has answered */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		err_set(&err, ERR_BUSY, "took longer than the %lld s allowed",
		    (long long)(rq->deadline_ms / 1000));
	else if (WIFSIGNALED(status))
		err_set(&err, ERR_INPUT,
		    "the process that read it was ended by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		err_set(&err, ERR_SYSTEM, "the process that read it failed");
	worker_fail(rq->id, &err);
}

static int
serve_one(struct request *rq, struct ipc_msg *m)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	if (request_get(m, rq, &err) == -1) {
		worker_fail(rq->id, &err);
		return 0;
	}
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid == 0)
		_exit(answer_one(rq));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	tell_end(rq, status);
	return 0;
}

int
git_serve(int sock)
{
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct request rq = { 0 };
		struct err err = ERR_INIT;
		int r = ipc_recv(sock, -1, &m, &err);

		if (r == 0)
			return EXIT_DONE;
		if (r == -1 || ipc_get_u32(&m, &rq.id, &err) == -1 ||
		    m.type < GIT_LOOK || m.type > GIT_CHECKOUT)
			return EXIT_FAILED; /* no request of our parent */
		r = serve_one(&rq, &m);
		request_release(&rq);
		if (r == -1)
			return EXIT_FAILED;
	}
}
