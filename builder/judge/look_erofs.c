/*
 * erofs images, read here since no library reads them and the tools of
 * erofs-utils would be programs to run on hostile bytes.  Uncompressed
 * layouts (fs/erofs/erofs_fs.h of Linux 6.1): flat and inline, which is all
 * that images of ours have; what is compressed or in chunks counts as bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define SUPER 1024
#define SUPER_SIZE 128
#define DEPTH 64
#define ENTRY 12	     /* bytes of a folder's */
#define PATH (4 * LOOK_NAME) /* bytes of one, escaped */
#define FLAT 0
#define INLINE 2

struct image {
	struct look *look;
	struct span s;
	int bits; /* of a block */
	uint64_t meta;
	struct members *out;
};

struct inode {
	uint32_t mode, uid, gid, nsec;
	int layout;
	bool has_time;
	int64_t mtime;
	uint64_t size;
	struct span parts[2];
};

static bool
read_inode(const struct image *im, uint64_t nid, struct inode *n)
{
	uint64_t at, end, format, count, raw;
	bool large;

	if (nid > im->s.n / 32)
		return false;
	at = im->meta + nid * 32;
	if (at + 32 > im->s.n)
		return false;
	format = look_le(im->s, at, 2);
	large = format & 1;
	*n = (struct inode){ .layout = (int)(format >> 1 & 7) };
	count = look_le(im->s, at + 2, 2);
	n->mode = (uint32_t)look_le(im->s, at + 4, 2);
	n->size = large ? look_le(im->s, at + 8, 8) : look_le(im->s, at + 8, 4);
	raw = look_le(im->s, at + 16, 4);
	n->uid = (uint32_t)look_le(im->s, at + 24, large ? 4 : 2);
	n->gid =
	    (uint32_t)look_le(im->s, at + (large ? 28 : 26), large ? 4 : 2);
	if (large) {
		n->has_time = true;
		n->mtime = (int64_t)look_le(im->s, at + 32, 8);
		n->nsec = (uint32_t)look_le(im->s, at + 40, 4);
	}
	end = at + (large ? 64 : 32) + (count ? 12 + 4 * (count - 1) : 0);
	if (n->size > im->s.n)
		return false; /* no holes in these layouts */
	if (n->layout == FLAT) {
		n->parts[0] = look_part(im->s, raw << im->bits, n->size);
	} else if (n->layout == INLINE) {
		uint64_t tail = n->size & (((uint64_t)1 << im->bits) - 1);

		n->parts[0] = look_part(im->s, raw << im->bits, n->size - tail);
		n->parts[1] = look_part(im->s, end, tail);
	}
	return true;
}

static void
add_member(struct image *im, const char *path, const struct inode *n)
{
	struct members *all = im->out;
	struct hasher h;
	struct member *m;

	MEM_GROW(all->v, all->n, all->cap);
	m = &all->v[all->n];
	*m = (struct member){ .order = all->n,
		.path = mem_str(path),
		.mode = n->mode,
		.uid = n->uid,
		.gid = n->gid,
		.mtime = n->mtime,
		.nsec = n->nsec,
		.has_time = n->has_time,
		.size = (int64_t)n->size,
		.held = BUF_INIT };
	all->n++;
	hasher_init(&h);
	if (S_ISLNK(n->mode)) {
		auto_buf struct buf b = BUF_INIT;

		for (int i = 0; i < 2; i++)
			look_escape(&b, n->parts[i], LOOK_NAME);
		m->link = buf_take(&b);
	} else if (S_ISREG(n->mode)) {
		for (int i = 0; i < 2; i++) {
			m->parts[i] = n->parts[i];
			hasher_add(&h, n->parts[i].p, n->parts[i].n);
		}
	}
	hasher_end(&h, &m->sha256);
}

static void walk(struct image *, const char *path, uint64_t nid, int depth);

static void
walk_name(struct image *im, const char *folder, struct span name, uint64_t nid,
    int depth)
{
	auto_buf struct buf path = BUF_INIT;

	if (span_is(name, ".") || span_is(name, "..") || name.n == 0)
		return;
	buf_str(&path, folder);
	if (*folder)
		buf_char(&path, '/');
	look_escape(&path, name, 255);
	if (path.len > PATH) {
		im->look->cut = true;
		return;
	}
	walk(im, path.data, nid, depth);
}

/* One block of a folder: entries of 12 bytes, then their names. */
static void
walk_block(struct image *im, const char *path, struct span block, int depth)
{
	uint64_t n = look_le(block, 8, 2) / 12;

	if (n == 0 || n * 12 > block.n)
		return;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t from = look_le(block, i * 12 + 8, 2);
		uint64_t to =
		    i + 1 < n ? look_le(block, (i + 1) * 12 + 8, 2) : block.n;
		struct span name;

		if (from < n * 12 || to < from || to > block.n)
			return;
		name = (struct span){ block.p + from, to - from };
		if (i + 1 == n)
			name.n = strnlen(name.p, name.n);
		walk_name(im, path, name, look_le(block, i * 12, 8), depth);
	}
}

static void
walk(struct image *im, const char *path, uint64_t nid, int depth)
{
	uint64_t size = (uint64_t)1 << im->bits;
	struct inode n;

	/* Each name takes an entry of its own: more of them than the image
	 * has room for go in circles. */
	if (depth > DEPTH || im->out->n == DIFFER_MEMBERS ||
	    im->out->n > im->s.n / ENTRY || look_full(im->look)) {
		im->out->cut = im->look->cut = true;
		return;
	}
	if (!read_inode(im, nid, &n))
		return;
	add_member(im, *path ? path : "/", &n);
	if (!S_ISDIR(n.mode))
		return;
	for (uint64_t at = 0; at < n.parts[0].n; at += size)
		walk_block(
		    im, path, look_part(n.parts[0], at, size), depth + 1);
	if (n.parts[1].n)
		walk_block(im, path, n.parts[1], depth + 1);
}

static bool
open_image(struct look *l, struct span s, struct image *im, struct members *out)
{
	*im = (struct image){ .look = l, .s = s, .out = out };
	if (s.n < SUPER + SUPER_SIZE)
		return false;
	im->bits = (int)look_le(s, SUPER + 12, 1);
	if (im->bits < 9 || im->bits > 16)
		return false;
	im->meta = look_le(s, SUPER + 40, 4) << im->bits;
	return im->meta < s.n;
}

static void
list(struct image *im)
{
	walk(im, "", look_le(im->s, SUPER + 14, 2), 0);
	members_sort(im->out);
}

static void
tell_field(struct look *l, const char *what, const char *where, size_t at,
    const char *a, const char *b)
{
	struct found f = FOUND(what);

	if (strcmp(a, b) == 0)
		return;
	f.where = where;
	f.offset = (int64_t)at;
	f.a = a;
	f.b = b;
	look_add(l, &f);
}

static void
compare_supers(struct look *l, struct span a, struct span b)
{
	struct span uuid_a = look_part(a, SUPER + 48, 16),
		    uuid_b = look_part(b, SUPER + 48, 16);
	auto_buf struct buf ta = BUF_INIT, tb = BUF_INIT;
	char time_a[TIME_TEXT], time_b[TIME_TEXT];

	time_text((int64_t)look_le(a, SUPER + 24, 8), time_a);
	time_text((int64_t)look_le(b, SUPER + 24, 8), time_b);
	tell_field(l, "time", "superblock", SUPER + 24, time_a, time_b);
	for (size_t i = 0; i < uuid_a.n && i < uuid_b.n; i++) {
		buf_printf(&ta, "%02x", (unsigned)(unsigned char)uuid_a.p[i]);
		buf_printf(&tb, "%02x", (unsigned)(unsigned char)uuid_b.p[i]);
	}
	tell_field(l, "uuid", "superblock", SUPER + 48, ta.data, tb.data);
	if (look_le(a, SUPER + 12, 1) != look_le(b, SUPER + 12, 1) ||
	    look_le(a, SUPER + 80, 4) != look_le(b, SUPER + 80, 4))
		tell_field(l, "layout", "superblock", SUPER + 12,
		    "another block size or other features", "");
}

bool
look_erofs(struct look *l, struct span a, struct span b)
{
	struct members ma = { 0 }, mb = { 0 };
	size_t before = json_array_size(l->findings);
	struct image ia, ib;

	if (!open_image(l, a, &ia, &ma) || !open_image(l, b, &ib, &mb))
		return false;
	compare_supers(l, a, b);
	list(&ia);
	list(&ib);
	if (ma.n && mb.n)
		members_compare(l, a, &ma, b, &mb, NULL);
	members_release(&ma);
	members_release(&mb);
	return json_array_size(l->findings) > before;
}
