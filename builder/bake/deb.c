/*
 * A .deb is an ar archive whose member data.tar.* is read by a second reader
 * straight from the first: nothing lies on disk in between.  Files are
 * written below a directory descriptor with no link followed, which is
 * stricter than libarchive's own writer and needs no chdir.
 */
#include "builder/bake/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/bake/mkpath.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define MEMBERS_MAX 400000	     /* linux-source has 80,000 */
#define BYTES_MAX ((int64_t)8 << 30) /* unpacked, of one package */
#define PATH_ROOM 4096

struct outer {
	struct archive *ar;
	char block[64 * 1024];
};

struct unpack {
	const char *what;
	int dirfd;
	int64_t members, bytes;
};

bool
deb_path(const char *member, char *out, size_t room)
{
	static const char *const merged[] = { "bin", "sbin", "lib", "lib32",
		"lib64", "libx32" };
	struct span rest, part;
	size_t n = 0;
	bool first = true;

	while (member[0] == '.' && member[1] == '/')
		member += 2;
	while (member[0] == '/')
		member++;
	if (strcmp(member, ".") == 0)
		member = "";
	rest = span_str(member);
	if (room == 0)
		return false;
	out[0] = '\0';
	while (span_next(&rest, '/', &part)) {
		if (part.n == 0) {
			/* One slash may end a folder's name. */
			if (rest.n == 0)
				break;
			return false;
		}
		if (span_is(part, ".") || span_is(part, ".."))
			return false;
		for (size_t i = 0; i < part.n; i++)
			if ((unsigned char)part.p[i] < ' ' || part.p[i] == 127)
				return false;
		if (first) {
			for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
				if (!span_is(part, merged[i]))
					continue;
				if (room < 5)
					return false;
				memcpy(out, "usr/", 5);
				n = 4;
			}
		} else {
			if (n + 1 >= room)
				return false;
			out[n++] = '/';
		}
		if (part.n >= room - n)
			return false;
		memcpy(out + n, part.p, part.n);
		n += part.n;
		out[n] = '\0';
		first = false;
	}
	return true;
}

static int
bad(const struct unpack *u, const char *path, struct err *err, const char *why)
{
	return err_set(
	    err, ERR_INPUT, "%s: member %.200s: %s", u->what, path, why);
}

static const struct timespec clock_times[2] = { { DEB_CLOCK, 0 },
	{ DEB_CLOCK, 0 } };

static int
put_file(struct unpack *u, const char *path, struct archive *data,
    struct archive_entry *e, struct err *err)
{
	mode_t mode = archive_entry_perm(e) & 0111 ? 0755 : 0644;
	const char *name;
	auto_fd int dir = mkpath_parent(u->dirfd, path, &name, err);
	auto_fd int fd = -1;

	if (dir == -1)
		return -1;
	if (archive_entry_size(e) > BYTES_MAX - u->bytes)
		return bad(u, path, err, "more than 8 GiB in all");
	u->bytes += archive_entry_size(e);
	fd = file_open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL, mode, err);
	if (fd == -1)
		return err_prefix(err, "%s: unpack %s", u->what, path);
	if (archive_read_data_into_fd(data, fd) != ARCHIVE_OK) {
		if (archive_errno(data) == ENOSPC || errno == ENOSPC) {
			errno = ENOSPC;
			return err_sys(err, "%s: unpack %s", u->what, path);
		}
		return bad(u, path, err, "cannot be read");
	}
	/* fchmod: whatever our umask. */
	if (fchmod(fd, mode) == -1 || futimens(fd, clock_times) == -1)
		return err_sys(err, "%s: unpack %s", u->what, path);
	return 0;
}

static int
put_hardlink(
    struct unpack *u, const char *path, const char *target, struct err *err)
{
	char from[PATH_ROOM];
	const char *name, *from_name;
	auto_fd int dir = mkpath_parent(u->dirfd, path, &name, err);
	auto_fd int from_dir = -1;

	if (dir == -1)
		return -1;
	if (!deb_path(target, from, sizeof(from)) || from[0] == '\0')
		return bad(u, path, err, "links to a name that leaves it");
	from_dir = mkpath_parent(u->dirfd, from, &from_name, err);
	if (from_dir == -1)
		return -1;
	if (linkat(from_dir, from_name, dir, name, 0) == -1)
		return err_sys(err, "%s: link %s to %s", u->what, path, from);
	return 0;
}

static int
put_symlink(
    struct unpack *u, const char *path, const char *target, struct err *err)
{
	const char *name;
	auto_fd int dir = mkpath_parent(u->dirfd, path, &name, err);

	if (dir == -1)
		return -1;
	/* It may point anywhere: it is only followed inside the sandbox. */
	if (!target || target[0] == '\0' || strlen(target) >= PATH_ROOM)
		return bad(u, path, err, "a symbolic link to nowhere");
	if (symlinkat(target, dir, name) == -1)
		return err_sys(err, "%s: unpack %s", u->what, path);
	if (utimensat(dir, name, clock_times, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(err, "%s: unpack %s", u->what, path);
	return 0;
}

static int
put_member(struct unpack *u, struct archive *data, struct archive_entry *e,
    struct err *err)
{
	const char *member = archive_entry_pathname(e);
	const char *link = archive_entry_hardlink(e);
	char path[PATH_ROOM];

	if (++u->members > MEMBERS_MAX)
		return err_set(err, ERR_INPUT, "%s: more than %d members",
		    u->what, MEMBERS_MAX);
	if (!member || !deb_path(member, path, sizeof(path)))
		return bad(u, member ? member : "(no name)", err,
		    "leaves the package");
	if (path[0] == '\0')
		return 0;
	if (link)
		return put_hardlink(u, path, link, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFDIR: {
		auto_fd int dir = mkpath(u->dirfd, path, err);

		return dir == -1
			   ? err_prefix(err, "%s: unpack %s", u->what, path)
			   : 0;
	}
	case AE_IFREG:
		return put_file(u, path, data, e, err);
	case AE_IFLNK:
		return put_symlink(u, path, archive_entry_symlink(e), err);
	default:
		return bad(u, path, err, "neither file, folder nor link");
	}
}

static ssize_t
read_outer(struct archive *data, void *arg, const void **block)
{
	struct outer *o = arg;
	ssize_t n = archive_read_data(o->ar, o->block, sizeof(o->block));

	if (n < 0) {
		archive_set_error(data, EIO, "%s", archive_error_string(o->ar));
		return -1;
	}
	*block = o->block;
	return n;
}

static int
unpack_data(struct unpack *u, struct archive *ar, struct err *err)
{
	struct outer *o = mem_zero(1, sizeof(*o));
	struct archive *data = archive_read_new();
	struct archive_entry *e;
	int rc = -1, got = ARCHIVE_OK;

	if (!data)
		goto out;
	o->ar = ar;
	archive_read_support_format_tar(data);
	archive_read_support_filter_xz(data);
	archive_read_support_filter_zstd(data);
	archive_read_support_filter_gzip(data);
	archive_read_support_filter_bzip2(data);
	if (archive_read_open(data, o, NULL, read_outer, NULL) != ARCHIVE_OK) {
		err_set(err, ERR_INPUT, "%s: data.tar: %s", u->what,
		    archive_error_string(data));
		goto out;
	}
	while ((got = archive_read_next_header(data, &e)) == ARCHIVE_OK ||
	       got == ARCHIVE_WARN) {
		if (put_member(u, data, e, err) == -1)
			goto out;
	}
	if (got != ARCHIVE_EOF) {
		err_set(err, ERR_INPUT, "%s: data.tar: %s", u->what,
		    archive_error_string(data));
		goto out;
	}
	rc = 0;
out:
	archive_read_free(data);
	free(o);
	return rc;
}

static int
set_dir_time(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	(void)arg;
	(void)path;
	if (!S_ISDIR(st->st_mode))
		return 0;
	if (fchmodat(dirfd, name, 0755, 0) == -1 ||
	    utimensat(dirfd, name, clock_times, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(err, "set the time of %s", path);
	return 0;
}

int
deb_unpack(const char *what, int fd, int dirfd, struct err *err)
{
	struct unpack u = { what, dirfd, 0, 0 };
	struct archive *ar = archive_read_new();
	struct archive_entry *e;
	int rc = -1, got;

	if (!ar)
		return err_set(err, ERR_SYSTEM, "no archive reader");
	archive_read_support_format_ar(ar);
	if (archive_read_open_fd(ar, fd, 64 * 1024) != ARCHIVE_OK) {
		err_set(err, ERR_INPUT, "%s: not a .deb: %s", what,
		    archive_error_string(ar));
		goto out;
	}
	while ((got = archive_read_next_header(ar, &e)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);

		if (!name || strncmp(name, "data.tar", 8) != 0)
			continue;
		rc = unpack_data(&u, ar, err);
		/* Nothing above may have moved a folder's time since. */
		if (rc == 0)
			rc = tree_walk(dirfd, set_dir_time, NULL, err);
		goto out;
	}
	err_set(err, ERR_INPUT, "%s: not a .deb: no data.tar in it", what);
out:
	archive_read_free(ar);
	return rc;
}
