#include "router-agent/machine/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define PIECE ((int64_t)1 << 20)
#define MAKE_MS 60000
#define FILE_NAME (SET_VOLUME_NAME + 24)

static int
file_name(char out[FILE_NAME], const char *name, int64_t generation)
{
	return snprintf(out, FILE_NAME, "%s.%lld", name, (long long)generation);
}

/* Of "NAME.GENERATION"; 0: it is none of ours. */
static int64_t
generation_of(const char *file)
{
	const char *dot = strrchr(file, '.');
	struct err ignored = ERR_INIT;
	int64_t n;

	if (!dot || num_int(dot + 1, 1, INT64_MAX, &n, &ignored) == -1)
		return 0;
	return n;
}

int
volume_open(int volumes, const char *service, const char *name,
    int64_t generation, int *fd, struct err *err)
{
	auto_fd int dir = dir_open_at(volumes, service, err);
	char file[FILE_NAME];

	file_name(file, name, generation);
	if (dir == -1 || (*fd = file_open_at(dir, file, O_RDWR, 0, err)) == -1)
		return err_prefix(err, "volume %s of %s", name, service);
	return 0;
}

/* A new, empty file of that size, whatever was there before. */
static int
create(int dir, const char *file, int64_t size, struct err *err)
{
	auto_fd int fd = -1;

	if (file_remove_at(dir, file, err) == -1)
		return -1;
	fd = file_open_at(dir, file, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)size) == -1)
		return err_sys(err, "make %s as large as it is to be", file);
	return take_fd(&fd);
}

static int
settle(int fd, int dir, struct err *err)
{
	if (fsync(fd) == -1)
		return err_sys(err, "sync a volume");
	return dir_sync(dir, err);
}

/* Root runs it, on an empty file of its own: nothing foreign is read.  Without
 * the reserve, which only root of the guest could use. */
static int
format(int fd, const char *name, struct err *err)
{
	const char *const argv[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-m",
		"0", "-L", name, "-E",
		"root_owner=0:0,assume_storage_prezeroed=1,nodiscard",
		"/proc/self/fd/3", NULL };
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	sp.fds[sp.nfds++] = fd;
	return spawn_capture(&sp, MAKE_MS, 4096, NULL, NULL, err);
}

int
volume_make(int volumes, const char *service, const struct set_volume *v,
    int64_t generation, struct err *err)
{
	auto_fd int dir = dir_make_at(volumes, service, 0700, err), fd = -1;
	char file[FILE_NAME];
	/* An ext4 label has 16 bytes. */
	char label[17];

	file_name(file, v->name, generation);
	snprintf(label, sizeof(label), "%.16s", v->name);
	if (dir == -1 || (fd = create(dir, file, v->size, err)) == -1 ||
	    format(fd, label, err) == -1 || settle(fd, dir, err) == -1 ||
	    dir_sync(volumes, err) == -1)
		return err_prefix(
		    err, "make volume %s of %s", v->name, service);
	return 0;
}

/* --- copies -------------------------------------------------------------- */

static int
copy_piece(int from, int to, off_t at, size_t n, struct err *err)
{
	off_t in = at, out = at;

	while (n > 0) {
		ssize_t got = copy_file_range(from, &in, to, &out, n, 0);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return err_sys(err, "copy a volume");
		if (got == 0)
			return err_set(err, ERR_SYSTEM, "it became shorter");
		n -= (size_t)got;
	}
	return 0;
}

/* What holds data, hole by hole. */
static int
copy_data(int from, int to, int64_t size, volume_step_fn *step, void *arg,
    struct err *err)
{
	off_t at = 0, end;

	while (at < size) {
		at = lseek(from, at, SEEK_DATA);
		if (at == -1 && errno == ENXIO)
			return 0;
		if (at == -1 || (end = lseek(from, at, SEEK_HOLE)) == -1)
			return err_sys(err, "look for a volume's data");
		while (at < end) {
			size_t n =
			    (size_t)(end - at < PIECE ? end - at : PIECE);

			if (step && step(arg))
				return err_set(err, ERR_BUSY,
				    "stopped while copying a volume");
			if (copy_piece(from, to, at, n, err) == -1)
				return -1;
			at += (off_t)n;
		}
	}
	return 0;
}

static int64_t
allocated(const struct stat *st)
{
	return (int64_t)st->st_blocks * 512;
}

static int
copy_into(int from, int to, const struct stat *st, int64_t most,
    volume_step_fn *step, void *arg, struct err *err)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (allocated(st) > most)
		return err_set(err, ERR_INPUT,
		    "it holds %lld bytes, and at most %lld are copied: raise "
		    "state_copy, or keep the state folder on a file system "
		    "with reflinks",
		    (long long)allocated(st), (long long)most);
	return copy_data(from, to, st->st_size, step, arg, err);
}

int
volume_copy(int volumes, const char *service, const struct set_volume *v,
    int64_t from, int64_t to, int64_t most, volume_step_fn *step, void *arg,
    struct err *err)
{
	auto_fd int dir = dir_open_at(volumes, service, err), old = -1,
		    new = -1;
	char file[FILE_NAME];
	struct stat st;

	if (dir == -1 ||
	    volume_open(volumes, service, v->name, from, &old, err) == -1)
		return -1;
	file_name(file, v->name, to);
	if (fstat(old, &st) == -1) {
		err_sys(err, "look at it");
		goto fail;
	}
	new = create(dir, file, st.st_size, err);
	if (new == -1 || copy_into(old, new, &st, most, step, arg, err) == -1)
		goto fail;
	/* One never gets smaller; who mounts it makes use of more. */
	if (v->size > st.st_size && ftruncate(new, (off_t)v->size) == -1) {
		err_sys(err, "make it larger");
		goto fail;
	}
	if (settle(new, dir, err) == 0)
		return 0;
fail:
	return err_prefix(err, "copy volume %s of %s", v->name, service);
}

int64_t
volume_allocated(
    int volumes, const char *service, const char *name, int64_t generation)
{
	struct err ignored = ERR_INIT;
	auto_fd int fd = -1;
	struct stat st;

	if (volume_open(volumes, service, name, generation, &fd, &ignored) ==
		-1 ||
	    fstat(fd, &st) == -1)
		return 0;
	return allocated(&st);
}

bool
volume_reflinks(int volumes)
{
	auto_fd int a =
	    openat(volumes, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	auto_fd int b =
	    openat(volumes, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return a != -1 && b != -1 && write(a, "?", 1) == 1 &&
	       ioctl(b, FICLONE, a) == 0;
}

/* --- what is there ------------------------------------------------------- */

int64_t
volume_newest(int volumes, const char *service)
{
	struct err ignored = ERR_INIT;
	auto_dir DIR *d = dir_list_at(volumes, service, &ignored);
	int64_t newest = 0;
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		int64_t n = generation_of(e->d_name);

		newest = n > newest ? n : newest;
	}
	return newest;
}

static int
sweep_service(int volumes, const char *service, volume_keep_fn *keep,
    const void *arg, struct err *err)
{
	auto_dir DIR *d = dir_list_at(volumes, service, err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL) {
		int64_t n = generation_of(e->d_name);

		if (n > 0 && !keep(arg, service, n) &&
		    file_remove_at(dirfd(d), e->d_name, err) == -1)
			return -1;
	}
	return 0;
}

int
volume_sweep(
    int volumes, volume_keep_fn *keep, const void *arg, struct err *err)
{
	auto_dir DIR *d = dir_list_at(volumes, ".", err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' &&
		    sweep_service(volumes, e->d_name, keep, arg, err) == -1)
			return -1;
	return 0;
}
