/*
 * Inside conf: the tree of a YAML file.  conf_tree.c reads it under the
 * limits, conf_check.c measures it against a table, conf.c answers questions.
 */
#ifndef KILN_CONF_TREE_H
#define KILN_CONF_TREE_H

#include "lib/conf.h"

#define CONF_BYTES (1024 * 1024)
#define CONF_DEPTH 16
#define CONF_NODES 10000

enum conf_kind { CONF_SCALAR, CONF_LIST, CONF_PAIRS };

struct conf_pair {
	char *key;	     /* NULL in a CONF_LIST */
	size_t line, column; /* of the key */
	struct conf_node *value;
};

struct conf_node {
	const struct conf *conf;
	enum conf_kind kind;
	size_t line, column; /* from 1 */
	/* CONF_SCALAR: without NUL bytes */
	char *text;
	bool plain; /* not quoted, not a block */
	/* CONF_LIST, CONF_PAIRS */
	struct conf_pair *items;
	size_t count, cap;
	/* Set by the check. */
	enum conf_type type;
	int64_t number;		     /* INT SIZE DURATION BOOL ENUM DATE */
	const struct conf_key *keys; /* of a map */
};

struct conf {
	char *name;
	struct conf_node *root;
	size_t nodes;
};

/* NULL and "NAME:LINE:COLUMN: …". */
struct conf *conf_tree_read(
    const char *name, const void *bytes, size_t, struct err *) KILN_MUST;
int conf_check(struct conf *, const struct conf_key *, struct err *) KILN_MUST;
/* ERR_INPUT at a place. */
int conf_err_at(const struct conf *, size_t line, size_t column, struct err *,
    const char *fmt, ...) KILN_PRINTF(5, 6);
/* A number as YAML people write it: no blanks, no leading zero. */
bool conf_plain_int(const struct conf_node *, int64_t *);

#endif
