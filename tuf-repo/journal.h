/*
 * The signer's journal: lines `ROLE VERSION HEX`, appended and synced before
 * a signature leaves.  It is what keeps one version from standing for two
 * contents, whatever the process that asks has become.
 */
#ifndef KILN_JOURNAL_H
#define KILN_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

/* No role: the log, whose versions are its sizes. */
#define JOURNAL_LOG "log"

struct journal;

/*
 * Opens (makes) `journal` below dirfd and takes it for this process alone;
 * waits up to `wait_ms` for another signer to end.  A torn last line is cut
 * off: its signature never left.  Any other damage is ERR_TRUST.
 */
struct journal *journal_open(int dirfd, int wait_ms, struct err *) KILN_MUST;
void journal_free(struct journal *);
/* The highest version of the role that was signed; 0: none. */
int64_t journal_version(struct journal *, const char *role);
/* The i-th role it knows; NULL: no more. */
const char *journal_role(const struct journal *, size_t i);
/*
 * 0: this content may be signed as this version of the role, and that is on
 * disk.  ERR_TRUST: the version is lower than one already signed, or was
 * signed with other content.
 */
int journal_enter(struct journal *, const char *role, int64_t version,
    const struct hash *, struct err *) KILN_MUST;

#endif
