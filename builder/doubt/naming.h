/*
 * Did those who answer for a service put their names to this image?  The TUF
 * metadata that lists it, from a root the doubter has.
 */
#ifndef KILN_NAMING_H
#define KILN_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/tuf_refresh.h"

struct naming_order {
	const char *where; /* whose metadata; for messages */
	const char *service, *arch;
	const struct hash *image;
	const struct buf *root; /* the root one has; NULL: none … */
	bool tofu;		/* … and the first that comes is taken */
	int dirfd;   /* keeps what was trusted, by root and `where` */
	int64_t now; /* 0: expiry is not judged */
	/* Asked for "1.root.json", "timestamp.json" … */
	tuf_get *get;
	void *arg;
};

struct naming {
	struct hash root; /* SHA-256 of the root that all hangs on */
	bool first_use;	  /* … taken because it came first */
	bool demo;	  /* a demonstration's keys */
	int64_t root_version, threshold;
	int64_t keys; /* distinct ones that signed for the image */
	char role[128];
};

/*
 * ERR_TRUST: no root, a root that does not fit, metadata that is wrong, or
 * nobody lists the image.  ERR_BUSY, ERR_MISSING: it could not be asked for.
 */
int naming_check(
    const struct naming_order *, struct naming *, struct err *) KILN_MUST;

#endif
