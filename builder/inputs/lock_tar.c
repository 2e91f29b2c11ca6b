#include "builder/inputs/lock_tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "builder/inputs/lock_json.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define LOCK_JSON_MAX (16 * 1024 * 1024)
/* Of what a lock gives no size for: InRelease files and indexes. */
#define PROOF_MAX (256 * 1024 * 1024)
#define BLOCK (128 * 1024)

struct blob {
	struct hash sha256;
	int64_t size; /* -1: not told */
};

struct blobs {
	struct blob *v;
	size_t n, cap;
};

static int
note_blob(void *arg, const struct hash *h, int64_t size,
    const char *name KILN_UNUSED, struct err *err KILN_UNUSED)
{
	struct blobs *b = arg;

	MEM_GROW(b->v, b->n, b->cap);
	b->v[b->n++] = (struct blob){ *h, size };
	return 0;
}

static int
blob_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash));
}

static int
tar_err(struct archive *a, const char *what, struct err *err)
{
	const char *text = archive_error_string(a);

	err_set(err, archive_errno(a) == ENOSPC ? ERR_SYSTEM : ERR_INPUT,
	    "%s: %s", what, text ? text : "not a tar file");
	err->sys = archive_errno(a) == ENOSPC ? ENOSPC : 0;
	return -1;
}

static int
write_header(struct archive *a, const char *name, int64_t size, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0444);
	archive_entry_set_mtime(e, 0, 0);
	r = archive_write_header(a, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? 0 : tar_err(a, name, err);
}

static int
write_blob(
    struct archive *a, struct store *st, const struct hash *h, struct err *err)
{
	char name[6 + HASH_HEX] = "blobs/", block[BLOCK];
	auto_fd int fd = -1;
	int64_t size;

	hash_hex(h, name + 6);
	if (store_get(st, h, &fd, err) == -1 || fd_size(fd, &size, err) == -1 ||
	    write_header(a, name, size, err) == -1)
		return -1;
	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(err, "read %s", name);
		if (n == 0)
			return 0;
		if (archive_write_data(a, block, (size_t)n) != n)
			return tar_err(a, name, err);
	}
}

static int
write_all(struct archive *a, struct store *st, const struct lock *l,
    const struct blobs *b, struct err *err)
{
	auto_json json_t *j = lock_json(l);
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1 ||
	    write_header(a, "lock.json", (int64_t)text.len, err) == -1)
		return -1;
	if (archive_write_data(a, text.data, text.len) != (la_ssize_t)text.len)
		return tar_err(a, "lock.json", err);
	for (size_t i = 0; i < b->n; i++) {
		if (i > 0 && blob_cmp(&b->v[i - 1], &b->v[i]) == 0)
			continue;
		if (write_blob(a, st, &b->v[i].sha256, err) == -1)
			return -1;
	}
	return archive_write_close(a) == ARCHIVE_OK ? 0
						    : tar_err(a, "tar", err);
}

int
lock_tar_write(struct store *st, const struct lock *l, int fd, struct err *err)
{
	struct archive *a = archive_write_new();
	struct blobs b = { 0 };
	int r = 0;

	if (lock_complete(st, l, err) == -1 ||
	    lock_blobs(l, note_blob, &b, err) == -1)
		r = -1;
	if (r == 0 && b.n)
		qsort(b.v, b.n, sizeof(*b.v), blob_cmp);
	if (r == 0 && (archive_write_set_format_ustar(a) != ARCHIVE_OK ||
			  archive_write_open_fd(a, fd) != ARCHIVE_OK))
		r = tar_err(a, "tar", err);
	if (r == 0)
		r = write_all(a, st, l, &b, err);
	archive_write_free(a);
	free(b.v);
	return r;
}

/* 1: an entry, a plain file; 0: the end. */
static int
next_entry(struct archive *a, const char **name, int64_t *size, struct err *err)
{
	struct archive_entry *e;
	int r = archive_read_next_header(a, &e);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return tar_err(a, "tar", err);
	*name = archive_entry_pathname(e);
	*size = archive_entry_size(e);
	if (!*name || archive_entry_filetype(e) != AE_IFREG ||
	    archive_entry_hardlink(e) || !archive_entry_size_is_set(e))
		return err_set(
		    err, ERR_INPUT, "tar: an entry is not a plain file");
	return 1;
}

static struct lock *
read_lock(struct archive *a, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	const char *name;
	int64_t size;
	int r = next_entry(a, &name, &size, err);

	if (r == -1)
		return NULL;
	if (r == 0 || strcmp(name, "lock.json") != 0) {
		err_set(
		    err, ERR_INPUT, "tar: its first entry is not lock.json");
		return NULL;
	}
	if (size > LOCK_JSON_MAX) {
		err_set(err, ERR_INPUT, "lock.json has %lld bytes, at most %d",
		    (long long)size, LOCK_JSON_MAX);
		return NULL;
	}
	buf_reserve(&text, (size_t)size);
	while (text.len < (size_t)size) {
		char block[16384];
		la_ssize_t n = archive_read_data(a, block, sizeof(block));

		if (n <= 0) {
			tar_err(a, "lock.json", err);
			return NULL;
		}
		buf_add(&text, block, (size_t)n);
	}
	return lock_parse("lock.json", text.data, text.len, err);
}

static int
read_blob(struct archive *a, struct store *st, const struct blobs *b,
    const char *name, int64_t size, int tmpdir, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	const struct blob *want;
	struct hash h;

	if (strncmp(name, "blobs/", 6) != 0 || !hash_parse(&h, name + 6))
		return err_set(err, ERR_INPUT,
		    "tar: an entry is neither lock.json nor a blob");
	want = b->n ? bsearch(&h, b->v, b->n, sizeof(*b->v), blob_cmp) : NULL;
	if (!want)
		return err_set(
		    err, ERR_INPUT, "tar: the lock does not name %s", name);
	if (want->size != -1 ? size != want->size : size > PROOF_MAX)
		return err_set(err, ERR_TRUST,
		    "tar: %s has %lld bytes, the lock says %lld", name,
		    (long long)size,
		    (long long)(want->size != -1 ? want->size : PROOF_MAX));
	if (tmp_open(&tmp, tmpdir, 0600, err) == -1)
		return -1;
	if (archive_read_data_into_fd(a, tmp.fd) != ARCHIVE_OK)
		return tar_err(a, name, err);
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "tar: %s: seek", name);
	if (store_put_expected(st, tmp.fd, &h, size, err) == -1)
		return err_prefix(err, "tar: %s", name);
	return 0;
}

static struct lock *
read_all(struct archive *a, struct store *st, int tmpdir, struct err *err)
{
	auto_lock struct lock *l = read_lock(a, err);
	struct blobs b = { 0 };
	const char *name;
	int64_t size;
	int r;

	if (!l)
		return NULL;
	r = lock_blobs(l, note_blob, &b, err);
	if (b.n)
		qsort(b.v, b.n, sizeof(*b.v), blob_cmp);
	while (r == 0 && (r = next_entry(a, &name, &size, err)) == 1)
		r = read_blob(a, st, &b, name, size, tmpdir, err);
	free(b.v);
	if (r == -1 || lock_complete(st, l, err) == -1)
		return NULL;
	return take_ptr(&l);
}

struct lock *
lock_tar_read(struct store *st, int fd, int tmpdir, struct err *err)
{
	struct archive *a = archive_read_new();
	struct lock *l = NULL;

	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		tar_err(a, "tar", err);
	else
		l = read_all(a, st, tmpdir, err);
	archive_read_free(a);
	return l;
}
