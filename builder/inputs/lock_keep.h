/*
 * Least work in locking: a lock holds as long as nothing has changed that the
 * solver could have looked at, and then nothing is solved.
 *
 * With each lock farm.db keeps for which indexes it is known to hold, and
 * every name that was consulted.  When indexes are others, their two states
 * are compared once, by their facts (facts_kept.h), for all recipes; a lock
 * whose consulted names do not meet the changed ones holds for the new state,
 * too.
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
		/* "bookworm", "bookworm:arm64" of another architecture. */
		char name[INDEX_NAME];
		struct hash packages, sources;
	} v[ARCHIVE_SUITES];
	size_t n;
};

/* `on`: the machine's architecture. */
void lock_set_of(
    const struct archive_suite *, size_t n, const char *on, struct lock_set *);
void lock_set_text(const struct lock_set *, struct buf *);
bool lock_set_parse(const char *, struct lock_set *);
bool lock_set_same(
    const struct lock_set *, const struct lock_set *, bool sources);
/* Loads them into the index worker; sources take a second, so only when they
 * are asked for. */
int lock_set_open(struct deb_archive *, const char *on, const struct lock_set *,
    bool sources, struct err *) KILN_MUST;

/* Keeps the facts of a set that a lock was found to hold for, so that the
 * next state of the archive can be compared by reading that state alone. */
void lock_set_facts(
    struct deb_archive *, const struct lock_set *, bool sources);

/* 1: *digest holds for the request now, without solving; 0: solve. */
int lock_keep(struct deb_archive *, const struct lock_request *,
    const struct hash *request, const struct lock_set *now, struct hash *digest,
    struct err *) KILN_MUST;
/* A lock was found to hold by solving; `sources`: packages it was asked for. */
int lock_kept(struct deb_archive *, const struct hash *lock,
    const struct lock_set *now, const struct lock_names *consulted,
    const char *const *sources, size_t nsources, struct err *) KILN_MUST;
/*
 * Which recipes does a new state of the archive touch?  All locks that stand
 * are asked at once: those that hold for `now`, which names every suite of
 * theirs, are written down as such, so that lock_keep() has no more to do.
 * *held and *touched count them.
 */
int lock_keep_all(struct deb_archive *, const char *on,
    const struct lock_set *now, size_t *held, size_t *touched,
    struct err *) KILN_MUST;
/* What is other between two states: compared once, remembered until
 * lock_keep_forget(). */
const struct lock_news *lock_news_between(struct deb_archive *,
    const char *arch, const struct lock_set *old, const struct lock_set *now,
    bool sources);
/* Could it matter to one who consulted these packages and wants these
 * sources?  Both are sorted lines. */
bool lock_news_touch(
    const struct lock_news *, const char *consulted, const char *sources);
void lock_keep_forget(struct lock_news *);

#endif
