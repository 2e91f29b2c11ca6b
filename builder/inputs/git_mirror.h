/* Bare mirrors, in the git worker: the folder git/ is its working folder. */
#ifndef KILN_GIT_MIRROR_H
#define KILN_GIT_MIRROR_H

#include <git2.h>

#include "builder/inputs/git.h"

/* No settings but ours, no checks of owners: once, before anything else. */
int git_mirror_init(struct err *) KILN_MUST;
/* libgit2's last error as ours: "what: sentence". */
int git_failed(enum err_class, struct err *, const char *fmt, ...)
    KILN_PRINTF(3, 4);

int git_mirror_look(
    const struct git_look *, struct git_seen *, struct err *) KILN_MUST;
/* The mirror and a commit of it.  The caller frees both. */
int git_mirror_commit(const char *url, const char *commit, git_repository **,
    git_commit **, struct err *) KILN_MUST;

#endif
