/*
 * YAML files read by libyaml against a table of keys.
 *
 * An unknown or repeated key, an anchor, alias or tag, a second document, a
 * wrong type or a value out of range is ERR_INPUT: "FILE:LINE:COLUMN: …" with
 * the allowed values.  The result is a checked tree; a caller that finds a
 * mistake of meaning reports it with conf_error at the same place.
 */
#ifndef KILN_CONF_H
#define KILN_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"

enum conf_type {
	CONF_STR,      /* 1 to `max` bytes (0: 4096), no control characters */
	CONF_NAME,     /* a string that name_ok() accepts */
	CONF_INT,      /* min..max */
	CONF_SIZE,     /* num_size */
	CONF_DURATION, /* num_duration */
	CONF_BOOL,     /* true | false */
	CONF_ENUM,     /* one of `words` */
	CONF_DATE,     /* YYYY-MM-DDTHH:MM:SSZ */
	CONF_STRS,     /* sequence of CONF_STR */
	CONF_MAP,      /* keys of `sub` */
	CONF_SEQ,      /* sequence of maps with the keys of `sub` */
	CONF_MIX,      /* sequence of strings and of such maps */
	CONF_DICT, /* any name_ok() keys, each a map with the keys of `sub` */
	CONF_FREE, /* any scalars, sequences, maps: for conf_json only */
};

struct conf_key {
	const char *name; /* NULL ends the table */
	enum conf_type type;
	bool required;
	/* INT, SIZE, DURATION: bounds, none when both are 0; STRS, SEQ, MIX,
	 * DICT: how many (max 0: any number); STR, NAME: max bytes */
	int64_t min, max;
	const char *const *words;   /* ENUM, NULL-ended; STRS may have them */
	const struct conf_key *sub; /* MAP, SEQ, MIX, DICT */
};

struct conf;	  /* a whole file; owns its nodes */
struct conf_node; /* borrowed */

/* `name` is used in messages; `bytes` are read completely. */
struct conf *conf_parse(const char *name, const void *bytes, size_t,
    const struct conf_key *, struct err *) KILN_MUST;
struct conf *conf_read_at(int dirfd, const char *path, const char *name,
    const struct conf_key *, struct err *) KILN_MUST;
void conf_free(struct conf *);
static inline void
conf_own(struct conf **c)
{
	conf_free(*c);
}
#define auto_conf __attribute__((cleanup(conf_own)))

const struct conf_node *conf_root(const struct conf *);
bool conf_has(const struct conf_node *, const char *key);
/* The value, or the default when the key is absent.  conf_int also gives a
 * DATE in Unix seconds, conf_str a NAME's, ENUM's or DATE's text. */
const char *conf_str(
    const struct conf_node *, const char *key, const char * or);
int64_t conf_int(const struct conf_node *, const char *key, int64_t or);
bool conf_bool(const struct conf_node *, const char *key, bool or);
int conf_enum(const struct conf_node *, const char *key, int or); /* index */
/* A CONF_MAP's node, or NULL. */
const struct conf_node *conf_map(const struct conf_node *, const char *key);
/* STRS, SEQ, MIX, DICT: how many, and the n-th in the file's order.  Of a MIX
 * one of the two is NULL. */
size_t conf_count(const struct conf_node *, const char *key);
const char *conf_str_at(const struct conf_node *, const char *key, size_t i);
const struct conf_node *conf_at(
    const struct conf_node *, const char *key, size_t n, const char **dict_key);
/* The whole value as JSON (new reference), NULL when absent, as typed by the
 * table: INT, SIZE and DURATION are integers; CONF_FREE plain scalars:
 * integers, true/false, else strings.  `key` NULL: the node itself. */
json_t *conf_json(const struct conf_node *, const char *key);

/* "FILE:LINE:COLUMN: key: sentence", ERR_INPUT, at `key` of the node (or at
 * the node when key is NULL). */
int conf_error(const struct conf_node *, const char *key, struct err *,
    const char *fmt, ...) KILN_PRINTF(4, 5);

#endif
