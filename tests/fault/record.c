/*
 * record: writes down every change that a program makes below a folder, in
 * the order it made them, so that replay can take back what was not synced.
 *
 *	record DIR LOG COMMAND…
 *
 * LOG is lines of words, names last; LOG.data holds the bytes written.  A
 * file or folder is called by its inode number: DIR's file system must not
 * use one twice (tmpfs).  First what was there:
 *	had INO TYPE PATH
 * then
 *	create DIRINO INO TYPE MODE UID GID NAME	TYPE f, d or l
 *	tmpfile INO MODE UID GID			no name yet
 *	link DIRINO INO NAME
 *	unlink DIRINO NAME
 *	rename DIRINO TODIRINO 0|1 NAME/TONAME		1: they change places
 *	write INO OFFSET LENGTH AT			AT: in LOG.data
 *	size INO LENGTH
 *	mode INO MODE
 *	own INO UID GID
 *	time INO SECONDS NANOSECONDS
 *	sync INO
 *	syncall
 *	target INO TEXT					of a symbolic link
 * A mark that says where a program was stands after each: "@ CALL FILE".
 * Exit status as the command's; 98 when a change could not be written down.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "tests/fault/trace.h"

static struct recorder {
	FILE *log, *data;
	dev_t dev;
	int64_t at; /* in data */
	bool lost;
	/* Of the call that is under way. */
	char path[8192], from[8192];
	struct stat before, from_before;
	bool was, was_from;
	int64_t offset;
} rec;

static char
type_of(const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? 'd' : S_ISLNK(st->st_mode) ? 'l' : 'f';
}

static int
had(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)flag;
	(void)ftw;
	fprintf(rec.log, "had %ju %c %s\n", (uintmax_t)st->st_ino, type_of(st),
	    path);
	return 0;
}

static void
lose(const struct call *c, const char *why)
{
	fprintf(stderr, "record: %s %s: %s\n", c->name, c->what, why);
	rec.lost = true;
}

/* The folder of rec.path, and what it is called there. */
static bool
place_of(const char *path, ino_t *dir, const char **name)
{
	auto_free char *copy = mem_str(path);
	char *slash = strrchr(copy, '/');
	struct stat st;

	if (!slash)
		return false;
	*name = path + (slash - copy) + 1;
	slash[1] = '\0';
	if (stat(copy, &st) == -1 || st.st_dev != rec.dev)
		return false;
	*dir = st.st_ino;
	return true;
}

static bool
look(const char *path, struct stat *st)
{
	return lstat(path, st) == 0 && st->st_dev == rec.dev;
}

/* What a descriptor argument is. */
static bool
look_fd(const struct call *c, int arg, struct stat *st)
{
	char path[64];

	snprintf(
	    path, sizeof(path), "/proc/%d/fd/%d", c->tid, (int)c->args[arg]);
	return stat(path, st) == 0 && st->st_dev == rec.dev;
}

static int64_t
offset_of(const struct call *c, int arg)
{
	char path[64], line[128];
	int64_t pos = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", c->tid,
	    (int)c->args[arg]);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "pos: %" SCNd64, &pos) == 1)
			break;
	if (f)
		fclose(f);
	return pos;
}

static void
created(const char *path, const struct stat *st)
{
	char text[4096];
	const char *name;
	ssize_t n;
	ino_t dir;

	if (!place_of(path, &dir, &name))
		return;
	fprintf(rec.log, "create %ju %ju %c %o %u %u %s\n", (uintmax_t)dir,
	    (uintmax_t)st->st_ino, type_of(st), st->st_mode & 07777, st->st_uid,
	    st->st_gid, name);
	if (!S_ISLNK(st->st_mode))
		return;
	n = readlink(path, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	fprintf(rec.log, "target %ju %s\n", (uintmax_t)st->st_ino, text);
}

static void
opened(const struct call *c)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", c->tid, (int)c->result);
	if (stat(path, &st) == -1 || st.st_dev != rec.dev ||
	    !S_ISREG(st.st_mode))
		return;
	if (st.st_nlink == 0)
		fprintf(rec.log, "tmpfile %ju %o %u %u\n", (uintmax_t)st.st_ino,
		    st.st_mode & 07777, st.st_uid, st.st_gid);
	else if (!rec.was)
		created(rec.path, &st);
	else if (rec.before.st_size != st.st_size)
		fprintf(rec.log, "size %ju %jd\n", (uintmax_t)st.st_ino,
		    (intmax_t)st.st_size);
}

/* From the file itself: by now it has what was written. */
static void
wrote(const struct call *c, int fd_arg, int64_t offset, int64_t length)
{
	char path[64], buf[65536];
	int64_t done = 0;
	auto_fd int fd = -1;
	struct stat st;

	if (!look_fd(c, fd_arg, &st) || length <= 0)
		return;
	snprintf(
	    path, sizeof(path), "/proc/%d/fd/%d", c->tid, (int)c->args[fd_arg]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	fprintf(rec.log, "write %ju %jd %jd %jd\n", (uintmax_t)st.st_ino,
	    (intmax_t)offset, (intmax_t)length, (intmax_t)rec.at);
	while (fd != -1 && done < length) {
		size_t want = length - done < (int64_t)sizeof(buf)
				  ? (size_t)(length - done)
				  : sizeof(buf);
		ssize_t n = pread(fd, buf, want, offset + done);

		if (n <= 0)
			break;
		fwrite(buf, 1, (size_t)n, rec.data);
		done += n;
	}
	if (done != length)
		lose(c, "what it wrote cannot be read");
	rec.at += length;
}

static void
renamed(const struct call *c, bool exchange)
{
	const char *from, *to;
	ino_t dir, todir;

	if (!place_of(rec.from, &dir, &from) ||
	    !place_of(rec.path, &todir, &to)) {
		lose(c, "a folder is not found");
		return;
	}
	fprintf(rec.log, "rename %ju %ju %d %s/%s\n", (uintmax_t)dir,
	    (uintmax_t)todir, exchange, from, to);
}

static void
linked(const struct call *c)
{
	const char *name;
	struct stat st;
	ino_t dir;

	if (!look(rec.path, &st) || !place_of(rec.path, &dir, &name)) {
		lose(c, "the link is not found");
		return;
	}
	fprintf(rec.log, "link %ju %ju %s\n", (uintmax_t)dir,
	    (uintmax_t)st.st_ino, name);
}

static void
unlinked(void)
{
	const char *name;
	ino_t dir;

	if (rec.was && place_of(rec.path, &dir, &name))
		fprintf(rec.log, "unlink %ju %s\n", (uintmax_t)dir, name);
}

static void
attributes(const struct call *c, const struct stat *st)
{
	uintmax_t ino = st->st_ino;

	if (strstr(c->name, "chmod"))
		fprintf(rec.log, "mode %ju %o\n", ino, st->st_mode & 07777);
	else if (strstr(c->name, "chown"))
		fprintf(
		    rec.log, "own %ju %u %u\n", ino, st->st_uid, st->st_gid);
	else
		fprintf(rec.log, "time %ju %jd %ld\n", ino,
		    (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* The arguments that name what is changed: -1 where there is none. */
static void
names(const struct call *c, int *dir, int *path, int *from_dir, int *from)
{
	*dir = *path = *from_dir = *from = -1;
	switch (c->nr) {
	case SYS_openat:
	case SYS_openat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
	case SYS_fchmodat:
	case SYS_fchownat:
	case SYS_utimensat:
		*dir = 0;
		*path = 1;
		return;
	case SYS_symlinkat:
		*dir = 1;
		*path = 2;
		return;
	case SYS_renameat:
	case SYS_renameat2:
		*from_dir = 0;
		*from = 1;
		/* fallthrough */
	case SYS_linkat:
		*dir = 2;
		*path = 3;
		return;
#ifdef SYS_open
	case SYS_rename:
		*from = 0;
		/* fallthrough */
	case SYS_link:
	case SYS_symlink:
		*path = 1;
		return;
	case SYS_open:
	case SYS_creat:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_mkdir:
	case SYS_chmod:
	case SYS_chown:
	case SYS_truncate:
		*path = 0;
		return;
#endif
	}
}

static enum verdict_of_call
enter(void *arg, struct call *c)
{
	int dir, path, from_dir, from;

	(void)arg;
	rec.path[0] = rec.from[0] = '\0';
	rec.was = rec.was_from = false;
	if (c->nr == SYS_sendmsg || c->nr == SYS_sendto)
		return CALL_PASS;
	names(c, &dir, &path, &from_dir, &from);
	if (path >= 0 && c->args[path]) {
		if (!trace_path(c, dir, path, rec.path, sizeof(rec.path)))
			lose(c, "no name");
		rec.was = look(rec.path, &rec.before);
	}
	if (from >= 0) {
		if (!trace_path(c, from_dir, from, rec.from, sizeof(rec.from)))
			lose(c, "no name");
		rec.was_from = look(rec.from, &rec.from_before);
	}
	if (c->nr == SYS_write || c->nr == SYS_writev || c->nr == SYS_sendfile)
		rec.offset = offset_of(c, 0);
	return CALL_WATCH;
}

static void
leave(void *arg, struct call *c)
{
	struct stat st;

	(void)arg;
	if (c->result < 0)
		return;
	switch (c->nr) {
#ifdef SYS_open
	case SYS_open:
	case SYS_creat:
#endif
	case SYS_openat:
	case SYS_openat2:
		opened(c);
		break;
	case SYS_write:
	case SYS_writev:
	case SYS_sendfile:
		/* O_APPEND moves first. */
		wrote(c, 0, offset_of(c, 0) - c->result, c->result);
		break;
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_pwritev2:
		wrote(c, 0, (int64_t)c->args[3], c->result);
		break;
	case SYS_copy_file_range:
		if (c->args[3])
			lose(c, "an offset in memory");
		wrote(c, 2, offset_of(c, 2) - c->result, c->result);
		break;
	case SYS_ftruncate:
	case SYS_fallocate:
		if (look_fd(c, 0, &st))
			fprintf(rec.log, "size %ju %jd\n", (uintmax_t)st.st_ino,
			    (intmax_t)st.st_size);
		break;
#ifdef SYS_open
	case SYS_rename:
#endif
	case SYS_renameat:
		renamed(c, false);
		break;
	case SYS_renameat2:
		renamed(c, c->args[4] & RENAME_EXCHANGE);
		break;
#ifdef SYS_open
	case SYS_link:
#endif
	case SYS_linkat:
		linked(c);
		break;
#ifdef SYS_open
	case SYS_unlink:
	case SYS_rmdir:
#endif
	case SYS_unlinkat:
		unlinked();
		break;
#ifdef SYS_open
	case SYS_mkdir:
	case SYS_symlink:
#endif
	case SYS_mkdirat:
	case SYS_symlinkat:
		if (look(rec.path, &st))
			created(rec.path, &st);
		break;
	case SYS_fchmod:
	case SYS_fchown:
		if (look_fd(c, 0, &st))
			attributes(c, &st);
		break;
	case SYS_utimensat:
		if (rec.path[0] ? look(rec.path, &st) : look_fd(c, 0, &st))
			attributes(c, &st);
		break;
#ifdef SYS_open
	case SYS_chmod:
	case SYS_chown:
#endif
	case SYS_fchmodat:
	case SYS_fchownat:
		if (look(rec.path, &st))
			attributes(c, &st);
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		if (look_fd(c, 0, &st))
			fprintf(rec.log, "sync %ju\n", (uintmax_t)st.st_ino);
		break;
	case SYS_syncfs:
		fprintf(rec.log, "syncall\n");
		break;
	default:
		lose(c, "not known here");
	}
	fprintf(rec.log, "@ %s %s\n", c->name, c->what);
}

int
main(int argc, char **argv)
{
	struct tracer t = { .enter = enter, .leave = leave };
	auto_free char *data = NULL;
	struct stat st;
	int status = 0;

	if (argc < 4 || stat(argv[1], &st) == -1)
		return 97;
	data = mem_printf("%s.data", argv[2]);
	rec.log = fopen(argv[2], "we");
	rec.data = fopen(data, "we");
	if (!rec.log || !rec.data)
		return 97;
	rec.dev = t.dev = st.st_dev;
	if (chdir(argv[1]) == -1 || nftw(".", had, 32, FTW_PHYS) == -1)
		return 97;
	if (chdir("/") == -1)
		return 97;
	if (trace_run(argv + 3, &t, &status) == -1)
		return 98;
	if (fclose(rec.log) != 0 || fclose(rec.data) != 0 || rec.lost)
		return 98;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
