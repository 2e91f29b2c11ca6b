/* SQLite with our settings. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lib/db.h"
#include "lib/db_vfs.h"
#include "lib/mem.h"

#define BUSY_MS 10000
#define CACHE_MAX 256 /* statements kept per connection */

struct stmt {
	struct db *db;
	sqlite3_stmt *raw; /* NULL: preparing failed, see `code` */
	int code;
	bool busy;
	uint64_t used; /* for giving up the one longest unused */
	char *sql;
	struct stmt *next;
};

struct db {
	sqlite3 *raw;
	char *name; /* last component of the path: for messages */
	struct stmt *stmts;
	size_t nstmts;
	uint64_t clock;
	int depth;   /* of transactions */
	bool undone; /* by an inner one */
};

static int
db_err(struct db *db, int code, const char *what, struct err *err)
{
	int sys = db->raw ? sqlite3_system_errno(db->raw) : 0;
	const char *text =
	    db->raw ? sqlite3_errmsg(db->raw) : sqlite3_errstr(code);
	enum err_class cls = ERR_SYSTEM;

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		cls = ERR_BUSY;
		break;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		cls = ERR_INPUT;
		break;
	case SQLITE_FULL:
		sys = ENOSPC;
		break;
	case SQLITE_READONLY:
		sys = EROFS;
		break;
	case SQLITE_CANTOPEN:
		if (sys == ENOENT)
			cls = ERR_MISSING;
		break;
	case SQLITE_IOERR:
		break;
	default:
		sys = 0; /* left over from something else */
	}
	err_set(err, cls, "database %s: %s: %s", db->name, what, text);
	if (cls == ERR_SYSTEM || cls == ERR_MISSING)
		err->sys = sys;
	return -1;
}

static struct db *
open_raw(const char *path, int flags, struct err *err)
{
	struct db *db = mem_zero(1, sizeof(*db));
	const char *slash = strrchr(path, '/');
	int rc;

	db->name = mem_str(slash ? slash + 1 : path);
	rc = sqlite3_open_v2(path, &db->raw,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, db_vfs());
	if (rc != SQLITE_OK) {
		db_err(db, rc, "open", err);
		db_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db->raw, BUSY_MS);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	return db;
}

/* The one number (or NULL for no row) that a pragma or query answers. */
static int
ask_int(struct db *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db->raw, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc != SQLITE_ROW) {
		db_err(db, rc, sql, err);
		sqlite3_finalize(q);
		return -1;
	}
	*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return 0;
}

static int
set_wal(struct db *db, struct err *err)
{
	static const char sql[] = "PRAGMA journal_mode = WAL";
	sqlite3_stmt *q = NULL;
	const char *mode = NULL;
	int keep = 1, rc, ok;

	rc = sqlite3_prepare_v2(db->raw, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc != SQLITE_ROW) {
		db_err(db, rc, sql, err);
		sqlite3_finalize(q);
		return -1;
	}
	mode = (const char *)sqlite3_column_text(q, 0);
	ok = mode && strcmp(mode, "wal") == 0;
	sqlite3_finalize(q);
	if (!ok)
		return err_set(err, ERR_SYSTEM,
		    "database %s: cannot be put into WAL mode", db->name);
	sqlite3_file_control(db->raw, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	return 0;
}

static int
migrate(
    struct db *db, const char *const *migrations, size_t count, struct err *err)
{
	char pragma[64];
	int64_t have = 0;

	if (db_begin(db, err) == -1)
		return -1;
	if (ask_int(db, "PRAGMA user_version", &have, err) == -1)
		goto undo;
	if (have < 0 || (uint64_t)have > count) {
		err_set(err, ERR_INPUT,
		    "database %s has version %lld, this program knows %zu: it "
		    "was written by a newer kiln",
		    db->name, (long long)have, count);
		goto undo;
	}
	for (size_t i = (size_t)have; i < count; i++)
		if (db_exec(db, migrations[i], err) == -1) {
			err_prefix(err, "migration %zu", i + 1);
			goto undo;
		}
	if ((size_t)have == count) {
		db_rollback(db);
		return 0;
	}
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %zu", count);
	if (db_exec(db, pragma, err) == -1 || db_commit(db, err) == -1)
		goto undo;
	return 0;
undo:
	db_rollback(db);
	return -1;
}

struct db *
db_open(const char *path, const char *const *migrations, size_t count,
    struct err *err)
{
	struct db *db =
	    open_raw(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	if (!db)
		return NULL;
	if (set_wal(db, err) == -1 ||
	    db_exec(db,
		"PRAGMA synchronous = FULL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA temp_store = MEMORY",
		err) == -1 ||
	    migrate(db, migrations, count, err) == -1) {
		db_close(db);
		return NULL;
	}
	return db;
}

struct db *
db_open_reader(const char *path, struct err *err)
{
	return db_open_reader_of(path, 1, err);
}

struct db *
db_open_reader_of(const char *path, int64_t schema, struct err *err)
{
	struct db *db = open_raw(path, SQLITE_OPEN_READONLY, err);
	int64_t version = 0;

	if (!db)
		return NULL;
	if (db_exec(db,
		"PRAGMA query_only = ON;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA temp_store = MEMORY",
		err) == -1 ||
	    ask_int(db, "PRAGMA user_version", &version, err) == -1) {
		db_close(db);
		return NULL;
	}
	if (version == 0) {
		/* Made, but its owner has not run yet. */
		err_set(err, ERR_MISSING, "database %s: has no tables yet",
		    db->name);
		db_close(db);
		return NULL;
	}
	if (version < schema) {
		err_set(err, ERR_BUSY,
		    "database %s has version %lld, this program needs %lld: "
		    "the program that owns it has not been started since the "
		    "upgrade",
		    db->name, (long long)version, (long long)schema);
		db_close(db);
		return NULL;
	}
	return db;
}

static void
stmt_free(struct stmt *s)
{
	sqlite3_finalize(s->raw);
	free(s->sql);
	free(s);
}

void
db_patience(struct db *db, int ms)
{
	sqlite3_busy_timeout(db->raw, ms);
}

void
db_close(struct db *db)
{
	int rc;

	if (!db)
		return;
	while (db->stmts) {
		struct stmt *s = db->stmts;

		db->stmts = s->next;
		assert(!s->busy);
		stmt_free(s);
	}
	rc = sqlite3_close(db->raw);
	assert(rc == SQLITE_OK);
	(void)rc;
	free(db->name);
	free(db);
}

int
db_exec(struct db *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db->raw, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return db_err(db, rc, "execute", err);
	return 0;
}

int
db_begin(struct db *db, struct err *err)
{
	int rc;

	if (db->depth > 0) {
		db->depth++;
		return 0;
	}
	rc = sqlite3_exec(db->raw, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return db_err(db, rc, "begin", err);
	db->depth = 1;
	db->undone = false;
	return 0;
}

int
db_commit(struct db *db, struct err *err)
{
	int rc;

	if (db->undone)
		return err_set(err, ERR_SYSTEM,
		    "database %s: commit: a part of it was undone", db->name);
	if (db->depth > 1) {
		db->depth--;
		return 0;
	}
	rc = sqlite3_exec(db->raw, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return db_err(db, rc, "commit", err);
	db->depth = 0;
	return 0;
}

void
db_rollback(struct db *db)
{
	if (db->depth > 1) {
		db->depth--;
		db->undone = true;
		return;
	}
	db->depth = 0;
	db->undone = false;
	/* A full disk may have ended it already. */
	if (!sqlite3_get_autocommit(db->raw))
		sqlite3_exec(db->raw, "ROLLBACK", NULL, NULL, NULL);
}

int64_t
db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->raw);
}

int64_t
db_changes(struct db *db)
{
	return sqlite3_changes64(db->raw);
}

int64_t
db_data_version(struct db *db)
{
	struct err err = ERR_INIT;
	int64_t version = 0;

	if (ask_int(db, "PRAGMA data_version", &version, &err) == -1)
		return -1; /* differs from every version: look again */
	return version;
}

/* Frees the statement that nobody has used for longest. */
static void
cache_shrink(struct db *db)
{
	struct stmt **oldest = NULL;
	struct stmt *gone;

	for (struct stmt **p = &db->stmts; *p; p = &(*p)->next)
		if (!(*p)->busy && (!oldest || (*p)->used < (*oldest)->used))
			oldest = p;
	if (!oldest)
		return;
	gone = *oldest;
	*oldest = gone->next;
	stmt_free(gone);
	db->nstmts--;
}

static void
stmt_prepare(struct stmt *s)
{
	sqlite3 *raw = s->db->raw;
	const char *tail = NULL;

	s->code = sqlite3_prepare_v3(
	    raw, s->sql, -1, SQLITE_PREPARE_PERSISTENT, &s->raw, &tail);
	/* Reading the schema may fail as any reading; that is told by
	 * stmt_step.  What is left is SQL that never could work. */
	if (s->code == SQLITE_ERROR ||
	    (s->code == SQLITE_OK && (!s->raw || *tail != '\0'))) {
		fprintf(stderr, "database %s: %s, in: %s\n", s->db->name,
		    s->code ? sqlite3_errmsg(raw) : "not one statement",
		    s->sql);
		assert(!"bad SQL");
		abort();
	}
}

struct stmt *
db_stmt(struct db *db, const char *sql)
{
	struct stmt *s;

	for (s = db->stmts; s; s = s->next)
		if (!s->busy && strcmp(s->sql, sql) == 0)
			break;
	if (!s) {
		if (db->nstmts >= CACHE_MAX)
			cache_shrink(db);
		s = mem_zero(1, sizeof(*s));
		s->db = db;
		s->sql = mem_str(sql);
		s->next = db->stmts;
		db->stmts = s;
		db->nstmts++;
	}
	if (!s->raw)
		stmt_prepare(s);
	s->busy = true;
	s->used = ++db->clock;
	return s;
}

void
stmt_done(struct stmt *s)
{
	if (!s)
		return;
	sqlite3_reset(s->raw);
	sqlite3_clear_bindings(s->raw);
	s->busy = false;
}

static void
bound(struct stmt *s, int rc)
{
	if (rc == SQLITE_OK)
		return;
	fprintf(stderr, "database %s: bind: %s, in: %s\n", s->db->name,
	    sqlite3_errstr(rc), s->sql);
	assert(!"bad parameter");
	abort();
}

void
stmt_bind_int(struct stmt *s, int n, int64_t v)
{
	if (s->raw)
		bound(s, sqlite3_bind_int64(s->raw, n, v));
}

void
stmt_bind_str(struct stmt *s, int n, const char *text)
{
	stmt_bind_text(s, n, text, text ? strlen(text) : 0);
}

void
stmt_bind_text(struct stmt *s, int n, const char *text, size_t len)
{
	if (!s->raw)
		return;
	if (!text)
		bound(s, sqlite3_bind_null(s->raw, n));
	else
		bound(s, sqlite3_bind_text64(s->raw, n, text, len,
			     SQLITE_TRANSIENT, SQLITE_UTF8));
}

void
stmt_bind_hash(struct stmt *s, int n, const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	stmt_bind_text(s, n, hex, HASH_HEX - 1);
}

int
stmt_step(struct stmt *s, struct err *err)
{
	int rc;

	/* A full disk undoes all of it; the rest must not go in alone. */
	if (s->db->depth > 0 && sqlite3_get_autocommit(s->db->raw))
		return err_set(err, ERR_SYSTEM,
		    "database %s: step: its transaction was undone",
		    s->db->name);
	if (!s->raw) {
		err_set(err,
		    (s->code & 0xff) == SQLITE_BUSY ? ERR_BUSY : ERR_SYSTEM,
		    "database %s: prepare: %s", s->db->name,
		    sqlite3_errstr(s->code));
		return -1;
	}
	rc = sqlite3_step(s->raw);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	db_err(s->db, rc, "step", err);
	sqlite3_reset(s->raw);
	return -1;
}

int
stmt_run(struct stmt *s, struct err *err)
{
	int r;

	do
		r = stmt_step(s, err);
	while (r == 1);
	return r;
}

int64_t
stmt_int(struct stmt *s, int n)
{
	return sqlite3_column_int64(s->raw, n);
}

const char *
stmt_str(struct stmt *s, int n)
{
	return (const char *)sqlite3_column_text(s->raw, n);
}

bool
stmt_null(struct stmt *s, int n)
{
	return sqlite3_column_type(s->raw, n) == SQLITE_NULL;
}

bool
stmt_hash(struct stmt *s, int n, struct hash *h)
{
	const char *text = stmt_str(s, n);

	return text && hash_parse(h, text);
}

/* --- copies --------------------------------------------------------------- */

#define COPY_PAGES 4096 /* a step holds the source's read lock */

int
db_copy(struct db *from, const char *path, struct err *err)
{
	struct db *to =
	    open_raw(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
	sqlite3_backup *b;
	int rc, ret = -1;

	if (!to)
		return -1;
	/* Nobody sees it before it is whole, so it wants no journal. */
	if (db_exec(to, "PRAGMA journal_mode = OFF", err) == -1)
		goto done;
	b = sqlite3_backup_init(to->raw, "main", from->raw, "main");
	if (!b) {
		db_err(to, SQLITE_ERROR, "copy", err);
		goto done;
	}
	do
		rc = sqlite3_backup_step(b, COPY_PAGES);
	while (rc == SQLITE_OK);
	sqlite3_backup_finish(b);
	if (rc == SQLITE_DONE)
		ret = 0;
	else
		db_err(to, rc, "copy", err);
done:
	db_close(to);
	return ret;
}
