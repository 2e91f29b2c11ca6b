/*
 * Sources that no Debian archive lists: git repositories, by ref or commit,
 * and plain files by digest.  farm.db's git_ref remembers where a ref stands;
 * a recipe's lock takes it from there, with the tree as a tar in the store.
 */
#ifndef KILN_UPSTREAM_H
#define KILN_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/archive.h"
#include "builder/inputs/git.h"
#include "builder/inputs/lock.h"

struct upstream_git {
	const char *name; /* at /kiln/sources/NAME.tar */
	const char *url;
	const char *ref; /* or a commit: it never moves */
};

struct upstream_file {
	const char *file;  /* at /kiln/sources/FILE */
	const char **urls; /* the first is its home, then mirrors, in order */
	size_t nurls;
	struct hash sha256;
};

#define UPSTREAM_FILE_MAX ((int64_t)4 << 30)

/* "URL REF": the subject of a repository's events; free it. */
char *upstream_subject(const char *url, const char *ref) KILN_MUST;

struct upstream_news {
	size_t checked, changed, failed;
	size_t unreachable; /* of those that failed: it may pass */
};

/*
 * Looks where each stands now.  One that cannot be asked, or has lost its ref,
 * stays where it was seen last, with an event that says why; the others go
 * on.  Not 0: the database failed.  Commits that are known are not asked for.
 */
int upstream_poll(struct deb_archive *, const struct upstream_git *, size_t,
    int64_t parent, struct upstream_news *, struct err *) KILN_MUST;

/* Where it was seen last: 1, 0: never. */
int upstream_seen(struct deb_archive *, const char *url, const char *ref,
    char commit[41], char tree[41], struct err *) KILN_MUST;

/*
 * What a lock says of it now, as of the last look; the digest only if the tar
 * was made before (else size is -1).  One that was never looked at is, unless
 * the farm is offline.  ERR_MISSING: it was never seen, with the cause.
 */
int upstream_pin(struct deb_archive *, const struct upstream_git *,
    struct lock_git *, struct err *) KILN_MUST;
/* Makes the tar, unless the store has it, and completes the entry. */
int upstream_export(
    struct deb_archive *, struct lock_git *, struct err *) KILN_MUST;

/* A folder of the pinned commit ("": all), as files below git/. */
int upstream_checkout(struct deb_archive *, const struct lock_git *,
    const char *folder, char path[GIT_CHECKOUT_MAX], struct err *) KILN_MUST;

/*
 * Fetches the file, unless the store has it, and completes the entry.  Each
 * address is tried in order; one that serves other bytes is passed over like
 * one that serves none, and the error names the last.
 */
int upstream_fetch(struct deb_archive *, const struct upstream_file *,
    struct lock_file *, struct err *) KILN_MUST;

#endif
