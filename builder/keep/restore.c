/* What backups there are, which of them stay, and a farm made of one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/keep/backup.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tree.h"

#define RECORD_MAX (512 << 20)
#define SUFFIX ".json"

/* "TIME.json": the time, freed by the caller; else NULL. */
static char *
time_of(const char *name)
{
	size_t n = strlen(name);
	struct err none = ERR_INIT;
	int64_t when;
	char *at;

	if (n != TIME_TEXT - 1 + strlen(SUFFIX) ||
	    strcmp(name + TIME_TEXT - 1, SUFFIX) != 0)
		return NULL;
	at = mem_printf("%.*s", TIME_TEXT - 1, name);
	if (time_parse(at, &when, &none) == 0)
		return at;
	free(at);
	return NULL;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
backup_list(const struct backup *b, json_t **out, struct err *err)
{
	auto_dir DIR *d = dir_list_at(b->dirfd, ".", err);
	char **names = NULL;
	size_t n = 0;
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		char *at = time_of(e->d_name);

		if (!at)
			continue;
		names = mem_resize(names, n + 1, sizeof(*names));
		names[n++] = at;
	}
	if (n > 0)
		qsort(names, n, sizeof(*names), by_text);
	*out = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(*out, json_string(names[i]));
		free(names[i]);
	}
	free(names);
	return 0;
}

static int
read_record(
    const struct backup *b, const char *name, json_t **out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *file = mem_printf("%s" SUFFIX, name);
	auto_free char *at = time_of(file);
	json_t *ignored;

	if (!at)
		return err_set(err, ERR_INPUT, "\"%s\" names no backup", name);
	if (file_read_at(b->dirfd, file, RECORD_MAX, &text, err) == -1)
		return err_prefix(err, "backup %s", name);
	*out = js_record(file, "backup", BACKUP_V, text.data, text.len, err);
	if (!*out)
		return -1;
	if (js_array(file, *out, "files", &ignored, err) == -1 ||
	    js_array(file, *out, "store", &ignored, err) == -1) {
		json_decref(*out);
		*out = NULL;
		return -1;
	}
	return 0;
}

int
backup_read(struct backup *b, const char *name, struct err *err)
{
	auto_json json_t *all = NULL;
	size_t n;

	if (backup_list(b, &all, err) == -1)
		return -1;
	n = json_array_size(all);
	if (!name && n == 0)
		return err_set(err, ERR_MISSING, "there is no backup in it");
	if (!name)
		name = json_string_value(json_array_get(all, n - 1));
	json_decref(b->record);
	b->record = NULL;
	return read_record(b, name, &b->record, err);
}

/* --- what stays --------------------------------------------------------------
 */

struct pruning {
	struct store *store;
	json_t *needed;
	int64_t bytes;
};

static int
prune_one(
    void *arg, const struct hash *h, const struct stat *st, struct err *err)
{
	struct pruning *p = arg;
	char hex[HASH_HEX];

	hash_hex(h, hex);
	if (json_object_get(p->needed, hex))
		return 0;
	p->bytes += st->st_size;
	return store_remove(p->store, h, err);
}

static int
add_needed(
    const struct backup *b, const char *name, json_t *needed, struct err *err)
{
	auto_json json_t *j = NULL;
	const json_t *one;
	size_t i;

	if (read_record(b, name, &j, err) == -1)
		return -1;
	json_array_foreach(json_object_get(j, "store"), i, one)
	{
		if (json_string_value(one))
			js_set_bool(needed, json_string_value(one), true);
	}
	json_array_foreach(json_object_get(j, "files"), i, one)
	{
		struct hash h;
		char hex[HASH_HEX];

		if (js_hash(name, one, "sha256", &h, err) == -1)
			return -1;
		hash_hex(&h, hex);
		js_set_bool(needed, hex, true);
	}
	return 0;
}

int
backup_prune(
    struct backup *b, int64_t keep, int64_t *removed_bytes, struct err *err)
{
	auto_json json_t *all = NULL, *needed = json_object();
	struct pruning p = { b->store, needed, 0 };
	size_t n, gone;

	if (backup_list(b, &all, err) == -1)
		return -1;
	n = json_array_size(all);
	gone = (int64_t)n > keep ? n - (size_t)keep : 0;
	*removed_bytes = 0;
	if (gone == 0)
		return 0;
	/* Records first: what is left then names all that is needed. */
	for (size_t i = gone; i < n; i++)
		if (add_needed(b, json_string_value(json_array_get(all, i)),
			needed, err) == -1)
			return -1;
	for (size_t i = 0; i < gone; i++) {
		auto_free char *file = mem_printf(
		    "%s" SUFFIX, json_string_value(json_array_get(all, i)));

		if (file_remove_at(b->dirfd, file, err) == -1)
			return -1;
	}
	if (dir_sync(b->dirfd, err) == -1 ||
	    store_walk(b->store, prune_one, &p, err) == -1)
		return -1;
	*removed_bytes = p.bytes;
	return 0;
}

/* --- a farm again ------------------------------------------------------------
 */

static void
owner_ids(const char *name, uid_t *uid, gid_t *gid)
{
	*uid = *gid = 0;
	for (int r = 0; r < ROLE_COUNT; r++)
		if (strcmp(role_name((enum role)r), name) == 0) {
			*uid = role_uid((enum role)r);
			*gid = role_gid((enum role)r);
		}
}

/* Opens the folder of `path`; those that are made belong to the file's owner.
 */
static int
make_folders(int farm, const char *path, uid_t uid, gid_t gid, struct err *err)
{
	int dir = dir_open_at(farm, ".", err);
	const char *slash;

	for (; dir != -1 && (slash = strchr(path, '/')); path = slash + 1) {
		auto_free char *name =
		    mem_printf("%.*s", (int)(slash - path), path);
		auto_fd int up = dir;

		if (mkdirat(up, name, 0755) == 0) {
			if (role_walls() && fchownat(up, name, uid, gid,
						AT_SYMLINK_NOFOLLOW) == -1)
				return err_sys(err, "give %s away", name);
		} else if (errno != EEXIST) {
			return err_sys(err, "make folder %s", name);
		}
		dir = dir_open_at(up, name, err);
	}
	return dir;
}

static int
put_back(const struct backup *b, int farm, const json_t *one, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	auto_fd int fd = -1, dir = -1;
	struct hash want, got;
	const char *path, *owner, *slash;
	int64_t mode, size, len;
	uid_t uid;
	gid_t gid;

	if (js_str("backup", one, "path", &path, err) == -1 ||
	    js_str("backup", one, "owner", &owner, err) == -1 ||
	    js_hash("backup", one, "sha256", &want, err) == -1 ||
	    js_int("backup", one, "mode", 0, 07777, &mode, err) == -1 ||
	    js_int("backup", one, "size", 0, JS_INT_MAX, &size, err) == -1)
		return -1;
	if (!path_ok(path))
		return err_set(err, ERR_INPUT, "backup: bad path \"%s\"", path);
	owner_ids(owner, &uid, &gid);
	slash = strrchr(path, '/');
	dir = make_folders(farm, path, uid, gid, err);
	if (dir == -1 || store_get(b->store, &want, &fd, err) == -1 ||
	    tmp_open(&tmp, dir, (mode_t)mode, err) == -1 ||
	    hash_copy(fd, tmp.fd, size, &got, &len, err) == -1)
		return err_prefix(err, "%s", path);
	if (!hash_equal(&want, &got) || len != size)
		return err_set(err, ERR_TRUST,
		    "%s is damaged in the backup: its SHA-256 is another",
		    path);
	if (role_walls() && fchown(tmp.fd, uid, gid) == -1)
		return err_sys(err, "give %s to %s", path, owner);
	return tmp_replace(&tmp, slash ? slash + 1 : path, err);
}

/* To the builder, with the folder it is in. */
static int
give_artifact(int store, const struct hash *h, struct err *err)
{
	uid_t uid = role_uid(ROLE_BUILDER);
	gid_t gid = role_gid(ROLE_BUILDER);
	char path[STORE_PATH], folder[3];

	if (!role_walls())
		return 0;
	store_path(h, path);
	snprintf(folder, sizeof(folder), "%.2s", path);
	if (fchownat(store, folder, uid, gid, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fchownat(store, path, uid, gid, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(err, "give store/%s away", path);
	return 0;
}

static int
fill_store(const struct backup *b, struct store *to, struct err *err)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(b->record, "store"), i, one)
	{
		const char *hex = json_string_value(one);
		auto_fd int fd = -1;
		struct hash h;

		if (!hex || !hash_parse(&h, hex))
			return err_set(err, ERR_INPUT,
			    "backup: a bad digest in \"store\"");
		if (store_get(b->store, &h, &fd, err) == -1 ||
		    store_put_expected(to, fd, &h, -1, err) == -1)
			return err_prefix(err, "backup: store/%s", hex);
		if (give_artifact(store_folder(to), &h, err) == -1)
			return -1;
		if (b->said && i % BACKUP_SAY == 0)
			b->said(b, hex);
	}
	return 0;
}

static int
fill(const struct backup *b, const struct farm *farm, struct err *err)
{
	auto_fd int dir = farm_dir(farm, "store", err);
	struct store *to = dir == -1 ? NULL : store_open(dir, err);
	const json_t *one;
	size_t i;
	int r;

	if (!to)
		return -1;
	r = fill_store(b, to, err);
	store_free(to);
	if (r == -1)
		return -1;
	json_array_foreach(json_object_get(b->record, "files"), i, one)
	{
		if (put_back(b, farm->dirfd, one, err) == -1)
			return -1;
	}
	return syncfs(farm->dirfd) == -1 ? err_sys(err, "sync the farm") : 0;
}

/* "a/b" is "a" and "b"; "b" is "." and "b". */
static int
open_parent(const char *path, char **base, struct err *err)
{
	auto_free char *copy = mem_str(path), *folder = NULL;
	size_t n = strlen(copy);
	char *slash;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	*base = mem_str(slash ? slash + 1 : copy);
	if (slash)
		*slash = '\0';
	folder = mem_str(!slash ? "." : *copy ? copy : "/");
	return dir_open(folder, err);
}

int
backup_restore(struct backup *b, const char *path, struct err *err)
{
	auto_free char *base = NULL, *name = NULL, *beside = NULL;
	auto_fd int parent = open_parent(path, &base, err);
	struct farm farm = FARM_INIT;
	int r;

	if (parent == -1)
		return -1;
	if (unlinkat(parent, base, AT_REMOVEDIR) == -1 && errno != ENOENT)
		return errno == ENOTEMPTY || errno == EEXIST
			   ? err_set(err, ERR_INPUT,
				 "%s is not empty: a farm is restored into a "
				 "new folder",
				 path)
			   : err_sys(err, "look at %s", path);
	name = mem_printf("%s.restored", base);
	beside = mem_printf("/proc/self/fd/%d/%s", parent, name);
	/* What an attempt that was ended left. */
	if (tree_remove_at(parent, name, err) == -1 ||
	    farm_enter(&farm, beside, NULL, true, err) == -1)
		return -1;
	r = fill(b, &farm, err);
	farm_release(&farm);
	if (r == -1)
		return -1;
	if (renameat(parent, name, parent, base) == -1)
		return err_sys(err, "name %s", path);
	return dir_sync(parent, err);
}
