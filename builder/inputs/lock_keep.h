/*
 * Least work in locking: a lock holds as long as nothing has changed that the
 * solver could have looked at, and then nothing is solved.
 *
 * With each lock farm.db keeps for which indexes it is known to hold, and
 * every name that was consulted.  When the indexes are others, the two states
 * are compared once, in the index worker, for all recipes; a lock whose
 * consulted names do not meet the changed ones holds for the new state, too.
 */
#ifndef KILN_LOCK_KEEP_H
#define KILN_LOCK_KEEP_H

#include "builder/inputs/archive.h"
#include "builder/inputs/index_proto.h"
#include "builder/inputs/lock_make.h"

/* The indexes of a few suites, in the order in which equal versions are
 * taken. */
struct lock_set {
	struct {
		char name[INDEX_NAME];
		struct hash packages, sources;
	} v[ARCHIVE_SUITES];
	size_t n;
};

void lock_set_of(const struct archive_suite *, size_t n, struct lock_set *);
/* Loads them into the index worker; sources take a second, so only when they
 * are asked for. */
int lock_set_open(struct deb_archive *, const char *arch,
    const struct lock_set *, bool sources, struct err *) KILN_MUST;

/* 1: *digest holds for the request now, without solving; 0: solve. */
int lock_keep(struct deb_archive *, const struct lock_request *,
    const struct hash *request, const struct lock_set *now, struct hash *digest,
    struct err *) KILN_MUST;
/* A lock was found to hold by solving. */
int lock_kept(struct deb_archive *, const struct hash *lock,
    const struct lock_set *now, const struct lock_names *consulted,
    struct err *) KILN_MUST;
void lock_keep_forget(struct lock_news *);

#endif
