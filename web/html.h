/*
 * HTML, written through one door that escapes every value.
 *
 * The writer keeps a stack of open elements, so a page cannot come out
 * unbalanced; there is no call that writes a runtime string raw.  Element and
 * attribute names are literals of ours.
 */
#ifndef KILN_HTML_H
#define KILN_HTML_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/buf.h"

#define HTML_DEPTH 64

struct html {
	struct buf *out; /* borrowed */
	const char *open[HTML_DEPTH];
	size_t depth;
};

void html_init(struct html *, struct buf *out);
/* Attributes: name, value pairs, NULL-ended; a NULL value leaves it out. */
void html_open(struct html *, const char *element, ...)
    __attribute__((sentinel));
void html_close(struct html *, const char *element); /* asserts the match */
void html_text(struct html *, const char *);	     /* NULL: nothing */
void html_textf(struct html *, const char *fmt, ...) KILN_PRINTF(2, 3);
/* open, text, close.  Attributes as in html_open. */
void html_element(struct html *, const char *element, const char *text, ...)
    __attribute__((sentinel));
/* open, formatted text, close; a NULL class is none. */
void html_say(struct html *, const char *element, const char *cls,
    const char *fmt, ...) KILN_PRINTF(4, 5);
/* An element without content: <meta …>, <input …>, <br>. */
void html_void(struct html *, const char *element, ...)
    __attribute__((sentinel));
/* A link within the site: `path` is formatted and escaped. */
void html_link(struct html *, const char *text, const char *path, ...)
    KILN_PRINTF(3, 4);
void html_end(struct html *); /* asserts that all is closed */

#endif
