#include "web/api/spool.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"

#define KEEP 1000 /* submissions */

struct tuf_file *
spool_targets(struct db *tuf, struct err *err)
{
	static const char sql[] =
	    "SELECT file FROM role WHERE name = 'targets' AND file IS NOT NULL"
	    " ORDER BY version DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(tuf, sql);
	int rc = stmt_step(q, err);
	const char *text;

	if (rc == 0)
		err_set(err, ERR_MISSING, "there is no tree yet");
	if (rc != 1)
		return NULL;
	text = stmt_str(q, 0);
	return tuf_read(TUF_TARGETS, "targets", text, strlen(text), err);
}

static int
row(struct db *db, const char *kind, const struct hash *h, size_t size,
    int64_t *id, struct err *err)
{
	static const char add[] =
	    "INSERT INTO submission (at, kind, digest, size)"
	    " VALUES (?1, ?4, ?2, ?3)"
	    " ON CONFLICT (digest) DO UPDATE SET kind = excluded.kind"
	    " RETURNING id";
	auto_stmt struct stmt *q = db_stmt(db, add);

	stmt_bind_int(q, 1, time_now());
	stmt_bind_hash(q, 2, h);
	stmt_bind_int(q, 3, (int64_t)size);
	stmt_bind_str(q, 4, kind);
	if (stmt_step(q, err) != 1)
		return -1;
	*id = stmt_int(q, 0);
	return stmt_run(q, err);
}

/* Files first, then rows; of what is dropped, rows first. */
static int
drop_old(struct web *w, int spool, int64_t newest, struct err *err)
{
	static const char sql[] = "DELETE FROM submission WHERE id <= ?1"
				  " RETURNING digest";
	auto_stmt struct stmt *q = db_stmt(w->web, sql);
	int rc;

	stmt_bind_int(q, 1, newest - KEEP);
	while ((rc = stmt_step(q, err)) == 1)
		if (file_remove_at(spool, stmt_str(q, 0), err) == -1)
			return -1;
	return rc;
}

static void
wake(struct req *req)
{
	struct err ignore = ERR_INIT;
	auto_fd int run = dir_open_at(req->web->state, "run", &ignore);

	if (run != -1)
		wake_send(run, "tuf");
}

int
spool_keep(struct req *req, const char *kind, const struct buf *text,
    int64_t *id, struct err *err)
{
	struct web *w = req->web;
	auto_fd int spool = dir_open_at(w->state, "spool", err);
	char name[HASH_HEX];
	struct hash h;

	if (spool == -1)
		return -1;
	hash_bytes(&h, text->data, text->len);
	hash_hex(&h, name);
	if (file_write_at(spool, name, text->data, text->len, 0644, err) ==
		-1 ||
	    row(w->web, kind, &h, text->len, id, err) == -1 ||
	    drop_old(w, spool, *id, err) == -1)
		return -1;
	wake(req);
	return 0;
}
