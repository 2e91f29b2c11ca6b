/*
 * Between conf_schema.c, which reads a schema's lines, and conf_fits.c, which
 * holds values against them.  Paths are spans of the schema's own text.
 */
#ifndef KILN_CONF_OPTION_H
#define KILN_CONF_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

enum option_type {
	T_TEXT,
	T_LINE,
	T_NAME,
	T_LABEL,
	T_ADDRESS,
	T_IPV4,
	T_IPV6,
	T_NETWORK,
	T_MAC,
	T_BOOL,
	T_MAP,
	T_LIST,
	T_RANGE, /* no words of their own from here on */
	T_ENUM,
};

struct option { /* one line */
	struct span path;
	bool required;
	enum option_type type;
	int64_t min, max;
	struct span words; /* of T_ENUM */
};

/* The next line, in its parts; false at the end, or when it has none. */
bool option_next(struct span *rest, struct option *);
/* The line of just this path. */
bool option_find(const char *schema, struct span path, struct option *);
/* Does `path` lie below `above` by this sign, "." or "[]"?  All do below "" by
 * a dot. */
bool option_lies_below(struct span path, struct span above, const char *sign);
bool option_any_below(const char *schema, struct span above, const char *sign);
/* The whole of it is a number. */
bool option_number(struct span, int64_t *);

#endif
