/* Giving up rights, each in a child that ends with the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/drop.h"

/* 0, or the line in the child where it went wrong. */
#define WANT(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #cond, \
			    strerror(errno));                                  \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static int
in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool
no_filter(void)
{
#ifdef KILN_ASAN
	return getenv("KILN_NO_SECCOMP") != NULL;
#else
	return false;
#endif
}

static void
every_role_has_a_name_and_a_uid_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(role_name(ROLE_BUILDER), "kiln-builder");
	assert_string_equal(role_name(ROLE_AGENT_VERIFY), "kiln-agent-verify");
	assert_int_equal(role_uid(ROLE_VM), 60832);
	for (int i = 0; i < ROLE_COUNT; i++) {
		assert_int_equal(strncmp(role_name(i), "kiln-", 5), 0);
		assert_int_not_equal(role_uid(i), 0);
		assert_int_not_equal(role_gid(i), 0);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(role_uid(i), role_uid(j));
	}
}

static void
drop_and_look(void)
{
	struct err err = ERR_INIT;
	bool root = geteuid() == 0;
	struct rlimit core;
	uid_t r, e, s;

	umask(0);
	WANT(drop_to(ROLE_FETCH, &err) == 0);
	WANT(getresuid(&r, &e, &s) == 0);
	if (root) {
		WANT(r == role_uid(ROLE_FETCH) && e == r && s == r);
		WANT(getegid() == role_gid(ROLE_FETCH));
		WANT(getgroups(0, NULL) == 0);
	}
	WANT(!role_walls());
	WANT(setuid(0) == -1 && setreuid(0, 0) == -1);
	WANT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	WANT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	WANT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	WANT(umask(0) == 022);
	WANT(access("/etc/shadow", W_OK) == -1);
}

static void
a_dropped_program_cannot_come_back(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_and_look), 0);
}

static void *
thread(void *arg)
{
	return arg;
}

static void
denied_calls(void)
{
	struct err err = ERR_INIT;
	pthread_t t;
	void *back = NULL;
	pid_t pid;

	WANT(drop_syscalls(true, false, &err) == 0);
	errno = 0;
	WANT(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
	errno = 0;
	WANT(mount("none", "/tmp", "tmpfs", 0, NULL) == -1 && errno == EPERM);
	errno = 0;
	WANT(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM);
	errno = 0;
	WANT(syscall(SYS_bpf, 0, 0, 0) == -1 && errno == EPERM);
	errno = 0;
	WANT(syscall(SYS_keyctl, 0, 0) == -1 && errno == EPERM);
	errno = 0;
	WANT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
	errno = 0;
	WANT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) == -1 &&
	     errno == EPERM);
	/* What everybody needs goes on. */
	WANT(pthread_create(&t, NULL, thread, &err) == 0);
	WANT(pthread_join(t, &back) == 0 && back == &err);
	pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	WANT(pid > 0);
	{
		int status;

		WANT(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static void
keeps_the_death_signal(void)
{
	struct err err = ERR_INIT;
	int death = 0;

	WANT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	WANT(drop_to(ROLE_WEB, &err) == 0);
	WANT(prctl(PR_GET_PDEATHSIG, &death) == 0);
	WANT(death == SIGKILL);
}

static void
a_dropped_program_still_dies_with_its_parent(void **state)
{
	(void)state;
	assert_int_equal(in_child(keeps_the_death_signal), 0);
}

static void
the_deny_list_denies_and_lets_the_usual_pass(void **state)
{
	(void)state;
	if (no_filter())
		skip();
	assert_int_equal(in_child(denied_calls), 0);
}

static bool
socket_opens(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
without_network(void)
{
	struct err err = ERR_INIT;
	int sv[2];

	WANT(drop_syscalls(true, false, &err) == 0);
	WANT(socket_opens(AF_UNIX, SOCK_STREAM, 0));
	WANT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == 0);
	for (int f = 0; f < 50; f++) {
		errno = 0;
		WANT(f == AF_UNIX ||
		     (!socket_opens(f, SOCK_STREAM, 0) && errno == EPERM));
	}
	/* The kernel looks at 32 bits, a filter at 64. */
	errno = 0;
	WANT(syscall(SYS_socket, (1UL << 32) | AF_INET, SOCK_STREAM, 0) == -1 &&
	     errno == EPERM);
}

static void
with_network(void)
{
	struct err err = ERR_INIT;

	WANT(drop_syscalls(false, false, &err) == 0);
	WANT(socket_opens(AF_INET, SOCK_STREAM, 0));
	WANT(socket_opens(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	for (int f = AF_INET6 + 1; f < 50; f++) {
		errno = 0;
		WANT(f == AF_NETLINK ||
		     (!socket_opens(f, SOCK_RAW, 0) && errno == EPERM));
	}
	errno = 0;
	WANT(syscall(SYS_socket, (1UL << 32) | AF_PACKET, SOCK_RAW, 0) == -1 &&
	     errno == EPERM);
}

static void
sockets_are_refused_by_family(void **state)
{
	(void)state;
	if (no_filter())
		skip();
	assert_int_equal(in_child(without_network), 0);
	assert_int_equal(in_child(with_network), 0);
}

static void
without_exec(void)
{
	struct err err = ERR_INIT;
	char *const argv[] = { NULL };

	WANT(drop_syscalls(true, true, &err) == 0);
	errno = 0;
	WANT(execv("/bin/true", argv) == -1 && errno == EPERM);
	errno = 0;
	WANT(syscall(SYS_execveat, -1, "/bin/true", argv, NULL, 0) == -1 &&
	     errno == EPERM);
}

static void
exec_is_refused_when_asked(void **state)
{
	(void)state;
	if (no_filter())
		skip();
	assert_int_equal(in_child(without_exec), 0);
}

static void *
wait_and_try(void *arg)
{
	pthread_barrier_t *both = arg;

	pthread_barrier_wait(both);
	pthread_barrier_wait(both);
	errno = 0;
	return socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM ? both
								       : NULL;
}

static void
older_thread(void)
{
	struct err err = ERR_INIT;
	pthread_barrier_t both;
	pthread_t t;
	void *ok = NULL;

	pthread_barrier_init(&both, NULL, 2);
	WANT(pthread_create(&t, NULL, wait_and_try, &both) == 0);
	pthread_barrier_wait(&both);
	WANT(drop_syscalls(true, false, &err) == 0);
	pthread_barrier_wait(&both);
	WANT(pthread_join(t, &ok) == 0 && ok == &both);
}

static void
threads_made_before_are_bound_too(void **state)
{
	(void)state;
	if (no_filter())
		skip();
	assert_int_equal(in_child(older_thread), 0);
}

#ifdef __x86_64__
static void
foreign_call(void)
{
	struct err err = ERR_INIT;

	WANT(drop_syscalls(false, false, &err) == 0);
	/* getpid by the 32-bit entrance. */
	__asm__ volatile("int $0x80" : : "a"(20) : "memory");
}

static void
a_foreign_abi_kills(void **state)
{
	int status;

	(void)state;
	if (no_filter())
		skip();
	status = in_child(foreign_call);
	assert_true(WIFSIGNALED(status));
	/* A kernel without that entrance kills by itself. */
	assert_true(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_has_a_name_and_a_uid_of_its_own),
		cmocka_unit_test(a_dropped_program_cannot_come_back),
		cmocka_unit_test(a_dropped_program_still_dies_with_its_parent),
		cmocka_unit_test(the_deny_list_denies_and_lets_the_usual_pass),
		cmocka_unit_test(sockets_are_refused_by_family),
		cmocka_unit_test(exec_is_refused_when_asked),
		cmocka_unit_test(threads_made_before_are_bound_too),
#ifdef __x86_64__
		cmocka_unit_test(a_foreign_abi_kills),
#endif
	};

	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
