#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/keep/backup.h"
#include "lib/canon.h"
#include "lib/cli.h"
#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "lib/tree.h"

#define PARTIAL "partial"
#define COPY_MS (60 * 60 * 1000)

/* The order of backup.h. */
static const char *const databases[] = { "tuf.db", "web.db", "farm.db" };
/* Taken file by file; the store is another matter. */
static const char *const folders[] = { "keys", "tuf/targets", "tuf/metadata" };

int
backup_open(struct backup *b, const char *path, bool create, struct err *err)
{
	auto_fd int store = -1;

	if (create && mkdir(path, 0700) == -1 && errno != EEXIST)
		return err_sys(err, "make folder %s", path);
	b->dirfd = dir_open(path, err);
	if (b->dirfd == -1)
		return -1;
	store = create ? dir_make_at(b->dirfd, "store", 0700, err)
		       : dir_open_at(b->dirfd, "store", err);
	if (store == -1)
		return err_prefix(err, "%s is no backup folder", path);
	b->store = store_open(store, err);
	return b->store ? 0 : -1;
}

void
backup_close(struct backup *b)
{
	store_free(b->store);
	json_decref(b->record);
	own_close(&b->dirfd);
	*b = (struct backup)BACKUP_INIT;
}

/* --- databases -------------------------------------------------------------
 */

int
backup_child(void)
{
	struct err err = ERR_INIT;

	if (drop_to(ROLE_CLI, &err) == -1 ||
	    drop_syscalls(true, true, &err) == -1)
		return cli_fail("kiln backup", &err, false);
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		auto_free char *from =
		    mem_printf("/proc/self/fd/3/%s", databases[i]);
		auto_free char *to =
		    mem_printf("/proc/self/fd/4/%s", databases[i]);
		auto_db struct db *db = db_open_reader(from, &err);

		if (!db && err.cls == ERR_MISSING) {
			err_clear(&err); /* its owner has never run */
			continue;
		}
		if (!db || db_copy(db, to, &err) == -1)
			return cli_fail("kiln backup", &err, false);
	}
	return 0;
}

static int
copy_databases(
    struct backup *b, const struct farm *farm, int *partial, struct err *err)
{
	const char *argv[] = { "kiln", "-x", "backup", NULL };
	struct spawn sp = SPAWN_INIT;

	if (tree_remove_at(b->dirfd, PARTIAL, err) == -1)
		return -1;
	*partial = dir_make_at(b->dirfd, PARTIAL, 0700, err);
	if (*partial == -1)
		return -1;
	if (role_walls() &&
	    fchown(*partial, role_uid(ROLE_CLI), role_gid(ROLE_CLI)) == -1)
		return err_sys(err, "give " PARTIAL " away");
	sp.argv = argv;
	sp.exec_self = true;
	sp.fds[0] = farm->dirfd;
	sp.fds[1] = *partial;
	sp.nfds = 2;
	return spawn_capture(&sp, COPY_MS, 4096, NULL, NULL, err);
}

/* --- files ------------------------------------------------------------------
 */

static void
count(struct backup *b, int64_t size, bool new, const char *what)
{
	b->files++;
	b->bytes += size;
	b->new_files += new;
	b->new_bytes += new ? size : 0;
	if (b->said && b->files % BACKUP_SAY == 0)
		b->said(b, what);
}

static const char *
owner_of(uid_t uid)
{
	if (uid != 0)
		for (int r = 0; r < ROLE_COUNT; r++)
			if (role_uid((enum role)r) == uid)
				return role_name((enum role)r);
	return "root";
}

struct taking {
	struct backup *b;
	const char *folder; /* "" for the farm's own */
	json_t *files;
};

static int
take(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct taking *t = arg;
	auto_fd int fd = -1;
	auto_json json_t *one = NULL;
	auto_free char *full = NULL;
	struct hash have, h;
	int64_t size;
	bool new;

	if (!S_ISREG(st->st_mode))
		return 0;
	fd = file_open_at(dirfd, name, O_RDONLY | O_NOFOLLOW, 0, err);
	if (fd == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err); /* gone since: it was not to stay */
		return 0;
	}
	if (hash_fd(fd, &have, &size, err) == -1)
		return err_prefix(err, "%s", path);
	new = !store_has(t->b->store, &have);
	if (store_put(t->b->store, fd, &h, &size, err) == -1)
		return err_prefix(err, "%s", path);
	full =
	    *t->folder ? mem_printf("%s/%s", t->folder, path) : mem_str(path);
	one = json_object();
	js_set_str(one, "path", full);
	js_set_hash(one, "sha256", &h);
	js_set_int(one, "size", size);
	js_set_int(one, "mode", st->st_mode & 07777);
	js_set_str(one, "owner", owner_of(st->st_uid));
	if (json_array_append(t->files, one) == -1)
		return err_set(err, ERR_SYSTEM, "out of memory");
	count(t->b, size, new, full);
	return 0;
}

static int
take_databases(struct taking *t, int farm, int partial, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		struct stat st, own;

		if (fstatat(partial, databases[i], &st, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    st.st_size == 0)
			continue;
		if (fstatat(farm, databases[i], &own, AT_SYMLINK_NOFOLLOW) ==
		    -1)
			return err_sys(err, "look at %s", databases[i]);
		st.st_mode = own.st_mode;
		st.st_uid = own.st_uid;
		if (take(t, databases[i], partial, databases[i], &st, err) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
take_folders(struct taking *t, const struct farm *farm, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		auto_fd int dir = farm_dir(farm, folders[i], err);

		t->folder = folders[i];
		if (dir == -1 || tree_walk(dir, take, t, err) == -1)
			return err_prefix(err, "%s", folders[i]);
	}
	t->folder = "";
	return 0;
}

struct copying {
	struct backup *b;
	struct store *from;
	json_t *names;
};

static int
copy_one(
    void *arg, const struct hash *h, const struct stat *st, struct err *err)
{
	struct copying *c = arg;
	bool new = !store_has(c->b->store, h);
	auto_fd int fd = -1;
	char hex[HASH_HEX];

	hash_hex(h, hex);
	if (new) {
		if (store_get(c->from, h, &fd, err) == -1) {
			if (err->cls != ERR_MISSING)
				return -1;
			err_clear(err);
			return 0;
		}
		if (store_put_expected(c->b->store, fd, h, -1, err) == -1)
			return err_prefix(
			    err, "store %s is damaged (see kiln verify)", hex);
	}
	json_array_append_new(c->names, json_string(hex));
	count(c->b, st->st_size, new, hex);
	return 0;
}

static int
copy_store(
    struct backup *b, const struct farm *farm, json_t *names, struct err *err)
{
	auto_fd int dir = farm_dir(farm, "store", err);
	struct copying c = { .b = b, .names = names };
	int r;

	if (dir == -1)
		return -1;
	c.from = store_open(dir, err);
	if (!c.from)
		return -1;
	r = store_walk(c.from, copy_one, &c, err);
	store_free(c.from);
	return r;
}

/* --- the record -------------------------------------------------------------
 */

int
backup_make(struct backup *b, const struct farm *farm, struct err *err)
{
	auto_json json_t *j = js_record_new("backup", BACKUP_V);
	auto_buf struct buf text = BUF_INIT;
	auto_fd int partial = -1;
	json_t *files = json_array(), *names = json_array();
	struct taking t = { b, "", files };
	struct stat st;
	char at[TIME_TEXT];
	auto_free char *name = NULL;

	time_text(time_now(), at);
	js_set_str(j, "at", at);
	js_set_str(j, "version", KILN_VERSION);
	js_set_str(j, "farm", farm->shown);
	js_set(j, "files", files);
	js_set(j, "store", names);
	if (copy_databases(b, farm, &partial, err) == -1 ||
	    take_databases(&t, farm->dirfd, partial, err) == -1 ||
	    take_folders(&t, farm, err) == -1)
		return -1;
	if (fstatat(farm->dirfd, "kiln.yaml", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    take(&t, "kiln.yaml", farm->dirfd, "kiln.yaml", &st, err) == -1)
		return -1;
	if (copy_store(b, farm, names, err) == -1 ||
	    canon_json(j, &text, err) == -1)
		return -1;
	name = mem_printf("%s.json", at);
	if (file_write_at(b->dirfd, name, text.data, text.len, 0600, err) ==
		-1 ||
	    tree_remove_at(b->dirfd, PARTIAL, err) == -1)
		return -1;
	json_decref(b->record);
	b->record = json_incref(j);
	return 0;
}
