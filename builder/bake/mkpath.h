/* Folders of trees that are synced as a whole: mkdir -p without a sync for
 * each, below a descriptor, following no link. */
#ifndef KILN_MKPATH_H
#define KILN_MKPATH_H

#include "lib/attr.h"
#include "lib/err.h"

/* Makes what is missing of `path` ("" or ".": dirfd itself), mode 0755, and
 * opens it. */
int mkpath(int dirfd, const char *path, struct err *) KILN_MUST;
/* The same for the folder that holds `path`; *name: its last component. */
int mkpath_parent(
    int dirfd, const char *path, const char **name, struct err *) KILN_MUST;

#endif
