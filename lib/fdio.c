#include "lib/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define CHUNK ((size_t)64 << 10)

/* openat2 below dirfd; errno on failure. */
static int
beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY),
		.mode = flags & O_CREAT ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (flags & O_PATH)
		how.flags &= ~(uint64_t)O_NOCTTY;
	/* EAGAIN: something was renamed while the kernel looked. */
	for (int tries = 0; tries < 100; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd != -1 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static int
open_failed(const char *path, struct err *err)
{
	if (errno == EXDEV)
		return err_set(err, ERR_INPUT,
		    "open %s: refused: it leads out of its folder", path);
	if (errno == ELOOP)
		return err_set(err, ERR_INPUT,
		    "open %s: refused: a symbolic link on the way", path);
	return err_sys(err, "open %s", path);
}

int
dir_open(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? err_sys(err, "open folder %s", path) : fd;
}

int
path_make(const char *path, struct err *err)
{
	auto_free char *copy = mem_str(path);

	for (char *p = copy + 1; *copy; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) == -1 && errno != EEXIST)
			return err_sys(err, "make folder %s", copy);
		if (c == '\0')
			break;
		*p = c;
	}
	return 0;
}

int
dir_open_at(int dirfd, const char *path, struct err *err)
{
	int fd = beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0);

	return fd == -1 ? open_failed(path, err) : fd;
}

/* One component: makes it if need be, and returns it opened. */
static int
make_one(int dirfd, const char *name, mode_t mode, struct err *err)
{
	auto_fd int fd = -1;
	bool made = mkdirat(dirfd, name, mode & 0777) == 0;

	if (!made && errno != EEXIST)
		return err_sys(err, "make folder %s", name);
	fd = dir_open_at(dirfd, name, err);
	if (fd == -1)
		return -1;
	if (made) {
		/* Not less because of the operator's umask. */
		if (fchmod(fd, mode & 07777) == -1)
			return err_sys(err, "set mode of folder %s", name);
		if (dir_sync(dirfd, err) == -1)
			return -1;
	}
	return take_fd(&fd);
}

int
dir_make_at(int dirfd, const char *path, mode_t mode, struct err *err)
{
	struct span rest = span_str(path), part;
	auto_fd int cur = -1;

	if (path[0] == '/')
		return err_set(err, ERR_INPUT,
		    "make folder %s: refused: it leads out of its folder",
		    path);
	cur = dir_open_at(dirfd, ".", err);
	if (cur == -1)
		return -1;
	while (span_next(&rest, '/', &part)) {
		auto_free char *name = mem_strn(part.p, part.n);
		int next;

		if (part.n == 0)
			continue;
		next = make_one(cur, name, mode, err);
		if (next == -1)
			return -1;
		close(cur);
		cur = next;
	}
	return take_fd(&cur);
}

int
dir_parent_at(int dirfd, const char *path, const char **base, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *parent = NULL;
	const char *name = slash ? slash + 1 : path;
	int fd;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    slash == path)
		return err_set(err, ERR_INPUT,
		    "\"%s\" names no file below its folder", path);
	parent = slash ? mem_strn(path, (size_t)(slash - path)) : mem_str(".");
	fd = dir_open_at(dirfd, parent, err);
	if (fd != -1)
		*base = name;
	return fd;
}

DIR *
dir_list_at(int dirfd, const char *path, struct err *err)
{
	int fd = dir_open_at(dirfd, path, err);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (fd != -1 && !d) {
		err_sys(err, "list folder %s", path);
		close(fd);
	}
	return d;
}

int
dir_sync(int dirfd, struct err *err)
{
	return fsync(dirfd) == -1 ? err_sys(err, "sync folder") : 0;
}

int
file_open_at(
    int dirfd, const char *path, int flags, mode_t mode, struct err *err)
{
	int fd = beneath(dirfd, path, flags, mode);

	return fd == -1 ? open_failed(path, err) : fd;
}

/* `name` is for messages.  Only files: a FIFO would keep us waiting. */
static int
read_file(
    int fd, const char *name, size_t limit, struct buf *out, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(err, "read %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    err, ERR_INPUT, "read %s: not a regular file", name);
	if (fd_read_all(fd, limit, out, err) == -1)
		return err_prefix(err, "%s", name);
	return 0;
}

int
file_read_at(
    int dirfd, const char *path, size_t limit, struct buf *out, struct err *err)
{
	auto_fd int fd =
	    file_open_at(dirfd, path, O_RDONLY | O_NONBLOCK, 0, err);

	return fd == -1 ? -1 : read_file(fd, path, limit, out, err);
}

int
file_read(const char *path, size_t limit, struct buf *out, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return err_sys(err, "open %s", path);
	/* The operator may say /dev/stdin. */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		int flags = fcntl(fd, F_GETFL);

		if (flags == -1 ||
		    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1)
			return err_sys(err, "read %s", path);
		if (fd_read_all(fd, limit, out, err) == -1)
			return err_prefix(err, "%s", path);
		return 0;
	}
	return read_file(fd, path, limit, out, err);
}

int
file_write_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode,
    struct err *err)
{
	auto_fd int parent = -1; /* first, so that it outlives `tmp` */
	auto_tmp struct tmp tmp = TMP_INIT;
	const char *base;

	parent = dir_parent_at(dirfd, path, &base, err);
	if (parent == -1)
		return -1;
	if (tmp_open(&tmp, parent, mode, err) == -1 ||
	    fd_write_all(tmp.fd, p, n, err) == -1 ||
	    tmp_replace(&tmp, base, err) == -1)
		return err_prefix(err, "write %s", path);
	return 0;
}

bool
file_exists_at(int dirfd, const char *path)
{
	auto_fd int fd = beneath(dirfd, path, O_PATH, 0);

	return fd != -1;
}

int
file_remove_at(int dirfd, const char *path, struct err *err)
{
	auto_fd int parent = -1;
	struct err why = ERR_INIT;
	const char *base;

	parent = dir_parent_at(dirfd, path, &base, &why);
	if (parent == -1 && why.cls == ERR_MISSING)
		return 0;
	if (parent == -1) {
		*err = why;
		return -1;
	}
	if (unlinkat(parent, base, 0) == -1 && errno != ENOENT)
		return err_sys(err, "remove %s", path);
	return 0;
}

int
fd_read_all(int fd, size_t limit, struct buf *out, struct err *err)
{
	auto_buf struct buf in = BUF_INIT;
	struct stat st;
	ssize_t n;

	/* One byte more than it has, so that the end is seen at once. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= limit)
		buf_reserve(&in, (size_t)st.st_size + 1);
	for (;;) {
		size_t room;

		if (in.cap - in.len < 2)
			buf_reserve(&in, CHUNK);
		room = in.cap - in.len - 1;
		n = read(fd, in.data + in.len, room);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(err, "read");
		if (n == 0)
			break;
		in.len += (size_t)n;
		in.data[in.len] = '\0';
		if (in.len > limit)
			return err_set(err, ERR_INPUT,
			    "longer than the %zu bytes allowed", limit);
	}
	if (out->cap == 0) {
		*out = in;
		buf_init(&in);
		return 0;
	}
	buf_add(out, in.data, in.len);
	return 0;
}

static dev_t metered_dev; /* 0: nothing is counted */
static int64_t metered;

void
fd_meter(int dirfd)
{
	struct stat st;

	if (fstat(dirfd, &st) == 0)
		metered_dev = st.st_dev;
}

int64_t
fd_metered(void)
{
	return metered;
}

static void
count(int fd, size_t n)
{
	struct stat st;

	if (metered_dev != 0 && fstat(fd, &st) == 0 &&
	    st.st_dev == metered_dev && S_ISREG(st.st_mode))
		metered += (int64_t)n;
}

int
fd_write_all(int fd, const void *p, size_t n, struct err *err)
{
	const char *at = p;
	ssize_t done;

	count(fd, n);
	while (n) {
		done = write(fd, at, n);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return err_sys(err, "write");
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int
fd_size(int fd, int64_t *size, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(err, "get size of file");
	*size = st.st_size;
	return 0;
}

int
lock_file_at(int dirfd, const char *name, struct err *err)
{
	auto_fd int fd = file_open_at(dirfd, name, O_RDWR | O_CREAT, 0644, err);
	bool written = fd != -1;
	char text[24] = "";
	ssize_t n;

	if (fd == -1 && err->sys == EROFS) {
		err_clear(err);
		fd = file_open_at(dirfd, name, O_RDONLY, 0, err);
	}
	if (fd == -1)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(err, "lock %s", name);
		n = pread(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		text[strspn(text, "0123456789")] = '\0';
		return err_set(err, ERR_BUSY, "%s: locked by process %s", name,
		    text[0] ? text : "(pid not written yet)");
	}
	if (!written)
		return take_fd(&fd);
	n = snprintf(text, sizeof(text), "%jd\n", (intmax_t)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t)n, 0) != n)
		return err_sys(err, "write pid into %s", name);
	return take_fd(&fd);
}

/* Bytes of one good name at the front of `p`. */
static size_t
name_len(const char *p)
{
	size_t n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789._+~-");

	return *p == '.' || *p == '-' || n > 255 ? 0 : n;
}

bool
name_ok(const char *s)
{
	size_t n = name_len(s);

	return n > 0 && s[n] == '\0';
}

bool
path_ok(const char *s)
{
	if (strnlen(s, 4096) == 4096)
		return false;
	for (;;) {
		size_t n = name_len(s);

		if (n == 0)
			return false;
		if (s[n] == '\0')
			return true;
		if (s[n] != '/')
			return false;
		s += n + 1;
	}
}
