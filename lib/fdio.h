/*
 * Files below a directory descriptor.
 *
 * A directory is opened once; everything below it goes through openat2 with
 * RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, O_CLOEXEC always.  A file is
 * replaced by a temporary in the same directory, fsync, rename, fsync of the
 * directory; errors of close count.
 */
#ifndef KILN_FDIO_H
#define KILN_FDIO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* A path of the operator's own (may follow links); the one entrance. */
int dir_open(const char *path, struct err *) KILN_MUST;
/* mkdir -p of such a one. */
int path_make(const char *path, struct err *) KILN_MUST;
/* Below dirfd, no links followed; ERR_MISSING when not there. */
int dir_open_at(int dirfd, const char *path, struct err *) KILN_MUST;
/* mkdir -p below dirfd; returns the opened directory. */
int dir_make_at(int dirfd, const char *path, mode_t, struct err *) KILN_MUST;
/* A folder's entries, from the first on: dir_open_at, and a stream (auto_dir)
 * that shares its offset with nobody's.  "." is dirfd itself. */
DIR *dir_list_at(int dirfd, const char *path, struct err *) KILN_MUST;
int dir_sync(int dirfd, struct err *) KILN_MUST;
/* Opens the folder that holds `path`; *base is its last part, in `path`. */
int dir_parent_at(
    int dirfd, const char *path, const char **base, struct err *) KILN_MUST;

int file_open_at(
    int dirfd, const char *path, int flags, mode_t, struct err *) KILN_MUST;
/* Reads the whole file; more than `limit` bytes is ERR_INPUT.  Appends. */
int file_read_at(int dirfd, const char *path, size_t limit, struct buf *,
    struct err *) KILN_MUST;
int file_read(
    const char *path, size_t limit, struct buf *, struct err *) KILN_MUST;
/* Atomic and durable: old content or new content, whole. */
int file_write_at(int dirfd, const char *path, const void *, size_t, mode_t,
    struct err *) KILN_MUST;
bool file_exists_at(int dirfd, const char *path);
/* Nothing there is success.  Not synced: what must stay gone is synced by the
 * caller, once for many. */
int file_remove_at(int dirfd, const char *path, struct err *) KILN_MUST;

int fd_read_all(int fd, size_t limit, struct buf *, struct err *) KILN_MUST;
int fd_write_all(int fd, const void *, size_t, struct err *) KILN_MUST;
int fd_size(int fd, int64_t *, struct err *) KILN_MUST;
/* From fd_meter() on, what this process writes by fd_write_all (and so by
 * file_write_at, hash_copy, store_put) to regular files of the same file
 * system is counted, in bytes: a router's flash wears out by it. */
void fd_meter(int dirfd);
int64_t fd_metered(void);

/*
 * An unnamed temporary (O_TMPFILE, or a hidden name where the file system
 * has none).  tmp_link names it (EEXIST: already there, which is success and
 * discards it); tmp_replace puts it in the place of `name`.  Both fsync the
 * file before and the directory after.  `name` may be a path below dirfd whose
 * folder exists.  Closing without either discards it.  Modes are exact, not
 * cut by the umask.
 */
struct tmp {
	int fd;
	int dirfd;     /* borrowed */
	char name[32]; /* "" when unnamed */
};
#define TMP_INIT           \
	{                  \
		-1, -1, "" \
	}
#define auto_tmp __attribute__((cleanup(tmp_release)))
int tmp_open(struct tmp *, int dirfd, mode_t, struct err *) KILN_MUST;
int tmp_link(struct tmp *, const char *name, struct err *) KILN_MUST;
int tmp_replace(struct tmp *, const char *name, struct err *) KILN_MUST;
void tmp_release(struct tmp *);
/* Removes hidden temporaries older than a day that a killed process left; on a
 * read-only file system none. */
int tmp_sweep(int dirfd, struct err *) KILN_MUST;

/* An exclusive flock on `name`, with our pid written into it unless the file
 * system is read-only.  ERR_BUSY names the pid that has it.  The lock dies with
 * the process; returns its fd. */
int lock_file_at(int dirfd, const char *name, struct err *) KILN_MUST;

/* Names from outside: 1 to 255 of A-Za-z0-9._+~-, not starting with a dot or
 * a minus. */
bool name_ok(const char *);
/* Components of name_ok, separated by single slashes, relative. */
bool path_ok(const char *);

#endif
