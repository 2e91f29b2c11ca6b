/* Inside tuf_read alone: members in their shape, or a sentence. */
#ifndef KILN_TUF_READER_H
#define KILN_TUF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf.h"

struct reader {
	const char *name;
	struct tuf_file *f;
	struct err *err;
};

/* "NAME.json: sentence", ERR_TRUST. */
int reader_refuse(struct reader *, const char *fmt, ...) KILN_PRINTF(2, 3);
/* A member of the given type, or NULL with the error set. */
json_t *reader_get(struct reader *, json_t *, const char *where,
    const char *key, json_type) KILN_MUST;
int reader_int(struct reader *, json_t *, const char *where, const char *key,
    int64_t min, int64_t *) KILN_MUST;
/* Missing is false where `optional`. */
int reader_bool(struct reader *, json_t *, const char *where, const char *key,
    bool optional, bool *) KILN_MUST;
/* An array of strings, all different if `distinct`; appends to *out from
 * *count = 0 on. */
int reader_strings(struct reader *, json_t *, const char *where,
    const char *key, bool distinct, char ***out, size_t *count) KILN_MUST;

/* keys and roles: of root, and of the delegations of a targets file. */
int reader_root(struct reader *, json_t *) KILN_MUST;
int reader_delegations(struct reader *, json_t *) KILN_MUST;

#endif
