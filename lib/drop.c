/* Giving up rights, and a deny list of system calls. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "lib/drop.h"

#define UID_BASE 60800
#define UID_VM 60832

static const char *const names[] = {
	[ROLE_BUILDER] = "kiln-builder",
	[ROLE_FETCH] = "kiln-fetch",
	[ROLE_INDEX] = "kiln-index",
	[ROLE_TUF] = "kiln-tuf",
	[ROLE_SIGNER] = "kiln-signer",
	[ROLE_WEB] = "kiln-web",
	[ROLE_AGENT_FETCH] = "kiln-agent-fetch",
	[ROLE_AGENT_VERIFY] = "kiln-agent-verify",
	[ROLE_CLI] = "kiln-cli",
	[ROLE_TRANSPORT] = "kiln-transport",
	[ROLE_ENV] = "kiln-env",
	[ROLE_AGENT_UNPACK] = "kiln-agent-unpack",
	[ROLE_GIT] = "kiln-git",
	[ROLE_DIFFER] = "kiln-differ",
	[ROLE_UPLOAD] = "kiln-upload",
	[ROLE_VM] = "kiln-vm",
};
_Static_assert(ARRAY_LEN(names) == ROLE_COUNT, "a name for every role");
_Static_assert(UID_BASE + ROLE_VM <= UID_VM, "roles below the machines");

const char *
role_name(enum role role)
{
	return names[role];
}

/*
 * The system's own user of that name; root is nobody's role.  From the file,
 * where sysusers writes them: getpwnam() would open modules of another libc
 * than that of a static program, which dies of it.
 */
static const struct passwd *
system_user(enum role role)
{
	const struct passwd *pw;
	FILE *file;

	if (role == ROLE_VM)
		return NULL; /* 64 numbers in a row */
	file = fopen("/etc/passwd", "re");
	if (!file)
		return NULL;
	while ((pw = fgetpwent(file)) && strcmp(pw->pw_name, names[role]) != 0)
		;
	(void)fclose(file);
	return pw && pw->pw_uid != 0 && pw->pw_gid != 0 ? pw : NULL;
}

uid_t
role_uid(enum role role)
{
	const struct passwd *pw = system_user(role);

	if (pw)
		return pw->pw_uid;
	return role == ROLE_VM ? UID_VM : UID_BASE + role;
}

gid_t
role_gid(enum role role)
{
	const struct passwd *pw = system_user(role);

	if (pw)
		return pw->pw_gid;
	return role == ROLE_VM ? UID_VM : UID_BASE + role;
}

bool
role_walls(void)
{
	return geteuid() == 0;
}

/* What a user could hold beside a uid: ambient and inherited capabilities. */
static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };

	return (int)syscall(SYS_capset, &head, none);
}

static int
become(enum role role, struct err *err)
{
	uid_t uid = role_uid(role), r, e, s;
	gid_t gid = role_gid(role), rg, eg, sg;
	pid_t parent = getppid();
	int death = 0;

	/* A change of uid takes the parent-death signal away: prctl(2). */
	if (prctl(PR_GET_PDEATHSIG, &death) == -1)
		return err_sys(err, "ask for the parent-death signal");
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return err_sys(err, "become %s (uid %u)", role_name(role), uid);
	if (getresuid(&r, &e, &s) == -1 || getresgid(&rg, &eg, &sg) == -1 ||
	    r != uid || e != uid || s != uid || rg != gid || eg != gid ||
	    sg != gid || getgroups(0, NULL) != 0)
		return err_set(err, ERR_SYSTEM, "did not become %s (uid %u)",
		    role_name(role), uid);
	if (death && prctl(PR_SET_PDEATHSIG, death) == -1)
		return err_sys(err, "keep the parent-death signal");
	if (death && getppid() != parent)
		return err_set(err, ERR_SYSTEM, "the parent is gone");
	return 0;
}

int
drop_to(enum role role, struct err *err)
{
	struct rlimit no_core = { 0, 0 };
	bool was_root = role_walls();

	if (was_root && become(role, err) == -1)
		return -1;
	if (drop_capabilities() == -1)
		return err_sys(err, "give up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys(err, "give up new privileges");
	if (was_root && (setuid(0) == 0 || setgid(0) == 0))
		return err_set(err, ERR_SYSTEM, "%s could become root again",
		    role_name(role));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &no_core) == -1)
		return err_sys(err, "forbid core dumps");
	umask(022);
	return 0;
}

/* A deny list: an allow list breaks with each new tool and C library, and not
 * always visibly (a thread that cannot exit spins for ever). */
/* clang-format off */
static const char *const denied[] = {
	/* other processes */
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
	"process_madvise", "pidfd_getfd",
	/* the tree of mounts, namespaces */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount",
	"open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "unshare", "setns", "name_to_handle_at",
	"open_by_handle_at", "fanotify_init", "quotactl", "quotactl_fd",
	"swapon", "swapoff",
	/* kernel surface nobody here needs */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
	"io_uring_enter", "io_uring_register", "keyctl", "add_key",
	"request_key", "personality", "lookup_dcookie", "vmsplice",
	"modify_ldt", "remap_file_pages", "mbind", "migrate_pages",
	"move_pages", "set_mempolicy", "uselib", "ustat", "sysfs", "_sysctl",
	"nfsservctl", "vm86", "vm86old",
	/* the machine */
	"init_module", "finit_module", "delete_module", "create_module",
	"kexec_load", "kexec_file_load", "reboot", "acct", "syslog",
	"settimeofday", "stime", "clock_settime", "clock_settime64",
	"clock_adjtime", "clock_adjtime64", "adjtimex", "sethostname",
	"setdomainname", "iopl", "ioperm", "vhangup",
};
/* clang-format on */

static const unsigned long namespaces[] = { CLONE_NEWNS, CLONE_NEWUSER,
	CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
	CLONE_NEWCGROUP };

#define DENY SCMP_ACT_ERRNO(EPERM)

static int
deny(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
    struct scmp_arg_cmp arg)
{
	int nr = seccomp_syscall_resolve_name(name), r;

	if (nr == __NR_SCMP_ERROR)
		return 0; /* unknown to this libseccomp */
	r = seccomp_rule_add_array(f, action, nr, n, n ? &arg : NULL);
	return r == -EDOM ? 0 : r; /* not on this architecture */
}

static int
deny_network(scmp_filter_ctx f, bool all)
{
	int r = 0;

	if (all)
		return deny(
		    f, DENY, "socket", 1, SCMP_CMP64(0, SCMP_CMP_NE, AF_UNIX));
	/* Internet, and netlink, which getaddrinfo() asks for addresses. */
	r = deny(f, DENY, "socket", 1, SCMP_CMP64(0, SCMP_CMP_GT, AF_NETLINK));
	for (unsigned family = 0; r == 0 && family < AF_NETLINK; family++)
		if (family != AF_UNIX && family != AF_INET &&
		    family != AF_INET6)
			r = deny(f, DENY, "socket", 1,
			    SCMP_CMP64(0, SCMP_CMP_EQ, family));
	return r;
}

static int
fill(scmp_filter_ctx f, bool no_network, bool no_exec)
{
	const struct scmp_arg_cmp any = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(denied); i++)
		r = deny(f, DENY, denied[i], 0, any);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(namespaces); i++)
		r = deny(f, DENY, "clone", 1,
		    SCMP_CMP64(
			0, SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
	/* Its flags lie in memory, where a filter cannot look; the C library
	 * falls back to clone. */
	if (r == 0)
		r = deny(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, any);
	if (r == 0)
		r = deny(f, DENY, "ioctl", 1,
		    SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
	if (r == 0)
		r = deny(f, DENY, "ioctl", 1,
		    SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCLINUX));
	if (r == 0)
		r = deny_network(f, no_network);
	if (r == 0 && no_exec)
		r = deny(f, DENY, "execve", 0, any);
	if (r == 0 && no_exec)
		r = deny(f, DENY, "execveat", 0, any);
	return r;
}

#ifdef KILN_ASAN
/* The leak checker traces its own process, which the walls forbid. */
int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1;
}
#endif

int
drop_syscalls(bool no_network, bool no_exec, struct err *err)
{
	scmp_filter_ctx f;
	int r;

#ifdef KILN_ASAN
	if (getenv("KILN_NO_SECCOMP"))
		return 0; /* the leak checker traces its own process */
#endif
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return err_set(err, ERR_SYSTEM, "cannot make a seccomp filter");
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = fill(f, no_network, no_exec);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r == 0)
		return 0;
	errno = -r;
	return err_sys(err, "load the seccomp filter");
}
