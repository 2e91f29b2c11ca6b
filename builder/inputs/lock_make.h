/*
 * Making locks: closures are solved, everything they name is fetched into
 * the store, and only then there is a lock.
 */
#ifndef KILN_LOCK_MAKE_H
#define KILN_LOCK_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/archive.h"
#include "builder/inputs/lock.h"
#include "builder/inputs/upstream.h"

/* What a recipe asks for; everything is borrowed, in any order. */
struct lock_request {
	const char *recipe, *arch;
	const char *on;		   /* the machine's architecture; NULL: arch */
	const char *const *suites; /* of equal versions, the earlier suite's */
	size_t nsuites;
	/* Debian packages; none: no environment.  With `on`, "NAME:ARCH" is
	 * one of `arch`. */
	const char *const *build;
	size_t nbuild;
	const char *const *image;
	size_t nimage;
	const char *const *sources; /* Debian source packages */
	size_t nsources;
	const struct upstream_git *git;
	size_t ngit;
	const struct upstream_file *files;
	size_t nfiles;
};

/* Packages that each environment starts from, besides those named:
 * docs/formats.md, "lock".  NULL-ended. */
extern const char *const lock_base[];
/* Is it what writes images, and not what they hold? */
bool lock_assembles(const char *name);

/*
 * *digest: the lock that holds for the request now; its row is in `lock`,
 * every byte of it in the store.  The caller sets recipe.lock.
 *
 * When the archive gives what the newest lock of the same request holds, that
 * lock is returned, whatever its proof.  An imported lock that gives all that
 * is asked for is returned until one of its suites changes.
 *
 * ERR_INPUT: a package or source that no suite has, or packages that exclude
 * each other: "recipe NAME: sentence".  ERR_MISSING: a suite was never
 * polled, or the archive lists a file and does not have it.  `event`: what
 * led here, or 0.
 */
int lock_make(struct deb_archive *, const struct lock_request *, int64_t event,
    struct hash *digest, struct err *) KILN_MUST;

/*
 * Takes over a lock whose bytes all lie in the store already: re-hashes each
 * of them, judges the proof by this machine's keyring, and each package and
 * source file by the indexes; then stores it and writes its row, with origin
 * "import".
 */
int lock_accept(struct deb_archive *, struct lock *, struct err *) KILN_MUST;

/*
 * The proof of a foreign lock, by this machine's keyring: the signature of
 * each suite, the indexes it lists, each package and source file in them.
 * These must lie in the store and be what they are called; what the lock
 * names beside them is not looked at.  Needs no database.
 */
int lock_judge(
    struct deb_archive *, const struct lock *, struct err *) KILN_MUST;

/* Rows. */
int lock_row_add(struct db *, const struct lock *, const char *origin,
    const struct hash *request, int64_t event, struct err *) KILN_MUST;
/* The imported lock that holds for the request: 1, 0: none does. */
int lock_row_imported(struct deb_archive *, const struct lock_request *,
    struct hash *digest, struct err *) KILN_MUST;
/* The current lock of a recipe: 1, 0: it has none. */
int lock_row_newest(struct db *, const char *recipe, struct hash *digest,
    struct err *) KILN_MUST;

#endif
