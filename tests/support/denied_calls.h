/*
 * What a jail refuses, written out by hand: not the filter's own list, which
 * is what is tested.  Numbers are of amd64 where libseccomp or the C library
 * may not know the name.
 */
#ifndef KILN_TEST_DENIED_CALLS_H
#define KILN_TEST_DENIED_CALLS_H

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

struct call {
	const char *name;
	long nr;
	int answer; /* errno */
	unsigned long long arg[6];
};

#define ANY ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull
#define PERM(name)                        \
	{                                 \
#name, SYS_##name, EPERM, \
		{                         \
			ANY               \
		}                         \
	}

static const struct call denied_calls[] = {
	/* mounts */
	PERM(mount),
	PERM(umount2),
	PERM(pivot_root),
	PERM(chroot),
	{ "open_tree", 428, EPERM, { ANY } },
	{ "move_mount", 429, EPERM, { ANY } },
	{ "fsopen", 430, EPERM, { ANY } },
	{ "fsconfig", 431, EPERM, { ANY } },
	{ "fsmount", 432, EPERM, { ANY } },
	{ "fspick", 433, EPERM, { ANY } },
	{ "mount_setattr", 442, EPERM, { ANY } },
	{ "open_tree_attr", 467, EPERM, { ANY } },
	PERM(quotactl),
	{ "quotactl_fd", 443, EPERM, { ANY } },
	PERM(swapon),
	PERM(swapoff),
	/* namespaces */
	PERM(unshare),
	PERM(setns),
	{ "clone3", 435, ENOSYS, { ANY } },
	{ "clone newuser", SYS_clone, EPERM, { CLONE_NEWUSER } },
	{ "clone newns", SYS_clone, EPERM, { CLONE_NEWNS } },
	{ "clone newnet", SYS_clone, EPERM, { CLONE_NEWNET } },
	{ "clone newpid", SYS_clone, EPERM, { CLONE_NEWPID } },
	{ "clone newipc", SYS_clone, EPERM, { CLONE_NEWIPC } },
	{ "clone newuts", SYS_clone, EPERM, { CLONE_NEWUTS } },
	{ "clone newcgroup", SYS_clone, EPERM, { CLONE_NEWCGROUP } },
	{ "clone newuser and more", SYS_clone, EPERM,
	    { CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET } },
	/* other processes */
	PERM(ptrace),
	PERM(process_vm_readv),
	PERM(process_vm_writev),
	{ "pidfd_getfd", 438, EPERM, { ANY } },
	{ "process_madvise", 440, EPERM, { ANY } },
	{ "process_mrelease", 448, EPERM, { ANY } },
	PERM(kcmp),
	/* kernel surfaces */
	PERM(bpf),
	PERM(perf_event_open),
	PERM(userfaultfd),
	{ "io_uring_setup", 425, EPERM, { ANY } },
	{ "io_uring_enter", 426, EPERM, { ANY } },
	{ "io_uring_register", 427, EPERM, { ANY } },
	PERM(fanotify_init),
	PERM(fanotify_mark),
	PERM(add_key),
	PERM(request_key),
	PERM(keyctl),
	{ "memfd_secret", 447, EPERM, { ANY } },
	PERM(move_pages),
	PERM(migrate_pages),
	{ "lsm_set_self_attr", 460, EPERM, { ANY } },
	/* ways around the tree */
	PERM(name_to_handle_at),
	PERM(open_by_handle_at),
	{ "openat2", 437, ENOSYS, { ANY } },
	{ "file_setattr", 469, EPERM, { ANY } },
	/* the machine */
	PERM(init_module),
	PERM(finit_module),
	PERM(delete_module),
	PERM(kexec_load),
	PERM(kexec_file_load),
	PERM(reboot),
	PERM(acct),
	PERM(iopl),
	PERM(ioperm),
	PERM(modify_ldt),
	PERM(syslog),
	PERM(vhangup),
	PERM(settimeofday),
	PERM(clock_settime),
	PERM(clock_adjtime),
	PERM(adjtimex),
	PERM(sethostname),
	PERM(setdomainname),
	/* sockets that reach somewhere, also with bits above an int's */
	{ "socket netlink", SYS_socket, EPERM, { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socket packet", SYS_socket, EPERM, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socket vsock", SYS_socket, EPERM, { AF_VSOCK, SOCK_STREAM, 0 } },
	{ "socket alg", SYS_socket, EPERM, { AF_ALG, SOCK_SEQPACKET, 0 } },
	{ "socket xdp", SYS_socket, EPERM, { 44, SOCK_RAW, 0 } },
	{ "socket ax25", SYS_socket, EPERM, { AF_AX25, SOCK_STREAM, 0 } },
	{ "socket high", SYS_socket, EPERM,
	    { AF_VSOCK | 1ull << 32, SOCK_STREAM, 0 } },
	{ "socketpair tipc", SYS_socketpair, EPERM,
	    { AF_TIPC, SOCK_STREAM, 0 } },
	/* set-id bits and attributes */
	{ "chmod", SYS_chmod, EPERM, { 0, 04755 } },
	{ "chmod setgid", SYS_chmod, EPERM, { 0, 02755 } },
	{ "fchmod", SYS_fchmod, EPERM, { ~0ull, 04755 } },
	{ "fchmod setgid", SYS_fchmod, EPERM, { ~0ull, 02755 } },
	{ "fchmodat", SYS_fchmodat, EPERM, { ~0ull, 0, 04755 } },
	{ "fchmodat2", 452, EPERM, { ~0ull, 0, 04755, 0 } },
	{ "fchmodat2 setgid", 452, EPERM, { ~0ull, 0, 02755, 0 } },
	{ "creat", SYS_creat, EPERM, { 0, 04755 } },
	{ "open", SYS_open, EPERM, { 0, 0100 | 1, 04755 } },
	{ "open setgid", SYS_open, EPERM, { 0, 0100 | 1, 02755 } },
	{ "openat", SYS_openat, EPERM, { ~0ull, 0, 0100 | 1, 04755 } },
	{ "openat tmpfile", SYS_openat, EPERM,
	    { ~0ull, 0, 020200000 | 2, 04755 } },
	{ "mknod", SYS_mknod, EPERM, { 0, 0104755, 0 } },
	{ "mknodat", SYS_mknodat, EPERM, { ~0ull, 0, 0104755, 0 } },
	{ "setxattr", SYS_setxattr, ENOTSUP, { ANY } },
	{ "lsetxattr", SYS_lsetxattr, ENOTSUP, { ANY } },
	{ "fsetxattr", SYS_fsetxattr, ENOTSUP, { ANY } },
	{ "setxattrat", 463, ENOTSUP, { ANY } },
	/* terminals */
	{ "ioctl tiocsti", SYS_ioctl, EPERM, { 0, 0x5412, 0 } },
	{ "ioctl tioclinux", SYS_ioctl, EPERM, { 0, 0x541c, 0 } },
	{ "ioctl high", SYS_ioctl, EPERM, { 0, 0x5412 | 1ull << 32, 0 } },
	/* what the list does not know yet */
	{ "470", 470, ENOSYS, { ANY } },
	{ "500", 500, ENOSYS, { ANY } },
	{ "1000", 1000, ENOSYS, { ANY } },
};

#endif
