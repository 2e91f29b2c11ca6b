#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "recipes/guest-init/child.h"

/* `out`: what it writes to, or -1 for the console. */
static int
stdio(int out)
{
	int in = open("/dev/null", O_RDWR | O_NOCTTY);

	if (out == -1)
		out = open("/dev/console", O_WRONLY | O_NOCTTY);

	if (in == -1 || out == -1 || dup2(in, 0) == -1 || dup2(out, 1) == -1 ||
	    dup2(out, 2) == -1)
		return -1;
	return close_range(3, ~0U, 0);
}

/* Order matters: the bounding set needs CAP_SETPCAP, which setuid takes. */
static int
become(uid_t uid, uint64_t caps)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)caps, (uint32_t)caps, (uint32_t)caps },
		{ (uint32_t)(caps >> 32), (uint32_t)(caps >> 32),
		    (uint32_t)(caps >> 32) },
	};
	unsigned long cap;

	for (cap = 0; cap < 64; cap++) {
		if ((caps >> cap & 1) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1 &&
		    errno != EINVAL) /* more than this kernel knows */
			return -1;
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setgroups(0, NULL) == -1 || setresgid(uid, uid, uid) == -1 ||
	    setresuid(uid, uid, uid) == -1 ||
	    syscall(SYS_capset, &head, data) == -1)
		return -1;
	for (cap = 0; cap < 64; cap++) {
		if ((caps >> cap & 1) != 0 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) ==
			-1)
			return -1;
	}
	return 0;
}

static _Noreturn void
run(const char *name, uid_t uid, uint64_t caps, char *const argv[], int out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    home[] = "HOME=/", zone[] = "TZ=UTC";
	static char *const env[] = { path, home, zone, NULL };
	const struct rlimit none = { 0, 0 };
	sigset_t empty;

	sigemptyset(&empty);
	setsid();
	umask(022);
	if (sigprocmask(SIG_SETMASK, &empty, NULL) == -1 || stdio(out) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1 ||
	    (uid != 0 && become(uid, caps) == -1) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    execve(argv[0], argv, env) == -1)
		dprintf(2, "kiln-init: start %s: %s: %s\n", name, argv[0],
		    strerror(errno));
	_exit(127);
}

pid_t
child_service(const struct service *s, struct fault *f)
{
	pid_t pid = fork();

	if (pid == -1)
		return (pid_t)fault_sys(f, "start %s", s->name);
	if (pid == 0)
		run(s->name, s->uid, s->caps, s->argv, -1);
	return pid;
}

pid_t
child_probe(const struct service *s, int out, struct fault *f)
{
	pid_t pid = fork();

	if (pid == -1)
		return (pid_t)fault_sys(f, "start %s", s->name);
	if (pid == 0)
		run(s->name, s->uid, s->caps, s->argv, out);
	return pid;
}

pid_t
child_configure(const char *program, struct fault *f)
{
	char argv0[128];
	char *const argv[] = { argv0, NULL };
	pid_t pid;

	snprintf(argv0, sizeof argv0, "%s", program);
	pid = fork();
	if (pid == -1)
		return (pid_t)fault_sys(f, "start %s", program);
	if (pid == 0)
		run("configure", 0, 0, argv, -1);
	return pid;
}

int
child_backoff(unsigned int n)
{
	if (n == 0)
		return 0;
	return n > 9 ? 30000 : 100 << (n - 1);
}
