#include "tuf-repo/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/roles.h"

#define TARGET_FOLDER 0755

/* Writes once: there already is success if it is the same. */
static int
write_once(
    int dirfd, const char *name, const void *p, size_t n, struct err *err)
{
	auto_buf struct buf have = BUF_INIT;
	auto_tmp struct tmp tmp = TMP_INIT;
	struct err ignore = ERR_INIT;

	if (!file_exists_at(dirfd, name)) {
		if (tmp_open(&tmp, dirfd, 0644, err) == -1 ||
		    fd_write_all(tmp.fd, p, n, err) == -1)
			return -1;
		return tmp_link(&tmp, name, err);
	}
	if (file_read_at(dirfd, name, n, &have, &ignore) == -1 ||
	    have.len != n || memcmp(have.data, p, n) != 0)
		return err_set(err, ERR_TRUST,
		    "%s is in the published tree with other content", name);
	/* Named, perhaps by one who was killed before it was durable. */
	return dir_sync(dirfd, err);
}

int
place_role(struct repo *r, const char *role, int64_t version, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;
	auto_buf struct buf bytes = BUF_INIT;
	char name[ROLE_FILE_MAX];

	if (role_load(r->db, role, version, &f, &bytes, err) == -1)
		return -1;
	role_file(role, version, name);
	return write_once(r->metadata, name, bytes.data, bytes.len, err);
}

/* Compressed forms were named in the tree when they were made. */
static int
check_there(
    int dir, const char *name, const struct tuf_target *t, struct err *err)
{
	auto_fd int fd = file_open_at(dir, name, O_RDONLY | O_NOFOLLOW, 0, err);
	struct hash h;
	int64_t size;

	if (fd == -1 || hash_fd(fd, &h, &size, err) == -1)
		return -1;
	if (size != t->length || !hash_equal(&h, &t->sha256))
		return err_set(err, ERR_TRUST,
		    "%s is in the published tree with other content", name);
	return 0;
}

static int
place_target(struct repo *r, const struct tuf_target *t, json_t *folders,
    struct err *err)
{
	const char *slash = strrchr(t->path, '/');
	auto_free char *folder =
	    mem_strn(t->path, slash ? (size_t)(slash - t->path) : 0);
	auto_free char *name = NULL, *text = NULL;
	char hex[HASH_HEX];

	if (!slash)
		return err_set(
		    err, ERR_TRUST, "%s: no folder in its path", t->path);
	auto_fd int dir = dir_make_at(r->targets, folder, TARGET_FOLDER, err);
	if (dir == -1 || own_target_get(r, &t->sha256, &text, err) == -1)
		return -1;
	hash_hex(&t->sha256, hex);
	name = mem_printf("%s.%s", hex, slash + 1);
	if (text)
		return write_once(dir, name, text, strlen(text), err);
	if (strncmp(t->path, "transport/", 10) == 0) {
		json_object_set_new(folders, folder, json_true());
		return check_there(dir, name, t, err);
	}
	return store_link(r->store, &t->sha256, dir, name, err);
}

int
place_sync(struct repo *r, const json_t *folders, struct err *err)
{
	const char *folder;
	json_t *v;

	json_object_foreach((json_t *)folders, folder, v)
	{
		auto_fd int dir = dir_open_at(r->targets, folder, err);

		if (dir == -1 || dir_sync(dir, err) == -1)
			return -1;
	}
	return 0;
}

int
place_targets(struct repo *r, const char *role, int64_t version,
    json_t *folders, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;

	if (role_load(r->db, role, version, &f, NULL, err) == -1)
		return -1;
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct tuf_target *t = &f->targets[i];

		if (!place_known(r, t) &&
		    place_target(r, t, folders, err) == -1)
			return err_prefix(err, "target %s", t->path);
	}
	return 0;
}

bool
place_known(void *arg, const struct tuf_target *t)
{
	static const char sql[] =
	    "SELECT 1 FROM placed WHERE path = ?1 AND digest = ?2";
	struct repo *r = arg;
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	struct err ignore = ERR_INIT;

	stmt_bind_str(q, 1, t->path);
	stmt_bind_hash(q, 2, &t->sha256);
	return stmt_step(q, &ignore) == 1;
}
