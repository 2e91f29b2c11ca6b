/* Archives that libarchive reads: cpio, tar, ar, zip. */
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/mem.h"

static struct archive *
open_one(struct span s)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	archive_read_support_format_cpio(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_ar(a);
	archive_read_support_format_zip_streamable(a);
	if (archive_read_open_memory(a, s.p, s.n) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

static char *
owner_of(struct archive_entry *e)
{
	const char *u = archive_entry_uname(e), *g = archive_entry_gname(e);
	auto_buf struct buf b = BUF_INIT;

	if (!u && !g)
		return NULL;
	look_escape(&b, span_str(u ? u : ""), LOOK_EXCERPT);
	buf_char(&b, ':');
	look_escape(&b, span_str(g ? g : ""), LOOK_EXCERPT);
	return buf_take(&b);
}

static char *
escaped(const char *s)
{
	auto_buf struct buf b = BUF_INIT;

	if (!s)
		return NULL;
	look_escape(&b, span_str(s), LOOK_NAME);
	return buf_take(&b);
}

static void
fill(struct member *m, struct archive_entry *e)
{
	const char *link = archive_entry_symlink(e);

	m->path = escaped(archive_entry_pathname(e));
	if (!m->path)
		m->path = mem_str("(no name)");
	m->mode = archive_entry_mode(e);
	m->uid = (uint32_t)archive_entry_uid(e);
	m->gid = (uint32_t)archive_entry_gid(e);
	m->owner = owner_of(e);
	m->link = escaped(link ? link : archive_entry_hardlink(e));
	m->has_time = archive_entry_mtime_is_set(e);
	m->mtime = m->has_time ? archive_entry_mtime(e) : 0;
	m->nsec = (uint32_t)archive_entry_mtime_nsec(e);
}

/* Its bytes to their end; `keep`: at most DIFFER_INSIDE. */
static bool
read_data(struct look *l, struct archive *a, struct member *m, bool keep)
{
	struct hasher h;
	char block[65536];
	int64_t size = 0;
	ssize_t n;

	hasher_init(&h);
	while ((n = archive_read_data(a, block, sizeof(block))) > 0) {
		size += n;
		if (!keep) {
			hasher_add(&h, block, (size_t)n);
			continue;
		}
		if (size > (int64_t)DIFFER_INSIDE || !look_take(l, (size_t)n)) {
			l->cut = true;
			return false;
		}
		buf_add(&m->held, block, (size_t)n);
	}
	if (!keep) {
		m->size = size;
		hasher_end(&h, &m->sha256);
	}
	return n == 0;
}

/* What can be read of it. */
static void
list(struct look *l, struct span s, struct members *all)
{
	struct archive *a = open_one(s);
	struct archive_entry *e;

	while (a && archive_read_next_header(a, &e) == ARCHIVE_OK) {
		struct member *m;

		if (all->n == DIFFER_MEMBERS || look_full(l)) {
			all->cut = l->cut = true;
			break;
		}
		MEM_GROW(all->v, all->n, all->cap);
		m = &all->v[all->n];
		*m = (struct member){ .order = all->n, .held = BUF_INIT };
		all->n++;
		fill(m, e);
		if (!read_data(l, a, m, false))
			break;
	}
	if (a)
		archive_read_free(a);
	members_sort(all);
}

/* The members in their archive's order. */
static struct member **
by_order(struct members *all)
{
	struct member **v = mem_zero(all->n + 1, sizeof(struct member *));

	for (size_t i = 0; i < all->n; i++)
		v[all->v[i].order] = &all->v[i];
	return v;
}

static void
fetch(struct look *l, struct span s, struct members *all)
{
	struct archive *a = open_one(s);
	struct member **v = by_order(all);
	struct archive_entry *e;

	for (size_t i = 0; a && i < all->n; i++) {
		if (archive_read_next_header(a, &e) != ARCHIVE_OK)
			break;
		if (v[i]->wanted && !read_data(l, a, v[i], true))
			v[i]->wanted = false;
	}
	if (a)
		archive_read_free(a);
	free(v);
}

bool
look_archive(struct look *l, struct span a, struct span b)
{
	struct members ma = { 0 }, mb = { 0 };
	bool told = false;

	list(l, a, &ma);
	list(l, b, &mb);
	if (ma.n && mb.n)
		told = members_compare(l, a, &ma, b, &mb, fetch);
	members_release(&ma);
	members_release(&mb);
	return told;
}
