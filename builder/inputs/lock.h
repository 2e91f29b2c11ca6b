/*
 * What "now" means for a recipe: every package and source file by digest,
 * with the proof that an archive listed them (docs/formats.md, "lock").
 */
#ifndef KILN_LOCK_H
#define KILN_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct lock_package {
	/* "NAME:ARCH" of one that is of the architecture that is built for
	 * and not of the machine that builds: lock_package_plain(). */
	char *name;
	char *version, *arch;
	struct hash sha256;
	int64_t size;
	char *path; /* "pool/…" */
	char *suite;
};

struct lock_packages { /* sorted by name, then architecture */
	struct lock_package *v;
	size_t n, cap;
};

struct lock_source {
	char *name, *version; /* of the source package */
	char *file;
	struct hash sha256;
	int64_t size;
	char *path, *suite;
};

struct lock_sources { /* sorted by file */
	struct lock_source *v;
	size_t n, cap;
};

/* A git repository at one commit, as the tar file that the sandbox shows:
 * git_tree.h. */
struct lock_git {
	char *file;	 /* "NAME.tar" */
	char *url, *ref; /* ref: as the recipe has it; the commit, if pinned */
	char *commit, *tree; /* 40 hex digits */
	struct hash sha256;
	int64_t size;
};

struct lock_gits { /* sorted by file */
	struct lock_git *v;
	size_t n, cap;
};

/* A plain file; where it came from first, of the recipe's list. */
struct lock_file {
	char *file, *url;
	struct hash sha256;
	int64_t size;
};

struct lock_files { /* sorted by file */
	struct lock_file *v;
	size_t n, cap;
};

struct lock_index {
	char *path; /* "main/binary-amd64/Packages.xz" */
	struct hash sha256;
};

struct lock_suite {
	char *name; /* Codename */
	struct hash inrelease;
	struct lock_index *indexes; /* sorted by path */
	size_t nindexes;
};

struct lock_names { /* sorted, each once */
	char **v;
	size_t n, cap;
};

struct lock {
	struct hash digest; /* of the canonical text */
	char *recipe, *arch;
	struct lock_suite *suites; /* sorted by name */
	size_t nsuites;
	struct lock_packages build, image;
	struct lock_sources sources;
	struct lock_gits git;
	struct lock_files files;
	struct lock_names consulted;
};

void lock_release(struct lock *); /* empties; a zeroed one is fine */
void lock_free(struct lock *);
static inline void
lock_own(struct lock **l)
{
	lock_free(*l);
}
#define auto_lock __attribute__((cleanup(lock_own)))

/* Without what qualifies it: its length. */
size_t lock_package_plain(const char *name);
void lock_package_release(struct lock_package *);
void lock_source_release(struct lock_source *);
void lock_packages_release(struct lock_packages *);
void lock_sources_release(struct lock_sources *);
void lock_gits_release(struct lock_gits *);
void lock_files_release(struct lock_files *);
void lock_names_release(struct lock_names *);
void lock_names_add(struct lock_names *, const char *); /* unsorted, copies */
void lock_names_sort(struct lock_names *);		/* … each once */

/* Sorts what has to be sorted, stores the canonical text, sets `digest`. */
int lock_store(struct store *, struct lock *, struct err *) KILN_MUST;
/* Strict; `name` is used in messages. */
struct lock *lock_parse(
    const char *name, const void *, size_t, struct err *) KILN_MUST;
struct lock *lock_load(
    struct store *, const struct hash *, struct err *) KILN_MUST;
/* Every byte is there: 0, else ERR_MISSING naming the first that is not. */
int lock_complete(struct store *, const struct lock *, struct err *) KILN_MUST;
/* Calls `fn` once for each artifact a lock names: packages, source files,
 * InRelease files and indexes; size -1 where the lock does not say.  `fn`
 * returns 0 to go on. */
typedef int lock_blob_fn(void *arg, const struct hash *, int64_t size,
    const char *name, struct err *);
int lock_blobs(
    const struct lock *, lock_blob_fn *, void *arg, struct err *) KILN_MUST;
/* The package of that name in a closure, or NULL. */
const struct lock_package *lock_package_find(
    const struct lock_packages *, const char *name);

#endif
