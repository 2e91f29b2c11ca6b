/*
 * The folder of a farm.
 *
 * Nobody but root writes in the folder itself: SQLite would believe a planted
 * "farm.db-journal".  So the databases' three files are made here, before the
 * owner's program drops its rights, in WAL mode, where no journal is used.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/db.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define ROOM "/run/kiln"
#define ROOM_STATE ROOM "/state"
#define ROOM_RECIPES ROOM "/recipes"
#define ROOM_BIN ROOM "/bin"
#define ROOM_SHOWN ROOM "/shown"
#define ROOT_OWNS ROLE_COUNT
#define SHIPPED KILN_PREFIX "/share/kiln/recipes"

static const struct part {
	const char *name;
	int owner; /* a role, or ROOT_OWNS */
	mode_t mode;
} parts[] = {
	{ "store", ROLE_BUILDER, 0755 },
	{ "env", ROLE_ENV, 0755 },
	{ "git", ROLE_GIT, 0755 },
	{ "work", ROLE_BUILDER, 0700 },
	{ "spool", ROLE_WEB, 0755 },
	{ "tuf", ROLE_TUF, 0755 },
	{ "tuf/metadata", ROLE_TUF, 0755 },
	{ "tuf/targets", ROLE_TUF, 0755 },
	{ "tuf/log", ROLE_TUF, 0755 },
	{ "upload", ROLE_UPLOAD, 0755 },
	{ "keys", ROOT_OWNS, 0711 },
	{ "keys/online", ROLE_SIGNER, 0700 },
	{ "keys/offline", ROOT_OWNS, 0700 },
	{ "keys/hooks", ROLE_WEB, 0700 },
	{ "run", ROOT_OWNS, 0755 },
	{ "run/builder", ROLE_BUILDER, 0755 },
	{ "run/tuf", ROLE_TUF, 0755 },
	{ "run/web", ROLE_WEB, 0755 },
	{ "log", ROOT_OWNS, 0755 },
	{ "log/runs", ROLE_BUILDER,
	    0755 }, /* of running builds, for kiln-web */
	{ "router", ROOT_OWNS, 0755 },
};

static const struct {
	const char *name;
	enum role owner;
} databases[] = {
	{ "farm.db", ROLE_BUILDER },
	{ "web.db", ROLE_WEB },
	{ "tuf.db", ROLE_TUF },
};

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *
from_env(const char *name)
{
	const char *s = getenv(name);

	return s && *s ? s : NULL;
}

const char *
farm_default(void)
{
	const char *s = from_env("KILN_STATE");

	if (s)
		return s;
	return is_dir("recipes") ? "./var" : "/var/lib/kiln";
}

const char *
farm_default_recipes(void)
{
	const char *s = from_env("KILN_RECIPES");

	if (s)
		return s;
	if (is_dir("recipes"))
		return "./recipes";
	return is_dir("/etc/kiln/recipes") ? "/etc/kiln/recipes" : SHIPPED;
}

static uid_t
owner_uid(int owner)
{
	if (!role_walls())
		return geteuid();
	return owner == ROOT_OWNS ? 0 : role_uid((enum role)owner);
}

static gid_t
owner_gid(int owner)
{
	if (!role_walls())
		return getegid();
	return owner == ROOT_OWNS ? 0 : role_gid((enum role)owner);
}

/* 1: nothing in it. */
static int
is_empty(int fd, struct err *err)
{
	auto_dir DIR *d = dir_list_at(fd, ".", err);
	const struct dirent *e;
	int empty = 1;

	if (!d)
		return -1;
	while (empty && (e = readdir(d)))
		empty =
		    strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	return empty;
}

/* Owner and mode of an opened folder. */
static int
give(int fd, const char *name, int owner, mode_t mode, struct err *err)
{
	uid_t uid = owner_uid(owner);
	struct stat st;
	int empty;

	if (fstat(fd, &st) == -1)
		return err_sys(err, "look at %s", name);
	if (st.st_uid != uid) {
		empty = is_empty(fd, err);
		if (empty == -1)
			return -1;
		if (!empty || !role_walls())
			return err_set(err, ERR_INPUT,
			    "%s belongs to uid %u, not to %s (uid %u): run as "
			    "its owner, or take another folder",
			    name, st.st_uid,
			    !role_walls()	 ? "you"
			    : owner == ROOT_OWNS ? "root"
						 : role_name((enum role)owner),
			    uid);
		if (fchown(fd, uid, owner_gid(owner)) == -1)
			return err_sys(err, "give %s to uid %u", name, uid);
	}
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		return err_sys(err, "set the mode of %s", name);
	return 0;
}

static int
give_file(int dirfd, const char *name, enum role owner, struct err *err)
{
	uid_t uid = owner_uid((int)owner);
	auto_fd int fd = -1;
	struct stat st;

	fd = openat(dirfd, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(err, "open %s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, ERR_INPUT, "%s is no plain file", name);
	if (st.st_uid != uid && fchown(fd, uid, owner_gid((int)owner)) == -1)
		return err_sys(err, "give %s to uid %u", name, uid);
	if ((st.st_mode & 07777) != 0644 && fchmod(fd, 0644) == -1)
		return err_sys(err, "set the mode of %s", name);
	return 0;
}

/* An empty database in WAL mode, named last: there whole or not at all. */
static int
make_database(int dirfd, const char *name, struct err *err)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	auto_free char *path =
	    mem_printf("/proc/self/fd/%d/%s.new", dirfd, name);
	auto_free char *fresh = mem_printf("%s.new", name);
	struct db *db;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		auto_free char *old = mem_printf("%s%s", fresh, ends[i]);

		if (unlinkat(dirfd, old, 0) == -1 && errno != ENOENT)
			return err_sys(err, "remove %s", old);
	}
	db = db_open(path, NULL, 0, err);
	if (!db)
		return -1;
	db_close(db);
	for (size_t i = 1; i < ARRAY_LEN(ends); i++) {
		auto_free char *old = mem_printf("%s%s", fresh, ends[i]);

		if (unlinkat(dirfd, old, 0) == -1 && errno != ENOENT)
			return err_sys(err, "remove %s", old);
	}
	if (renameat(dirfd, fresh, dirfd, name) == -1)
		return err_sys(err, "name %s", name);
	return dir_sync(dirfd, err);
}

/* env/ was the builder's before it got an owner of its own.  It is a cache:
 * the new owner fills it again. */
static int
forget_old_env(int dirfd, struct err *err)
{
	struct stat st;

	if (!role_walls() ||
	    fstatat(dirfd, "env", &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    st.st_uid != role_uid(ROLE_BUILDER))
		return 0;
	return tree_remove_at(dirfd, "env", err);
}

static int
make_parts(int dirfd, struct err *err)
{
	if (give(dirfd, "the folder of the farm", ROOT_OWNS, 0755, err) == -1 ||
	    forget_old_env(dirfd, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const struct part *p = &parts[i];
		auto_fd int fd = dir_make_at(dirfd, p->name, p->mode, err);

		if (fd == -1 || give(fd, p->name, p->owner, p->mode, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		const char *name = databases[i].name;
		auto_free char *wal = mem_printf("%s-wal", name);
		auto_free char *shm = mem_printf("%s-shm", name);

		if (!file_exists_at(dirfd, name) &&
		    make_database(dirfd, name, err) == -1)
			return err_prefix(err, "make %s", name);
		if (give_file(dirfd, name, databases[i].owner, err) == -1 ||
		    give_file(dirfd, wal, databases[i].owner, err) == -1 ||
		    give_file(dirfd, shm, databases[i].owner, err) == -1)
			return -1;
	}
	return 0;
}

/* Several programs may be started at once. */
static int
make_layout(int dirfd, struct err *err)
{
	auto_fd int lock =
	    openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mode_t before;
	int r;

	if (lock == -1)
		return err_sys(err, "open the folder of the farm");
	while (flock(lock, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, "lock the folder of the farm");
	before = umask(022);
	r = make_parts(dirfd, err);
	umask(before);
	return r;
}

static int
open_source(const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? err_sys(err, "open folder %s", path) : fd;
}

/* A folder seen under a fixed name, without set-uid programs and devices. */
static int
bind_at(int from, const char *to, bool read_only, struct err *err)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV;
	char source[64];
	struct statvfs vfs;

	snprintf(source, sizeof(source), "/proc/self/fd/%d", from);
	if (mkdir(to, 0755) == -1)
		return err_sys(err, "make folder %s", to);
	if (mount(source, to, NULL, MS_BIND | MS_REC, NULL) == -1)
		return err_sys(err, "bind %s", to);
	if (statvfs(to, &vfs) == -1)
		return err_sys(err, "look at %s", to);
	if (read_only || vfs.f_flag & ST_RDONLY)
		flags |= MS_RDONLY;
	if (vfs.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	if (mount(NULL, to, NULL, flags, NULL) == -1)
		return err_sys(err, "set up %s", to);
	return 0;
}

/* The folder of the running program. */
static char *
own_folder(struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char *slash;

	if (n == -1 || (size_t)n == sizeof(path)) {
		err_sys(err, "look at /proc/self/exe");
		return NULL;
	}
	path[n] = '\0';
	slash = strrchr(path, '/');
	assert(slash);
	*(slash == path ? slash + 1 : slash) = '\0';
	return mem_str(path);
}

/* What the operator called the folder, for programs inside. */
static int
leave_note(const char *shown, struct err *err)
{
	auto_fd int fd =
	    open(ROOM_SHOWN, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd == -1)
		return err_sys(err, "make %s", ROOM_SHOWN);
	return fd_write_all(fd, shown, strlen(shown), err);
}

static int
make_room(const char *state, const char *recipes, const char *bin,
    const char *shown, struct err *err)
{
	auto_fd int s = -1, r = -1, b = -1;

	if (unshare(CLONE_NEWNS) == -1)
		return err_sys(err, "make a mount namespace");
	/* Opened inside, since the kernel binds nothing from another
	 * namespace, and before /run/kiln hides anything. */
	if ((s = open_source(state, err)) == -1 ||
	    (recipes && (r = open_source(recipes, err)) == -1) ||
	    (b = open_source(bin, err)) == -1)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == -1)
		return err_sys(err, "part from the system's mounts");
	if (mkdir(ROOM, 0755) == -1 && errno != EEXIST)
		return err_sys(err, "make folder %s", ROOM);
	if (mount("kiln", ROOM, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=0755,size=64k") == -1)
		return err_sys(err, "mount %s", ROOM);
	if (bind_at(s, ROOM_STATE, false, err) == -1 ||
	    (recipes && bind_at(r, ROOM_RECIPES, true, err) == -1) ||
	    bind_at(b, ROOM_BIN, true, err) == -1)
		return -1;
	return leave_note(shown, err);
}

/* Are we below a parent that made the room? */
static bool
inside(const char *state)
{
	struct statx sx;

	return strcmp(state, ROOM_STATE) == 0 &&
	       statx(AT_FDCWD, ROOM_STATE, AT_SYMLINK_NOFOLLOW, STATX_TYPE,
		   &sx) == 0 &&
	       sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int
absolute(const char *path, char **out, struct err *err)
{
	char *real = realpath(path, NULL);

	if (!real)
		return err_sys(err, "open folder %s", path);
	*out = real;
	return 0;
}

/* Names reachable by every role. */
static int
find_paths(
    struct farm *f, const char *state, const char *recipes, struct err *err)
{
	auto_buf struct buf note = BUF_INIT;
	auto_free char *real = NULL, *real_recipes = NULL, *bin = NULL;
	struct err ignored = ERR_INIT;

	if (inside(state)) {
		if (recipes && strcmp(recipes, ROOM_RECIPES) != 0)
			return err_set(err, ERR_INPUT,
			    "recipes %s: a program inside %s sees only %s",
			    recipes, ROOM, ROOM_RECIPES);
		f->path = mem_str(ROOM_STATE);
		if (is_dir(ROOM_RECIPES))
			f->recipes = mem_str(ROOM_RECIPES);
		f->bin = mem_str(ROOM_BIN);
		if (file_read(ROOM_SHOWN, PATH_MAX, &note, &ignored) == 0)
			f->shown = buf_take(&note);
		else
			f->shown = mem_str(state);
		return 0;
	}
	bin = own_folder(err);
	if (!bin || absolute(state, &real, err) == -1)
		return -1;
	if (!recipes && is_dir(farm_default_recipes()))
		recipes = farm_default_recipes();
	if (recipes && absolute(recipes, &real_recipes, err) == -1)
		return -1;
	f->shown = mem_str(state);
	if (!role_walls()) {
		f->path = take_ptr(&real);
		f->recipes = take_ptr(&real_recipes);
		f->bin = take_ptr(&bin);
		return 0;
	}
	if (make_room(real, real_recipes, bin, state, err) == -1)
		return -1;
	f->path = mem_str(ROOM_STATE);
	f->recipes = real_recipes ? mem_str(ROOM_RECIPES) : NULL;
	f->bin = mem_str(ROOM_BIN);
	return 0;
}

int
farm_enter(struct farm *out, const char *state, const char *recipes,
    bool create, struct err *err)
{
	struct farm f = FARM_INIT;

	if (!state)
		state = farm_default();
	if (!recipes)
		recipes = from_env("KILN_RECIPES"); /* named, not a default */
	if (create && path_make(state, err) == -1)
		return err_prefix(err, "farm %s", state);
	if (!create && access(state, F_OK) == -1 && errno == ENOENT)
		return err_set(err, ERR_MISSING,
		    "there is no farm in %s: name its folder with --state, or "
		    "start one with `kiln up`",
		    state);
	if (find_paths(&f, state, recipes, err) == -1)
		goto fail;
	f.dirfd = dir_open(f.path, err);
	if (f.dirfd == -1 || (create && make_layout(f.dirfd, err) == -1))
		goto fail;
	*out = f;
	return 0;
fail:
	farm_release(&f);
	return err_prefix(err, "farm %s", state);
}

void
farm_release(struct farm *f)
{
	if (f->path) /* a struct of zeros holds no descriptor 0 */
		own_close(&f->dirfd);
	free(f->path);
	free(f->shown);
	free(f->recipes);
	free(f->bin);
	*f = (struct farm)FARM_INIT;
}

int
farm_dir(const struct farm *f, const char *name, struct err *err)
{
	return dir_open_at(f->dirfd, name, err);
}

char *
farm_file(const struct farm *f, const char *name)
{
	return mem_printf("%s/%s", f->path, name);
}
