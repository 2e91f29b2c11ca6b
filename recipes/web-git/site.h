/*
 * The branch as it was fetched last, as a folder of its own that nothing
 * changes any more: a new one takes its place whole, or it stays.
 */
#ifndef WEB_GIT_SITE_H
#define WEB_GIT_SITE_H

#include "recipes/web-git/web.h"

#define SITE_FILE_MAX (32L << 20) /* bytes of a file, and of git's packs */

struct site {
	int dir;	     /* or -1: nothing was fetched yet */
	unsigned int number; /* of its folder */
	char commit[65];
};

/* Once, before anything else. */
int site_init(struct fault *);
/* Fetches.  1: *next is another commit than `now`; 0: it is the same. */
int site_fetch(const struct web *, const struct site *now, struct site *next,
    struct fault *);
/* Closes it and removes its files. */
void site_remove(struct site *);

#endif
