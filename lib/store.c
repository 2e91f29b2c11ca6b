#include "lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

struct store {
	int dirfd;
};

struct store *
store_open(int dirfd, struct err *err)
{
	int fd = dir_open_at(dirfd, ".", err);
	struct store *st;

	if (fd == -1) {
		err_prefix(err, "open store");
		return NULL;
	}
	st = mem_zero(1, sizeof(*st));
	st->dirfd = fd;
	/* Of many who open a store only its owner can sweep. */
	if (tmp_sweep(fd, err) == -1)
		err_clear(err);
	return st;
}

void
store_free(struct store *st)
{
	if (!st)
		return;
	close(st->dirfd);
	free(st);
}

int
store_folder(const struct store *st)
{
	return st->dirfd;
}

void
store_path(const struct hash *h, char out[STORE_PATH])
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	out[0] = hex[0];
	out[1] = hex[1];
	out[2] = '/';
	memcpy(out + 3, hex, HASH_HEX);
}

static int
not_as_named(const char *path, struct err *err)
{
	return err_set(err, ERR_TRUST,
	    "artifact %s is damaged: its bytes have another digest", path + 3);
}

static bool
sound(struct store *st, const struct hash *h)
{
	struct err why = ERR_INIT;

	return store_verify(st, h, &why) == 0;
}

/*
 * Gives the temporary its name.  One that is there already is read before it
 * is believed: whoever brings the right bytes again mends a damaged one.
 */
static int
name_it(
    struct store *st, struct tmp *tmp, const struct hash *h, struct err *err)
{
	char path[STORE_PATH], shard[3];
	auto_fd int dir = -1;

	store_path(h, path);
	memcpy(shard, path, 2);
	shard[2] = '\0';
	dir = dir_make_at(st->dirfd, shard, 0755, err);
	if (dir == -1)
		return -1;
	if (sound(st, h)) {
		/* Not our file, if somebody else's store is read: no matter. */
		(void)!utimensat(st->dirfd, path, NULL, AT_SYMLINK_NOFOLLOW);
		return dir_sync(dir, err);
	}
	if (store_has(st, h))
		return tmp_replace(tmp, path, err);
	return tmp_link(tmp, path, err);
}

static int
put(struct store *st, int src, const struct hash *expect, int64_t size,
    struct hash *out, int64_t *out_size, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	char want[HASH_HEX], is[HASH_HEX];
	struct hash h;
	int64_t n;

	if (tmp_open(&tmp, st->dirfd, 0444, err) == -1 ||
	    hash_copy(src, tmp.fd, expect && size >= 0 ? size : INT64_MAX, &h,
		&n, err) == -1)
		return -1;
	if (expect && size >= 0 && n != size)
		return err_set(err, ERR_TRUST,
		    "%" PRId64 " bytes instead of %" PRId64, n, size);
	if (expect && !hash_equal(&h, expect)) {
		hash_hex(&h, is);
		hash_hex(expect, want);
		return err_set(
		    err, ERR_TRUST, "digest is %s instead of %s", is, want);
	}
	if (name_it(st, &tmp, &h, err) == -1)
		return -1;
	if (out)
		*out = h;
	if (out_size)
		*out_size = n;
	return 0;
}

int
store_put(
    struct store *st, int src, struct hash *out, int64_t *size, struct err *err)
{
	if (put(st, src, NULL, -1, out, size, err) == -1)
		return err_prefix(err, "store artifact");
	return 0;
}

int
store_put_expected(struct store *st, int src, const struct hash *h,
    int64_t size, struct err *err)
{
	char hex[HASH_HEX];

	if (put(st, src, h, size, NULL, NULL, err) == 0)
		return 0;
	/* hash_copy stopped at the size that was promised. */
	if (err->cls == ERR_INPUT)
		err->cls = ERR_TRUST;
	hash_hex(h, hex);
	return err_prefix(err, "store artifact %s", hex);
}

int
store_put_bytes(struct store *st, const void *p, size_t n, struct hash *out,
    struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	struct hash h;

	hash_bytes(&h, p, n);
	if (tmp_open(&tmp, st->dirfd, 0444, err) == -1 ||
	    fd_write_all(tmp.fd, p, n, err) == -1 ||
	    name_it(st, &tmp, &h, err) == -1)
		return err_prefix(err, "store artifact");
	if (out)
		*out = h;
	return 0;
}

int
store_get(struct store *st, const struct hash *h, int *fd, struct err *err)
{
	char path[STORE_PATH];
	int got;

	store_path(h, path);
	got = file_open_at(st->dirfd, path, O_RDONLY, 0, err);
	if (got == -1 && err->cls == ERR_MISSING)
		return err_set(err, ERR_MISSING,
		    "artifact %s is not in the store", path + 3);
	if (got == -1)
		return err_prefix(err, "artifact");
	*fd = got;
	return 0;
}

int
store_read(struct store *st, const struct hash *h, size_t limit,
    struct buf *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	char path[STORE_PATH];
	auto_fd int fd = -1;
	struct hash is;

	store_path(h, path);
	if (store_get(st, h, &fd, err) == -1)
		return -1;
	if (fd_read_all(fd, limit, &b, err) == -1)
		return err_prefix(err, "artifact %s", path + 3);
	hash_bytes(&is, b.data, b.len);
	if (!hash_equal(&is, h))
		return not_as_named(path, err);
	buf_add(out, b.data, b.len);
	return 0;
}

bool
store_has(struct store *st, const struct hash *h)
{
	char path[STORE_PATH];

	store_path(h, path);
	return file_exists_at(st->dirfd, path);
}

int
store_verify(struct store *st, const struct hash *h, struct err *err)
{
	char path[STORE_PATH];
	auto_fd int fd = -1;
	struct hash is;

	store_path(h, path);
	if (store_get(st, h, &fd, err) == -1)
		return -1;
	if (hash_fd(fd, &is, NULL, err) == -1)
		return err_prefix(err, "artifact %s", path + 3);
	return hash_equal(&is, h) ? 0 : not_as_named(path, err);
}

/* 0: `name` holds exactly this artifact. */
static int
same_already(const struct hash *h, int dirfd, const char *name, struct err *err)
{
	auto_fd int fd =
	    file_open_at(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	struct hash is;

	if (fd == -1 || hash_fd(fd, &is, NULL, err) == -1)
		return -1;
	if (!hash_equal(&is, h))
		return err_set(err, ERR_INPUT,
		    "%s is there already, with other content", name);
	return 0;
}

static int
copy_out(struct store *st, const struct hash *h, int dirfd, const char *name,
    struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	char path[STORE_PATH];
	auto_fd int src = -1;
	struct hash is;

	store_path(h, path);
	if (store_get(st, h, &src, err) == -1 ||
	    tmp_open(&tmp, dirfd, 0444, err) == -1 ||
	    hash_copy(src, tmp.fd, INT64_MAX, &is, NULL, err) == -1)
		return -1;
	if (!hash_equal(&is, h))
		return not_as_named(path, err);
	if (tmp_link(&tmp, name, err) == -1)
		return -1;
	/* tmp_link is content with any file of that name. */
	return same_already(h, dirfd, name, err);
}

static int
link_out(struct store *st, const struct hash *h, int dirfd, const char *name,
    struct err *err)
{
	char path[STORE_PATH];

	store_path(h, path);
	if (linkat(st->dirfd, path, dirfd, name, 0) == 0)
		return dir_sync(dirfd, err);
	switch (errno) {
	case EEXIST:
		if (same_already(h, dirfd, name, err) == -1)
			return -1;
		return dir_sync(dirfd, err);
	case ENOENT:
		return err_set(err, ERR_MISSING,
		    "artifact %s is not in the store", path + 3);
	case EPERM: /* fs.protected_hardlinks */
	case EACCES:
	case EXDEV:
	case EMLINK:
	case EOPNOTSUPP:
		return copy_out(st, h, dirfd, name, err);
	}
	return err_sys(err, "link artifact %s", path + 3);
}

int
store_link(struct store *st, const struct hash *h, int dirfd, const char *name,
    struct err *err)
{
	auto_fd int dir = -1;
	const char *base;

	dir = dir_parent_at(dirfd, name, &base, err);
	if (dir == -1 || link_out(st, h, dir, base, err) == -1)
		return err_prefix(err, "name artifact %s", name);
	return 0;
}
