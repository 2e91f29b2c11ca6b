/*
 * Children.
 *
 * Everything that can fail for a reason of ours is done before fork(); what
 * is left for the child is system calls only (async-signal-safe, the parent
 * may have threads).  The child tells a failing step through a close-on-exec
 * pipe, so that the end of file there means "the program runs".
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define SEARCH "/usr/sbin:/usr/bin:/sbin:/bin"

const char *const spawn_env[SPAWN_ENV + 1] = { "PATH=" SEARCH, "LC_ALL=C.UTF-8",
	"TZ=UTC", NULL };

enum step {
	STEP_NONE,
	STEP_GROUP,
	STEP_NETNS,
	STEP_CWD,
	STEP_FDS,
	STEP_UID,
	STEP_PARENT,
	STEP_EXEC,
};

static const char *const step_text[] = {
	[STEP_NONE] = "start",
	[STEP_GROUP] = "make a process group",
	[STEP_NETNS] = "enter the network namespace",
	[STEP_CWD] = "enter the folder",
	[STEP_FDS] = "hand over descriptors",
	[STEP_UID] = "take the user's rights",
	[STEP_PARENT] = "follow the parent",
	[STEP_EXEC] = "run",
};

struct failure {
	int step;
	int sys;
};

/* What the child needs, resolved by the parent. */
struct plan {
	const struct spawn *s;
	const char *path;
	int src[3 + SPAWN_FDS]; /* -1: leave closed */
	size_t nsrc;
	int report;
	pid_t parent;
};

int
spawn_find(const char *name, char *out, size_t room, struct err *err)
{
	struct span rest = span_str(SEARCH), dir;
	struct stat st;

	while (span_next(&rest, ':', &dir)) {
		int n = snprintf(out, room, "%.*s/%s", (int)dir.n, dir.p, name);

		if (n < 0 || (size_t)n >= room)
			return err_set(
			    err, ERR_INPUT, "program name too long: %s", name);
		if (stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0)
			return 0;
	}
	return err_set(err, ERR_MISSING, "no program %s in %s", name, SEARCH);
}

/* The child, from fork to exec.  Returns the step that failed. */
static enum step
become(struct plan *p)
{
	const struct spawn *s = p->s;
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int base = (int)p->nsrc + 1; /* above every number we give */

	if (s->new_session ? setsid() == -1 : setpgid(0, 0) == -1)
		return STEP_GROUP;
	if (s->netns >= 0 && setns(s->netns, CLONE_NEWNET) == -1)
		return STEP_NETNS;
	if (s->cwd >= 0 && fchdir(s->cwd) == -1)
		return STEP_CWD;

	/* First out of the way, then to their places, then close the rest. */
	p->report = fcntl(p->report, F_DUPFD_CLOEXEC, base);
	if (p->report == -1)
		return STEP_FDS;
	for (size_t i = 0; i < p->nsrc; i++) {
		p->src[i] = fcntl(p->src[i], F_DUPFD_CLOEXEC, base);
		if (p->src[i] == -1)
			return STEP_FDS;
	}
	for (size_t i = 0; i < p->nsrc; i++)
		if (dup2(p->src[i], (int)i) == -1)
			return STEP_FDS;
	if (dup3(p->report, (int)p->nsrc, O_CLOEXEC) == -1)
		return STEP_FDS;
	p->report = (int)p->nsrc;
	if (syscall(SYS_close_range, (unsigned)base, ~0U, 0) == -1)
		return STEP_FDS;

	if (s->uid != 0) {
		gid_t gid = s->gid ? s->gid : s->uid;

		if (setgroups(0, NULL) == -1 ||
		    setresgid(gid, gid, gid) == -1 ||
		    setresuid(s->uid, s->uid, s->uid) == -1)
			return STEP_UID;
	}
	/* After the change of uid, which forgets the setting. */
	if (s->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
			return STEP_PARENT;
		if (getppid() != p->parent) {
			errno = ESRCH;
			return STEP_PARENT;
		}
	}
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL); /* KILL, STOP: EINVAL */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(p->path, (char *const *)s->argv,
	    (char *const *)(s->env ? s->env : spawn_env));
	return STEP_EXEC;
}

static int
start_failed(const struct spawn *s, const struct failure *f, struct err *err)
{
	const char *text = "start";

	if (f->step > 0 && (size_t)f->step < ARRAY_LEN(step_text))
		text = step_text[f->step];
	errno = f->sys;
	if (f->step == STEP_EXEC)
		return err_sys(err, "cannot run %s", s->argv[0]);
	return err_sys(err, "cannot run %s: %s", s->argv[0], text);
}

int
spawn_start(const struct spawn *s, struct child *child, struct err *err)
{
	char found[512];
	struct plan p = { .s = s, .parent = getpid() };
	struct failure f = { STEP_NONE, 0 };
	int std[3] = { s->in, s->out, s->err };
	auto_fd int null = -1;
	auto_fd int report_r = -1, report_w = -1;
	int pipefd[2];
	sigset_t all, old;
	ssize_t n;
	pid_t pid;
	int pidfd, saved;

	assert(s->argv && s->argv[0] && s->nfds <= SPAWN_FDS);
	if (s->exec_self) {
		p.path = "/proc/self/exe";
	} else if (strchr(s->argv[0], '/')) {
		assert(s->argv[0][0] == '/');
		p.path = s->argv[0];
	} else {
		if (spawn_find(s->argv[0], found, sizeof(found), err) == -1)
			return -1;
		p.path = found;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return err_sys(err, "open /dev/null");
	for (int i = 0; i < 3; i++) {
		p.src[i] = std[i] >= 0 ? std[i] : i;
		/* A closed stdout of ours is no reason to fail. */
		if (std[i] < 0 && (i == 0 || fcntl(i, F_GETFD) == -1))
			p.src[i] = null;
	}
	for (size_t i = 0; i < s->nfds; i++) {
		assert(s->fds[i] >= 0);
		p.src[3 + i] = s->fds[i];
	}
	p.nsrc = 3 + s->nfds;
	if (pipe2(pipefd, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	report_r = pipefd[0];
	report_w = p.report = pipefd[1];

	/* No handler of ours may run in the child before it is reset. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		f.step = become(&p);
		f.sys = errno;
		(void)!write(p.report, &f, sizeof(f));
		_exit(127);
	}
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid == -1) {
		errno = saved;
		return err_sys(err, "cannot run %s: fork", s->argv[0]);
	}
	/* Not reaped yet, so the number cannot mean anybody else. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd == -1) {
		err_sys(err, "cannot watch %s: pidfd_open", s->argv[0]);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
		return -1;
	}
	close(take_fd(&report_w));
	do
		n = read(report_r, &f, sizeof(f));
	while (n == -1 && errno == EINTR);
	if (n != 0) {
		if (n != (ssize_t)sizeof(f))
			f = (struct failure){ STEP_NONE, EIO };
		close(pidfd);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
		return start_failed(s, &f, err);
	}
	child->pid = pid;
	child->pidfd = pidfd;
	child->started_ms = time_mono_ms();
	return 0;
}

static int64_t
timeval_ms(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_usec / 1000;
}

int
spawn_take(pid_t pid, int64_t started_ms, struct child *out, struct err *err)
{
	siginfo_t info;
	int pidfd;

	/* Nobody else's: a number that only a child of ours can have. */
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return err_sys(err, "take over process %d", (int)pid);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd == -1)
		return err_sys(err, "watch process %d", (int)pid);
	*out = (struct child){ pid, pidfd, started_ms };
	return 0;
}

/* Collects a child of which the pidfd says that it ended. */
static int
reap(
    struct child *child, bool timed_out, struct spawn_end *end, struct err *err)
{
	struct rusage ru;
	int status;
	pid_t r;

	do
		r = wait4(child->pid, &status, 0, &ru);
	while (r == -1 && errno == EINTR);
	if (r == -1)
		err_sys(err, "wait for process %d", (int)child->pid);
	close(child->pidfd);
	end->wall_ms = time_mono_ms() - child->started_ms;
	*child = (struct child)CHILD_INIT;
	if (r == -1)
		return -1;
	end->timed_out = timed_out;
	end->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	end->cpu_ms = timeval_ms(ru.ru_utime) + timeval_ms(ru.ru_stime);
	end->max_rss_kib = ru.ru_maxrss;
	return 0;
}

/* Milliseconds for poll() until `until` (-1: never). */
static int
remaining(int64_t until)
{
	int64_t left;

	if (until < 0)
		return -1;
	left = until - time_mono_ms();
	if (left < 0)
		return 0;
	return left > 1000000 ? 1000000 : (int)left;
}

static int64_t
deadline_at(int64_t deadline_ms)
{
	return deadline_ms < 0 ? -1 : time_mono_ms() + deadline_ms;
}

/* Kills the group and waits for its leader, which is dead then. */
static int
kill_and_reap(
    struct child *child, bool timed_out, struct spawn_end *end, struct err *err)
{
	struct pollfd pfd = { .fd = child->pidfd, .events = POLLIN };

	if (kill(-child->pid, SIGKILL) == -1 && errno == EPERM) {
		/* Another uid: do not wait for what nobody ends. */
		err_sys(err, "kill process %d", (int)child->pid);
		if (poll(&pfd, 1, 0) != 1)
			return -1;
		err_clear(err);
	}
	return reap(child, timed_out, end, err);
}

int
spawn_wait(struct child *child, int64_t deadline_ms, struct spawn_end *end,
    struct err *err)
{
	struct pollfd pfd = { .fd = child->pidfd, .events = POLLIN };
	int64_t until = deadline_at(deadline_ms);
	int r;

	assert(child->pid > 0);
	for (;;) {
		r = poll(&pfd, 1, remaining(until));
		if (r == 1)
			return reap(child, false, end, err);
		if (r == -1 && errno != EINTR)
			return err_sys(
			    err, "wait for process %d", (int)child->pid);
		if (until >= 0 && time_mono_ms() >= until)
			return kill_and_reap(child, true, end, err);
	}
}

int
spawn_poll(struct child *child, struct spawn_end *end, struct err *err)
{
	struct pollfd pfd = { .fd = child->pidfd, .events = POLLIN };
	int r = poll(&pfd, 1, 0);

	assert(child->pid > 0);
	if (r == -1 && errno != EINTR)
		return err_sys(err, "wait for process %d", (int)child->pid);
	if (r < 1)
		return 0;
	return reap(child, false, end, err) == -1 ? -1 : 1;
}

void
spawn_signal(const struct child *child, int sig)
{
	if (child->pid > 0)
		kill(-child->pid, sig);
}

void
spawn_kill(struct child *child)
{
	struct spawn_end end;
	struct err err = ERR_INIT;

	if (child->pid <= 0)
		return;
	if (kill_and_reap(child, false, &end, &err) == -1 && child->pid > 0) {
		close(child->pidfd);
		*child = (struct child)CHILD_INIT;
	}
}

int
spawn_run(const char *const *argv, int64_t deadline_ms, struct err *err)
{
	struct spawn s = SPAWN_INIT;

	s.argv = argv;
	return spawn_capture(&s, deadline_ms, 0, NULL, NULL, err);
}

void
spawn_end_text(const struct spawn_end *end, struct buf *out)
{
	int64_t ms = end->wall_ms;

	if (end->timed_out) {
		if (ms >= 10000)
			ms = (ms + 500) / 1000 * 1000;
		buf_str(out, "deadline of ");
		num_add_duration(out, ms);
	} else if (end->signal) {
		buf_printf(
		    out, "signal %d (%s)", end->signal, strsignal(end->signal));
	} else {
		buf_printf(out, "exit %d", end->code);
	}
}
