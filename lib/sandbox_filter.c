/*
 * The list is data, so that the filter and the text that enters the policy
 * digest cannot differ.
 *
 * libseccomp of Debian 12 knows neither the names of calls that are newer than
 * it nor ranges of numbers.  The former stand here with their numbers, which
 * are the same on every architecture since 2019; for the latter, a few
 * instructions go before the program that it writes.
 */
#include "lib/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"

/* Refused whatever the arguments. */
static const char *const denied[] = {
	/* mounts and roots */
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"open_tree_attr",
	"quotactl",
	"quotactl_fd",
	"swapon",
	"swapoff",
	/* other processes, other namespaces */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"process_mrelease",
	"pidfd_getfd",
	"kcmp",
	"setns",
	"unshare",
	/* big kernel surfaces no build needs */
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"fanotify_init",
	"fanotify_mark",
	"add_key",
	"request_key",
	"keyctl",
	"lookup_dcookie",
	"move_pages",
	"migrate_pages",
	"memfd_secret",
	/* paths around the tree */
	"name_to_handle_at",
	"open_by_handle_at",
	"file_setattr",
	"lsm_set_self_attr",
	/* the machine */
	"init_module",
	"finit_module",
	"delete_module",
	"create_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"acct",
	"iopl",
	"ioperm",
	"modify_ldt",
	"syslog",
	"vhangup",
	"nfsservctl",
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"stime",
	"sethostname",
	"setdomainname",
	"uselib",
	"ustat",
	"sysfs",
	"_sysctl",
	"vm86",
	"vm86old",
	"get_kernel_syms",
	"query_module",
};

/* Newer than libseccomp. */
static const struct {
	const char *name;
	int nr;
} newer[] = {
	{ "fchmodat2", 452 },
	{ "lsm_set_self_attr", 460 },
	{ "setxattrat", 463 },
	{ "open_tree_attr", 467 },
	{ "file_setattr", 469 },
};

/* Whatever comes after the last call that was looked at here does not exist.
 * (32-bit arm has calls of its own far above.) */
#define LAST_CALL 469
#define OWN_CALLS 0xf0000

/* Answered ENOTSUP, as a file system without them does. */
static const char *const no_xattr[] = {
	"setxattr",
	"lsetxattr",
	"fsetxattr",
	"setxattrat",
};

/* Answered ENOSYS: what they do stands in memory, where a filter cannot look,
 * and whoever calls them falls back to what it can read. */
static const char *const unreadable[] = {
	"clone3",
	"openat2",
};

/* Refused when (argument & mask) == value. */
static const struct {
	const char *name;
	unsigned arg;
	uint64_t mask, value;
} masked[] = {
	{ "clone", 0, CLONE_NEWUSER, CLONE_NEWUSER },
	{ "clone", 0, CLONE_NEWNS, CLONE_NEWNS },
	{ "clone", 0, CLONE_NEWNET, CLONE_NEWNET },
	{ "clone", 0, CLONE_NEWPID, CLONE_NEWPID },
	{ "clone", 0, CLONE_NEWIPC, CLONE_NEWIPC },
	{ "clone", 0, CLONE_NEWUTS, CLONE_NEWUTS },
	{ "clone", 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP },
	/* An output must not become a way to another uid. */
	{ "chmod", 1, S_ISUID, S_ISUID },
	{ "chmod", 1, S_ISGID, S_ISGID },
	{ "fchmod", 1, S_ISUID, S_ISUID },
	{ "fchmod", 1, S_ISGID, S_ISGID },
	{ "fchmodat", 2, S_ISUID, S_ISUID },
	{ "fchmodat", 2, S_ISGID, S_ISGID },
	{ "fchmodat2", 2, S_ISUID, S_ISUID },
	{ "fchmodat2", 2, S_ISGID, S_ISGID },
	{ "creat", 1, S_ISUID, S_ISUID },
	{ "creat", 1, S_ISGID, S_ISGID },
	{ "mknod", 1, S_ISUID, S_ISUID },
	{ "mknod", 1, S_ISGID, S_ISGID },
	{ "mknodat", 2, S_ISUID, S_ISUID },
	{ "mknodat", 2, S_ISGID, S_ISGID },
	/* Typing into a terminal that somebody left open. */
	{ "ioctl", 1, 0xffffffff, TIOCSTI },
	{ "ioctl", 1, 0xffffffff, TIOCLINUX },
};

/* The mode of a file that they make, if they make one. */
static const struct {
	const char *name;
	unsigned flags, mode;
} opens[] = {
	{ "open", 1, 2 },
	{ "openat", 2, 3 },
};

/* Of socket families local and internet ones are left, and the latter have no
 * interface.  This many exist, with room. */
#define FAMILY_END 64

/* Below zero: no such call on this architecture. */
static int
resolve(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	for (size_t i = 0; nr < 0 && i < ARRAY_LEN(newer); i++)
		if (strcmp(newer[i].name, name) == 0)
			return newer[i].nr;
	return nr;
}

static int
add_names(
    scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = resolve(names[i]);

		if (nr >= 0 && seccomp_rule_add(ctx, action, nr, 0) != 0)
			return -1;
	}
	return 0;
}

static int
add_masked(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(masked); i++) {
		int nr = resolve(masked[i].name);

		if (nr >= 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1,
			SCMP_CMP(masked[i].arg, SCMP_CMP_MASKED_EQ,
			    masked[i].mask, masked[i].value)) != 0)
			return -1;
	}
	return 0;
}

static int
add_open(scmp_filter_ctx ctx, size_t i, uint64_t make, uint64_t bit)
{
	int nr = resolve(opens[i].name);

	if (nr < 0)
		return 0;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 2,
	    SCMP_CMP(opens[i].flags, SCMP_CMP_MASKED_EQ, make, make),
	    SCMP_CMP(opens[i].mode, SCMP_CMP_MASKED_EQ, bit, bit));
}

static int
add_opens(scmp_filter_ctx ctx)
{
	/* O_TMPFILE makes a file, too; its own bit without O_DIRECTORY's. */
	static const uint64_t make[] = { O_CREAT, O_TMPFILE & ~O_DIRECTORY };

	for (size_t i = 0; i < ARRAY_LEN(opens); i++)
		for (size_t m = 0; m < ARRAY_LEN(make); m++)
			if (add_open(ctx, i, make[m], S_ISUID) != 0 ||
			    add_open(ctx, i, make[m], S_ISGID) != 0)
				return -1;
	return 0;
}

/* The kernel takes the family as an int: the upper half may hold anything and
 * must not hide it. */
static int
add_family(scmp_filter_ctx ctx, int family)
{
	static const char *const calls[] = { "socket", "socketpair" };

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
			resolve(calls[i]), 1,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff,
			    (uint64_t)family)) != 0)
			return -1;
	return 0;
}

static int
add_rules(scmp_filter_ctx ctx)
{
	if (add_names(ctx, SCMP_ACT_ERRNO(EPERM), denied, ARRAY_LEN(denied)) !=
		0 ||
	    add_names(ctx, SCMP_ACT_ERRNO(ENOTSUP), no_xattr,
		ARRAY_LEN(no_xattr)) != 0 ||
	    add_names(ctx, SCMP_ACT_ERRNO(ENOSYS), unreadable,
		ARRAY_LEN(unreadable)) != 0 ||
	    add_masked(ctx) != 0 || add_opens(ctx) != 0)
		return -1;
	for (int family = 0; family < FAMILY_END; family++)
		if (family != AF_UNIX && family != AF_INET &&
		    family != AF_INET6 && add_family(ctx, family) != 0)
			return -1;
	return 0;
}

/* Before all of it: calls of a kernel that is newer than this list. */
static int
write_head(int fd, struct err *err)
{
	static const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_CALL, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OWN_CALLS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	return fd_write_all(fd, head, sizeof(head), err);
}

int
sandbox_filter_fd(struct err *err)
{
	auto_fd int fd =
	    memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	scmp_filter_ctx ctx;
	int rc;

	if (fd == -1)
		return err_sys(err, "make a memory file for the call filter");
	if (write_head(fd, err) == -1)
		return -1;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return err_set(err, ERR_SYSTEM, "make a system call filter");
	/* i386 and x32 calls on amd64 would pass a filter of amd64 numbers. */
	rc = seccomp_attr_set(
	    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = add_rules(ctx);
	if (rc == 0)
		rc = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	if (rc != 0)
		return err_set(err, ERR_SYSTEM,
		    "libseccomp refuses the system call filter");
	if (lseek(fd, 0, SEEK_SET) == -1 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
		return err_sys(err, "seal the call filter");
	return take_fd(&fd);
}

static void
list(struct buf *b, const char *head, const char *const *names, size_t n)
{
	buf_str(b, head);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, " %s", names[i]);
	buf_char(b, '\n');
}

void
sandbox_filter_text(struct buf *b)
{
	list(b, "deny EPERM", denied, ARRAY_LEN(denied));
	list(b, "deny ENOTSUP", no_xattr, ARRAY_LEN(no_xattr));
	list(b, "deny ENOSYS", unreadable, ARRAY_LEN(unreadable));
	buf_str(b, "deny EPERM");
	for (size_t i = 0; i < ARRAY_LEN(masked); i++)
		buf_printf(b, " %s(%u&%llx=%llx)", masked[i].name,
		    masked[i].arg, (unsigned long long)masked[i].mask,
		    (unsigned long long)masked[i].value);
	buf_printf(b,
	    " open openat(set-id)\nallow socket socketpair unix inet inet6\n"
	    "above %d ENOSYS\nother ABIs killed\n",
	    LAST_CALL);
}
