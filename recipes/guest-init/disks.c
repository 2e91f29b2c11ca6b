#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/disks.h"

/* linux/ext4.h is not among the kernel's headers for programs everywhere. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

static const struct {
	const char *type, *path, *data;
	unsigned long flags;
} system_mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/run", "mode=0755,size=8m",
	    MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "/tmp", "mode=1777,size=8m",
	    MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

int
disks_mount_system(struct fault *f)
{
	size_t i;

	for (i = 0; i < sizeof system_mounts / sizeof system_mounts[0]; i++) {
		/* a kernel may have mounted /dev before it started init */
		if (mount(system_mounts[i].type, system_mounts[i].path,
			system_mounts[i].type, system_mounts[i].flags,
			system_mounts[i].data) == -1 &&
		    errno != EBUSY)
			return fault_sys(f, "mount %s", system_mounts[i].path);
	}
	return 0;
}

/* One line of /sys/block/vdX/NAME, or "". */
static void
disk_attr(char letter, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof path, "/sys/block/vd%c/%s", letter, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	if (n < 0)
		n = 0;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* Opens a disk if it holds a configuration.  Its head is then in `head`. */
static int
open_config(char letter, unsigned char head[CONFIG_HEAD])
{
	struct stat root, disk;
	char path[16], ro[8];
	int fd;

	/* what a service could have written is not a configuration */
	disk_attr(letter, "ro", ro, sizeof ro);
	if (strcmp(ro, "1") != 0)
		return -1;
	snprintf(path, sizeof path, "/dev/vd%c", letter);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (stat("/", &root) == 0 && fstat(fd, &disk) == 0 &&
	    S_ISBLK(disk.st_mode) && disk.st_rdev != root.st_dev &&
	    pread(fd, head, CONFIG_HEAD, 0) == CONFIG_HEAD &&
	    config_magic(head))
		return fd;
	close(fd);
	return -1;
}

static int
find_config(int *out, unsigned char head[CONFIG_HEAD], struct fault *f)
{
	unsigned char seen[CONFIG_HEAD];
	int found = -1, fd;
	char letter;

	for (letter = 'a'; letter <= 'z'; letter++) {
		fd = open_config(letter, seen);
		if (fd == -1)
			continue;
		if (found != -1) {
			close(fd);
			close(found);
			return fault_set(f, "two configuration disks");
		}
		found = fd;
		memcpy(head, seen, CONFIG_HEAD);
	}
	*out = found;
	return 0;
}

static int
read_config(int fd, const unsigned char head[CONFIG_HEAD], struct config *c,
    struct fault *f)
{
	char *text = NULL;
	int ret = -1;
	size_t n, at;
	ssize_t r;

	if (config_length(head, &n, f) == -1)
		return -1;
	text = malloc(n);
	if (text == NULL)
		return fault_set(f, "configuration disk: no memory");
	for (at = 0; at < n; at += (size_t)r) {
		r = pread(fd, text + at, n - at, (off_t)(CONFIG_HEAD + at));
		if (r == -1 && errno == EINTR) {
			r = 0;
		} else if (r == -1) {
			fault_sys(f, "read configuration disk");
			goto out;
		} else if (r == 0) {
			fault_set(f, "configuration disk ends early");
			goto out;
		}
	}
	ret = config_parse(text, n, c, f);
out:
	explicit_bzero(text, n); /* it may hold secrets of the service */
	free(text);
	return ret;
}

int
disks_config(int wait_ms, struct config *c, struct fault *f)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	unsigned char head[CONFIG_HEAD];
	int fd = -1, ret;

	for (;;) {
		if (find_config(&fd, head, f) == -1)
			return -1;
		if (fd != -1)
			break;
		if (wait_ms <= 0)
			return fault_set(f, "no read-only disk begins with %s",
			    CONFIG_MAGIC);
		nanosleep(&nap, NULL);
		wait_ms -= 10;
	}
	ret = read_config(fd, head, c, f);
	close(fd);
	return ret;
}

/* The host may have made a volume larger since it was formatted.  A file
 * system that cannot grow stays as it is. */
static void
grow(int disk, const char *path)
{
	uint64_t bytes, blocks;
	struct statfs s;
	int folder;

	if (ioctl(disk, BLKGETSIZE64, &bytes) == -1 || statfs(path, &s) == -1 ||
	    s.f_bsize <= 0)
		return;
	blocks = bytes / (uint64_t)s.f_bsize;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder == -1)
		return;
	(void)ioctl(folder, EXT4_IOC_RESIZE_FS, &blocks);
	close(folder);
}

static int
mount_volume(const struct config_volume *v, struct fault *f)
{
	char letter, serial[32], path[16];
	int disk;

	for (letter = 'a'; letter <= 'z'; letter++) {
		disk_attr(letter, "serial", serial, sizeof serial);
		if (strcmp(serial, v->serial) != 0)
			continue;
		snprintf(path, sizeof path, "/dev/vd%c", letter);
		if (mount(path, v->path, "ext4",
			MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
			NULL) == -1)
			return fault_sys(
			    f, "mount volume %s on %s", v->serial, v->path);
		disk = open(path, O_RDONLY | O_CLOEXEC);
		if (disk != -1) {
			grow(disk, v->path);
			close(disk);
		}
		return 0;
	}
	return fault_set(
	    f, "volume %s: no disk has this serial number", v->serial);
}

int
disks_mount_volumes(const struct config *c, struct fault *f)
{
	size_t i;

	for (i = 0; i < c->volumes; i++) {
		if (mount_volume(&c->volume[i], f) == -1)
			return -1;
	}
	return 0;
}

static int
ask_volume(const struct config_volume *v, unsigned long what)
{
	int fd = open(v->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd == -1)
		return -1;
	ret = ioctl(fd, what, 0);
	close(fd);
	return ret;
}

int
disks_freeze(const struct config *c, struct fault *f)
{
	size_t i;

	for (i = 0; i < c->volumes; i++) {
		if (ask_volume(&c->volume[i], FIFREEZE) == -1 &&
		    errno != EBUSY) {
			fault_sys(f, "freeze volume %s", c->volume[i].serial);
			disks_thaw(c);
			return -1;
		}
	}
	return 0;
}

void
disks_thaw(const struct config *c)
{
	size_t i;

	for (i = c->volumes; i-- > 0;)
		(void)ask_volume(&c->volume[i], FITHAW);
}

void
disks_unmount_volumes(const struct config *c)
{
	size_t i;

	sync();
	for (i = c->volumes; i-- > 0;) {
		if (umount2(c->volume[i].path, 0) == -1)
			(void)mount(NULL, c->volume[i].path, NULL,
			    MS_REMOUNT | MS_RDONLY, NULL);
	}
}
