#include "router-agent/machine/launch.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/num.h"

#define PATIENT 5 /* as nice(2) counts */

static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8",
	"TZ=UTC", "HOME=/", NULL };

/* QEMU opens /dev/kvm by name.  In a mount namespace of its own that name is
 * a node that only its uid may open; the host's stays as it is. */
static int
own_kvm(uid_t uid, struct err *err)
{
	struct stat st;

	if (stat("/dev/kvm", &st) == -1)
		return err_sys(err, "look at /dev/kvm");
	if (!S_ISCHR(st.st_mode))
		return err_set(err, ERR_INPUT, "/dev/kvm is no device");
	if (mount("none", "/run", "tmpfs", MS_NOSUID | MS_NOEXEC,
		"mode=0755,size=64k") == -1)
		return err_sys(err, "mount a private /run");
	if (mknod("/run/kvm", S_IFCHR | 0600, st.st_rdev) == -1 ||
	    chown("/run/kvm", uid, uid) == -1)
		return err_sys(err, "make a private /dev/kvm");
	if (mount("/run/kvm", "/dev/kvm", NULL, MS_BIND, NULL) == -1)
		return err_sys(err, "mount a private /dev/kvm");
	return 0;
}

static int
limit(int what, rlim_t n, struct err *err)
{
	struct rlimit r = { n, n };

	if (setrlimit((__rlimit_resource_t)what, &r) == -1)
		return err_sys(err, "set a limit");
	return 0;
}

static int
confine(uid_t uid, bool kvm, rlim_t room, bool patient, struct err *err)
{
	pid_t parent = getppid();

	/* Every file it may write is a descriptor it holds: state volumes, of
	 * which the largest is so large. */
	if (limit(RLIMIT_CORE, 0, err) == -1 ||
	    limit(RLIMIT_FSIZE, room, err) == -1 ||
	    limit(RLIMIT_NOFILE, 256, err) == -1)
		return -1;
	errno = 0; /* -1 is a priority, too */
	if (patient && nice(PATIENT) == -1 && errno != 0)
		return err_sys(err, "wait for the others");
	if (geteuid() == 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) == -1)
			return err_sys(err, "make namespaces of its own");
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
			return err_sys(err, "keep mounts to itself");
		if (kvm && own_kvm(uid, err) == -1)
			return -1;
		if (setgroups(0, NULL) == -1 ||
		    setresgid(uid, uid, uid) == -1 ||
		    setresuid(uid, uid, uid) == -1)
			return err_sys(err, "take the machine's uid");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys(err, "give up new privileges");
	/* The change of uid forgot it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return err_sys(err, "follow the parent");
	if (getppid() != parent)
		return err_set(err, ERR_SYSTEM, "the parent is gone");
	return 0;
}

int
launch_main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int64_t uid, room;

	if (argc < 5 || num_int(argv[0], 1, 1 << 30, &uid, &err) == -1 ||
	    num_int(argv[2], 0, INT64_MAX, &room, &err) == -1)
		return EXIT_USAGE;
	if (confine((uid_t)uid, strcmp(argv[1], "kvm") == 0, (rlim_t)room,
		strcmp(argv[3], "patient") == 0, &err) == 0) {
		execve(argv[4], argv + 4, (char *const *)env);
		err_sys(&err, "run %s", argv[4]);
	}
	log_err("launch", &err);
	return EXIT_FAILED;
}
