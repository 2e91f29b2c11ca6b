#include "lib/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* Shared by all empty bufs; nobody writes it, since their cap is 0. */
char buf_empty[1];

void
buf_init(struct buf *b)
{
	*b = (struct buf)BUF_INIT;
}

void
buf_release(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap)
		b->data[0] = '\0';
}

char *
buf_take(struct buf *b)
{
	char *s = b->cap ? b->data : mem_strn("", 0);

	buf_init(b);
	return s;
}

void
buf_reserve(struct buf *b, size_t more)
{
	size_t cap;

	assert(more < SIZE_MAX / 2 && b->len < SIZE_MAX / 2);
	if (b->len + more < b->cap)
		return;
	cap = b->cap < 32 ? 64 : 2 * b->cap;
	if (cap <= b->len + more)
		cap = b->len + more + 1;
	b->data = mem_resize(b->cap ? b->data : NULL, cap, 1);
	b->cap = cap;
	b->data[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	buf_reserve(b, n);
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	buf_reserve(b, (size_t)n);
	if (n > 0) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

struct span
span_str(const char *s)
{
	return (struct span){ s, strlen(s) };
}

struct span
span_buf(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_is(struct span a, const char *s)
{
	return span_equal(a, span_str(s));
}

bool
span_next(struct span *rest, char sep, struct span *field)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, sep, rest->n);
	field->p = rest->p;
	field->n = end ? (size_t)(end - rest->p) : rest->n;
	rest->p += field->n + (end != NULL);
	rest->n -= field->n + (end != NULL);
	return true;
}

struct span
span_trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
span_copy(struct span s, char *out, size_t room)
{
	if (s.n >= room)
		return false;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

bool
span_word(struct span *rest, char *out, size_t room)
{
	struct span s;

	return span_next(rest, ' ', &s) && s.n > 0 && span_copy(s, out, room);
}

bool
span_begins(struct span s, char c)
{
	while (s.n && strchr(" \t\r\n", s.p[0]) && s.p[0]) {
		s.p++;
		s.n--;
	}
	return s.n && s.p[0] == c;
}
