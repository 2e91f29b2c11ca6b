/*
 * SQLite.  WAL, foreign keys, busy timeout 10 s, trusted_schema off,
 * synchronous=FULL, WAL kept on close.  Each database has one writing uid;
 * others open it read-only with query_only.  Paths may be "/proc/self/fd/N/x"
 * and are not resolved (a VFS shim), so folders above need no search right.
 * One connection per thread.
 */
#ifndef KILN_DB_H
#define KILN_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

struct db;
struct stmt;

/*
 * The owner's open: creates, then applies migrations[user_version..count)
 * inside one BEGIN IMMEDIATE.  A database newer than the array is ERR_INPUT.
 * A released entry is never edited.
 */
struct db *db_open(const char *path, const char *const *migrations,
    size_t count, struct err *) KILN_MUST;
/* Everybody else's.  ERR_MISSING when the file is not there yet. */
struct db *db_open_reader(const char *path, struct err *) KILN_MUST;
/*
 * The same for a reader that needs what the owner's first `schema` migrations
 * made (lib/schema.h).  ERR_BUSY while the database has fewer: its owner was
 * not started since the upgrade; ask again later.
 */
struct db *db_open_reader_of(
    const char *path, int64_t schema, struct err *) KILN_MUST;
/* How long it waits for another writer, instead of 10 s: for who has others
 * to serve meanwhile. */
void db_patience(struct db *, int ms);
void db_close(struct db *);
static inline void
db_own(struct db **d)
{
	db_close(*d);
}
#define auto_db __attribute__((cleanup(db_own)))

/*
 * Writes what the database holds at one moment to a new file, while its owner
 * goes on (the pages of a reader's snapshot; one that has to start over because
 * much is written is slower, not wrong).  The copy is whole or the call fails;
 * it is not synced and has no journal.
 */
int db_copy(struct db *from, const char *path, struct err *) KILN_MUST;

int db_exec(struct db *, const char *sql, struct err *) KILN_MUST;
/*
 * IMMEDIATE.  May be nested, so that what belongs together is one transaction
 * whoever writes its parts: the outermost commit counts, and fails when an
 * inner one was rolled back.
 */
int db_begin(struct db *, struct err *) KILN_MUST;
int db_commit(struct db *, struct err *) KILN_MUST;
void db_rollback(struct db *); /* does nothing outside a transaction */
int64_t db_last_id(struct db *);
int64_t db_changes(struct db *);
/* PRAGMA data_version: changes when another connection wrote. */
int64_t db_data_version(struct db *);

/*
 * Prepared once per connection for each `sql` pointer's text and kept.  A
 * statement is busy until stmt_done(); auto_stmt does that.  Bad SQL is our
 * own mistake and asserts.
 */
struct stmt *db_stmt(struct db *, const char *sql);
void stmt_done(struct stmt *); /* resets and unbinds; NULL is fine */
static inline void
stmt_own(struct stmt **s)
{
	stmt_done(*s);
}
#define auto_stmt __attribute__((cleanup(stmt_own)))

/* Parameters count from 1.  Text is copied; NULL binds NULL. */
void stmt_bind_int(struct stmt *, int, int64_t);
void stmt_bind_str(struct stmt *, int, const char *);
void stmt_bind_text(struct stmt *, int, const char *, size_t);
void stmt_bind_hash(struct stmt *, int, const struct hash *); /* as hex */
/* 1: a row is there; 0: no more; -1: error. */
int stmt_step(struct stmt *, struct err *) KILN_MUST;
/* Steps to the end, ignoring rows. */
int stmt_run(struct stmt *, struct err *) KILN_MUST;
/* Columns count from 0; text lives until the next step; NULL column: NULL. */
int64_t stmt_int(struct stmt *, int);
const char *stmt_str(struct stmt *, int);
bool stmt_null(struct stmt *, int);
bool stmt_hash(struct stmt *, int, struct hash *); /* false unless HEX64 */

#endif
