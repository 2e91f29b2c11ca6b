/*
 * Watching the archive: one InRelease file a suite, and on a change its
 * indexes, checked from signature to digest and kept in the store.
 *
 * Nothing is believed that is not signed, nothing that is older than what
 * was seen before, nothing past its Valid-Until (unless this machine's apt
 * is told not to mind: Acquire::Check-Valid-Until).  Whatever is refused
 * leaves the state as it was, and an event with the cause.
 */
#ifndef KILN_ARCHIVE_H
#define KILN_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/apt.h"
#include "builder/inputs/fetch.h"
#include "builder/inputs/worker.h"
#include "lib/db.h"
#include "lib/hash.h"
#include "lib/store.h"

#define ARCHIVE_SUITES 16
#define ARCHIVE_PACKAGES 0
#define ARCHIVE_SOURCES 1
#define ARCHIVE_INDEXES 2

/* What a signed InRelease was found to list, so that 15 recipes do not have
 * it judged 15 times. */
struct archive_known {
	struct hash inrelease;
	char arch[32];
	struct hash indexes[ARCHIVE_INDEXES];
};

struct lock_news;

/* Whose secrets are for which addresses: the git worker reads the file. */
struct archive_secret {
	const char *prefix; /* of URLs */
	const char *file;   /* one line USER:PASSWORD */
};

/* Filled by the caller, the rest zeroed; everything is borrowed. */
struct deb_archive {
	struct db *db; /* farm.db, opened by its owner */
	struct store *store;
	struct workers *workers;
	const struct apt_sources *sources;
	int tmpdir; /* for unnamed files: "work" of the farm */
	int gitdir; /* "git" of the farm; -1: no git sources */
	bool offline;
	const struct archive_secret *secrets;
	size_t nsecrets;
	struct archive_known known[ARCHIVE_SUITES];
	size_t next_known;	/* the one to be overwritten */
	struct lock_news *news; /* lock_keep.c's; lock_keep_forget() */
	int64_t solved, kept;	/* locks made, locks found to hold unsolved */
};

struct archive_news {
	size_t checked, changed;
	int64_t event; /* of the last change; 0: nothing changed */
};

/*
 * Asks for every suite (Codename, as recipes name it): one small request
 * each when nothing has changed.  All suites change together or none does.
 * `parent`: the event that led here, or 0.
 */
int archive_poll(struct deb_archive *, const char *const *suites, size_t n,
    const char *arch, int64_t parent, struct archive_news *,
    struct err *) KILN_MUST;

/* An event for each suite that was last reached more than `limit` seconds
 * ago, one for each silence: nobody else would tell, when there is no
 * Valid-Until. */
void archive_tell_silence(struct deb_archive *, int64_t limit);

/* A suite as it was last seen; its indexes lie in the store. */
struct archive_suite {
	char *name, *arch;
	char *uri; /* "http://HOST/debian/dists/bookworm/" */
	struct hash inrelease;
	int64_t date, valid_until, changed_at; /* valid_until -1: none */
	struct fetch_tags tags;
	char *paths[ARCHIVE_INDEXES]; /* "main/binary-amd64/Packages.xz" … */
	struct hash indexes[ARCHIVE_INDEXES];
};
void archive_suite_release(struct archive_suite *);

/* ERR_MISSING: it was never polled.  Fetches indexes that the store has not
 * (another architecture's). */
int archive_suite_load(struct deb_archive *, const char *name, const char *arch,
    struct archive_suite *, struct err *) KILN_MUST;

/*
 * Fetches a file of the suite's pool into the store, unless it is there.
 * ERR_MISSING: the archive lists it and does not have it; ERR_TRUST: what
 * came is not what is listed.
 */
struct archive_file {
	const char *path; /* "pool/…" */
	const struct hash *sha256;
	int64_t size;
	void (*progress)(void *arg, int64_t done, int64_t total); /* or NULL */
	void *arg;
};
int archive_fetch(struct deb_archive *, const struct archive_suite *,
    const struct archive_file *, struct err *) KILN_MUST;

/*
 * An InRelease in the store against a keyring, and the digests of the
 * indexes of `arch` that it lists: for checking the proof of a foreign lock.
 * Its expiry is not judged: a lock outlives it.
 */
int archive_proof(struct deb_archive *, const char *suite,
    const struct hash *inrelease, const char *arch,
    struct hash indexes[ARCHIVE_INDEXES], struct err *) KILN_MUST;

#endif
