/*
 * The collector: has no authority of its own.  It puts on record what is
 * proposed, verifies each detached signature strictly, and makes the file of
 * a role once k of its keys have signed the same bytes (tuf.md, "k of n").
 */
#ifndef KILN_COLLECT_H
#define KILN_COLLECT_H

#include <stdbool.h>

#include <jansson.h>

#include "tuf-repo/ask.h"
#include "tuf-repo/repo.h"

/*
 * Records `signed_part` as the role's next version; its `version` must be one
 * above the newest row's.  May be inside the caller's transaction.
 */
int collect_propose(struct repo *, const char *role, const json_t *signed_part,
    struct err *) KILN_MUST;
/* The same, one above `floor` if that is higher: what was signed and lost. */
int collect_propose_above(struct repo *, const char *role,
    const json_t *signed_part, int64_t floor, struct err *) KILN_MUST;
/* A detached signature over the row's bytes: ERR_TRUST unless it is good and
 * by a key the role is delegated to. */
int collect_add(struct repo *, const char *role, int64_t version,
    const struct answer *, struct err *) KILN_MUST;
/* Makes the file when there are enough; *complete tells. */
int collect_finish(struct repo *, const char *role, int64_t version,
    bool *complete, struct err *) KILN_MUST;
/* Asks our own signer for its signature, adds it and finishes. */
int collect_sign(struct repo *, const char *role, int64_t version,
    bool *complete, struct err *) KILN_MUST;
/*
 * A finished file of an offline role from a ceremony: the next version (or
 * the one that is there, byte for byte), signed by the threshold that its
 * delegator asks for; a root by the old one's and its own.
 */
int collect_file(struct repo *, const char *role, const void *, size_t,
    struct err *) KILN_MUST;
/*
 * The same of several, roots first: all roots and targets come in one
 * transaction, since a root and the targets under its keys belong together.
 * Older versions than those on record are passed over.
 */
struct collect_item {
	const char *role;
	struct buf bytes;
};
int collect_files(
    struct repo *, const struct collect_item *, size_t, struct err *) KILN_MUST;
/* Do the keys that the newest root or targets lists still sign the newest
 * file of the role?  False when a rotation left it under its threshold. */
int collect_stands(
    struct repo *, const char *role, bool *yes, struct err *) KILN_MUST;
/* Newest complete file of the one who lists the role's keys. */
int collect_delegator(struct repo *, const char *role, struct tuf_file **,
    struct err *) KILN_MUST;

#endif
