/*
 * What is other in a lock than in the one before it: for people, and for the
 * chain from an event to a build.
 */
#ifndef KILN_LOCK_CHANGE_H
#define KILN_LOCK_CHANGE_H

#include "builder/inputs/lock.h"
#include "lib/buf.h"
#include "lib/db.h"

struct lock_change {
	const char *part;      /* "build", "image", "source" */
	const char *name;      /* borrowed from the locks, as the rest */
	const char *old, *new; /* versions; NULL: not there */
	const char *suite;     /* of the new one, or NULL */
	bool security;	       /* … which is a security suite */
};

struct lock_changes {
	struct lock_change *v; /* by part, then name */
	size_t n, cap;
};

/* "bookworm-security", "stable/updates" of old. */
bool lock_suite_is_security(const char *suite);
void lock_diff(
    const struct lock *old, const struct lock *new, struct lock_changes *);
void lock_changes_release(struct lock_changes *);
/* Each package once, security first, at most `shown`: "a 1 → 2 (security), b
 * 3 → 4 and 5 more". */
void lock_changes_text(const struct lock_changes *, size_t shown, struct buf *);
/*
 * The recipe's lock is another from now on: an event with what is other and
 * its rows, in one transaction; the caller sets recipe.lock.  *event: the new
 * one.
 */
int lock_changes_write(struct db *, const char *recipe,
    const struct lock_changes *, int64_t parent, int64_t *event,
    struct err *) KILN_MUST;

#endif
