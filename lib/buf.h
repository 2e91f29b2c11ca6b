/*
 * Text being built, and foreign bytes being read.
 *
 * A `struct buf` grows, is never NULL and always NUL-ended; `len` leaves the
 * NUL out.  It may hold NUL bytes.  A `struct span` owns nothing.
 */
#ifndef KILN_BUF_H
#define KILN_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"

struct buf {
	char *data;
	size_t len;
	size_t cap; /* 0: `data` is the shared empty string */
};

struct span {
	const char *p;
	size_t n;
};

extern char buf_empty[1];
#define BUF_INIT                \
	{                       \
		buf_empty, 0, 0 \
	}
#define auto_buf __attribute__((cleanup(buf_release)))

void buf_init(struct buf *);
void buf_release(struct buf *);		/* empties; usable again */
void buf_clear(struct buf *);		/* keeps the room */
char *buf_take(struct buf *) KILN_MUST; /* malloc'ed; the buf is empty after */

void buf_reserve(struct buf *, size_t more);
void buf_add(struct buf *, const void *, size_t);
void buf_str(struct buf *, const char *);
void buf_char(struct buf *, char);
void buf_printf(struct buf *, const char *fmt, ...) KILN_PRINTF(2, 3);
void buf_vprintf(struct buf *, const char *fmt, va_list);

struct span span_str(const char *);
struct span span_buf(const struct buf *);
bool span_equal(struct span, struct span);
bool span_is(struct span, const char *);
/* Takes the text up to `sep` off the front; false when nothing is left. */
bool span_next(struct span *rest, char sep, struct span *field);
struct span span_trim(struct span); /* blanks and tabs at both ends */
/* As a string; false, and nothing written, when `room` is too small. */
bool span_copy(struct span, char *out, size_t room) KILN_MUST;
/* The next word, up to a blank, the same way; false for an empty one, too. */
bool span_word(struct span *rest, char *out, size_t room) KILN_MUST;
/* Is this the first that is no white space? */
bool span_begins(struct span, char);

#endif
