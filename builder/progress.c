#include "builder/progress.h"

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/num.h"

void
progress_begin(struct progress *p, struct db *db, const char *what,
    const char *subject, const char *unit, int64_t total)
{
	static const char sql[] =
	    "INSERT INTO progress (what, subject, unit, done, total,"
	    " started_at, updated_at) VALUES (?1, ?2, ?3, 0, nullif(?4, -1),"
	    " ?5, ?5)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	*p = (struct progress){ .db = db, .written_ms = time_mono_ms() };
	stmt_bind_str(q, 1, what);
	stmt_bind_str(q, 2, subject);
	stmt_bind_str(q, 3, unit);
	stmt_bind_int(q, 4, total);
	stmt_bind_int(q, 5, time_now());
	if (stmt_run(q, &err) == -1)
		log_err("progress", &err);
	else
		p->id = db_last_id(db);
}

static void
write_row(struct progress *p, int64_t done, int64_t total)
{
	static const char sql[] =
	    "UPDATE progress SET done = ?2, total = nullif(?3, -1),"
	    " updated_at = ?4 WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(p->db, sql);
	struct err err = ERR_INIT;

	stmt_bind_int(q, 1, p->id);
	stmt_bind_int(q, 2, done);
	stmt_bind_int(q, 3, total);
	stmt_bind_int(q, 4, time_now());
	if (stmt_run(q, &err) == -1)
		log_err("progress", &err);
	p->written_ms = time_mono_ms();
}

void
progress_set(struct progress *p, int64_t done, int64_t total)
{
	/* The last step is always written, the ones between at most each
	 * second: farm.db syncs every commit. */
	if (p->id && (done == total || time_mono_ms() - p->written_ms >= 1000))
		write_row(p, done, total);
}

void
progress_end(struct progress *p)
{
	static const char sql[] =
	    "UPDATE progress SET ended_at = ?2, updated_at = ?2 WHERE id = ?1";
	struct err err = ERR_INIT;

	if (p->id == 0)
		return;
	auto_stmt struct stmt *q = db_stmt(p->db, sql);
	stmt_bind_int(q, 1, p->id);
	stmt_bind_int(q, 2, time_now());
	if (stmt_run(q, &err) == -1)
		log_err("progress", &err);
	p->id = 0;
}

void
progress_recover(struct db *db)
{
	struct err err = ERR_INIT;

	if (db_exec(db,
		"UPDATE progress SET ended_at = updated_at"
		" WHERE ended_at IS NULL;"
		"DELETE FROM progress WHERE id <"
		" (SELECT max(id) - 1000 FROM progress)",
		&err) == -1)
		log_err("progress", &err);
}

static int
put(struct db *db, const char *kind, const char *subject, int64_t parent,
    const char *text, int64_t *id, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO event (at, kind, subject, text, parent)"
	    " VALUES (?1, ?2, ?3, ?4, nullif(?5, 0))";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	log_info(kind, "subject=%s text=\"%s\"", subject, text);
	stmt_bind_int(q, 1, time_now());
	stmt_bind_str(q, 2, kind);
	stmt_bind_str(q, 3, subject);
	stmt_bind_str(q, 4, text);
	stmt_bind_int(q, 5, parent);
	if (stmt_run(q, err) == -1)
		return -1;
	*id = db_last_id(db);
	return 0;
}

int
event_put(struct db *db, const char *kind, const char *subject, int64_t parent,
    int64_t *id, struct err *err, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return put(db, kind, subject, parent, text.data, id, err);
}

int64_t
event_add(struct db *db, const char *kind, const char *subject, int64_t parent,
    const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	int64_t id = 0;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (put(db, kind, subject, parent, text.data, &id, &err) == -1)
		log_err("event", &err);
	return id;
}
