/*
 * Environments: the root folder a build sees.
 *
 *   env/deb/HEX/root    one package unpacked, by the .deb's digest
 *   env/deb/HEX/digest  what tree_digest() said of it then
 *   env/HEX/            packages hard-linked together and the fix-ups, by
 *                       the environment digest
 *   env/HEX.list        what that looked like (env_list.h)
 *
 * As root they belong to a uid of their own, whose processes (env_crew.h) are
 * the only ones that write here; builds and the builder read.
 *
 * All are made under a name "new-…", synced and renamed: one that has its
 * name is whole.  Nothing in them is changed again.  Not for two processes at
 * a time: the caller holds the farm's lock.
 */
#ifndef KILN_ENV_H
#define KILN_ENV_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct env_crew;

struct env_package {
	const char *name; /* for messages */
	struct hash sha256;
};

struct env_place {
	int dirfd;	  /* env/ */
	const char *path; /* the same, absolute, as bwrap reaches it */
	struct store *store;
	struct env_crew *crew; /* NULL: this process, which owns env/ */
	/* Called after each package is there; may be NULL. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

struct env {
	struct hash digest;
	char *root; /* absolute path of the tree */
};

/* Packages in the plan's order.  Of files that one named "NAME:ARCH" shares
 * with those before it, theirs are there: the machine's own programs are what
 * runs.  ERR_MISSING: a .deb is not in the store.
 * ERR_TRUST: an environment that was there is not what it was. */
int env_make(const struct env_place *, const struct env_package *, size_t,
    struct env *, struct err *) KILN_MUST;
void env_release(struct env *);
#define auto_env __attribute__((cleanup(env_release)))
#define ENV_INIT             \
	{                    \
		.root = NULL \
	}

/* Is it still what was assembled?  ERR_TRUST names what is not. */
int env_same(const struct env_place *, const struct hash *digest,
    struct err *) KILN_MUST;
/* Removes "deb/HEX" or "HEX", by whoever owns it.  Nobody may use it. */
int env_drop(
    const struct env_place *, const char *name, struct err *) KILN_MUST;

/* Adds the names "HEX" of all environments to an array. */
int env_names(const struct env_place *, json_t *, struct err *) KILN_MUST;

/*
 * Digests `count` of the packages again, from the n-th on, round and round:
 * ERR_TRUST names one that is not what it was when it was unpacked.
 */
int env_check(const struct env_place *, const struct env_package *, size_t,
    size_t first, size_t count, struct err *) KILN_MUST;
/* At start: removes what a killed predecessor left half-made. */
int env_recover(const struct env_place *, struct err *) KILN_MUST;

#endif
