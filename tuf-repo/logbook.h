/*
 * The append-only log of all that is said of runs (docs/formats.md, "log"):
 * who signed which statement, as static files that anybody can follow, so that
 * nothing that was said once can be taken back or be said to some alone.
 */
#ifndef KILN_LOGBOOK_H
#define KILN_LOGBOOK_H

#include "lib/attr.h"
#include "lib/err.h"
#include "tuf-repo/repo.h"

/*
 * Appends every signed statement that is not in it, writes its tiles, and last
 * the checkpoint that counts them.  What was appended keeps its place from
 * then on, also when the process is killed before the checkpoint; a tuf.db
 * that was made anew takes it back from the files.  Does nothing without a
 * signer or with an empty log.
 */
int logbook_extend(struct repo *, struct err *) KILN_MUST;

#endif
