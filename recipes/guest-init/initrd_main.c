/*
 * init of the kernel's initrd: loads the modules named in /modules.order, one
 * path a line, waits for the root disk, and hands over to the init on it.
 *
 * A path with words behind it belongs to these groups, such as "nftables": it
 * is loaded only where the image's /etc/kiln/modules, words divided by blanks
 * or line ends, names one of them.  So one kernel serves every image, and
 * no image knows its version.
 *
 * The root disk is the one whose serial number is "root": a machine that finds
 * its disks from the last to the first calls another one vda, and what a
 * service wrote onto its volume must not be taken for it.  Where QEMU gave none
 * (by hand) it is the first.
 *
 * It needs no library but libc, and is linked with musl to be small.  A kernel
 * may lack a device that a module drives, so a module that refuses is told and
 * passed over; a root disk that does not come ends the machine (process 1
 * ends, the kernel panics, `panic=-1` makes QEMU leave).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOT_SERIAL "root"
#define WANTED "/root/etc/kiln/modules"
#define WANTED_SIZE 512
#define ROOT_TYPE "erofs"
#define ROOT_WAIT 500 /* naps of 10 ms */

static int
complain(const char *what, const char *name)
{
	fprintf(
	    stderr, "kiln-initrd: %s %s: %s\n", what, name, strerror(errno));
	return 1;
}

/* The memory of the initrd is the guest's: what was read is given back. */
static void
load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || syscall(SYS_finit_module, fd, "", 0) == -1)
		complain("load", path);
	if (fd != -1)
		close(fd);
	unlink(path);
}

/* Cuts off the first word of a text that is divided by blanks or lines. */
static char *
word(char **rest)
{
	char *w;

	while ((w = strsep(rest, " \t\n")) != NULL && *w == '\0')
		continue;
	return w;
}

/* Is one of `groups` among the words of `wanted`?  Cuts both. */
static int
is_wanted(char *groups, const char *wanted)
{
	char copy[WANTED_SIZE], *rest, *group, *w;

	while ((group = word(&groups)) != NULL) {
		strcpy(copy, wanted);
		rest = copy;
		while ((w = word(&rest)) != NULL) {
			if (strcmp(w, group) == 0)
				return 1;
		}
	}
	return 0;
}

/* Those without a group when `wanted` is NULL, else those of its groups; the
 * rest is of no more use then. */
static int
load_all(const char *wanted)
{
	FILE *list = fopen("/modules.order", "re");
	char line[256], *groups, *path;

	if (list == NULL)
		return complain("open", "/modules.order");
	while (fgets(line, sizeof line, list) != NULL) {
		groups = line;
		path = word(&groups);
		if (path == NULL)
			continue;
		groups = groups != NULL ? groups + strspn(groups, " \n")
					: line + strlen(line);
		if ((wanted == NULL) != (*groups == '\0'))
			continue;
		if (wanted == NULL || is_wanted(groups, wanted))
			load(path);
		else
			unlink(path);
	}
	fclose(list);
	return 0;
}

/* What the image wants is part of it, so it must be understood. */
static int
load_wanted(void)
{
	char wanted[WANTED_SIZE] = "";
	int fd = open(WANTED, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd == -1 && errno != ENOENT)
		return complain("open", WANTED);
	if (fd != -1) {
		n = read(fd, wanted, sizeof wanted - 1);
		close(fd);
		if (n == -1)
			return complain("read", WANTED);
	}
	wanted[n] = '\0';
	return load_all(wanted);
}

/* Of /dev/vdX; 0: there is no such disk yet. */
static int
serial_of(char letter, char serial[static 32])
{
	char path[] = "/sys/block/vd?/serial", node[] = "/dev/vd?";
	int fd;
	ssize_t n;

	path[sizeof "/sys/block/vd" - 1] = letter;
	node[sizeof node - 2] = letter;
	fd = access(node, F_OK) == -1 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, serial, 31);
	close(fd);
	serial[n > 0 ? n : 0] = '\0';
	serial[strcspn(serial, "\n")] = '\0';
	return 1;
}

/* Its letter, or 0 while it is not there. */
static char
root_letter(void)
{
	char serial[32], letter;

	for (letter = 'a'; letter <= 'z'; letter++) {
		if (serial_of(letter, serial) &&
		    strcmp(serial, ROOT_SERIAL) == 0)
			return letter;
	}
	return serial_of('a', serial) && serial[0] == '\0' ? 'a' : 0;
}

static int
mount_root(void)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	char disk[] = "/dev/vd?", letter;
	int i;

	if ((mkdir("/sys", 0555) == -1 && errno != EEXIST) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) == -1)
		return complain("mount", "/sys");
	for (i = 0; (letter = root_letter()) == 0; i++) {
		errno = ENOENT;
		if (i == ROOT_WAIT)
			return complain("wait for", "the root disk");
		nanosleep(&nap, NULL);
	}
	disk[sizeof disk - 2] = letter;
	if (umount2("/sys", MNT_DETACH) == -1)
		return complain("unmount", "/sys");
	if (mount(disk, "/root", ROOT_TYPE, MS_RDONLY | MS_NODEV, NULL) == -1)
		return complain("mount", disk);
	return 0;
}

int
main(void)
{
	static char name[] = "/init";
	char *const argv[] = { name, NULL }, *const env[] = { NULL };

	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) == -1)
		return complain("mount", "/dev");
	if (load_all(NULL) != 0 || mount_root() != 0 || load_wanted() != 0)
		return 1;
	unlink("/init");
	if (umount2("/dev", MNT_DETACH) == -1 || chdir("/root") == -1 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) == -1 || chroot(".") == -1 ||
	    chdir("/") == -1)
		return complain("switch to", "the root disk");
	execve(name, argv, env);
	return complain("start", name);
}
