/*
 * A copy of a farm from which it can be made again elsewhere: its databases,
 * store, published metadata and keys.
 *
 * A backup folder holds files by SHA-256 in store/, and for each backup a
 * record `TIME.json` (docs/formats.md) that names them all; a second backup
 * copies only what is new.  The record is written last: without one nothing of
 * an attempt counts.  What can be made again (env/, git/) is left out.  Whoever
 * holds a backup holds the farm's online keys: the folder is 0700.
 *
 * Databases are copied while their owners write (db_copy), tuf.db before
 * farm.db, so that what the later one of the pipe names is in the earlier.
 */
#ifndef KILN_BACKUP_H
#define KILN_BACKUP_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/store.h"

#define BACKUP_V 1
#define BACKUP_SAY 256 /* files between two words of progress */

struct backup {
	int dirfd; /* the backup folder */
	struct store *store;
	json_t *record;
	int64_t files, new_files;
	int64_t bytes, new_bytes;
	/* Each BACKUP_SAY files; may be NULL. */
	void (*said)(const struct backup *, const char *what);
};
#define BACKUP_INIT         \
	{                   \
		.dirfd = -1 \
	}

/* Opens (makes, if `create`) a backup folder. */
int backup_open(
    struct backup *, const char *path, bool create, struct err *) KILN_MUST;
void backup_close(struct backup *);
/* Copies the farm, whose turn the caller has; writes the record. */
int backup_make(struct backup *, const struct farm *, struct err *) KILN_MUST;
/* Forgets all but the newest `keep` backups and what only they had. */
int backup_prune(struct backup *, int64_t keep, int64_t *removed_bytes,
    struct err *) KILN_MUST;
/* The names of the backups there, oldest first, as a new array. */
int backup_list(const struct backup *, json_t **, struct err *) KILN_MUST;
/* Reads one record; `name` NULL: the newest. */
int backup_read(struct backup *, const char *name, struct err *) KILN_MUST;
/*
 * Makes the farm of the record that was read at `path`, which must not be there
 * or be empty: beside it first, each file's hash compared, then by one rename.
 * Owners are those of this machine.
 */
int backup_restore(struct backup *, const char *path, struct err *) KILN_MUST;

/* `kiln -x backup`: copies databases as the user that only reads them. */
int backup_child(void);

#endif
