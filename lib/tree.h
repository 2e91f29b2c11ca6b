/* Folders with everything in them. */
#ifndef KILN_TREE_H
#define KILN_TREE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

/* Removes `name` below dirfd with all it holds, never following a link and
 * mending permissions on the way.  Nothing there is success. */
int tree_remove_at(int dirfd, const char *name, struct err *) KILN_MUST;

/*
 * Calls `fn` for every entry, parents before children, byte-wise sorted by
 * path; never follows a link.  `path` is relative to the start; `dirfd` and
 * `name` say how to open the entry.  `fn` returns 0 to go on, -1 to stop.
 */
typedef int tree_fn(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *, struct err *);
int tree_walk(int dirfd, tree_fn *, void *arg, struct err *) KILN_MUST;

/* SHA-256 over sorted (path, type, x-bit, size, content digest or link
 * target): the same for the same tree, whoever owns it and whenever made. */
int tree_digest(int dirfd, struct hash *, struct err *) KILN_MUST;

#endif
