/*
 * bwrap builds the jail and then waits (--block-fd) before it becomes the
 * program: that is when the limits are set on the one process from which
 * everything inside descends, without a helper program in the environment.
 */
#include "lib/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox_filter.h"

#define MIB ((int64_t)1 << 20)
#define START_MS 30000 /* to build the jail; a busy machine is slow */

/* What every jail has.  Part of the policy. */
static const char *const always[] = { "--unshare-all", "--unshare-user",
	"--disable-userns", "--cap-drop", "ALL", "--die-with-parent",
	"--new-session", "--clearenv" };

/* Numbers of the descriptors in bwrap (lib/spawn.h). */
#define FD_FILTER "3"
#define FD_BLOCK "4"
#define FD_STATUS "5"

struct argv {
	const char **v;
	size_t n, cap;
	char **owned; /* made here */
	size_t nowned, capowned;
};

static void
add(struct argv *a, const char *word)
{
	MEM_GROW(a->v, a->n, a->cap);
	a->v[a->n++] = word;
}

static void
add_own(struct argv *a, char *word)
{
	MEM_GROW(a->owned, a->nowned, a->capowned);
	a->owned[a->nowned++] = word;
	add(a, word);
}

static void
argv_release(struct argv *a)
{
	for (size_t i = 0; i < a->nowned; i++)
		free(a->owned[i]);
	free(a->owned);
	free(a->v);
}
#define auto_argv __attribute__((cleanup(argv_release)))

static void
add_tmpfs(struct argv *a, int64_t size, const char *where)
{
	add(a, "--size");
	add_own(a, mem_printf("%lld", (long long)size));
	add(a, "--tmpfs");
	add(a, where);
}

static void
build_argv(const struct sandbox *sb, struct argv *a)
{
	int64_t tmp = sb->tmp_size ? sb->tmp_size : 256 * MIB;

	add(a, "bwrap");
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		add(a, always[i]);
	add(a, "--uid");
	add_own(a, mem_printf("%u", (unsigned)sb->uid));
	add(a, "--gid");
	add_own(a, mem_printf("%u", (unsigned)sb->gid));
	add(a, "--hostname");
	add(a, sb->hostname);
	add(a, "--ro-bind");
	add(a, sb->root);
	add(a, "/");
	add(a, "--proc");
	add(a, "/proc");
	add(a, "--dev");
	add(a, "/dev");
	add_tmpfs(a, tmp, "/dev/shm");
	/* sticky, as everywhere */
	add(a, "--perms");
	add(a, "1777");
	add_tmpfs(a, tmp, "/tmp");
	for (size_t i = 0; i < sb->nbinds; i++) {
		const struct sandbox_bind *b = &sb->binds[i];

		if (!b->outside) {
			add_tmpfs(a, tmp, b->inside);
			continue;
		}
		add(a, b->writable ? "--bind" : "--ro-bind");
		add(a, b->outside);
		add(a, b->inside);
	}
	for (size_t i = 0; i < sb->nbinds; i++) {
		const struct sandbox_bind *b = &sb->binds[i];

		if (!b->outside && !b->writable) {
			add(a, "--remount-ro");
			add(a, b->inside);
		}
	}
	for (const char *const *e = sb->env; *e; e++) {
		const char *eq = strchr(*e, '=');

		assert(eq);
		add(a, "--setenv");
		add_own(a, mem_strn(*e, (size_t)(eq - *e)));
		add(a, eq + 1);
	}
	add(a, "--chdir");
	add(a, sb->cwd);
	add(a, "--seccomp");
	add(a, FD_FILTER);
	add(a, "--block-fd");
	add(a, FD_BLOCK);
	add(a, "--json-status-fd");
	add(a, FD_STATUS);
	add(a, "--");
	for (const char *const *w = sb->argv; *w; w++)
		add(a, *w);
	add(a, NULL);
}

/* bwrap's first word: { "child-pid": N, … }.  0 when it ended without. */
static pid_t
read_child_pid(int status)
{
	char text[512];
	size_t n = 0;
	const char *at;
	struct pollfd p = { .fd = status, .events = POLLIN };

	while (n < sizeof(text) - 1) {
		ssize_t r;

		if (poll(&p, 1, START_MS) <= 0)
			return 0;
		r = read(status, text + n, sizeof(text) - 1 - n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return 0;
		n += (size_t)r;
		text[n] = '\0';
		if (memchr(text, '\n', n))
			break;
	}
	text[n] = '\0';
	at = strstr(text, "\"child-pid\": ");
	return at ? (pid_t)strtol(at + 13, NULL, 10) : 0;
}

static int
limit(pid_t pid, int resource, int64_t value, struct err *err)
{
	struct rlimit new = { (rlim_t)value, (rlim_t)value }, old;

	/* Ours may be lower than what is asked for; then it stays. */
	if (prlimit(pid, resource, NULL, &old) == -1)
		return err_sys(err, "read a limit of the sandbox");
	if (old.rlim_max != RLIM_INFINITY && old.rlim_max < new.rlim_max)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	if (prlimit(pid, resource, &new, NULL) == -1)
		return err_sys(err, "set a limit of the sandbox");
	return 0;
}

static int
set_limits(const struct sandbox *sb, pid_t pid, struct err *err)
{
	if (limit(pid, RLIMIT_AS, sb->memory ? sb->memory : 4096 * MIB, err) ==
		-1 ||
	    limit(pid, RLIMIT_FSIZE, sb->file_size ? sb->file_size : 2048 * MIB,
		err) == -1 ||
	    limit(pid, RLIMIT_NPROC, sb->processes ? sb->processes : 512,
		err) == -1 ||
	    limit(pid, RLIMIT_CPU, sb->cpu_seconds ? sb->cpu_seconds : 3600,
		err) == -1 ||
	    limit(pid, RLIMIT_NOFILE, 4096, err) == -1 ||
	    limit(pid, RLIMIT_MEMLOCK, 64 * 1024, err) == -1 ||
	    limit(pid, RLIMIT_CORE, 0, err) == -1)
		return -1;
	return 0;
}

static int
pin(const struct sandbox *sb, pid_t pid, struct err *err)
{
	cpu_set_t have, want;
	int n, skip, left = sb->cpus;

	if (sb->cpus == 0)
		return 0;
	if (sched_getaffinity(0, sizeof(have), &have) == -1)
		return err_sys(err, "read our processors");
	n = CPU_COUNT(&have);
	if (left >= n)
		return 0;
	CPU_ZERO(&want);
	skip = sb->first_cpu % n;
	/* Twice round is enough to reach any of them from any start. */
	for (int i = 0; i < 2 * CPU_SETSIZE && left > 0; i++) {
		int cpu = i % CPU_SETSIZE;

		if (!CPU_ISSET(cpu, &have) || skip-- > 0)
			continue;
		CPU_SET(cpu, &want);
		left--;
	}
	if (sched_setaffinity(pid, sizeof(want), &want) == -1)
		return err_sys(err, "pin the sandbox to processors");
	return 0;
}

/* spawn_start with a personality of the calling thread, which the child
 * inherits and this thread then puts back. */
static int
start(const struct sandbox *sb, const struct spawn *sp, struct child *child,
    struct err *err)
{
	int before = personality(0xffffffff), rc;

	if (before == -1)
		return err_sys(err, "read the personality");
	if (personality(sb->no_aslr
			    ? (unsigned)before | ADDR_NO_RANDOMIZE
			    : (unsigned)before & ~ADDR_NO_RANDOMIZE) == -1)
		return err_sys(err, "set the personality");
	rc = spawn_start(sp, child, err);
	personality((unsigned)before);
	return rc;
}

int
sandbox_start(const struct sandbox *sb, struct child *out, struct err *err)
{
	auto_argv struct argv a = { 0 };
	auto_fd int filter = sandbox_filter_fd(err), block_r = -1, block_w = -1,
		    status_r = -1, status_w = -1, init = -1;
	struct spawn sp = SPAWN_INIT;
	struct child child = CHILD_INIT;
	static const char *const empty[] = { NULL };
	int pair[2];
	pid_t pid;

	assert(sb->uid != 0 && sb->gid != 0);
	if (filter == -1)
		return -1;
	if (pipe2(pair, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe to the sandbox");
	block_r = pair[0];
	block_w = pair[1];
	if (pipe2(pair, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe from the sandbox");
	status_r = pair[0];
	status_w = pair[1];

	build_argv(sb, &a);
	sp.argv = a.v;
	sp.env = empty;
	sp.out = sp.err = sb->out;
	sp.fds[0] = filter;
	sp.fds[1] = block_r;
	sp.fds[2] = status_w;
	sp.nfds = 3;
	sp.die_with_parent = true;
	if (start(sb, &sp, &child, err) == -1)
		return err_prefix(err, "sandbox");
	close(take_fd(&status_w));
	pid = read_child_pid(status_r);
	if (pid <= 1) {
		spawn_kill(&child);
		return err_set(err, ERR_SYSTEM,
		    "sandbox: bubblewrap could not make the namespaces");
	}
	init = (int)syscall(SYS_pidfd_open, pid, 0);
	if (init == -1) {
		err_sys(err, "sandbox: hold its first process");
		spawn_kill(&child);
		return -1;
	}
	if (set_limits(sb, pid, err) == -1 || pin(sb, pid, err) == -1 ||
	    (sb->jail && cgroup_enter(&sb->jail->group, sb->cgroups, sb->name,
			     pid, &sb->total, err) == -1)) {
		spawn_kill(&child);
		return -1;
	}
	/* Its death shows as EPIPE here, and then in the wait. */
	signal(SIGPIPE, SIG_IGN);
	if (write(block_w, "", 1) == -1 && errno != EPIPE) {
		err_sys(err, "let the sandbox run");
		spawn_kill(&child);
		if (sb->jail)
			cgroup_leave(&sb->jail->group);
		return -1;
	}
	if (sb->jail) {
		sb->jail->pid = pid;
		sb->jail->init = take_fd(&init);
		sb->jail->status = take_fd(&status_r);
	}
	*out = child;
	return 0;
}

void
sandbox_kill(const struct sandbox_jail *jail)
{
	/* The first process takes its whole namespace with it. */
	if (jail->init != -1)
		syscall(SYS_pidfd_send_signal, jail->init, SIGKILL, NULL, 0);
}

int
sandbox_end(struct sandbox_jail *jail, bool *ran, struct err *err)
{
	auto_fd int status = take_fd(&jail->status),
		    init = take_fd(&jail->init);
	struct pollfd p = { .fd = init, .events = POLLIN };
	int64_t until = time_mono_ms() + START_MS;
	char text[256];
	ssize_t n;

	/* The first process of a PID namespace ends after all others. */
	while (init != -1) {
		int rc = poll(&p, 1, (int)(until - time_mono_ms()));

		if (rc > 0)
			break;
		if (rc == -1 && errno == EINTR)
			continue;
		cgroup_leave(&jail->group);
		return err_set(
		    err, ERR_SYSTEM, "sandbox: its processes do not end");
	}
	cgroup_read(&jail->group, &jail->usage);
	cgroup_leave(&jail->group);
	*ran = false;
	if (status == -1 || fcntl(status, F_SETFL, O_NONBLOCK) == -1)
		return 0;
	n = read(status, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	*ran = strstr(text, "\"exit-code\"") != NULL;
	return 0;
}

/* The last line bwrap wrote, or "". */
static void
last_line(int fd, char *out, size_t room)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *line;

	out[0] = '\0';
	if (n <= 0)
		return;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	line = strrchr(text, '\n');
	snprintf(out, room, "%.200s", line ? line + 1 : text);
}

static bool
is_zero(const char *path)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	return file_read(path, 64, &b, &err) == 0 && b.data[0] == '0';
}

int
sandbox_check(struct err *err)
{
	static const char *const argv[] = { "/bin/true", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	auto_fd int out = memfd_create("check", MFD_CLOEXEC);
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	bool ran = false;
	struct sandbox sb = { .root = "/",
		.env = env,
		.argv = argv,
		.cwd = "/",
		.hostname = "check",
		.uid = 1000,
		.gid = 1000,
		.jail = &jail };
	struct child child = CHILD_INIT;
	struct spawn_end end;
	struct err why = ERR_INIT;
	char said[256];

	if (out == -1)
		return err_sys(err, "make a memory file");
	sb.out = out;
	if (sandbox_start(&sb, &child, &why) == 0 &&
	    spawn_wait(&child, START_MS, &end, &why) == 0 &&
	    sandbox_end(&jail, &ran, &why) == 0 && ran && end.code == 0)
		return 0;
	own_close(&jail.init);
	own_close(&jail.status);
	if (why.cls == ERR_MISSING)
		return err_set(err, ERR_MISSING,
		    "builds need bubblewrap: install the package bubblewrap");
	if (is_zero("/proc/sys/user/max_user_namespaces") ||
	    is_zero("/proc/sys/kernel/unprivileged_userns_clone"))
		return err_set(err, ERR_SYSTEM,
		    "builds need user namespaces, and this machine forbids them"
		    " (sysctl user.max_user_namespaces,"
		    " kernel.unprivileged_userns_clone)");
	last_line(out, said, sizeof(said));
	return err_set(err, ERR_SYSTEM, "no sandbox on this machine: %s",
	    said[0]	 ? said
	    : why.msg[0] ? why.msg
			 : "bwrap failed");
}

static char policy[8192];

static void
make_policy(void)
{
	auto_buf struct buf b = BUF_INIT;

	buf_str(&b, "sandbox 2\nbwrap");
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		buf_printf(&b, " %s", always[i]);
	buf_str(&b,
	    "\n--ro-bind ROOT / --proc /proc --dev /dev --tmpfs /dev/shm"
	    " --tmpfs /tmp 1777\n");
	sandbox_filter_text(&b);
	assert(b.len < sizeof(policy));
	memcpy(policy, b.data, b.len + 1);
}

const char *
sandbox_policy(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_policy);
	return policy;
}
