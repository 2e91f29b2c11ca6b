/*
 * The jail, tried from inside: this program runs itself there, with the
 * host's root folder as the (read-only) environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "tests/support/denied_calls.h"
#include "tests/support/scratch.h"

static const char *const plain_env[] = { "PATH=/usr/bin:/bin", "MARK=here",
	NULL };

/* What the jailed program said, up to its end. */
static struct buf said;
static struct spawn_end end;
static bool ran;

static int
setup(void **state)
{
	int out, in;
	struct hash h;
	int64_t size;
	struct err err = ERR_INIT;
	auto_free char *build = NULL;

	if (scratch_setup(state) != 0)
		return -1;
	if (mkdirat(scratch.fd, "b", 0755) == -1)
		return -1;
	in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	out = openat(scratch.fd, "b/self", O_WRONLY | O_CREAT, 0755);
	if (in == -1 || out == -1 ||
	    hash_copy(in, out, INT64_MAX, &h, &size, &err) == -1)
		return -1;
	close(in);
	close(out);
	buf_init(&said);
	return 0;
}

static int
teardown(void **state)
{
	buf_release(&said);
	return scratch_teardown(state);
}

/* Jails `argv` with scratch/b at /build (in a tmpfs over /srv's place). */
static void
jail_with(struct sandbox *sb, const char *const *argv)
{
	char outside[300];
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	struct err err = ERR_INIT;
	int pair[2];

	snprintf(outside, sizeof(outside), "%s/b", scratch.path);
	struct sandbox_bind binds[] = {
		{ NULL, "/srv", false },
		{ outside, "/srv/build", true },
	};
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	sb->root = "/";
	sb->binds = binds;
	sb->nbinds = 2;
	if (!sb->env)
		sb->env = plain_env;
	sb->argv = argv;
	sb->cwd = "/srv/build";
	sb->hostname = "jail";
	sb->uid = sb->uid ? sb->uid : 1000;
	sb->gid = sb->gid ? sb->gid : 1000;
	sb->out = pair[1];
	sb->jail = &jail;
	if (sandbox_start(sb, &child, &err) == -1)
		fail_msg("%s", err.msg);
	close(pair[1]);
	buf_clear(&said);
	assert_int_equal(fd_read_all(pair[0], 1 << 20, &said, &err), 0);
	close(pair[0]);
	assert_int_equal(spawn_wait(&child, 30000, &end, &err), 0);
	assert_int_equal(sandbox_end(&jail, &ran, &err), 0);
}

/* A sanitizer's shadow memory does not fit into a jail. */
#ifdef KILN_ASAN
#define NOT_SANITIZED() skip()
#else
#define NOT_SANITIZED() ((void)0)
#endif

static void
probe(const char *what)
{
	NOT_SANITIZED();
	struct sandbox sb = { 0 };
	const char *argv[] = { "/srv/build/self", "probe", what, NULL };

	jail_with(&sb, argv);
}

static void
says(const char *what, const char *expected)
{
	probe(what);
	assert_string_equal(said.data, expected);
	assert_true(ran);
	assert_int_equal(end.code, 0);
}

/* --- inside -------------------------------------------------------------- */

static void
tell(const char *what, long rc)
{
	printf("%s: %s\n", what, rc == -1 ? strerrorname_np(errno) : "done");
}

/* Says which call was not answered as it should be; errno of a raw call. */
static void
try_call(const struct call *c)
{
	long rc = syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3],
	    c->arg[4], c->arg[5]);

	if (rc == 0 && c->nr == SYS_clone)
		_exit(0); /* a child: it was not refused */
	if (rc != -1 || errno != c->answer)
		printf("%s: %s\n", c->name,
		    rc == -1 ? strerrorname_np(errno) : "done");
}

/* getpid of the table for 32 bits. */
static void
call_i386(void)
{
#ifdef __x86_64__
	long rc = 20;

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "cc");
	printf("%ld\n", rc);
#endif
}

static int
inside(const char *what)
{
	if (strcmp(what, "mounts") == 0) {
		tell("remount",
		    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
		tell("bind", mount("/srv/build", "/usr", NULL, MS_BIND, NULL));
		tell("tmpfs", mount("x", "/usr", "tmpfs", 0, NULL));
		tell("umount", umount2("/srv", MNT_DETACH));
		tell("pivot", syscall(SYS_pivot_root, "/", "/"));
		tell("chroot", chroot("/srv"));
		tell("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
	} else if (strcmp(what, "write") == 0) {
		tell("open", open("/usr/bin/env", O_WRONLY));
		tell("create", open("/usr/x", O_WRONLY | O_CREAT, 0600));
		tell("chmod", chmod("/usr/bin/env", 0777));
		tell("utime", utimensat(AT_FDCWD, "/usr/bin/env", NULL, 0));
		tell("tmpfs", open("/srv/x", O_WRONLY | O_CREAT, 0600));
		tell("own", open("/srv/build/x", O_WRONLY | O_CREAT, 0600));
	} else if (strcmp(what, "userns") == 0) {
		tell("unshare", unshare(CLONE_NEWUSER));
		tell("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL,
				  NULL, NULL, NULL));
		tell("clone3", syscall(SYS_clone3, NULL, 0));
		tell("setns", setns(0, 0));
	} else if (strcmp(what, "network") == 0) {
		tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
		tell("packet", socket(AF_PACKET, SOCK_RAW, 0));
		tell("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
		tell("vsock high",
		    syscall(SYS_socket, AF_VSOCK | (1L << 32), SOCK_STREAM, 0));
		tell("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	} else if (strcmp(what, "calls") == 0) {
		tell("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
		tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
		tell("uring", syscall(SYS_io_uring_setup, 1, NULL));
		tell("keyctl", syscall(SYS_keyctl, 0, 0));
		tell("userfaultfd", syscall(SYS_userfaultfd, 0));
		tell("perf", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
		tell("sti", ioctl(0, TIOCSTI, "x"));
	} else if (strcmp(what, "denied") == 0) {
		for (size_t i = 0; i < ARRAY_LEN(denied_calls); i++)
			try_call(&denied_calls[i]);
	} else if (strcmp(what, "i386") == 0) {
		call_i386();
	} else if (strcmp(what, "x32") == 0) {
		syscall(0x40000000 | SYS_getpid);
	} else if (strcmp(what, "setid") == 0) {
		int fd = open("/srv/build/f", O_RDWR | O_CREAT, 0644);

		tell("setuid", fchmod(fd, 04755));
		tell("setgid", chmod("/srv/build/f", 02755));
		tell("at", fchmodat(AT_FDCWD, "/srv/build/f", 04755, 0));
		tell("plain", fchmod(fd, 0755));
		tell("xattr", syscall(SYS_fsetxattr, fd, "user.a", "b", 1, 0));
	} else if (strcmp(what, "fds") == 0) {
		for (int fd = 0; fd < 64; fd++)
			if (fcntl(fd, F_GETFD) != -1)
				printf("%d\n", fd);
		printf("tty %d\n", open("/dev/tty", O_RDWR | O_NOCTTY) != -1);
	} else if (strcmp(what, "limits") == 0) {
		struct rlimit r;
		cpu_set_t cpus;

		getrlimit(RLIMIT_AS, &r);
		printf("as %llu\n", (unsigned long long)r.rlim_max);
		getrlimit(RLIMIT_NPROC, &r);
		printf("nproc %llu\n", (unsigned long long)r.rlim_max);
		getrlimit(RLIMIT_CORE, &r);
		printf("core %llu\n", (unsigned long long)r.rlim_max);
		printf("nnp %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		CPU_ZERO(&cpus);
		sched_getaffinity(0, sizeof(cpus), &cpus);
		printf("cpus %d\n", CPU_COUNT(&cpus));
	} else if (strcmp(what, "stack") == 0) {
		int here;

		printf("%p\n", (void *)&here);
	}
	return 0;
}

/* --- tests --------------------------------------------------------------- */

static void
mounts_cannot_be_changed_by_system_call(void **state)
{
	(void)state;
	says("mounts",
	    "remount: EPERM\nbind: EPERM\ntmpfs: EPERM\numount: EPERM\n"
	    "pivot: EPERM\nchroot: EPERM\nopen_tree: EPERM\n");
}

static void
the_environment_cannot_be_written(void **state)
{
	(void)state;
	/* As another user than root the host's files refuse us besides. */
	if (geteuid() == 0) {
		says("write", "open: EROFS\ncreate: EROFS\nchmod: EROFS\n"
			      "utime: EROFS\ntmpfs: EROFS\nown: done\n");
		return;
	}
	probe("write");
	assert_null(strstr(said.data, "open: done"));
	assert_null(strstr(said.data, "create: done"));
	assert_null(strstr(said.data, "chmod: done"));
	assert_non_null(strstr(said.data, "tmpfs: EROFS\nown: done\n"));
}

static void
further_user_namespaces_are_refused(void **state)
{
	(void)state;
	says("userns",
	    "unshare: EPERM\nclone: EPERM\nclone3: ENOSYS\nsetns: EPERM\n");
}

static void
there_is_no_network(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"tail -n +2 /proc/net/route;"
		" sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev",
		NULL };
	struct sandbox sb = { 0 };

	(void)state;
	says("network",
	    "netlink: EPERM\npacket: EPERM\nvsock: EPERM\nvsock high: EPERM\n"
	    "unix: done\n");
	jail_with(&sb, argv);
	assert_non_null(strstr(said.data, "lo"));
	assert_null(strstr(said.data, "eth"));
	assert_null(strstr(said.data, "00000000"));
}

static void
dangerous_calls_are_refused(void **state)
{
	(void)state;
	says("calls", "ptrace: EPERM\nbpf: EPERM\nuring: EPERM\nkeyctl: EPERM\n"
		      "userfaultfd: EPERM\nperf: EPERM\nsti: EPERM\n");
}

static void
each_call_of_the_list_is_refused(void **state)
{
	(void)state;
#ifdef __x86_64__
	says("denied", "");
#else
	skip();
#endif
}

static void
calls_of_a_foreign_abi_kill(void **state)
{
	(void)state;
#ifdef __x86_64__
	static const char *const foreign[] = { "i386", "x32" };

	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		probe(foreign[i]);
		assert_string_equal(said.data, "");
		/* A kernel may have no such calls at all. */
		if (end.code != 128 + SIGSEGV)
			assert_int_equal(end.code, 128 + SIGSYS);
	}
#else
	skip();
#endif
}

static void
files_cannot_get_set_id_bits(void **state)
{
	(void)state;
	says("setid", "setuid: EPERM\nsetgid: EPERM\nat: EPERM\nplain: done\n"
		      "xattr: EOPNOTSUPP\n");
}

static void
capabilities_are_empty(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"grep ^Cap /proc/self/status", NULL };
	struct sandbox sb = { 0 };

	(void)state;
	jail_with(&sb, argv);
	assert_string_equal(said.data,
	    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	    "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	    "CapAmb:\t0000000000000000\n");
}

static void
only_the_given_environment_and_names_are_there(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"env | grep -v ^_= | sort; id -u; id -g; hostname; pwd; echo "
		"$$",
		NULL };
	struct sandbox sb = { .uid = 4242, .gid = 4343 };

	(void)state;
	jail_with(&sb, argv);
	assert_string_equal(said.data,
	    "MARK=here\nPATH=/usr/bin:/bin\nPWD=/srv/build\n4242\n4343\njail\n"
	    "/srv/build\n2\n");
}

static void
no_descriptor_and_no_terminal_is_inherited(void **state)
{
	(void)state;
	says("fds", "0\n1\n2\ntty 0\n");
}

static void
limits_are_set_before_the_program_runs(void **state)
{
	static const char *const argv[] = { "/srv/build/self", "probe",
		"limits", NULL };
	struct sandbox sb = { .memory = 1 << 30, .processes = 99, .cpus = 1 };

	(void)state;
	NOT_SANITIZED();
	jail_with(&sb, argv);
	assert_string_equal(
	    said.data, "as 1073741824\nnproc 99\ncore 0\nnnp 1\ncpus 1\n");
}

static void
addresses_can_be_fixed(void **state)
{
	static const char *const argv[] = { "/srv/build/self", "probe", "stack",
		NULL };
	struct sandbox fixed = { .no_aslr = true }, again = fixed;
	auto_free char *first = NULL;

	(void)state;
	NOT_SANITIZED();
	jail_with(&fixed, argv);
	first = strdup(said.data);
	jail_with(&again, argv);
	assert_string_equal(said.data, first);
	again.no_aslr = false;
	jail_with(&again, argv);
	assert_string_not_equal(said.data, first);
}

static void
exit_status_and_a_missing_program_are_told_apart(void **state)
{
	static const char *const three[] = { "/bin/sh", "-c", "exit 3", NULL };
	struct sandbox sb = { 0 }, bad = { 0 };
	static const char *const any[] = { "/bin/true", NULL };
	struct sandbox_bind nowhere = { "/does-not-exist", "/srv", false };
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	jail_with(&sb, three);
	assert_int_equal(end.code, 3);
	assert_true(ran);

	bad = (struct sandbox){ .root = "/",
		.binds = &nowhere,
		.nbinds = 1,
		.env = plain_env,
		.argv = any,
		.cwd = "/",
		.hostname = "x",
		.uid = 1,
		.gid = 1,
		.out = open("/dev/null", O_WRONLY | O_CLOEXEC),
		.jail = &jail };
	assert_int_equal(sandbox_start(&bad, &child, &err), 0);
	assert_int_equal(spawn_wait(&child, 30000, &end, &err), 0);
	assert_int_equal(sandbox_end(&jail, &ran, &err), 0);
	assert_false(ran);
	close(bad.out);
}

static void
killing_it_kills_all_that_run_inside(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"setsid sleep 1000 & sleep 1000 & echo up; exec sleep 1000",
		NULL };
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	struct err err = ERR_INIT;
	int pair[2];
	char c[4];
	struct sandbox sb = { .root = "/",
		.env = plain_env,
		.argv = argv,
		.cwd = "/",
		.hostname = "x",
		.uid = 1000,
		.gid = 1000,
		.jail = &jail };

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	sb.out = pair[1];
	assert_int_equal(sandbox_start(&sb, &child, &err), 0);
	close(pair[1]);
	assert_int_equal(read(pair[0], c, 3), 3);
	sandbox_kill(&jail);
	assert_int_equal(spawn_wait(&child, 10000, &end, &err), 0);
	assert_int_equal(sandbox_end(&jail, &ran, &err), 0);
	/* Nobody is left who could hold the pipe open. */
	assert_int_equal(read(pair[0], c, 1), 0);
	close(pair[0]);
}

static bool
user_can(void)
{
	struct err err = ERR_INIT;

	return sandbox_check(&err) == 0;
}

static void
this_machine_can_with_and_without_root(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sandbox_check(&err), 0);
	assert_true(scratch_as_user(user_can));
}

static void
the_policy_names_every_rule(void **state)
{
	(void)state;
	assert_non_null(strstr(sandbox_policy(), "--disable-userns"));
	assert_non_null(strstr(sandbox_policy(), "io_uring_setup"));
	assert_non_null(strstr(sandbox_policy(), "clone(0&10000000="));
	assert_ptr_equal(sandbox_policy(), sandbox_policy());
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_cannot_be_changed_by_system_call),
		cmocka_unit_test(the_environment_cannot_be_written),
		cmocka_unit_test(further_user_namespaces_are_refused),
		cmocka_unit_test(there_is_no_network),
		cmocka_unit_test(dangerous_calls_are_refused),
		cmocka_unit_test(each_call_of_the_list_is_refused),
		cmocka_unit_test(calls_of_a_foreign_abi_kill),
		cmocka_unit_test(files_cannot_get_set_id_bits),
		cmocka_unit_test(capabilities_are_empty),
		cmocka_unit_test(
		    only_the_given_environment_and_names_are_there),
		cmocka_unit_test(no_descriptor_and_no_terminal_is_inherited),
		cmocka_unit_test(limits_are_set_before_the_program_runs),
		cmocka_unit_test(addresses_can_be_fixed),
		cmocka_unit_test(
		    exit_status_and_a_missing_program_are_told_apart),
		cmocka_unit_test(killing_it_kills_all_that_run_inside),
		cmocka_unit_test(this_machine_can_with_and_without_root),
		cmocka_unit_test(the_policy_names_every_rule),
	};

	if (argc == 3 && strcmp(argv[1], "probe") == 0)
		return inside(argv[2]);
	return cmocka_run_group_tests(tests, setup, teardown);
}
