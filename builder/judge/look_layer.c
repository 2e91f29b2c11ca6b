/* A compressed file: what its header says, and what is inside. */
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/num.h"

/* By what it begins with; libarchive left to itself takes off several at a
 * time, whose headers nobody would compare. */
static int
filter_of(struct span s)
{
	switch ((unsigned char)s.p[0]) {
	case 0x1f:
		return ARCHIVE_FILTER_GZIP;
	case 0xfd:
		return ARCHIVE_FILTER_XZ;
	case 0x28:
		return ARCHIVE_FILTER_ZSTD;
	default:
		return ARCHIVE_FILTER_BZIP2;
	}
}

static struct archive *
open_raw(struct span s)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	if (archive_read_append_filter(a, filter_of(s)) == ARCHIVE_OK &&
	    archive_read_support_format_empty(a) == ARCHIVE_OK &&
	    archive_read_support_format_raw(a) == ARCHIVE_OK &&
	    archive_read_open_memory(a, s.p, s.n) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

/* false: broken, or too large; what was read before is kept. */
static bool
unpack(struct look *l, struct span s, struct buf *out)
{
	struct archive *a = open_raw(s);
	struct archive_entry *e;
	char block[65536];
	ssize_t n = -1;
	int r;

	if (!a)
		return false;
	r = archive_read_next_header(a, &e);
	if (r != ARCHIVE_OK)
		n = r == ARCHIVE_EOF ? 0 : -1;
	while (r == ARCHIVE_OK &&
	       (n = archive_read_data(a, block, sizeof(block))) > 0) {
		if (out->len + (size_t)n > DIFFER_INSIDE ||
		    !look_take(l, (size_t)n)) {
			l->cut = true;
			n = -1;
			break;
		}
		buf_add(out, block, (size_t)n);
	}
	archive_read_free(a);
	return n == 0;
}

static uint32_t
le32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 |
	       (uint32_t)u[3] << 24;
}

/* RFC 1952 2.3: flags at 3, time at 4, name from 10 on if nothing is
 * before it. */
static struct span
gzip_name(struct span s)
{
	const char *end;

	if ((s.p[3] & 0x0c) != 0x08)
		return (struct span){ s.p, 0 };
	end = memchr(s.p + 10, 0, s.n - 10);
	return (
	    struct span){ s.p + 10, end ? (size_t)(end - s.p) - 10 : s.n - 10 };
}

static void
gzip_header(struct look *l, struct span a, struct span b)
{
	struct found f = FOUND("time");

	if (a.n < 18 || b.n < 18 || memcmp(a.p, "\x1f\x8b", 2) != 0)
		return;
	if (le32(a.p + 4) != le32(b.p + 4)) {
		char ta[TIME_TEXT], tb[TIME_TEXT];

		time_text(le32(a.p + 4), ta);
		time_text(le32(b.p + 4), tb);
		f.where = "gzip header";
		f.offset = 4;
		f.a = ta;
		f.b = tb;
		look_add(l, &f);
	}
	if (!span_equal(gzip_name(a), gzip_name(b))) {
		auto_buf struct buf ta = BUF_INIT, tb = BUF_INIT;

		look_escape(&ta, gzip_name(a), LOOK_EXCERPT);
		look_escape(&tb, gzip_name(b), LOOK_EXCERPT);
		f = FOUND("name");
		f.where = "gzip header";
		f.offset = 10;
		f.a = ta.data;
		f.b = tb.data;
		look_add(l, &f);
	}
}

bool
look_layer(struct look *l, struct span a, struct span b)
{
	auto_buf struct buf in_a = BUF_INIT, in_b = BUF_INIT;
	size_t before = json_array_size(l->findings);
	bool whole = unpack(l, a, &in_a);

	whole = unpack(l, b, &in_b) && whole;
	gzip_header(l, a, b);
	if (whole && look_enter(l, "(inside)")) {
		look_at(l, span_buf(&in_a), span_buf(&in_b));
		look_leave(l);
	}
	look_give(l, in_a.len + in_b.len);
	return whole && json_array_size(l->findings) > before;
}
