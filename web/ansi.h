/*
 * A build's output as text in colours.  Terminal sequences of colour and
 * weight (SGR) become classes of ours; all others are swallowed whole, so
 * nothing of them reaches a page.  Bytes that are not UTF-8 become U+FFFD.
 */
#ifndef KILN_ANSI_H
#define KILN_ANSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct ansi {
	/* How the next text looks; colours 0 (none) to 16. */
	uint8_t ink, ground;
	bool bold, faint, italic, under, swap;
	/* Inside a sequence that a piece of text may have cut. */
	enum { ANSI_TEXT, ANSI_ESC, ANSI_CSI, ANSI_STRING, ANSI_STRING_ESC } at;
	char number[32]; /* of a CSI so far */
	size_t n;
	bool cr;
};
#define ANSI_INIT \
	{         \
		0 \
	}

/* A run of text in one look; `cls` is "" for plain. */
typedef void ansi_emit(void *arg, const char *cls, const char *text);

void ansi_feed(struct ansi *, const char *, size_t, ansi_emit *, void *arg);

/* Any bytes as UTF-8 without NUL; appends. */
void utf8_add(struct buf *, const char *, size_t);

#endif
