/*
 * Where a doubter's bytes come from: a farm's server first, then the archive
 * they were locked from.  Nobody is believed: a file counts once it has the
 * digest it is called by, and a server that sends another is ERR_TRUST.
 */
#ifndef KILN_BYTES_H
#define KILN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/archive.h"
#include "builder/inputs/lock.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

struct bytes {
	struct deb_archive *archive; /* its `db` is not used */
	const char *from;	     /* with a slash; NULL: no server */
	bool offline;		     /* ask nobody */
	int64_t files, size;	     /* that came */
	/* Called while one comes; may be NULL. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

/*
 * What the server says at a path below its address, unverified.  0: it
 * answered, *status says how; `out` is filled for 200 alone.
 */
int bytes_ask(struct bytes *, const char *path, size_t limit, struct buf *out,
    int *status, struct err *) KILN_MUST;

/*
 * Into the store, unless they are there.  `name` is for messages.
 * ERR_MISSING: nobody has it.
 */
int bytes_blob(struct bytes *, const struct hash *, int64_t size,
    const char *name, struct err *) KILN_MUST;
int bytes_package(
    struct bytes *, const struct lock_package *, struct err *) KILN_MUST;
int bytes_source(
    struct bytes *, const struct lock_source *, struct err *) KILN_MUST;
int bytes_git(struct bytes *, const struct lock_git *, struct err *) KILN_MUST;
int bytes_file(
    struct bytes *, const struct lock_file *, struct err *) KILN_MUST;
int bytes_inrelease(
    struct bytes *, const struct lock_suite *, struct err *) KILN_MUST;
int bytes_index(struct bytes *, const struct lock_suite *,
    const struct lock_index *, struct err *) KILN_MUST;

#endif
