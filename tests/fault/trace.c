#include "tests/fault/trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <linux/ptrace.h>

#include "lib/attr.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define LINGER_MS 10000

/*
 * fd: the argument that is a descriptor whose file it changes, -1: none.
 * dir, path: the arguments that name what it changes.
 */
static const struct watched {
	int nr;
	int8_t fd, dir, path;
} watched[] = {
	{ SCMP_SYS(open), -1, -1, 0 },
	{ SCMP_SYS(openat), -1, 0, 1 },
	{ SCMP_SYS(openat2), -1, 0, 1 },
	{ SCMP_SYS(creat), -1, -1, 0 },
	{ SCMP_SYS(write), 0, -1, -1 },
	{ SCMP_SYS(pwrite64), 0, -1, -1 },
	{ SCMP_SYS(writev), 0, -1, -1 },
	{ SCMP_SYS(pwritev), 0, -1, -1 },
	{ SCMP_SYS(pwritev2), 0, -1, -1 },
	{ SCMP_SYS(copy_file_range), 2, -1, -1 },
	{ SCMP_SYS(sendfile), 0, -1, -1 },
	{ SCMP_SYS(truncate), -1, -1, 0 },
	{ SCMP_SYS(ftruncate), 0, -1, -1 },
	{ SCMP_SYS(fallocate), 0, -1, -1 },
	{ SCMP_SYS(rename), -1, -1, 1 },
	{ SCMP_SYS(renameat), -1, 2, 3 },
	{ SCMP_SYS(renameat2), -1, 2, 3 },
	{ SCMP_SYS(link), -1, -1, 1 },
	{ SCMP_SYS(linkat), -1, 2, 3 },
	{ SCMP_SYS(unlink), -1, -1, 0 },
	{ SCMP_SYS(unlinkat), -1, 0, 1 },
	{ SCMP_SYS(rmdir), -1, -1, 0 },
	{ SCMP_SYS(mkdir), -1, -1, 0 },
	{ SCMP_SYS(mkdirat), -1, 0, 1 },
	{ SCMP_SYS(symlink), -1, -1, 1 },
	{ SCMP_SYS(symlinkat), -1, 1, 2 },
	{ SCMP_SYS(mknod), -1, -1, 0 },
	{ SCMP_SYS(mknodat), -1, 0, 1 },
	{ SCMP_SYS(chmod), -1, -1, 0 },
	{ SCMP_SYS(fchmod), 0, -1, -1 },
	{ SCMP_SYS(fchmodat), -1, 0, 1 },
	{ SCMP_SYS(chown), -1, -1, 0 },
	{ SCMP_SYS(fchown), 0, -1, -1 },
	{ SCMP_SYS(fchownat), -1, 0, 1 },
	{ SCMP_SYS(utimensat), -1, 0, 1 },
	{ SCMP_SYS(fsync), 0, -1, -1 },
	{ SCMP_SYS(fdatasync), 0, -1, -1 },
	{ SCMP_SYS(syncfs), 0, -1, -1 },
	{ SCMP_SYS(sendmsg), 0, -1, -1 },
	{ SCMP_SYS(sendto), 0, -1, -1 },
};

/* --- the traced side ----------------------------------------------------- */

static int
load_filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = 0;

	if (!ctx)
		return -1;
	if (geteuid() == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; i < ARRAY_LEN(watched) && rc == 0; i++) {
		/* Calls that this machine does not have. */
		if (watched[i].nr < 0)
			continue;
		rc = seccomp_rule_add(ctx, SCMP_ACT_TRACE(0), watched[i].nr, 0);
	}
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

static void
be_traced(char *const argv[], int go)
{
	char c;

	if (read(go, &c, 1) != 1 || load_filter() != 0)
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

/* --- reading its memory -------------------------------------------------- */

bool
trace_bytes(pid_t tid, uint64_t at, void *out, size_t size)
{
	struct iovec to = { out, size }, from = { (void *)(uintptr_t)at, size };

	return process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)size;
}

bool
trace_string(pid_t tid, uint64_t at, char out[], size_t size)
{
	/* By pieces that end at a page: what follows may not be there. */
	for (size_t n = 0; n < size;) {
		size_t step = 256 - (at + n) % 256;

		if (step > size - n)
			step = size - n;
		if (!trace_bytes(tid, at + n, out + n, step))
			return false;
		if (memchr(out + n, '\0', step))
			return true;
		n += step;
	}
	return false;
}

bool
trace_path(
    const struct call *c, int dirfd_arg, int path_arg, char out[], size_t size)
{
	char path[2048];
	int dirfd = dirfd_arg < 0 ? AT_FDCWD : (int)c->args[dirfd_arg];
	int n;

	if (!trace_string(c->tid, c->args[path_arg], path, sizeof(path)))
		return false;
	if (strncmp(path, "/proc/self/", 11) == 0)
		n = snprintf(out, size, "/proc/%d/%s", c->tid, path + 11);
	else if (path[0] == '/')
		n = snprintf(out, size, "/proc/%d/root%s", c->tid, path);
	else if (dirfd == AT_FDCWD)
		n = snprintf(out, size, "/proc/%d/cwd/%s", c->tid, path);
	else
		n = snprintf(
		    out, size, "/proc/%d/fd/%d/%s", c->tid, dirfd, path);
	return n > 0 && (size_t)n < size;
}

/* --- which calls count --------------------------------------------------- */

struct thread {
	pid_t tid;
	bool ours; /* a program whose name begins with "kiln" */
	struct call *call;
};

struct run {
	const struct tracer *t;
	struct thread *threads;
	size_t nthreads, capthreads;
	pid_t root;
	int status;
	pid_t inside; /* the thread whose call is under way, 0: none */
	pid_t *held;  /* threads that wait for it */
	size_t nheld, capheld;
	bool killed;
	int64_t deadline;
};

static bool
is_ours(pid_t tid)
{
	char link[64], exe[512];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	return strncmp(base ? base + 1 : exe, "kiln", 4) == 0;
}

static struct thread *
find(struct run *r, pid_t tid)
{
	for (size_t i = 0; i < r->nthreads; i++)
		if (r->threads[i].tid == tid)
			return &r->threads[i];
	MEM_GROW(r->threads, r->nthreads, r->capthreads);
	r->threads[r->nthreads] =
	    (struct thread){ .tid = tid, .ours = is_ours(tid) };
	return &r->threads[r->nthreads++];
}

static void
forget(struct run *r, pid_t tid)
{
	for (size_t i = 0; i < r->nthreads; i++) {
		if (r->threads[i].tid != tid)
			continue;
		free(r->threads[i].call);
		r->threads[i] = r->threads[--r->nthreads];
		return;
	}
}

/* Opening to read changes nothing. */
static bool
opens_to_write(const struct call *c)
{
	struct open_how how;
	uint64_t flags;

	switch (c->nr) {
	case SYS_openat:
		flags = c->args[2];
		break;
	case SYS_openat2:
		if (!trace_bytes(c->tid, c->args[2], &how, sizeof(how)))
			return false;
		flags = how.flags;
		break;
#ifdef SYS_open
	case SYS_open:
		flags = c->args[1];
		break;
#endif
	default:
		return true;
	}
	return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY;
}

/* Is it, or the folder it is in, where we look? */
static bool
on_device(const char *path, dev_t dev)
{
	auto_free char *copy = mem_str(path);
	char *slash = strrchr(copy, '/');
	struct stat st;

	if (stat(path, &st) == 0)
		return st.st_dev == dev && !S_ISCHR(st.st_mode);
	if (slash)
		*slash = 0;
	return stat(copy, &st) == 0 && st.st_dev == dev;
}

/* Fills c->what.  False: it changes nothing that would last. */
static bool
counts(struct call *c, const struct watched *w, dev_t dev)
{
	char path[64];
	struct stat st;
	ssize_t n;

	if (w->fd < 0) {
		if (!opens_to_write(c))
			return false;
		if (c->args[w->path] &&
		    !trace_path(c, w->dir, w->path, c->what, sizeof(c->what)))
			return false;
		return !c->args[w->path] || on_device(c->what, dev);
	}
	snprintf(
	    path, sizeof(path), "/proc/%d/fd/%d", c->tid, (int)c->args[w->fd]);
	if (stat(path, &st) == -1)
		return false;
	n = readlink(path, c->what, sizeof(c->what) - 1);
	c->what[n > 0 ? n : 0] = '\0';
	if (S_ISSOCK(st.st_mode))
		return c->nr == SYS_sendmsg || c->nr == SYS_sendto;
	return st.st_dev == dev;
}

static const struct watched *
lookup(long nr)
{
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		if (watched[i].nr == nr)
			return &watched[i];
	return NULL;
}

/* --- the tracer ---------------------------------------------------------- */

static void
go_on(enum __ptrace_request how, pid_t tid, int sig)
{
	/* ESRCH: it was killed meanwhile, and waitpid tells. */
	ptrace(how, tid, 0, sig);
}

static void
kill_all(struct run *r)
{
	for (size_t i = 0; i < r->nthreads; i++)
		if (r->threads[i].ours)
			kill(r->threads[i].tid, SIGKILL);
	r->killed = true;
	r->deadline = time_mono_ms() + LINGER_MS;
}

static pid_t
process_of(pid_t tid)
{
	char path[64], line[256];
	int tgid = tid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	return tgid;
}

/* It waits before a call of the list. */
static void
enter(struct run *r, struct thread *th)
{
	struct __ptrace_syscall_info info;
	const struct watched *w;
	struct call *c;
	char *name;

	if (!th->ours || r->killed ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, th->tid, sizeof(info), &info) <=
		0 ||
	    !(w = lookup((long)info.seccomp.nr))) {
		go_on(PTRACE_CONT, th->tid, 0);
		return;
	}
	if (r->inside) {
		MEM_GROW(r->held, r->nheld, r->capheld);
		r->held[r->nheld++] = th->tid;
		return;
	}
	c = mem_zero(1, sizeof(*c));
	c->tid = th->tid;
	c->nr = (long)info.seccomp.nr;
	memcpy(c->args, info.seccomp.args, sizeof(c->args));
	name =
	    seccomp_syscall_resolve_num_arch(seccomp_arch_native(), (int)c->nr);
	c->name = name ? name : "?";
	switch (
	    counts(c, w, r->t->dev) ? r->t->enter(r->t->arg, c) : CALL_PASS) {
	case CALL_KILL_ALL:
		kill_all(r);
		break;
	case CALL_KILL_ONE:
		kill(process_of(th->tid), SIGKILL);
		break;
	case CALL_WATCH:
		r->inside = th->tid;
		th->call = c;
		go_on(PTRACE_SYSCALL, th->tid, 0);
		return;
	case CALL_FAIL:
		th->call = c;
		c->result = -r->t->fail;
#ifdef __x86_64__
		/* orig_rax */
		ptrace(PTRACE_POKEUSER, th->tid, 15 * 8, -1L);
#endif
		go_on(PTRACE_SYSCALL, th->tid, 0);
		return;
	case CALL_PASS:
		break;
	}
	free(name);
	free(c);
	go_on(PTRACE_CONT, th->tid, 0);
}

static void
release_held(struct run *r)
{
	while (!r->inside && r->nheld) {
		pid_t tid = r->held[0];

		r->nheld--;
		memmove(r->held, r->held + 1, r->nheld * sizeof(*r->held));
		enter(r, find(r, tid));
	}
}

/* … and after it. */
static void
leave(struct run *r, struct thread *th)
{
	struct __ptrace_syscall_info info;
	struct call *c = th->call;

	if (c && c->result < 0) {
#ifdef __x86_64__
		ptrace(PTRACE_POKEUSER, th->tid, 10 * 8, (long)c->result);
#endif
	} else if (c) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, th->tid, sizeof(info),
			&info) > 0) {
			c->result = info.exit.rval;
			r->t->leave(r->t->arg, c);
		}
	}
	if (c) {
		free((void *)(uintptr_t)c->name);
		free(c);
		th->call = NULL;
	}
	if (r->inside == th->tid)
		r->inside = 0;
	go_on(PTRACE_CONT, th->tid, 0);
	release_held(r);
}

static void
ended(struct run *r, pid_t tid, int status)
{
	if (tid == r->root)
		r->status = status;
	if (r->inside == tid)
		r->inside = 0;
	for (size_t i = 0; i < r->nheld; i++)
		if (r->held[i] == tid) {
			r->nheld--;
			memmove(r->held + i, r->held + i + 1,
			    (r->nheld - i) * sizeof(*r->held));
			break;
		}
	forget(r, tid);
	release_held(r);
}

static void
stopped(struct run *r, pid_t tid, int status)
{
	struct thread *th = find(r, tid);
	int sig = WSTOPSIG(status), event = status >> 16;

	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		enter(r, th);
		return;
	case PTRACE_EVENT_EXEC:
		th->ours = is_ours(tid);
		go_on(PTRACE_CONT, tid, 0);
		return;
	case PTRACE_EVENT_STOP:
		go_on(sig == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, tid, 0);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		go_on(PTRACE_CONT, tid, 0);
		return;
	}
	if (sig == (SIGTRAP | 0x80))
		leave(r, th);
	else
		go_on(PTRACE_CONT, tid, sig);
}

/* False: nothing is left to wait for. */
static bool
wait_one(struct run *r, bool *lingers)
{
	struct timespec nap = { 0, 1000000 };
	int status;
	pid_t tid;

	tid = waitpid(-1, &status, __WALL | (r->killed ? WNOHANG : 0));
	if (tid == -1)
		return errno == EINTR;
	if (tid == 0) {
		if (time_mono_ms() > r->deadline) {
			*lingers = true;
			for (size_t i = 0; i < r->nthreads; i++) {
				fprintf(stderr, "still there: %d\n",
				    r->threads[i].tid);
				kill(r->threads[i].tid, SIGKILL);
			}
			r->deadline += LINGER_MS;
		}
		nanosleep(&nap, NULL);
	} else if (WIFSTOPPED(status)) {
		stopped(r, tid, status);
	} else {
		ended(r, tid, status);
	}
	return true;
}

int
trace_run(char *const argv[], const struct tracer *t, int *status)
{
	static const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
				    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
				    PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
				    PTRACE_O_EXITKILL;
	struct run r = { .t = t };
	bool lingers = false;
	int go[2];

	/* Whoever loses its parent becomes ours, and is waited for. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 ||
	    pipe2(go, O_CLOEXEC) == -1)
		return -1;
	r.root = fork();
	if (r.root == -1)
		return -1;
	if (r.root == 0)
		be_traced(argv, go[0]);
	if (ptrace(PTRACE_SEIZE, r.root, 0, options) == -1)
		return -1;
	close(go[0]);
	if (write(go[1], "", 1) != 1)
		return -1;
	close(go[1]);
	while (wait_one(&r, &lingers))
		;
	free(r.threads);
	free(r.held);
	*status = r.status;
	return lingers ? -1 : 0;
}
