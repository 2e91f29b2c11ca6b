#include "tuf-repo/repo.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "lib/tuf_read.h"
#include "tuf-repo/schema.h"

static int
open_store(struct repo *r, const struct farm *farm, struct err *err)
{
	auto_fd int fd = farm_dir(farm, "store", err);

	if (fd == -1)
		return -1;
	r->store = store_open(fd, err);
	return r->store ? 0 : -1;
}

/* In a folder of our own, so that a farm from before there was a log has one
 * as soon as we start. */
static int
open_log(struct repo *r, const struct farm *farm, struct err *err)
{
	auto_fd int tuf = farm_dir(farm, "tuf", err);

	if (tuf == -1)
		return -1;
	r->log = dir_make_at(tuf, "log", 0755, err);
	return r->log == -1 ? -1 : tmp_sweep(r->log, err);
}

int
repo_open(struct repo *r, const struct farm *farm, struct err *err)
{
	auto_free char *path = farm_file(farm, "tuf.db");

	r->db = db_open(path, tuf_migrations, tuf_migrations_count, err);
	if (!r->db || open_store(r, farm, err) == -1)
		return -1;
	r->metadata = farm_dir(farm, "tuf/metadata", err);
	if (r->metadata == -1 || tmp_sweep(r->metadata, err) == -1)
		return -1;
	r->targets = farm_dir(farm, "tuf/targets", err);
	if (r->targets == -1 || open_log(r, farm, err) == -1)
		return -1;
	r->now = time_now();
	if (repo_farm(r, farm, err) == 0)
		return 0;
	/* What needs no news of the builder, a brake above all, goes on. */
	if (err->cls != ERR_BUSY)
		return -1;
	log_info("waiting", "msg=\"%s\"", err->msg);
	err_clear(err);
	return 0;
}

/* Files are made empty before their owner first opens them. */
static int
has_releases(struct db *db, bool *yes, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM sqlite_master"
				  " WHERE type = 'table' AND name = 'release'";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int rc = stmt_step(q, err);

	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

int
repo_is_made(struct db *db, struct err *err)
{
	bool yes;

	if (has_releases(db, &yes, err) == -1)
		return -1;
	if (!yes)
		return err_set(err, ERR_MISSING,
		    "nothing is published yet; run kiln-tuf init");
	return 0;
}

int
repo_farm(struct repo *r, const struct farm *farm, struct err *err)
{
	auto_free char *path = NULL;
	auto_db struct db *db = NULL;
	struct err why = ERR_INIT;

	if (r->farm)
		return 0;
	path = farm_file(farm, "farm.db");
	db = db_open_reader_of(path, FARM_SCHEMA, &why);
	if (!db) {
		if (why.cls == ERR_MISSING)
			return 0;
		*err = why;
		return -1;
	}
	r->farm = take_ptr(&db);
	return 0;
}

void
repo_release(struct repo *r)
{
	db_close(r->db);
	db_close(r->farm);
	db_close(r->web);
	store_free(r->store);
	own_close(&r->metadata);
	own_close(&r->targets);
	own_close(&r->log);
	own_close(&r->spool);
	own_close(&r->signer);
	*r = (struct repo)REPO_INIT;
}

void
repo_event(
    struct repo *r, const char *kind, const char *subject, const char *fmt, ...)
{
	static const char sql[] = "INSERT INTO event(at, kind, subject, text)"
				  " VALUES (?1, ?2, ?3, ?4)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf text = BUF_INIT;
	struct err ignore = ERR_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	stmt_bind_int(q, 1, r->now);
	stmt_bind_str(q, 2, kind);
	stmt_bind_str(q, 3, subject);
	stmt_bind_str(q, 4, text.data);
	if (stmt_run(q, &ignore) == -1)
		return;
}

int
state_get(struct db *db, const char *key, int64_t *value, struct err *err)
{
	static const char sql[] = "SELECT value FROM state WHERE key = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int rc;

	stmt_bind_str(q, 1, key);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*value = rc ? stmt_int(q, 0) : 0;
	return 0;
}

int
state_set(struct db *db, const char *key, int64_t value, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO state(key, value) VALUES (?1, ?2)"
	    " ON CONFLICT (key) DO UPDATE SET value = excluded.value";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, key);
	stmt_bind_int(q, 2, value);
	return stmt_run(q, err);
}

enum tuf_type
role_type(const char *role)
{
	if (strcmp(role, "root") == 0)
		return TUF_ROOT;
	if (strcmp(role, "timestamp") == 0)
		return TUF_TIMESTAMP;
	if (strcmp(role, "snapshot") == 0)
		return TUF_SNAPSHOT;
	return TUF_TARGETS;
}

int
role_newest(struct db *db, const char *role, bool complete, int64_t *version,
    struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce(max(version), 0) FROM role"
	    " WHERE name = ?1 AND (?2 = 0 OR file IS NOT NULL)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, complete);
	if (stmt_step(q, err) == -1)
		return -1;
	*version = stmt_int(q, 0);
	return 0;
}

int
role_load(struct db *db, const char *role, int64_t version,
    struct tuf_file **file, struct buf *bytes, struct err *err)
{
	static const char sql[] =
	    "SELECT file FROM role"
	    " WHERE name = ?1 AND version = ?2 AND file IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	const char *text;
	int rc;

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_MISSING,
		    "tuf.db: no version %lld of %s", (long long)version, role);
	text = stmt_str(q, 0);
	*file = tuf_read(role_type(role), role, text, strlen(text), err);
	if (!*file)
		return err_prefix(err, "tuf.db");
	if (bytes)
		buf_str(bytes, text);
	return 0;
}

int
role_load_newest(
    struct db *db, const char *role, struct tuf_file **file, struct err *err)
{
	int64_t version;

	if (role_newest(db, role, true, &version, err) == -1)
		return -1;
	*file = NULL;
	return version ? role_load(db, role, version, file, NULL, err) : 0;
}
