/*
 * Debian's control files, line by line: Release, Sources.  Lines are cut at
 * a limit, fields are not unfolded: a continuation comes as a line of its
 * own.
 */
#ifndef KILN_DEB822_H
#define KILN_DEB822_H

#include <stdio.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

enum deb822_kind {
	DEB822_FIELD, /* name and value */
	DEB822_MORE,  /* a continuation: value, without blanks around */
	DEB822_END,   /* an empty line: the stanza is over */
};

struct deb822 {
	FILE *f;	  /* borrowed */
	const char *what; /* for messages */
	char *line;
	size_t cap, number;
	enum deb822_kind kind;
	struct span name, value; /* into the line: until the next call */
};

void deb822_init(struct deb822 *, FILE *, const char *what);
void deb822_release(struct deb822 *);
#define auto_deb822 __attribute__((cleanup(deb822_release)))

/* 1: a line, 0: the end of the file, -1: not a control file (ERR_INPUT). */
int deb822_next(struct deb822 *, struct err *) KILN_MUST;

/* Up to `max` words separated by blanks; returns how many there are. */
size_t deb822_words(struct span, struct span *words, size_t max);
char *deb822_dup(struct span) KILN_MUST;

#endif
