/*
 * tuf.db lost, damaged or put back from an old copy: made anew from the
 * published tree, which is judged first as a stranger judges it, from the root
 * that lies in keys/offline.
 *
 * The signer's journal may know of versions that were signed and never
 * published.  They are skipped: each such role is signed once more, with the
 * content that stands, above all that was ever signed.
 */
#ifndef KILN_RECOVER_H
#define KILN_RECOVER_H

#include "tuf-repo/repo.h"

/* What the journal knows of a role. */
struct floor {
	char *role;
	int64_t version;
};

/* Into an empty tuf.db; `root` is the trusted root's file. */
int recover_tree(struct repo *, const struct buf *root, const struct floor *,
    size_t, struct err *) KILN_MUST;

#endif
