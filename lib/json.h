/*
 * Strict JSON, read by jansson: repeated keys, trailing bytes, bad UTF-8,
 * NUL, reals, integers beyond 2^53 and more than 64 levels are refused, with
 * line and column. Prefix `js_`, since jansson owns `json_`.
 */
#ifndef KILN_JSON_H
#define KILN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

static inline void
js_own(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(js_own)))

/* What JavaScript keeps exactly, 2^53 - 1: larger ones are refused. */
#define JS_INT_MAX 9007199254740991
#define JS_DEPTH_MAX 64

/* `what` names the text in errors.  New reference. */
json_t *js_parse(
    const char *what, const void *, size_t, struct err *) KILN_MUST;
/*
 * A hand-over of docs/formats.md: an object with "kind": kind and an integer
 * "v" from 1 to vmax, no more; any other is ERR_INPUT.
 */
json_t *js_record(const char *what, const char *kind, int vmax, const void *,
    size_t, struct err *) KILN_MUST;
/* {"kind": kind, "v": v}: the start of one. */
json_t *js_record_new(const char *kind, int v) KILN_MUST;

/*
 * Members that must be there and of that type; the error names `what` and the
 * key.  Borrowed from the object.
 */
int js_str(const char *what, const json_t *, const char *key, const char **,
    struct err *) KILN_MUST;
/* Copied into an array of `room` bytes; longer is an error. */
int js_copy(const char *what, const json_t *, const char *key, char *,
    size_t room, struct err *) KILN_MUST;
int js_int(const char *what, const json_t *, const char *key, int64_t min,
    int64_t max, int64_t *, struct err *) KILN_MUST;
int js_hash(const char *what, const json_t *, const char *key, struct hash *,
    struct err *) KILN_MUST;
int js_array(const char *what, const json_t *, const char *key, json_t **,
    struct err *) KILN_MUST;
int js_object(const char *what, const json_t *, const char *key, json_t **,
    struct err *) KILN_MUST;
/* Refuses any key that is not in the NULL-ended list. */
int js_only(const char *what, const json_t *, const char *const *keys,
    struct err *) KILN_MUST;

/* Setters that own nothing and cannot fail but for memory.  A NULL string is
 * null; bytes that are not UTF-8 become U+FFFD. */
void js_set_str(json_t *, const char *key, const char *);
void js_set_int(json_t *, const char *key, int64_t);
void js_set_bool(json_t *, const char *key, bool);
void js_set_hash(json_t *, const char *key, const struct hash *);
void js_set(json_t *, const char *key, json_t *value); /* takes the reference */

/* Compact or indented text, for pages and `--json`; appends. */
void js_text(const json_t *, bool indent, struct buf *);

#endif
