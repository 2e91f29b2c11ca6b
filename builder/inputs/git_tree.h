/*
 * The files of a commit, in the git worker: as a tar, or as a folder.
 *
 * The tar is a function of the tree and a name alone: entries in git's own
 * order below "NAME/", owner 0, mode 0644, 0755 or a symbolic link, one fixed
 * time (0 would mean "no such file" to make), no filters, no attributes.
 * Refused: a submodule, a link that leads out of the tree, a name that no
 * file should have, more than the limits.
 */
#ifndef KILN_GIT_TREE_H
#define KILN_GIT_TREE_H

#include <git2.h>

#include "lib/attr.h"
#include "lib/err.h"

#define GIT_TREE_CLOCK 1577836800 /* 2020-01-01T00:00:00Z */
#define GIT_TREE_FILES 200000
#define GIT_TREE_DEPTH 64

int git_tree_tar(git_repository *, git_commit *, const char *name,
    int64_t limit, int fd, struct err *) KILN_MUST;
/* Files only, no links: into the folder `dirfd`, of the commit's `folder`
 * ("": all). */
int git_tree_files(git_repository *, git_commit *, const char *folder,
    int64_t limit, int dirfd, struct err *) KILN_MUST;

#endif
