/* Debian's git, run on one calendar's folder. */
#ifndef CALDAV_GIT_H
#define CALDAV_GIT_H

#include "recipes/guest-init/guest.h"

#define GIT_ANSWER (1L << 20) /* bytes of what it says */

/*
 * Runs it with the NULL-ended arguments behind "git", in `folder`, as `who`.
 * Its exit status, or -1 with a fault.  What it says is in *out, malloc'd and
 * NUL-ended, unless that is NULL.
 */
int git_run(const char *folder, const char *who, char *const args[], char **out,
    size_t *n, struct fault *);

#endif
