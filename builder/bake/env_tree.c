#include "builder/bake/env_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/bake/deb.h"
#include "builder/bake/env_list.h"
#include "builder/bake/fixup.h"
#include "builder/bake/mkpath.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define NEW "new-"
#define NEW_NAME (4 + HASH_HEX)

static void
new_name(char out[NEW_NAME], const char *hex)
{
	memcpy(out, NEW, 4);
	memcpy(out + 4, hex, HASH_HEX);
}

/* --- packages ------------------------------------------------------------ */

int
env_tree_unpack(int env, const struct env_package *p, int deb, struct err *err)
{
	char hex[HASH_HEX], name[NEW_NAME];
	auto_fd int debs = mkpath(env, "deb", err);
	auto_fd int dir = -1, root = -1, file = -1;
	struct hash digest;
	int64_t size;

	if (debs == -1)
		return -1;
	hash_hex(&p->sha256, hex);
	new_name(name, hex);
	/* A disk may rot; what is unpacked is what was locked. */
	if (hash_fd(deb, &digest, &size, err) == -1)
		return -1;
	if (!hash_equal(&digest, &p->sha256))
		return err_set(err, ERR_TRUST,
		    "package %s: damaged in the store (%s)", p->name, hex);
	if (tree_remove_at(debs, name, err) == -1)
		return -1;
	dir = mkpath(debs, name, err);
	if (dir == -1)
		return -1;
	root = mkpath(dir, "root", err);
	if (root == -1 || deb_unpack(p->name, deb, root, err) == -1 ||
	    tree_digest(root, &digest, err) == -1)
		return -1;
	hash_hex(&digest, hex);
	file = file_open_at(dir, "digest", O_WRONLY | O_CREAT, 0444, err);
	if (file == -1 || fd_write_all(file, hex, HASH_HEX - 1, err) == -1)
		return -1;
	return 0;
}

int
env_tree_name(int env, const struct env_package *p, size_t n, struct err *err)
{
	char hex[HASH_HEX], name[NEW_NAME];
	auto_fd int debs = mkpath(env, "deb", err);

	if (debs == -1)
		return -1;
	if (syncfs(debs) == -1)
		return err_sys(err, "sync unpacked packages");
	for (size_t i = 0; i < n; i++) {
		hash_hex(&p[i].sha256, hex);
		new_name(name, hex);
		if (renameat(debs, name, debs, hex) == -1)
			return err_sys(
			    err, "name unpacked package %s", p[i].name);
	}
	return dir_sync(debs, err);
}

/* --- an environment ------------------------------------------------------ */

static int
copy_file(int from_dir, const char *from, int to_dir, const char *to,
    const struct stat *st, struct err *err)
{
	auto_fd int in = file_open_at(from_dir, from, O_RDONLY, 0, err);
	auto_fd int out = -1;
	struct timespec times[2] = { st->st_mtim, st->st_mtim };
	struct hash h;
	int64_t size;

	if (in == -1)
		return -1;
	out = file_open_at(
	    to_dir, to, O_WRONLY | O_CREAT | O_EXCL, st->st_mode & 0777, err);
	if (out == -1 || hash_copy(in, out, st->st_size, &h, &size, err) == -1)
		return -1;
	if (fchmod(out, st->st_mode & 0777) == -1 || futimens(out, times) == -1)
		return err_sys(err, "copy %s", from);
	return 0;
}

static bool
same_link(int a, const char *an, int b, const char *bn)
{
	char at[4096], bt[4096];
	ssize_t n = readlinkat(a, an, at, sizeof(at));

	return n > 0 && readlinkat(b, bn, bt, sizeof(bt)) == n &&
	       memcmp(at, bt, (size_t)n) == 0;
}

struct merge {
	int root;
	const char *package;
};

static int
merge_one(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	const struct merge *m = arg;
	const char *base;
	auto_fd int dir = -1;

	if (S_ISDIR(st->st_mode)) {
		dir = mkpath(m->root, path, err);
		return dir == -1 ? err_prefix(err, "package %s", m->package)
				 : 0;
	}
	dir = mkpath_parent(m->root, path, &base, err);
	if (dir == -1)
		return err_prefix(err, "package %s", m->package);
	if (linkat(dirfd, name, dir, base, 0) == 0)
		return 0;
	if (errno == EMLINK && S_ISREG(st->st_mode))
		return copy_file(dirfd, name, dir, base, st, err);
	if (errno != EEXIST)
		return err_sys(err, "link %s of package %s", path, m->package);
	if (S_ISLNK(st->st_mode) && same_link(dirfd, name, dir, base))
		return 0;
	if (strchr(m->package, ':'))
		return 0;
	return err_set(err, ERR_INPUT,
	    "package %s: another package of this environment has /%s too",
	    m->package, path);
}

static int
set_dir_time(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	static const struct timespec times[2] = { { DEB_CLOCK, 0 },
		{ DEB_CLOCK, 0 } };

	(void)arg;
	/* Files have theirs, but for those the fix-ups made. */
	if (st->st_mtim.tv_sec == DEB_CLOCK)
		return 0;
	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(err, "set the time of %s", path);
	return 0;
}

/* Before the tree has its name: one that has it has a list. */
static int
write_list(int env, const char *hex, int root, struct err *err)
{
	auto_buf struct buf list = BUF_INIT;
	char name[ENV_LIST_NAME];
	auto_fd int fd = -1;

	env_list_name(hex, name);
	if (env_list_add(root, &list, err) == -1 ||
	    file_remove_at(env, name, err) == -1)
		return -1;
	fd = file_open_at(env, name, O_WRONLY | O_CREAT | O_EXCL, 0444, err);
	return fd == -1 ? -1 : fd_write_all(fd, list.data, list.len, err);
}

int
env_tree_assemble(int env, const struct hash *digest,
    const struct env_package *p, size_t n, struct err *err)
{
	char hex[HASH_HEX], name[NEW_NAME];
	auto_fd int root = -1;

	hash_hex(digest, hex);
	new_name(name, hex);
	if (tree_remove_at(env, name, err) == -1)
		return -1;
	root = mkpath(env, name, err);
	if (root == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct merge m = { root, p[i].name };
		char deb[HASH_HEX];
		auto_free char *path = NULL;
		auto_fd int dir = -1;

		hash_hex(&p[i].sha256, deb);
		path = mem_printf("deb/%s/root", deb);
		dir = dir_open_at(env, path, err);
		if (dir == -1 || tree_walk(dir, merge_one, &m, err) == -1)
			return -1;
	}
	if (fixup_apply(root, err) == -1 ||
	    tree_walk(root, set_dir_time, NULL, err) == -1)
		return -1;
	if (write_list(env, hex, root, err) == -1)
		return -1;
	if (syncfs(root) == -1)
		return err_sys(err, "sync the environment");
	if (renameat(env, name, env, hex) == -1)
		return err_sys(err, "name the environment");
	return dir_sync(env, err);
}

/* --- what goes ----------------------------------------------------------- */

int
env_tree_drop(int env, const char *name, struct err *err)
{
	bool deb = strncmp(name, "deb/", 4) == 0;
	const char *hex = deb ? name + 4 : name;
	auto_fd int dir = deb ? mkpath(env, "deb", err) : mkpath(env, "", err);
	char new[NEW_NAME], list[ENV_LIST_NAME];
	struct hash checked;

	if (dir == -1)
		return -1;
	if (!hash_parse(&checked, hex))
		return err_set(err, ERR_INPUT, "env has nothing so named");
	new_name(new, hex);
	/* Under the name of what is half-made: whoever is killed now leaves it
	 * to env_tree_clean. */
	if (tree_remove_at(dir, new, err) == -1)
		return -1;
	if (renameat(dir, hex, dir, new) == -1 && errno != ENOENT)
		return err_sys(err, "remove %s from env", name);
	if (dir_sync(dir, err) == -1 || tree_remove_at(dir, new, err) == -1)
		return -1;
	if (deb)
		return 0;
	env_list_name(hex, list);
	return file_remove_at(dir, list, err);
}

/* --- what was left half-made --------------------------------------------- */

static int
remove_new(int dirfd, struct err *err)
{
	auto_dir DIR *d = dir_list_at(dirfd, ".", err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, NEW, 4) == 0 &&
		    tree_remove_at(dirfd, e->d_name, err) == -1)
			return -1;
	return 0;
}

int
env_tree_clean(int env, struct err *err)
{
	auto_fd int debs = mkpath(env, "deb", err);

	if (debs == -1 || remove_new(debs, err) == -1)
		return -1;
	return remove_new(env, err);
}
