/*
 * What another rebuilder says of a run that was its own: an in-toto Statement
 * v1 with the predicate urn:kiln:reproduction:v1 (docs/formats.md,
 * "attestation"), as it is handed in.
 */
#ifndef KILN_STATEMENT_H
#define KILN_STATEMENT_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/dsse.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/tuf.h"

#define STATEMENT_MAX ((size_t)44 << 10)	  /* of the text … */
#define STATEMENT_ENVELOPE_MAX ((size_t)64 << 10) /* … in base64 */
/* What one party may say of one plan: the log only grows. */
#define STATEMENT_EACH 32

struct statement {
	struct hash digest; /* of the text */
	struct hash plan;
	char
	    verdict[16]; /* "reproduced", "differs", "failed", "inconclusive" */
	char outcome[16]; /* of this run, or "" */
	char lane[2];	  /* "A", "B", or "" */
};

/* Strict and canonical.  ERR_INPUT says what it is not. */
int statement_read(
    struct statement *, const void *, size_t, struct err *) KILN_MUST;

/*
 * Opens an envelope of one: by whichever key of a service's rebuilder
 * (`targets` lists them) has signed it.  ERR_TRUST: none has.  `one` is set to
 * that signature, `text` to the statement.
 */
int statement_open(const struct tuf_file *targets, const void *envelope, size_t,
    struct statement *, struct dsse_signature *one, struct buf *text,
    struct err *) KILN_MUST;

#endif
