/*
 * What others hand in for kiln-tuf: a file of spool/ under its SHA-256 and a
 * row of web.db's `submission`, of which the newest 1,000 stay.
 */
#ifndef KILN_WEB_SPOOL_H
#define KILN_WEB_SPOOL_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/tuf.h"
#include "web/req.h"

/* `kind` as the table has it.  Tells kiln-tuf. */
int spool_keep(struct req *, const char *kind, const struct buf *, int64_t *id,
    struct err *) KILN_MUST;
/* Who may sign what; NULL: ERR_MISSING, there is no tree yet. */
struct tuf_file *spool_targets(struct db *tuf, struct err *) KILN_MUST;

#endif
