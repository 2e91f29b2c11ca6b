/*
 * What an environment looked like when it was assembled: a line for each of
 * its entries, `inode mode uid size mtime path`, in env/HEX.list beside
 * env/HEX.  Comparing it takes no reading of files, so it is done before each
 * use; who changes a file and puts its time back is found by digests
 * (env_check).
 */
#ifndef KILN_ENV_LIST_H
#define KILN_ENV_LIST_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

#define ENV_LIST_NAME (HASH_HEX + 5)

void env_list_name(const char *hex, char out[ENV_LIST_NAME]);
/* Appends the lines of the tree at `root`. */
int env_list_add(int root, struct buf *, struct err *) KILN_MUST;
/* ERR_TRUST names the first path that is not as it was; ERR_MISSING: there is
 * no such environment, or it has no list. */
int env_list_check(int env, const struct hash *, struct err *) KILN_MUST;

#endif
