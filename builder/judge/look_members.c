/* Members of two containers, paired by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define HELD_MAX (2 * DIFFER_INSIDE) /* of all members of one container */

void
members_release(struct members *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].path);
		free(all->v[i].owner);
		free(all->v[i].link);
		buf_release(&all->v[i].held);
	}
	free(all->v);
	*all = (struct members){ 0 };
}

static int
by_path(const void *a, const void *b)
{
	const struct member *ma = a, *mb = b;
	int c = strcmp(ma->path, mb->path);

	return c ? c : (ma->order > mb->order) - (ma->order < mb->order);
}

void
members_sort(struct members *all)
{
	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), by_path);
}

struct pair {
	struct member *a, *b; /* either may be NULL */
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void
add_pair(struct pairs *p, struct member *a, struct member *b)
{
	MEM_GROW(p->v, p->n, p->cap);
	p->v[p->n++] = (struct pair){ a, b };
}

static void
pair_up(struct members *a, struct members *b, struct pairs *out)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int c = i == a->n   ? 1
			: k == b->n ? -1
				    : strcmp(a->v[i].path, b->v[k].path);

		if (c == 0)
			add_pair(out, &a->v[i++], &b->v[k++]);
		else if (c < 0)
			add_pair(out, &a->v[i++], NULL);
		else
			add_pair(out, NULL, &b->v[k++]);
	}
}

static void
tell(struct look *l, const char *what, const char *a, const char *b)
{
	struct found f = FOUND(what);

	f.a = a;
	f.b = b;
	look_add(l, &f);
}

static const char *
type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	default:
		return "special";
	}
}

static void
tell_numbers(struct look *l, const char *what, const char *format, unsigned a,
    unsigned b)
{
	char ta[32], tb[32];

	snprintf(ta, sizeof(ta), format[0] == 'o' ? "%04o" : "%u", a);
	snprintf(tb, sizeof(tb), format[0] == 'o' ? "%04o" : "%u", b);
	tell(l, what, ta, tb);
}

static void
tell_time(struct look *l, const struct member *a, const struct member *b)
{
	char ta[TIME_TEXT] = "none", tb[TIME_TEXT] = "none";
	auto_free char *na = NULL, *nb = NULL;

	if (a->has_time)
		time_text(a->mtime, ta);
	if (b->has_time)
		time_text(b->mtime, tb);
	na = a->nsec ? mem_printf("%s +%u ns", ta, a->nsec) : mem_str(ta);
	nb = b->nsec ? mem_printf("%s +%u ns", tb, b->nsec) : mem_str(tb);
	tell(l, "time", na, nb);
}

/* What the container says of it; true: its content is another, too. */
static bool
compare_heads(struct look *l, const struct member *a, const struct member *b)
{
	const char *oa = a->owner ? a->owner : "",
		   *ob = b->owner ? b->owner : "";

	if ((a->mode & S_IFMT) != (b->mode & S_IFMT)) {
		tell(l, "type", type_name(a->mode), type_name(b->mode));
		return false;
	}
	if ((a->mode & 07777) != (b->mode & 07777))
		tell_numbers(l, "mode", "o", a->mode & 07777, b->mode & 07777);
	if (a->uid != b->uid)
		tell_numbers(l, "uid", "u", a->uid, b->uid);
	if (a->gid != b->gid)
		tell_numbers(l, "gid", "u", a->gid, b->gid);
	if (strcmp(oa, ob) != 0)
		tell(l, "owner", oa, ob);
	if (a->has_time != b->has_time || a->mtime != b->mtime ||
	    a->nsec != b->nsec)
		tell_time(l, a, b);
	if (!a->link != !b->link || (a->link && strcmp(a->link, b->link) != 0))
		tell(l, "link", a->link ? a->link : "", b->link ? b->link : "");
	return !hash_equal(&a->sha256, &b->sha256);
}

static struct span
content(struct member *m)
{
	if (m->held.len)
		return span_buf(&m->held);
	if (m->parts[0].n)
		return m->parts[0];
	return m->parts[1].n ? m->parts[1] : span_str("");
}

/* Content in two parts is put together. */
static bool
join(struct look *l, struct member *m)
{
	if (!m->parts[0].n || !m->parts[1].n)
		return true;
	if (!look_take(l, m->parts[0].n + m->parts[1].n))
		return false;
	buf_add(&m->held, m->parts[0].p, m->parts[0].n);
	buf_add(&m->held, m->parts[1].p, m->parts[1].n);
	return true;
}

static void
let_go(struct look *l, struct member *m)
{
	look_give(l, m->held.len);
	buf_release(&m->held);
}

static void
look_into(struct look *l, struct pair *p)
{
	if (p->a->wanted && p->b->wanted && join(l, p->a) && join(l, p->b))
		look_at(l, content(p->a), content(p->b));
	else
		tell(l, "content", "not looked into", "not looked into");
	let_go(l, p->a);
	let_go(l, p->b);
}

/* Their order, if the names are the same. */
static bool
compare_order(struct look *l, struct members *a, struct members *b)
{
	size_t first = SIZE_MAX, at = 0;

	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i].path, b->v[i].path) != 0)
			return false;
		if (a->v[i].order != b->v[i].order && a->v[i].order < first) {
			first = a->v[i].order;
			at = i;
		}
	}
	if (first == SIZE_MAX)
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].order == first) {
			struct found f = FOUND("order");

			f.where = "members";
			f.a = a->v[at].path;
			f.b = b->v[i].path;
			look_add(l, &f);
		}
	return true;
}

/* Heads of all, and which contents are to be read. */
static bool
compare_all(struct look *l, struct pairs *p)
{
	size_t before = json_array_size(l->findings);
	int64_t held = 0;
	bool want = false;

	for (size_t i = 0; i < p->n && !look_full(l); i++) {
		struct member *a = p->v[i].a, *b = p->v[i].b;
		int64_t size;

		if (!a || !b) {
			struct found f = FOUND(a ? "only-a" : "only-b");

			if (!look_enter(l, a ? a->path : b->path))
				return true;
			f.a = a ? type_name(a->mode) : NULL;
			f.b = b ? type_name(b->mode) : NULL;
			look_add(l, &f);
			look_leave(l);
			continue;
		}
		if (!look_enter(l, a->path))
			return true;
		if (!compare_heads(l, a, b)) {
			p->v[i].a = NULL; /* nothing more of it */
			look_leave(l);
			continue;
		}
		look_leave(l);
		want = true;
		size = a->size > b->size ? a->size : b->size;
		a->wanted = b->wanted = held + size <= (int64_t)HELD_MAX &&
					size <= (int64_t)DIFFER_INSIDE;
		if (a->wanted)
			held += size;
		else
			l->cut = true;
	}
	return want || json_array_size(l->findings) > before;
}

bool
members_compare(struct look *l, struct span a, struct members *ma,
    struct span b, struct members *mb, members_fetch *fetch)
{
	struct pairs pairs = { 0 };
	bool told;

	pair_up(ma, mb, &pairs);
	told = compare_order(l, ma, mb);
	told = compare_all(l, &pairs) || told;
	if (fetch && told) {
		fetch(l, a, ma);
		fetch(l, b, mb);
	}
	for (size_t i = 0; i < pairs.n && !look_full(l); i++) {
		struct pair *p = &pairs.v[i];

		if (!p->a || !p->b || hash_equal(&p->a->sha256, &p->b->sha256))
			continue;
		if (!look_enter(l, p->a->path))
			break;
		look_into(l, p);
		look_leave(l);
	}
	free(pairs.v);
	for (size_t i = 0; i < ma->n; i++)
		let_go(l, &ma->v[i]);
	for (size_t i = 0; i < mb->n; i++)
		let_go(l, &mb->v[i]);
	return told;
}
