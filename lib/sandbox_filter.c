/*
 * The list is data, so that the filter and the text that enters the policy
 * digest cannot differ.
 */
#include "lib/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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
	"quotactl",
	"quotactl_fd",
	"swapon",
	"swapoff",
	/* other processes, other namespaces */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
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

/* Answered ENOTSUP, as a file system without them does. */
static const char *const no_xattr[] = {
	"setxattr",
	"lsetxattr",
	"fsetxattr",
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
	/* Typing into a terminal that somebody left open. */
	{ "ioctl", 1, 0xffffffff, TIOCSTI },
	{ "ioctl", 1, 0xffffffff, TIOCLINUX },
};

/* Local and internet sockets only, and the latter have no interface. */
#define FAMILY_MAX AF_INET6

static int
add_rules(scmp_filter_ctx ctx)
{
	int nr;

	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		nr = seccomp_syscall_resolve_name(denied[i]);
		/* Below zero: no such call on this architecture. */
		if (nr >= 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0) != 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(no_xattr); i++) {
		nr = seccomp_syscall_resolve_name(no_xattr[i]);
		if (nr >= 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTSUP), nr, 0) != 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(masked); i++) {
		nr = seccomp_syscall_resolve_name(masked[i].name);
		if (nr >= 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1,
			SCMP_CMP(masked[i].arg, SCMP_CMP_MASKED_EQ,
			    masked[i].mask, masked[i].value)) != 0)
			return -1;
	}
	/* The kernel takes the family as an int: the upper half may hold
	 * anything and must not hide it. */
	for (int family = FAMILY_MAX + 1; family < 64; family++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
			SCMP_SYS(socket), 1,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff,
			    (uint64_t)family)) != 0)
			return -1;
	for (int family = AF_UNIX + 1; family < AF_INET6; family++)
		if (family != AF_INET &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
			SCMP_SYS(socket), 1,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff,
			    (uint64_t)family)) != 0)
			return -1;
	nr = seccomp_syscall_resolve_name("clone3");
	if (nr >= 0 &&
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0) != 0)
		return -1;
	return 0;
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

void
sandbox_filter_text(struct buf *b)
{
	buf_str(b, "deny EPERM");
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		buf_printf(b, " %s", denied[i]);
	buf_str(b, "\ndeny ENOTSUP");
	for (size_t i = 0; i < ARRAY_LEN(no_xattr); i++)
		buf_printf(b, " %s", no_xattr[i]);
	buf_str(b, "\ndeny ENOSYS clone3\ndeny EPERM");
	for (size_t i = 0; i < ARRAY_LEN(masked); i++)
		buf_printf(b, " %s(%u&%llx=%llx)", masked[i].name,
		    masked[i].arg, (unsigned long long)masked[i].mask,
		    (unsigned long long)masked[i].value);
	buf_str(b, "\nallow socket unix inet inet6\nother ABIs killed\n");
}
