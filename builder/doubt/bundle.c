#include "builder/doubt/bundle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static const char zeros[2 * BUNDLE_BLOCK];

void
bundle_release(struct bundle *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].name);
		buf_release(&b->v[i].text);
	}
	free(b->v);
	buf_release(&b->origin);
	*b = (struct bundle)BUNDLE_INIT;
}

/* --- what there is ------------------------------------------------------- */

static struct bundle_member *
add(struct bundle *b, const char *name)
{
	struct bundle_member *m;

	MEM_GROW(b->v, b->n, b->cap);
	m = &b->v[b->n++];
	*m = (struct bundle_member){ .name = mem_str(name), .text = BUF_INIT };
	return m;
}

void
bundle_add_text(struct bundle *b, const char *name, const struct buf *text)
{
	struct bundle_member *m = add(b, name);

	hash_bytes(&m->sha256, text->data, text->len);
	m->size = (int64_t)text->len;
	buf_add(&m->text, text->data, text->len);
}

int
bundle_add_blob(
    struct bundle *b, struct store *st, const struct hash *h, struct err *err)
{
	char name[sizeof(BUNDLE_BLOBS) + HASH_HEX] = BUNDLE_BLOBS;
	struct bundle_member *m;
	auto_fd int fd = -1;
	int64_t size;

	for (size_t i = 0; i < b->n; i++)
		if (hash_equal(&b->v[i].sha256, h) &&
		    strncmp(b->v[i].name, BUNDLE_BLOBS,
			sizeof(BUNDLE_BLOBS) - 1) == 0)
			return 0;
	if (store_get(st, h, &fd, err) == -1 || fd_size(fd, &size, err) == -1)
		return -1;
	hash_hex(h, name + sizeof(BUNDLE_BLOBS) - 1);
	m = add(b, name);
	m->sha256 = *h;
	m->size = size;
	return 0;
}

/* Texts before blobs, so that who reads knows early what is asked. */
static int
member_cmp(const void *a, const void *b)
{
	const struct bundle_member *x = a, *y = b;
	bool xb = strncmp(x->name, BUNDLE_BLOBS, 6) == 0;
	bool yb = strncmp(y->name, BUNDLE_BLOBS, 6) == 0;
	bool xo = strcmp(x->name, BUNDLE_ORIGIN) == 0;
	bool yo = strcmp(y->name, BUNDLE_ORIGIN) == 0;

	if (xo != yo)
		return xo ? -1 : 1;
	if (xb != yb)
		return xb ? 1 : -1;
	return strcmp(x->name, y->name);
}

int
bundle_index(const struct bundle *b, struct buf *out, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/bundle", 1);
	json_t *list = json_array();

	for (size_t i = 0; i < b->n; i++) {
		json_t *one = json_object();

		js_set_str(one, "name", b->v[i].name);
		js_set_hash(one, "sha256", &b->v[i].sha256);
		js_set_int(one, "size", b->v[i].size);
		json_array_append_new(list, one);
	}
	js_set(j, "members", list);
	return canon_json(j, out, err);
}

/* --- the archive --------------------------------------------------------- */

struct header {
	char *out;
	size_t used;
};

/* The first block; what libarchive then makes up to end the archive is let
 * go. */
static la_ssize_t
keep_header(struct archive *a KILN_UNUSED, void *arg, const void *p, size_t n)
{
	struct header *h = arg;
	size_t room = BUNDLE_BLOCK - h->used;
	size_t some = n < room ? n : room;

	memcpy(h->out + h->used, p, some);
	h->used += some;
	return (la_ssize_t)n;
}

int
bundle_header(
    const char *name, int64_t size, char out[BUNDLE_BLOCK], struct err *err)
{
	struct header h = { .out = out };
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	bool good;

	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0444);
	archive_entry_set_mtime(e, 0, 0);
	archive_write_set_bytes_per_block(a, 0);
	good =
	    archive_write_set_format_ustar(a) == ARCHIVE_OK &&
	    archive_write_open(a, &h, NULL, keep_header, NULL) == ARCHIVE_OK &&
	    archive_write_header(a, e) == ARCHIVE_OK && h.used == BUNDLE_BLOCK;
	if (!good)
		err_set(err, ERR_INPUT, "%.200s: no header for it: %s", name,
		    archive_error_string(a) ? archive_error_string(a) : "?");
	archive_entry_free(e);
	archive_write_free(a);
	return good ? 0 : -1;
}

static int
pad(int fd, int64_t size, struct err *err)
{
	size_t over = (size_t)(size % BUNDLE_BLOCK);

	return over ? fd_write_all(fd, zeros, BUNDLE_BLOCK - over, err) : 0;
}

static int
write_text(int fd, const char *name, const struct buf *text, struct err *err)
{
	char header[BUNDLE_BLOCK];

	if (bundle_header(name, (int64_t)text->len, header, err) == -1 ||
	    fd_write_all(fd, header, sizeof(header), err) == -1 ||
	    fd_write_all(fd, text->data, text->len, err) == -1)
		return -1;
	return pad(fd, (int64_t)text->len, err);
}

static int
write_blob(
    int fd, struct store *st, const struct bundle_member *m, struct err *err)
{
	char header[BUNDLE_BLOCK];
	auto_fd int from = -1;
	struct hash is;
	int64_t size;

	if (store_get(st, &m->sha256, &from, err) == -1 ||
	    bundle_header(m->name, m->size, header, err) == -1 ||
	    fd_write_all(fd, header, sizeof(header), err) == -1 ||
	    hash_copy(from, fd, m->size, &is, &size, err) == -1)
		return -1;
	if (size != m->size || !hash_equal(&is, &m->sha256))
		return err_set(err, ERR_TRUST, "the store's copy is damaged");
	return pad(fd, size, err);
}

int
bundle_write(struct bundle *b, struct store *st, int fd, struct err *err)
{
	auto_buf struct buf index = BUF_INIT;

	qsort(b->v, b->n, sizeof(*b->v), member_cmp);
	if (bundle_index(b, &index, err) == -1 ||
	    write_text(fd, BUNDLE_INDEX, &index, err) == -1)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		const struct bundle_member *m = &b->v[i];
		int rc = strncmp(m->name, BUNDLE_BLOBS, 6) == 0
			     ? write_blob(fd, st, m, err)
			     : write_text(fd, m->name, &m->text, err);

		if (rc == -1)
			return err_prefix(err, "%s", m->name);
	}
	return fd_write_all(fd, zeros, sizeof(zeros), err);
}
