/*
 * Signatures, and statements (heard.h), that other parties hand in: files of
 * spool/ that web.db's table `submission` names, which kiln-web alone writes.
 * Each is hashed again and judged as if it came from anybody: a key that the
 * role is delegated to, a good signature, over the version that waits.  One key
 * counts once.  What is late is said to be: it belongs to no file, since a
 * published version is never written again, and the key's next one counts.
 */
#ifndef KILN_HANDIN_H
#define KILN_HANDIN_H

#include "tuf-repo/repo.h"

/* Takes what is new, needs repo.web; makes files that have enough. */
int handin_take(struct repo *, struct err *) KILN_MUST;
/* One kiln/signature.  ERR_INPUT, ERR_TRUST or ERR_MISSING: refused, and why.
 */
int handin_one(struct repo *, const void *, size_t, bool *complete,
    struct err *) KILN_MUST;

#endif
