/*
 * Temporaries of fdio.h.  An unnamed one leaves nothing behind when we are
 * killed; it must get a name before it can replace a file, and that hidden
 * name is what tmp_sweep clears away.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/num.h"
#include "lib/own.h"

#define PREFIX ".tmp-"
#define SWEEP_AGE 86400

static void
random_name(char out[32])
{
	uint8_t r[12];

	if (sodium_init() == -1)
		abort();
	randombytes_buf(r, sizeof(r));
	memcpy(out, PREFIX, sizeof(PREFIX));
	hex_encode(out + sizeof(PREFIX) - 1, r, sizeof(r));
}

int
tmp_open(struct tmp *t, int dirfd, mode_t mode, struct err *err)
{
	auto_fd int fd = -1;
	char name[32] = "";

	fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR ||
			    errno == ENOENT || errno == EINVAL)) {
		random_name(name);
		fd = openat(dirfd, name,
		    O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (fd == -1)
		return err_sys(err, "make temporary file");
	/* Whatever the umask: who may read a file is part of its format. */
	if (fchmod(fd, mode & 07777) == -1) {
		err_sys(err, "set mode of temporary file");
		if (name[0])
			unlinkat(dirfd, name, 0);
		return -1;
	}
	t->fd = take_fd(&fd);
	t->dirfd = dirfd;
	memcpy(t->name, name, sizeof(name));
	return 0;
}

/* Gives the open file a name in `to`; errno on failure. */
static int
give_name(const struct tmp *t, int to, const char *name)
{
	char self[40];

	if (t->name[0]) {
		if (linkat(t->dirfd, t->name, to, name, 0) == 0)
			return 0;
		/* vfat has no links, but can refuse to overwrite. */
		if (errno != EPERM && errno != EOPNOTSUPP)
			return -1;
		return renameat2(t->dirfd, t->name, to, name, RENAME_NOREPLACE);
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", t->fd);
	if (linkat(AT_FDCWD, self, to, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* No /proc here, or `to` is gone; root can do without. */
	if (errno != ENOENT)
		return -1;
	return linkat(t->fd, "", to, name, AT_EMPTY_PATH);
}

/* After its name is durable: the fd is closed and a hidden name goes. */
static int
finish(struct tmp *t, struct err *err)
{
	int fd = take_fd(&t->fd);

	if (t->name[0])
		unlinkat(t->dirfd, t->name, 0);
	t->name[0] = '\0';
	return close(fd) == -1 ? err_sys(err, "close file") : 0;
}

int
tmp_link(struct tmp *t, const char *path, struct err *err)
{
	auto_fd int to = -1;
	const char *base;

	to = dir_parent_at(t->dirfd, path, &base, err);
	if (to == -1)
		return -1;
	if (fsync(t->fd) == -1)
		return err_sys(err, "sync %s", path);
	if (give_name(t, to, base) == -1 && errno != EEXIST)
		return err_sys(err, "link %s", path);
	/* Also when it was there: its maker may not have come this far. */
	if (dir_sync(to, err) == -1)
		return -1;
	return finish(t, err);
}

int
tmp_replace(struct tmp *t, const char *path, struct err *err)
{
	auto_fd int to = -1;
	const char *base;
	char name[32];

	to = dir_parent_at(t->dirfd, path, &base, err);
	if (to == -1)
		return -1;
	if (fsync(t->fd) == -1)
		return err_sys(err, "sync %s", path);
	if (!t->name[0]) {
		random_name(name);
		if (give_name(t, t->dirfd, name) == -1)
			return err_sys(err, "link %s", path);
		memcpy(t->name, name, sizeof(name));
	}
	if (renameat(t->dirfd, t->name, to, base) == -1)
		return err_sys(err, "rename %s", path);
	t->name[0] = '\0';
	if (dir_sync(to, err) == -1)
		return -1;
	return finish(t, err);
}

void
tmp_release(struct tmp *t)
{
	if (t->name[0])
		unlinkat(t->dirfd, t->name, 0);
	if (t->fd >= 0)
		close(t->fd);
	*t = (struct tmp)TMP_INIT;
}

int
tmp_sweep(int dirfd, struct err *err)
{
	auto_dir DIR *dir = dir_list_at(dirfd, ".", err);
	struct dirent *e;
	struct stat st;
	int64_t now = time_now();

	if (!dir)
		return -1;
	while ((errno = 0, e = readdir(dir))) {
		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode) || st.st_mtime > now - SWEEP_AGE)
			continue;
		if (unlinkat(dirfd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EROFS)
			return 0;
		return err_sys(err, "remove %s", e->d_name);
	}
	return errno ? err_sys(err, "list folder") : 0;
}
