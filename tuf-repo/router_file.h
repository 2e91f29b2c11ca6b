/*
 * A router file: what a plain machine needs to become a router without a
 * network (docs/formats.md, "router file").
 *
 * The published tree is asked as a router asks it, from the root that the
 * router will start from, and what a router would have fetched for that set is
 * what is written: so the file is whole, and nothing in it went unverified.
 */
#ifndef KILN_ROUTER_FILE_H
#define KILN_ROUTER_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "tuf-repo/source.h"

struct router_file {
	const char *channel, *arch;
	const struct buf *root;	  /* trusted root */
	const struct buf *config; /* agent.yaml, as the router will have it */
	const struct buf *token;  /* one line, or empty */
	const char *const *services; /* these alone; NULL-ended */
	int64_t now;
	int64_t counter; /* of the set; filled in */
};

/* Writes to `fd` from its offset on. */
int router_file_write(
    struct router_file *, struct source *, int fd, struct err *) KILN_MUST;

#endif
