/*
 * The published tree, copied to an object store: BUCKET/PREFIX/tuf/targets/…,
 * …/metadata/…, …/log/…, so that a router's `server` may be the address of
 * BUCKET/PREFIX, or of a CDN before it.
 *
 * Who does this holds the store's key and no other, reads what anybody may
 * read, and writes one folder of its own.  A round looks at timestamp.json
 * first, then at the whole tree, and sends what is not there yet in the order
 * in which a client looks for it: targets and tiles of the log, delegated
 * roles, targets.json, snapshot, then timestamp.json and the log's checkpoint;
 * a new root before or after timestamp.json as publish.h says.  So the store
 * always holds a whole tree, whenever a round was cut off.
 *
 * Names that never change are written only where nothing stands (If-None-Match
 * where the server knows it).  What is there already counts as sent if it has
 * the length (targets, tiles) or the bytes (metadata) that it should; a target
 * with another length is half a file, and replaced.  timestamp.json replaces
 * only one that this farm's own keys signed and that is no newer (If-Match).
 *
 * What was sent is noted in the folder, which saves asking for it the next
 * time; nothing else depends on that note.
 */
#ifndef KILN_UPLOAD_H
#define KILN_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "tuf-repo/s3.h"

#define UPLOAD_STATUS "status.json" /* docs/formats.md */

struct upload_where {
	struct s3_where s3;
	char *bucket;	 /* owned, as the next two */
	char *prefix;	 /* "" or ends in a slash */
	char *shown;	 /* "s3://BUCKET/PREFIX" */
	char *whole;	 /* "ENDPOINT/BUCKET/PREFIX" */
	const char *key; /* path of the store's key */
};
/* kiln.yaml(5), `publish`: borrows from the file. */
int upload_where_read(struct upload_where *, const struct conf_node *root,
    struct err *) KILN_MUST;
void upload_where_release(struct upload_where *);

struct upload {
	const struct upload_where *where;
	int tree;   /* the farm's tuf/ */
	int folder; /* its upload/, ours */
	/* True: end after what is under way. */
	bool (*stop)(void *arg);
	void *arg;
	/* out: of one round */
	int64_t sent, bytes, there, mended, removed, waiting;
};

/* One round.  ERR_MISSING: nothing is published yet; ERR_INPUT: the store
 * refuses us; ERR_TRUST: it holds what this farm never published; ERR_BUSY:
 * it cannot be reached, or `stop`. */
int upload_round(struct upload *, struct err *) KILN_MUST;

#endif
