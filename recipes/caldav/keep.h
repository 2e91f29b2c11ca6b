/*
 * The calendars on the volume: a folder each, of plain .ics files in a git
 * repository, where every change is a commit of who made it.  All of it lies
 * in memory too; nobody else writes there.
 */
#ifndef CALDAV_KEEP_H
#define CALDAV_KEEP_H

#include "recipes/caldav/conf.h"
#include "recipes/caldav/ics.h"

#define KEEP_NAME 200	     /* bytes of a file's name */
#define KEEP_ITEMS 5000	     /* of one calendar */
#define KEEP_ALL (24L << 20) /* bytes of all calendars */
#define KEEP_COMMIT 40	     /* letters of a commit's name */

struct keep_item {
	char *name, *text; /* text is not NUL-ended */
	size_t n;
	char tag[36]; /* with quotes, as HTTP has it */
	struct ics ics;
};
struct keep {
	const char *name; /* borrowed */
	int dir;
	struct keep_item *item; /* by name */
	size_t items;
	char commit[KEEP_COMMIT + 1];
};
enum keep_result { KEEP_OK, KEEP_NEW, KEEP_TWICE, KEEP_FULL, KEEP_FAILED };

/* Makes the repository if there is none; what a power cut left out of the
 * history enters it. */
int keep_open(struct keep *, const char *name, struct fault *);
/* A file's name that a client may choose. */
bool keep_name_ok(const char *);
struct keep_item *keep_find(const struct keep *, const char *name);
/* TWICE: another item has its UID. */
enum keep_result keep_put(struct keep *, const char *name, const char *text,
    size_t n, const struct ics *, const char *user, struct fault *);
enum keep_result keep_delete(
    struct keep *, struct keep_item *, const char *user, struct fault *);
/*
 * Calls `one` for each item that came, changed or went since the commit.  -1:
 * there never was such a commit.
 */
typedef void keep_one_fn(void *, const char *name);
int keep_since(struct keep *, const char *commit, keep_one_fn *one, void *,
    struct fault *);
/* What a clone reads first, made anew. */
int keep_for_clone(struct keep *, struct fault *);

#endif
