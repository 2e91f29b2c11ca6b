/*
 * Canonical JSON, the OLPC dialect that TUF signs (TUF 4.2): sorted ASCII
 * keys, no blanks, only `"` and `\` escaped.  For what we make, reals,
 * control characters and non-ASCII keys are refused, so that the canonical
 * bytes are JSON as well and can be stored and parsed.
 */
#ifndef KILN_CANON_H
#define KILN_CANON_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

/* Appends.  For hand-overs and metadata of our own. */
int canon_json(const json_t *, struct buf *, struct err *) KILN_MUST;
/* The same for foreign metadata whose signature is to be checked: control
 * characters and any UTF-8 keys pass through raw; reals are refused. */
int canon_foreign(const json_t *, struct buf *, struct err *) KILN_MUST;
/* SHA-256 of canon_json. */
int canon_hash(const json_t *, struct hash *, struct err *) KILN_MUST;
/*
 * A record on a flash that wears: its "sum" is the canon_hash of the rest.
 * canon_summed sets it and appends all of it.  canon_sum_holds takes it off;
 * ERR_INPUT: it is another ("WHAT is damaged"), or there is none.
 */
int canon_summed(json_t *, struct buf *, struct err *) KILN_MUST;
int canon_sum_holds(const char *what, json_t *, struct err *) KILN_MUST;

#endif
