/* What two stretches of bytes are, and where one is in them. */
#include "builder/judge/look.h"

#include <string.h>

#include "builder/judge/differ.h"
#include "lib/json.h"
#include "lib/num.h"

bool
look_full(struct look *l)
{
	if (json_array_size(l->findings) < DIFFER_FINDINGS &&
	    time_mono_ms() < l->until)
		return false;
	l->cut = true;
	return true;
}

void
look_escape(struct buf *out, struct span s, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (i == max) {
			buf_str(out, "...");
			return;
		}
		if (c >= 0x20 && c < 0x7f)
			buf_char(out, (char)c);
		else if (c == '\n' || c == '\t')
			buf_str(out, c == '\n' ? "\\n" : "\\t");
		else
			buf_printf(out, "\\x%02x", c);
	}
}

void
look_add(struct look *l, const struct found *f)
{
	json_t *j, *path;

	if (look_full(l))
		return;
	j = json_object();
	path = json_array();
	for (size_t i = 0; i < l->npath; i++)
		json_array_append_new(path, json_string(l->path[i]));
	js_set(j, "path", path);
	js_set_str(j, "what", f->what);
	if (f->where)
		js_set_str(j, "where", f->where);
	if (f->offset >= 0)
		js_set_int(j, "offset", f->offset);
	if (f->line >= 0)
		js_set_int(j, "line", f->line);
	if (f->a)
		js_set_str(j, "a", f->a);
	if (f->b)
		js_set_str(j, "b", f->b);
	json_array_append_new(l->findings, j);
}

bool
look_enter(struct look *l, const char *name)
{
	if (l->npath == LOOK_PATH)
		return false;
	l->path[l->npath++] = name;
	return true;
}

void
look_leave(struct look *l)
{
	l->npath--;
}

bool
look_take(struct look *l, size_t bytes)
{
	if (bytes > l->room) {
		l->cut = true;
		return false;
	}
	l->room -= bytes;
	return true;
}

void
look_give(struct look *l, size_t bytes)
{
	l->room += bytes;
}

/* --- kinds --------------------------------------------------------------- */

struct kind {
	const char *name;
	size_t at;
	const char *magic;
	size_t n;
	bool (*look)(struct look *, struct span, struct span);
};
#define KIND(name, at, magic, look)                      \
	{                                                \
		name, at, magic, sizeof(magic) - 1, look \
	}

static const struct kind kinds[] = {
	KIND("gzip", 0, "\x1f\x8b\x08", look_layer),
	KIND("xz", 0,
	    "\xfd"
	    "7zXZ\0",
	    look_layer),
	KIND("zstd", 0, "\x28\xb5\x2f\xfd", look_layer),
	KIND("bzip2", 0, "BZh", look_layer),
	KIND("ELF", 0,
	    "\x7f"
	    "ELF",
	    look_elf),
	KIND("erofs", 1024, "\xe2\xe1\xf5\xe0", look_erofs),
	KIND("ar", 0, "!<arch>\n", look_archive),
	KIND("zip", 0, "PK\003\004", look_archive),
	KIND("cpio", 0, "070701", look_archive),
	KIND("cpio", 0, "070702", look_archive),
	KIND("cpio", 0, "070707", look_archive),
	KIND("cpio", 0, "\xc7\x71", look_archive),
	KIND("tar", 257, "ustar", look_archive),
};

static const struct kind *
kind_of(struct span s)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (s.n >= k->at + k->n &&
		    memcmp(s.p + k->at, k->magic, k->n) == 0)
			return k;
	}
	return NULL;
}

static const char *
kind_name(const struct kind *k, struct span s)
{
	return k		 ? k->name
	       : s.n == 0	 ? "empty"
	       : look_is_text(s) ? "text"
				 : "data";
}

void
look_at(struct look *l, struct span a, struct span b)
{
	const struct kind *ka = kind_of(a), *kb = kind_of(b);
	bool done = false;

	if (span_equal(a, b) || look_full(l))
		return;
	if (ka && kb && strcmp(ka->name, kb->name) == 0) {
		if (l->depth < DIFFER_DEPTH) {
			l->depth++;
			done = ka->look(l, a, b);
			l->depth--;
		} else {
			l->cut = true;
		}
		if (!done)
			look_bytes(l, a, b);
		return;
	}
	if (!ka && !kb && look_is_text(a) && look_is_text(b)) {
		look_text(l, a, b);
		return;
	}
	if (ka || kb) {
		struct found f = FOUND("kind");

		f.a = kind_name(ka, a);
		f.b = kind_name(kb, b);
		look_add(l, &f);
	}
	look_bytes(l, a, b);
}

uint64_t
look_le(struct span s, uint64_t at, int bytes)
{
	uint64_t v = 0;

	if (at > s.n || s.n - at < (uint64_t)bytes)
		return 0;
	for (int i = bytes; i-- > 0;)
		v = v << 8 | (unsigned char)s.p[at + (uint64_t)i];
	return v;
}

struct span
look_part(struct span s, uint64_t at, uint64_t n)
{
	if (at > s.n)
		return (struct span){ s.p, 0 };
	return (struct span){ s.p + at, n > s.n - at ? s.n - at : n };
}
