/*
 * What other rebuilders say of runs of their own, good and bad: statements that
 * they hand in.  Each is judged as if it came from anybody (lib/statement.h),
 * kept by its SHA-256 below tuf/log/statement/ and put beside this farm's own,
 * from where it goes into the log.
 */
#ifndef KILN_HEARD_H
#define KILN_HEARD_H

#include "tuf-repo/repo.h"

/* One envelope.  ERR_INPUT, ERR_TRUST or ERR_MISSING: refused, and why. */
int heard_one(struct repo *, const void *, size_t, struct err *) KILN_MUST;
/* The rows of one that lies in the log's folder already: a database was made
 * anew.  Nothing of that digest there is success. */
int heard_again(
    struct repo *, const char *digest, const char *key, struct err *) KILN_MUST;

#endif
