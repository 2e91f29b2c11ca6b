/*
 * The filter's own decision for each call, by interpreting its program: the
 * kernel may refuse a call for reasons of its own, which would hide a hole.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/sandbox_filter.h"
#include "tests/support/denied_calls.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif

static struct buf program;

static int
load(void **state)
{
	struct err err = ERR_INIT;
	auto_fd int fd = sandbox_filter_fd(&err);

	(void)state;
	buf_init(&program);
	return fd == -1 ? -1 : fd_read_all(fd, 1 << 20, &program, &err);
}

static int
unload(void **state)
{
	(void)state;
	buf_release(&program);
	return 0;
}

/* Classic BPF as libseccomp writes it. */
static uint32_t
judge(const struct seccomp_data *d)
{
	const struct sock_filter *p = (const void *)program.data;
	size_t n = program.len / sizeof(*p);
	uint32_t a = 0;

	for (size_t i = 0; i < n; i++) {
		bool yes;

		switch (p[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)d + p[i].k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= p[i].k;
			continue;
		case BPF_RET | BPF_K:
			return p[i].k;
		case BPF_JMP | BPF_JA:
			i += p[i].k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == p[i].k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > p[i].k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= p[i].k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & p[i].k;
			break;
		default:
			fail_msg("instruction %x", p[i].code);
			return 0;
		}
		i += yes ? p[i].jt : p[i].jf;
	}
	fail_msg("the program has no end");
	return 0;
}

static uint32_t
asked(uint32_t arch, long nr, const unsigned long long arg[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };

	for (int i = 0; arg && i < 6; i++)
		d.args[i] = arg[i];
	return judge(&d);
}

static void
each_call_of_the_list_is_refused_by_the_filter_itself(void **state)
{
	(void)state;
#ifdef __x86_64__
	for (size_t i = 0; i < ARRAY_LEN(denied_calls); i++) {
		const struct call *c = &denied_calls[i];
		uint32_t got = asked(OWN_ARCH, c->nr, c->arg);

		if (got != (SECCOMP_RET_ERRNO | (uint32_t)c->answer))
			fail_msg("%s: %x", c->name, got);
	}
#else
	skip();
#endif
}

static void
no_bit_of_an_argument_hides_a_refused_family_or_mode(void **state)
{
	(void)state;
	for (int bit = 32; bit < 64; bit++) {
		unsigned long long high = 1ull << bit;

		assert_int_equal(asked(OWN_ARCH, SYS_socket,
				     (unsigned long long[6]){ high | 16 }),
		    SECCOMP_RET_ERRNO | EPERM);
		assert_int_equal(
		    asked(OWN_ARCH, SYS_fchmod,
			(unsigned long long[6]){ 0, high | 04000 }),
		    SECCOMP_RET_ERRNO | EPERM);
	}
	for (int family = 0; family < 64; family++) {
		bool allowed = family == AF_UNIX || family == AF_INET ||
			       family == AF_INET6;

		assert_int_equal(asked(OWN_ARCH, SYS_socket,
				     (unsigned long long[6]){ family }),
		    allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
	}
}

static void
foreign_abis_are_killed(void **state)
{
	(void)state;
#ifdef __x86_64__
	/* x32 has the arch of amd64 and a bit in the number. */
	for (long nr = 0; nr < 600; nr++) {
		uint32_t got = asked(OWN_ARCH, nr | 0x40000000, NULL);

		if (got != SECCOMP_RET_KILL_PROCESS)
			fail_msg("x32 call %ld: %x", nr, got);
	}
	/* getpid of each. */
	assert_int_equal(
	    asked(AUDIT_ARCH_I386, 20, NULL), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(
	    asked(AUDIT_ARCH_AARCH64, 172, NULL), SECCOMP_RET_KILL_PROCESS);
#else
	assert_int_equal(
	    asked(AUDIT_ARCH_X86_64, 39, NULL), SECCOMP_RET_KILL_PROCESS);
#endif
}

/* Seen in real builds, and in tools that a list of those would break. */
static void
what_builds_use_is_allowed(void **state)
{
	static const long used[] = { SYS_read, SYS_write, SYS_close, SYS_fstat,
		SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk,
		SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_ioctl, SYS_pread64,
		SYS_readv, SYS_writev, SYS_sched_yield, SYS_mremap, SYS_madvise,
		SYS_dup, SYS_nanosleep, SYS_getpid, SYS_clone, SYS_execve,
		SYS_exit, SYS_wait4, SYS_kill, SYS_uname, SYS_fcntl, SYS_flock,
		SYS_fsync, SYS_ftruncate, SYS_getdents64, SYS_getcwd, SYS_chdir,
		SYS_fchdir, SYS_umask, SYS_getrusage, SYS_sysinfo, SYS_times,
		SYS_getuid, SYS_setpgid, SYS_setsid, SYS_setresuid,
		SYS_setresgid, SYS_sigaltstack, SYS_statfs, SYS_prctl,
		SYS_setrlimit, SYS_sync, SYS_gettid, SYS_futex,
		SYS_sched_getaffinity, SYS_exit_group, SYS_openat, SYS_mkdirat,
		SYS_fchownat, SYS_unlinkat, SYS_renameat2, SYS_linkat,
		SYS_symlinkat, SYS_readlinkat, SYS_fchmodat, SYS_faccessat,
		SYS_pselect6, SYS_ppoll, SYS_set_robust_list, SYS_splice,
		SYS_utimensat, SYS_fallocate, SYS_pipe2, SYS_prlimit64,
		SYS_getrandom, SYS_memfd_create, SYS_copy_file_range, SYS_statx,
		SYS_rseq, 439 /* faccessat2 */, SYS_fadvise64,
		SYS_clock_nanosleep, SYS_rt_sigtimedwait, SYS_getxattr,
		SYS_lgetxattr, SYS_removexattr, 436 /* close_range */,
		434 /* pidfd_open */, 444 /* landlock_create_ruleset */ };
	static const unsigned long long plain[6] = { 0, 0755, 0755, 0755 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(used); i++)
		if (asked(OWN_ARCH, used[i], plain) != SECCOMP_RET_ALLOW)
			fail_msg("call %ld is refused", used[i]);
	assert_int_equal(asked(OWN_ARCH, SYS_openat,
			     (unsigned long long[6]){ 0, 0, O_RDONLY, 04755 }),
	    SECCOMP_RET_ALLOW);
	assert_int_equal(
	    asked(OWN_ARCH, SYS_openat,
		(unsigned long long[6]){ 0, 0, O_RDONLY | O_DIRECTORY, 04755 }),
	    SECCOMP_RET_ALLOW);
	assert_int_equal(
	    asked(OWN_ARCH, SYS_openat,
		(unsigned long long[6]){ 0, 0, O_CREAT | O_RDWR, 01777 }),
	    SECCOMP_RET_ALLOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    each_call_of_the_list_is_refused_by_the_filter_itself),
		cmocka_unit_test(
		    no_bit_of_an_argument_hides_a_refused_family_or_mode),
		cmocka_unit_test(foreign_abis_are_killed),
		cmocka_unit_test(what_builds_use_is_allowed),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
