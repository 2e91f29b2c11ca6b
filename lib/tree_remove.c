/*
 * Removing what a hostile build left: any depth, any number, any mode.  At
 * most DEEPEST folders are open; one that lies deeper is first moved up into
 * the tree's top, where a later round finds it.  Mounts are never entered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define DEEPEST 64

struct removal {
	DIR *dirs[DEEPEST];
	char names[DEEPEST][256]; /* each in the folder before */
	bool again[DEEPEST];	  /* has changed since its listing began */
	int depth;
	uint64_t moved; /* for names of what was moved up */
	int rounds;	/* listings begun again: somebody else still writes */
};

static int
open_folder(int at, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_DIRECTORY | O_CLOEXEC),
		.resolve =
		    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, at, name, &how, sizeof(how));
}

/* So that we may list it, enter it, and move it. */
static int
mend(int at, const char *name)
{
	auto_fd int fd = open_folder(at, name, O_PATH);
	char self[40];
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if ((st.st_mode & 0700) == 0700)
		return 0;
	/* By the fd: fchmodat would follow a link put there meanwhile. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return chmod(self, (st.st_mode & 07777) | 0700);
}

static int
push(struct removal *r, int at, const char *name, struct err *err)
{
	auto_fd int fd = -1;
	DIR *dir;

	/* Not ours to mend, but root may enter all the same: go on. */
	(void)mend(at, name);
	fd = open_folder(at, name, O_RDONLY);
	if (fd == -1 && errno == EXDEV)
		return err_set(err, ERR_SYSTEM,
		    "remove %s: something is mounted on it", name);
	if (fd == -1)
		return err_sys(err, "remove folder %s", name);
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(err, "list %s", name);
	fd = -1;
	snprintf(r->names[r->depth], sizeof(r->names[0]), "%s", name);
	r->again[r->depth] = false;
	r->dirs[r->depth++] = dir;
	return 0;
}

static int
move_up(struct removal *r, int at, const char *name, struct err *err)
{
	char to[40];

	(void)mend(at, name);
	do {
		snprintf(to, sizeof(to), ".deep-%ju", (uintmax_t)r->moved++);
		if (renameat2(at, name, dirfd(r->dirs[0]), to,
			RENAME_NOREPLACE) == 0) {
			r->again[0] = true;
			return 0;
		}
	} while (errno == EEXIST);
	return err_sys(err, "remove deep folder %s", name);
}

static int
remove_entry(struct removal *r, const struct dirent *e, struct err *err)
{
	int here = dirfd(r->dirs[r->depth - 1]);

	if (e->d_type != DT_DIR) {
		if (unlinkat(here, e->d_name, 0) == 0 || errno == ENOENT)
			return 0;
		/* DT_UNKNOWN, or it was exchanged. */
		if (errno != EISDIR && errno != EPERM)
			return err_sys(err, "remove %s", e->d_name);
	}
	if (unlinkat(here, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return err_sys(err, "remove %s", e->d_name);
	if (r->depth == DEEPEST)
		return move_up(r, here, e->d_name, err);
	return push(r, here, e->d_name, err);
}

/* The listing at the bottom has ended: its folder goes, or is read again. */
static int
pop(struct removal *r, int top, const char *top_name, struct err *err)
{
	int i = r->depth - 1;
	int above = i ? dirfd(r->dirs[i - 1]) : top;
	const char *name = i ? r->names[i] : top_name;

	if (!r->again[i]) {
		if (unlinkat(above, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			goto gone;
		if (errno != ENOTEMPTY || r->rounds++ == 1000)
			return err_sys(err, "remove folder %s", name);
	}
	r->again[i] = false;
	rewinddir(r->dirs[i]);
	return 0;
gone:
	closedir(r->dirs[i]);
	r->depth--;
	return 0;
}

static int
empty(struct removal *r, int top, const char *top_name, struct err *err)
{
	struct dirent *e;

	while (r->depth) {
		errno = 0;
		e = readdir(r->dirs[r->depth - 1]);
		if (!e && errno)
			return err_sys(err, "list %s", r->names[r->depth - 1]);
		if (!e) {
			if (pop(r, top, top_name, err) == -1)
				return -1;
			continue;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (remove_entry(r, e, err) == -1)
			return -1;
	}
	return 0;
}

int
tree_remove_at(int at, const char *path, struct err *err)
{
	auto_free struct removal *r = NULL;
	auto_fd int top = -1;
	struct err why = ERR_INIT;
	const char *name;
	int result;

	top = dir_parent_at(at, path, &name, &why);
	if (top == -1 && why.cls == ERR_MISSING)
		return 0;
	if (top == -1) {
		*err = why;
		return -1;
	}
	if (unlinkat(top, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "remove %s", path);
	if (unlinkat(top, name, AT_REMOVEDIR) == 0)
		return 0;
	r = mem_zero(1, sizeof(*r));
	result = push(r, top, name, err);
	if (result == 0)
		result = empty(r, top, name, err);
	while (r->depth)
		closedir(r->dirs[--r->depth]);
	return result == -1 ? err_prefix(err, "remove %s", path) : 0;
}
