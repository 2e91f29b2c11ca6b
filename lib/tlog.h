/*
 * Append-only logs: the Merkle tree of RFC 6962 (2.1), its proofs (RFC 9162,
 * 2.1.3 and 2.1.4 say how they are checked), and the names of its tiles
 * (C2SP tlog-tiles).  Pure: whoever has hashes gives them by a callback.
 *
 * A tile holds up to 256 hashes next to each other, those of complete subtrees
 * of 256^level leaves.
 */
#ifndef KILN_TLOG_H
#define KILN_TLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

#define TLOG_WIDTH 256
#define TLOG_SIZE_MAX (INT64_C(1) << 48) /* entries */
#define TLOG_LEVELS 6			 /* of tiles, for so many */
#define TLOG_ENTRY_MAX 65535		 /* bytes of one in a bundle */
#define TLOG_PROOF_MAX 100

void tlog_leaf(const void *, size_t, struct hash *);
void tlog_node(
    const struct hash *left, const struct hash *right, struct hash *);

/* Gives the hash of the n-th complete subtree of 256^level leaves. */
struct tlog_hashes {
	int (*get)(
	    void *arg, unsigned level, int64_t n, struct hash *, struct err *);
	void *arg;
};

/* Of the first `size` leaves; of none that of the empty text. */
int tlog_root(const struct tlog_hashes *, int64_t size, struct hash *,
    struct err *) KILN_MUST;

struct tlog_proof {
	struct hash v[TLOG_PROOF_MAX];
	size_t n;
};
/* 0 <= index < size; 0 <= older <= newer. */
int tlog_inclusion(const struct tlog_hashes *, int64_t index, int64_t size,
    struct tlog_proof *, struct err *) KILN_MUST;
int tlog_consistency(const struct tlog_hashes *, int64_t older, int64_t newer,
    struct tlog_proof *, struct err *) KILN_MUST;

/* Do they prove it?  Any numbers may be asked. */
bool tlog_includes(const struct hash *root, int64_t size,
    const struct hash *leaf, int64_t index,
    const struct tlog_proof *) KILN_MUST;
bool tlog_extends(const struct hash *older_root, int64_t older,
    const struct hash *newer_root, int64_t newer,
    const struct tlog_proof *) KILN_MUST;

/* How many hashes the n-th tile of a level has in a log of so many entries:
 * 0: there is none. */
unsigned tlog_tile_width(unsigned level, int64_t n, int64_t size);
/* "tile/0/x001/234" and, of a part, ".p/12"; appends. */
void tlog_tile_name(unsigned level, int64_t n, unsigned width, struct buf *);
/* "tile/entries/x001/234": the same leaves as tile n of level 0. */
void tlog_bundle_name(int64_t n, unsigned width, struct buf *);

#endif
