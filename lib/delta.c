/*
 * The container, as docs/formats.md has it.  All numbers little-endian, as in
 * zstd's own frames.
 */
#include "lib/delta.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define SKIP_MAGIC 0x184d2a5bU /* one of zstd's skippable frames */
#define SKIP_HEAD 8	       /* magic and length */
#define HEAD_MAGIC "kilndlt1"
#define HEAD_FIXED 104 /* of the head before its frames */
#define HEAD_FRAME 36
#define NO_OLD UINT64_MAX
/* Reaches over a window of old and a frame of new; a decoder never needs
 * that much, since both lie in buffers of its own. */
#define WINDOW_LOG 23

void
delta_release(struct delta *d)
{
	free(d->frames);
	*d = (struct delta)DELTA_INIT;
}

size_t
delta_frame_size(const struct delta *d, size_t i)
{
	int64_t left = d->new_size - (int64_t)i * DELTA_FRAME;

	return left < DELTA_FRAME ? (size_t)left : DELTA_FRAME;
}

/* The part of the old image that frame i may refer to. */
static void
window_of(const struct delta *d, size_t i, int64_t *at, size_t *n)
{
	int64_t place = (int64_t)i * DELTA_FRAME;
	int64_t start = place - (DELTA_WINDOW - DELTA_FRAME) / 2;

	if (start > d->old_size - DELTA_WINDOW)
		start = d->old_size - DELTA_WINDOW;
	if (start < 0)
		start = 0;
	*at = start;
	*n = d->old_size - start < DELTA_WINDOW ? (size_t)(d->old_size - start)
						: DELTA_WINDOW;
}

static int
read_at(int fd, void *p, size_t n, int64_t at, struct err *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(
		    fd, (char *)p + done, n - done, (off_t)at + (off_t)done);

		if (got == -1)
			return err_sys(err, "read an image");
		if (got == 0)
			return err_set(
			    err, ERR_INPUT, "delta: an image ended early");
		done += (size_t)got;
	}
	return 0;
}

static int
write_at(int fd, const void *p, size_t n, int64_t at, struct err *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const char *)p + done, n - done,
		    (off_t)at + (off_t)done);

		if (put == -1)
			return err_sys(err, "write an image");
		done += (size_t)put;
	}
	return 0;
}

/* --- the head ------------------------------------------------------------ */

static void
put32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_add(b, &v, sizeof(v));
}

static void
put64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	buf_add(b, &v, sizeof(v));
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static size_t
head_size(size_t nframes)
{
	return SKIP_HEAD + HEAD_FIXED + HEAD_FRAME * nframes;
}

static void
write_head(const struct delta *d, struct buf *b)
{
	put32(b, SKIP_MAGIC);
	put32(b, (uint32_t)(head_size(d->nframes) - SKIP_HEAD));
	buf_add(b, HEAD_MAGIC, 8);
	put64(b, (uint64_t)d->new_size);
	put64(b, d->old_size == -1 ? NO_OLD : (uint64_t)d->old_size);
	put32(b, DELTA_FRAME);
	put32(b, DELTA_WINDOW);
	put32(b, (uint32_t)d->nframes);
	put32(b, 0);
	buf_add(b, d->new_sha256.b, sizeof(d->new_sha256.b));
	buf_add(b, d->old_sha256.b, sizeof(d->old_sha256.b));
	for (size_t i = 0; i < d->nframes; i++) {
		put32(b, d->frames[i].length);
		buf_add(b, d->frames[i].sha256.b, sizeof(struct hash));
	}
}

static int
bad(struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, "delta: %s", why);
}

static int
read_sizes(struct delta *d, const uint8_t *p, struct err *err)
{
	uint64_t new = get64(p + 8), old = get64(p + 16);
	uint32_t n = get32(p + 32);
	static const struct hash none;

	if (memcmp(p, HEAD_MAGIC, 8) != 0)
		return bad(err, "not one of kiln's files");
	if (new < 1 || new > DELTA_IMAGE_MAX ||
	    (old != NO_OLD && (old < 1 || old > DELTA_IMAGE_MAX)))
		return bad(err, "a size is out of range");
	if (get32(p + 24) != DELTA_FRAME || get32(p + 28) != DELTA_WINDOW ||
	    get32(p + 36) != 0)
		return bad(err, "frames of another kind");
	if (n != (new + DELTA_FRAME - 1) / DELTA_FRAME)
		return bad(err, "the number of frames does not fit");
	d->new_size = (int64_t) new;
	d->old_size = old == NO_OLD ? -1 : (int64_t)old;
	d->nframes = n;
	memcpy(d->new_sha256.b, p + 40, 32);
	memcpy(d->old_sha256.b, p + 72, 32);
	if (old == NO_OLD && !hash_equal(&d->old_sha256, &none))
		return bad(err, "a digest without an old image");
	return 0;
}

static int
read_frames(struct delta *d, const uint8_t *p, struct err *err)
{
	int64_t at = (int64_t)d->head_size;

	d->frames = mem_zero(d->nframes, sizeof(*d->frames));
	for (size_t i = 0; i < d->nframes; i++, p += HEAD_FRAME) {
		struct delta_frame *f = &d->frames[i];
		int64_t end =
		    (int64_t)i * DELTA_FRAME + (int64_t)delta_frame_size(d, i);

		f->length = get32(p);
		memcpy(f->sha256.b, p + 4, 32);
		f->at = at;
		at += f->length;
		if (f->length > ZSTD_COMPRESSBOUND(DELTA_FRAME))
			return bad(err, "a frame is too long");
		if (f->length == 0 && end > d->old_size)
			return bad(err, "a frame without bytes");
	}
	d->size = at;
	return 0;
}

int
delta_read_head(struct delta *out, const void *bytes, size_t len,
    const struct hash *expected, struct err *err)
{
	auto_delta struct delta d = DELTA_INIT;
	const uint8_t *p = bytes;
	struct hash h;

	if (len < head_size(0) || get32(p) != SKIP_MAGIC)
		return bad(err, "it does not begin with a head");
	if (read_sizes(&d, p + SKIP_HEAD, err) == -1)
		return -1;
	d.head_size = head_size(d.nframes);
	if (get32(p + 4) != d.head_size - SKIP_HEAD || len < d.head_size)
		return bad(err, "the head's length does not fit");
	hash_bytes(&h, bytes, d.head_size);
	if (expected && !hash_equal(&h, expected))
		return err_set(err, ERR_TRUST,
		    "delta: the head is not the one that metadata names");
	if (read_frames(&d, p + head_size(0), err) == -1)
		return -1;
	*out = d;
	d = (struct delta)DELTA_INIT;
	return 0;
}

/* --- making -------------------------------------------------------------- */

struct maker {
	struct delta d;
	ZSTD_CCtx *ctx;
	char *new, *old, *packed; /* one frame, its window, the result */
	int newfd, oldfd, out;
	int level;
};

static void
maker_release(struct maker *m)
{
	delta_release(&m->d);
	ZSTD_freeCCtx(m->ctx);
	free(m->new);
	free(m->old);
	free(m->packed);
}
#define auto_maker __attribute__((cleanup(maker_release)))

static int
zstd_err(struct err *err, size_t code)
{
	return err_set(err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(code));
}

static int
set_up(struct maker *m, struct err *err)
{
	size_t rc;

	m->ctx = ZSTD_createCCtx();
	if (!m->ctx)
		mem_none();
	m->new = mem_alloc(DELTA_FRAME);
	m->old = mem_alloc(DELTA_WINDOW);
	m->packed = mem_alloc(ZSTD_COMPRESSBOUND(DELTA_FRAME));
	rc = ZSTD_CCtx_setParameter(m->ctx, ZSTD_c_compressionLevel, m->level);
	if (!ZSTD_isError(rc))
		rc = ZSTD_CCtx_setParameter(
		    m->ctx, ZSTD_c_windowLog, WINDOW_LOG);
	return ZSTD_isError(rc) ? zstd_err(err, rc) : 0;
}

/* Unchanged bytes travel as nothing at all. */
static bool
same_place(const struct maker *m, size_t i, size_t n)
{
	int64_t place = (int64_t)i * DELTA_FRAME, at;
	size_t have;

	if (m->d.old_size == -1)
		return false;
	window_of(&m->d, i, &at, &have);
	return place >= at && place + (int64_t)n <= at + (int64_t)have &&
	       memcmp(m->old + (place - at), m->new, n) == 0;
}

static int
make_frame(struct maker *m, size_t i, struct err *err)
{
	struct delta_frame *f = &m->d.frames[i];
	size_t n = delta_frame_size(&m->d, i), have = 0, rc;
	int64_t at;

	if (read_at(m->newfd, m->new, n, (int64_t)i * DELTA_FRAME, err) == -1)
		return -1;
	if (m->d.old_size != -1) {
		window_of(&m->d, i, &at, &have);
		if (read_at(m->oldfd, m->old, have, at, err) == -1)
			return -1;
	}
	f->at = m->d.size;
	if (same_place(m, i, n)) {
		hash_bytes(&f->sha256, m->new, n);
		return 0;
	}
	if (have) {
		rc = ZSTD_CCtx_refPrefix(m->ctx, m->old, have);
		if (ZSTD_isError(rc))
			return zstd_err(err, rc);
	}
	rc = ZSTD_compress2(
	    m->ctx, m->packed, ZSTD_COMPRESSBOUND(DELTA_FRAME), m->new, n);
	if (ZSTD_isError(rc))
		return zstd_err(err, rc);
	f->length = (uint32_t)rc;
	hash_bytes(&f->sha256, m->packed, rc);
	m->d.size += (int64_t)rc;
	return write_at(m->out, m->packed, rc, f->at, err);
}

static int
read_image(
    int fd, int64_t *size, struct hash *h, const char *which, struct err *err)
{
	if (hash_fd(fd, h, size, err) == -1)
		return -1;
	if (*size < 1 || *size > DELTA_IMAGE_MAX)
		return err_set(err, ERR_INPUT,
		    "delta: the %s image has %lld bytes", which,
		    (long long)*size);
	return 0;
}

int
delta_make(int new, int old, int out, int level, struct delta_made *made,
    struct err *err)
{
	auto_maker struct maker m = {
		.d = DELTA_INIT, .newfd = new, .oldfd = old, .out = out
	};
	auto_buf struct buf head = BUF_INIT;

	m.level = level;
	if (set_up(&m, err) == -1 ||
	    read_image(new, &m.d.new_size, &m.d.new_sha256, "new", err) == -1 ||
	    (old != -1 && read_image(old, &m.d.old_size, &m.d.old_sha256, "old",
			      err) == -1))
		return -1;
	m.d.nframes = (size_t)((m.d.new_size + DELTA_FRAME - 1) / DELTA_FRAME);
	m.d.frames = mem_zero(m.d.nframes, sizeof(*m.d.frames));
	m.d.size = (int64_t)head_size(m.d.nframes);
	for (size_t i = 0; i < m.d.nframes; i++)
		if (make_frame(&m, i, err) == -1)
			return -1;
	write_head(&m.d, &head);
	if (write_at(out, head.data, head.len, 0, err) == -1 ||
	    hash_fd(out, &made->sha256, &made->size, err) == -1)
		return -1;
	hash_bytes(&made->head_sha256, head.data, head.len);
	made->head_size = head.len;
	return 0;
}

/* --- applying ------------------------------------------------------------ */

struct delta_decoder {
	ZSTD_DCtx *ctx;
	char *new, *old, *packed;
};

struct delta_decoder *
delta_decoder_new(void)
{
	struct delta_decoder *d = mem_zero(1, sizeof(*d));

	d->ctx = ZSTD_createDCtx();
	if (!d->ctx)
		mem_none();
	d->new = mem_alloc(DELTA_FRAME);
	d->old = mem_alloc(DELTA_WINDOW);
	d->packed = mem_alloc(ZSTD_COMPRESSBOUND(DELTA_FRAME));
	return d;
}

void
delta_decoder_free(struct delta_decoder *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->ctx);
	free(d->new);
	free(d->old);
	free(d->packed);
	free(d);
}

/* One frame of zstd, no more behind it, that says how long it gets. */
static int
unpack(struct delta_decoder *u, const void *bytes, size_t len, size_t n,
    size_t have, struct err *err)
{
	size_t rc;

	if (ZSTD_getFrameContentSize(bytes, len) != n ||
	    ZSTD_findFrameCompressedSize(bytes, len) != len)
		return bad(err, "a frame is not what the head says");
	rc = ZSTD_DCtx_reset(u->ctx, ZSTD_reset_session_and_parameters);
	if (!ZSTD_isError(rc) && have)
		rc = ZSTD_DCtx_refPrefix(u->ctx, u->old, have);
	if (!ZSTD_isError(rc))
		rc = ZSTD_decompressDCtx(
		    u->ctx, u->new, DELTA_FRAME, bytes, len);
	if (ZSTD_isError(rc))
		return err_set(err, ERR_INPUT, "delta: a frame: %s",
		    ZSTD_getErrorName(rc));
	if (rc != n)
		return bad(err, "a frame gives another length");
	return 0;
}

static int
copy_frame(struct delta_decoder *u, const struct delta *d, size_t i, int old,
    struct err *err)
{
	size_t n = delta_frame_size(d, i);
	struct hash h;

	if (read_at(old, u->new, n, (int64_t)i * DELTA_FRAME, err) == -1)
		return -1;
	hash_bytes(&h, u->new, n);
	if (!hash_equal(&h, &d->frames[i].sha256))
		return err_set(err, ERR_TRUST,
		    "delta: frame %zu: the old image is another one", i);
	return 0;
}

static int
unpack_frame(struct delta_decoder *u, const struct delta *d, size_t i,
    const void *bytes, size_t len, int old, struct err *err)
{
	const struct delta_frame *f = &d->frames[i];
	size_t have = 0;
	int64_t at;
	struct hash h;

	hash_bytes(&h, bytes, len);
	if (len != f->length || !hash_equal(&h, &f->sha256))
		return err_set(err, ERR_TRUST,
		    "delta: frame %zu is not what the head names", i);
	if (d->old_size != -1) {
		window_of(d, i, &at, &have);
		if (read_at(old, u->old, have, at, err) == -1)
			return -1;
	}
	return unpack(u, bytes, len, delta_frame_size(d, i), have, err);
}

int
delta_apply_frame(struct delta_decoder *u, const struct delta *d, size_t i,
    const void *bytes, size_t len, int old, int out, struct err *err)
{
	int rc;

	if (i >= d->nframes)
		return bad(err, "there is no such frame");
	if (d->old_size != -1 && old == -1)
		return err_set(
		    err, ERR_MISSING, "delta: the old image is not here");
	if (d->frames[i].length == 0)
		rc = copy_frame(u, d, i, old, err);
	else
		rc = unpack_frame(u, d, i, bytes, len, old, err);
	if (rc == -1)
		return -1;
	return write_at(
	    out, u->new, delta_frame_size(d, i), (int64_t)i * DELTA_FRAME, err);
}

/* No more is read than a head of the most frames needs. */
static int
load_head(
    int file, const struct hash *expected, struct delta *d, struct err *err)
{
	auto_buf struct buf head = BUF_INIT;
	int64_t size;
	size_t n;

	if (fd_size(file, &size, err) == -1)
		return -1;
	n = size < DELTA_HEAD_MAX ? (size_t)size : DELTA_HEAD_MAX;
	buf_reserve(&head, n);
	if (read_at(file, head.data, n, 0, err) == -1 ||
	    delta_read_head(d, head.data, n, expected, err) == -1)
		return -1;
	if (d->size != size)
		return bad(err, "the file has another length");
	return 0;
}

static int
same_old(const struct delta *d, int old, struct err *err)
{
	int64_t size;

	if (d->old_size == -1)
		return 0;
	if (old == -1)
		return err_set(
		    err, ERR_MISSING, "delta: the old image is not here");
	if (fd_size(old, &size, err) == -1)
		return -1;
	if (size != d->old_size)
		return err_set(
		    err, ERR_TRUST, "delta: the old image is another one");
	return 0;
}

int
delta_apply(
    int file, int old, int out, const struct hash *head_sha256, struct err *err)
{
	auto_delta_decoder struct delta_decoder *u = delta_decoder_new();
	auto_delta struct delta d = DELTA_INIT;
	struct hash h;
	int64_t size;

	if (load_head(file, head_sha256, &d, err) == -1 ||
	    same_old(&d, old, err) == -1)
		return -1;
	for (size_t i = 0; i < d.nframes; i++) {
		const struct delta_frame *f = &d.frames[i];

		if (read_at(file, u->packed, f->length, f->at, err) == -1 ||
		    delta_apply_frame(
			u, &d, i, u->packed, f->length, old, out, err) == -1)
			return -1;
	}
	if (hash_fd(out, &h, &size, err) == -1)
		return -1;
	if (size != d.new_size || !hash_equal(&h, &d.new_sha256))
		return err_set(err, ERR_TRUST,
		    "delta: the result is not the image that was promised");
	return 0;
}
