/* Text by line, and everything else by its bytes. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "builder/judge/look.h"
#include "lib/mem.h"
#include "lib/own.h"

#define SPOTS 4	     /* of one file that are told */
#define APART 64     /* bytes between two of them */
#define LINES 5	     /* likewise, lines */
#define STRING_MIN 4 /* shorter ones are bytes */

size_t
look_first(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;

	/* By blocks, since most of two files is the same. */
	while (i + 4096 <= n && memcmp(a.p + i, b.p + i, 4096) == 0)
		i += 4096;
	while (i < n && a.p[i] == b.p[i])
		i++;
	return i < n || a.n != b.n ? i : SIZE_MAX;
}

static bool
is_print(char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t';
}

void
look_excerpt(struct buf *out, struct span s, size_t at)
{
	size_t from = at, to = at;

	while (
	    from > 0 && at - from < LOOK_EXCERPT / 2 && is_print(s.p[from - 1]))
		from--;
	while (to < s.n && to - at < LOOK_EXCERPT / 2 && is_print(s.p[to]))
		to++;
	if (to - from >= STRING_MIN && to > at) {
		look_escape(
		    out, (struct span){ s.p + from, to - from }, LOOK_EXCERPT);
		return;
	}
	if (at >= s.n)
		buf_str(out, "(its end)");
	for (size_t i = at; i < s.n && i < at + 16; i++)
		buf_printf(out, "%s%02x", i == at ? "" : " ",
		    (unsigned)(unsigned char)s.p[i]);
}

static void
add_spot(struct look *l, struct span a, struct span b, size_t at)
{
	auto_buf struct buf ta = BUF_INIT, tb = BUF_INIT;
	struct found f = FOUND("bytes");

	look_excerpt(&ta, a, at);
	look_excerpt(&tb, b, at);
	f.offset = (int64_t)at;
	f.a = ta.data;
	f.b = tb.data;
	look_add(l, &f);
}

void
look_bytes(struct look *l, struct span a, struct span b)
{
	size_t at = look_first(a, b), base = 0;

	if (a.n != b.n) {
		auto_free char *na = mem_printf("%zu", a.n);
		auto_free char *nb = mem_printf("%zu", b.n);
		struct found f = FOUND("size");

		f.a = na;
		f.b = nb;
		look_add(l, &f);
	}
	for (int i = 0; at != SIZE_MAX && !look_full(l); i++) {
		if (i == SPOTS) {
			l->cut = true;
			return;
		}
		add_spot(l, a, b, base + at);
		/* What follows an insertion is all another. */
		if (a.n != b.n)
			return;
		base += at + APART;
		if (base >= a.n)
			return;
		at = look_first((struct span){ a.p + base, a.n - base },
		    (struct span){ b.p + base, b.n - base });
	}
}

/* --- lines --------------------------------------------------------------- */

bool
look_is_text(struct span s)
{
	size_t odd = 0, n = s.n < 65536 ? s.n : 65536;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0)
			return false;
		odd += (c < 0x20 && !isspace(c)) || c == 0x7f;
	}
	return odd * 50 <= n && memchr(s.p, 0, s.n) == NULL;
}

static uint64_t
line_hash(struct span s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h ^ (h >> 29);
}

/* Lines and the sum of their hashes, in which order has no part. */
static size_t
count_lines(struct span s, uint64_t *sum)
{
	struct span line;
	size_t n = 0;

	*sum = 0;
	while (span_next(&s, '\n', &line)) {
		*sum += line_hash(line);
		n++;
	}
	return n;
}

/* What surrounds the first byte that differs. */
static void
add_line(struct look *l, const char *what, size_t number, size_t offset,
    struct span a, struct span b)
{
	auto_buf struct buf ta = BUF_INIT, tb = BUF_INIT;
	struct found f = FOUND(what);
	size_t at = look_first(a, b), skip;

	skip =
	    at != SIZE_MAX && at > LOOK_EXCERPT / 2 ? at - LOOK_EXCERPT / 2 : 0;
	f.line = (int64_t)number;
	f.offset = (int64_t)(offset + (at == SIZE_MAX ? 0 : at));
	if (skip) {
		buf_str(&ta, "...");
		buf_str(&tb, "...");
	}
	look_escape(&ta, (struct span){ a.p + skip, a.n - skip }, LOOK_EXCERPT);
	look_escape(&tb, (struct span){ b.p + skip, b.n - skip }, LOOK_EXCERPT);
	f.a = ta.data;
	f.b = tb.data;
	look_add(l, &f);
}

void
look_text(struct look *l, struct span a, struct span b)
{
	uint64_t sum_a, sum_b;
	size_t na = count_lines(a, &sum_a), nb = count_lines(b, &sum_b);
	bool order = na == nb && sum_a == sum_b && a.n == b.n;
	const struct span all_a = a, all_b = b;
	struct span la, lb;
	size_t number = 0;
	int told = 0;

	if (na != nb) {
		auto_free char *ta = mem_printf("%zu", na);
		auto_free char *tb = mem_printf("%zu", nb);
		struct found f = FOUND("lines");

		f.a = ta;
		f.b = tb;
		look_add(l, &f);
	}
	for (;;) {
		bool more_a = span_next(&a, '\n', &la),
		     more_b = span_next(&b, '\n', &lb);

		if (!more_a && !more_b)
			break;
		number++;
		if (!more_a)
			la = (struct span){ a.p, 0 };
		if (!more_b)
			lb = (struct span){ b.p, 0 };
		if (more_a == more_b && span_equal(la, lb))
			continue;
		if (told++ == LINES || look_full(l)) {
			l->cut = true;
			return;
		}
		add_line(l, order ? "order" : "line", number,
		    (size_t)(la.p - all_a.p), la, lb);
		/* One is enough to show an order, or where lines came in. */
		if (order || na != nb)
			return;
	}
	if (told == 0) /* a newline at the end */
		look_bytes(l, all_a, all_b);
}
