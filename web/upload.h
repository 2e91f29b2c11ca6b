/*
 * What nodes of the farm hand in: bodies of PUT that are too large to be kept
 * in memory, written to spool/ as they come and hashed on the way.
 *
 * An attempt's secret lets in what its row in farm.db allows, and no byte
 * more.  A file gets its name, ATTEMPT-DIGEST, once it is whole and has the
 * digest it is called by; anything else is deleted.  Nobody here believes what
 * is in it: kiln-builder hashes it again.
 */
#ifndef KILN_UPLOAD_H
#define KILN_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/hash.h"
#include "web/req.h"

#define ATTEMPT_ID 33 /* 32 hex digits and NUL */

struct upload;

/* With the request's headers alone: NULL when the body is none of these. */
struct upload *upload_begin(struct req *);
/* False: it has failed, and the rest may be dropped. */
bool upload_add(struct upload *, const void *, size_t);
/* At any time: what is not named by then goes. */
void upload_free(struct upload *);
/* Is the connection allowed to take its time? */
bool upload_goes_on(const struct upload *);

/* Does the secret of the request fit the attempt?  0, or the status; *quota
 * and *taken (it is done with) may be NULL. */
unsigned attempt_allowed(
    struct req *, const char *attempt, int64_t *quota, const char **why);

void api_upload(struct req *, struct reply *); /* PUT; parts: attempt, HEX64 */
void api_attempt_blob(struct req *, struct reply *); /* GET; the same */
void api_handin(struct req *, struct reply *);	     /* POST; part: attempt */

#endif
