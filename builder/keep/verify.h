/*
 * What is damaged in a farm, found by reading all of it: artifacts by their
 * digest, unpacked packages by theirs, environments by their list, databases
 * by SQLite, published files by the digest in their name.
 *
 * What has a known origin is brought again: a package or source file from the
 * archive, by its lock; an artifact from the published copy; env/ from the
 * packages, at the next use.
 */
#ifndef KILN_VERIFY_H
#define KILN_VERIFY_H

#include <stdint.h>

#include <jansson.h>

#include "builder/bake/env.h"
#include "builder/inputs/archive.h"
#include "builder/keep/needs.h"
#include "lib/attr.h"
#include "lib/err.h"

struct verify {
	int tuf;			/* in: the folder tuf/; -1: none */
	void (*said)(const char *what); /* in: each part, at its start */
	/* out: [{what, name, problem, needed_by, mended}]; the last two may be
	 * null */
	json_t *damage;
	json_t *published; /* {HEX: path below tuf/} of whole files */
	int64_t looked;	   /* files read */
};

/* Needs must be collected; changes nothing. */
int verify_look(struct verify *, const struct needs *, const struct env_place *,
    struct err *) KILN_MUST;
/*
 * Mends what it can; the caller has the turn.  `archive` NULL: nothing is
 * fetched.  What cannot be had stays damaged and is no error.
 */
int verify_mend(struct verify *, const struct needs *, const struct env_place *,
    struct deb_archive *, const char *arch, struct err *) KILN_MUST;
/* How many are not mended. */
size_t verify_left(const struct verify *);
void verify_release(struct verify *);

#endif
