/*
 * What a round of upload.h has to do: a list of orders, by rank; those of one
 * rank may be carried out in any order, and all of them before the next.
 */
#ifndef KILN_UPLOAD_PLAN_H
#define KILN_UPLOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/tuf.h"

enum order_kind {
	ORDER_TARGET,	 /* its name says its hash */
	ORDER_TILE,	 /* of the log: never changes either */
	ORDER_VERSION,	 /* V.role.json */
	ORDER_TIMESTAMP, /* replaced */
	ORDER_CHECKPOINT,
	ORDER_GONE, /* is no longer in the tree */
};

enum rank {
	RANK_FILES,
	RANK_ROLES,
	RANK_TARGETS,
	RANK_SNAPSHOT,
	RANK_ROOTS, /* and one for each version */
	RANK_TIMESTAMP = 1 << 20,
	RANK_LATE_ROOTS,
	RANK_CHECKPOINT = 1 << 21,
	RANK_GONE,
};

struct order {
	enum order_kind kind;
	int64_t rank;
	char *path; /* below tuf/; owned */
	/* of the round that carries it out (upload.c) */
	char *key; /* owned */
	int fd;
	int64_t size;
	struct hash sha256;
	char etag[128];
	unsigned tries;
	bool asked, mend, done;
	const struct buf *bytes; /* instead of the file; borrowed */
};

struct plan {
	struct order *list;
	size_t n, cap;
	struct buf timestamp, checkpoint; /* as they were at the beginning */
	struct tuf_file *stamp;
	int64_t root; /* the newest */
	size_t files; /* of the whole tree */
};
#define PLAN_INIT                                             \
	{                                                     \
		.timestamp = BUF_INIT, .checkpoint = BUF_INIT \
	}

/* `done`: {path: true} of what the store holds. */
int plan_tree(struct plan *, int tree, json_t *done, struct err *) KILN_MUST;
void plan_release(struct plan *);

/* N.root.json. */
struct tuf_file *plan_root(int tree, int64_t version, struct err *) KILN_MUST;

#endif
