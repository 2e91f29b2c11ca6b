/*
 * What the collector and publisher work with, and the rows of tuf.db that
 * everything else here needs.  Plain data; nothing is owned but what
 * repo_open opened.
 */
#ifndef KILN_REPO_H
#define KILN_REPO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/spawn.h"
#include "lib/store.h"
#include "lib/tuf.h"

struct repo {
	struct db *db;	 /* tuf.db, ours */
	struct db *farm; /* farm.db, read only; NULL: not there yet */
	struct db *web;	 /* web.db, read only; NULL: not there yet */
	struct store *store;
	int metadata; /* the published tree: tuf/metadata … */
	int targets;  /* … and tuf/targets */
	int log;      /* … and tuf/log; -1: none */
	int spool;    /* uploads, -1: not opened */
	int signer;   /* socket, -1: none */
	int64_t now;  /* of this pass, Unix seconds */
	/* kiln.yaml(5), `stop`: tuf-repo/threshold.h. */
	int64_t stop_percent, stop_least;
};

#define REPO_INIT                                                      \
	{                                                              \
		.metadata = -1, .targets = -1, .log = -1, .spool = -1, \
		.signer = -1, .stop_percent = 10, .stop_least = 5      \
	}

/* Opens databases, store and tree of the farm; call after drop_to. */
int repo_open(struct repo *, const struct farm *, struct err *) KILN_MUST;
/* farm.db may appear later: opens it when it has been made.  ERR_BUSY while
 * the builder has not brought it to our version; repo_open logs that and goes
 * on without. */
int repo_farm(struct repo *, const struct farm *, struct err *) KILN_MUST;
/* ERR_MISSING unless tuf.db has its tables: nothing was founded yet. */
int repo_is_made(struct db *, struct err *) KILN_MUST;
void repo_release(struct repo *); /* closes the signer's socket as well */

/* One sentence for people and `kiln-tuf status`.  Failing to write it never
 * fails the work. */
void repo_event(struct repo *, const char *kind, const char *subject,
    const char *fmt, ...) KILN_PRINTF(4, 5);

int state_get(struct db *, const char *key, int64_t *, struct err *) KILN_MUST;
int state_set(struct db *, const char *key, int64_t, struct err *) KILN_MUST;

/* Version of the newest row of a role, 0: none.  `complete`: with its file. */
int role_newest(struct db *, const char *role, bool complete, int64_t *,
    struct err *) KILN_MUST;
/* The whole file of a version, read strictly; *bytes may be NULL. */
int role_load(struct db *, const char *role, int64_t version,
    struct tuf_file **, struct buf *bytes, struct err *) KILN_MUST;
/* The same of the newest complete one; *file NULL: there is none. */
int role_load_newest(
    struct db *, const char *role, struct tuf_file **, struct err *) KILN_MUST;
enum tuf_type role_type(const char *role);

#endif
