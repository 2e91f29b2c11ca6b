#include "web/forget.h"

#include <inttypes.h>

#include "lib/log.h"
#include "lib/num.h"

/* The last of the next rows that are old enough: 1, or 0 when there is none. */
static int
reach(const struct forget *f, struct db *db, int64_t before, int64_t *at,
    int64_t *id, struct err *err)
{
	static const char sql[] =
	    "SELECT received_at, id FROM (SELECT received_at, id FROM report"
	    " WHERE (received_at, id) > (?1, ?2) AND received_at < ?3"
	    " ORDER BY received_at, id LIMIT ?4)"
	    " ORDER BY received_at DESC, id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_int(q, 1, f->at);
	stmt_bind_int(q, 2, f->id);
	stmt_bind_int(q, 3, before);
	stmt_bind_int(q, 4, FORGET_ROWS);
	if ((got = stmt_step(q, err)) == 1) {
		*at = stmt_int(q, 0);
		*id = stmt_int(q, 1);
	}
	return got;
}

static int
drop(const struct forget *f, struct db *db, int64_t at, int64_t id,
    struct err *err)
{
	static const char sql[] =
	    "DELETE FROM report WHERE (received_at, id) > (?1, ?2)"
	    " AND (received_at, id) <= (?3, ?4) AND sequence <"
	    " (SELECT r.sequence FROM router r WHERE r.id = report.router)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, f->at);
	stmt_bind_int(q, 2, f->id);
	stmt_bind_int(q, 3, at);
	stmt_bind_int(q, 4, id);
	return stmt_run(q, err);
}

int
forget_step(struct forget *f, struct db *db, struct err *err)
{
	int64_t before = time_now() - f->keep_s, at = 0, id = 0;
	int got = reach(f, db, before, &at, &id, err);

	if (got == 1) {
		if (drop(f, db, at, id, err) == -1)
			return -1;
		f->gone += db_changes(db);
		f->at = at;
		f->id = id;
	}
	return got;
}

bool
forget_tick(struct forget *f, struct db *db)
{
	struct err err = ERR_INIT;
	int64_t now = time_mono_ms();
	int more;

	if (f->keep_s == 0 || now < f->due_ms)
		return false;
	more = forget_step(f, db, &err);
	if (more == 1)
		return true;
	f->due_ms = now + FORGET_EVERY_MS;
	if (more == -1) {
		log_err("reports", &err);
		return false;
	}
	if (f->gone)
		log_info("reports", "forgotten=%" PRId64, f->gone);
	f->at = f->id = f->gone = 0;
	return false;
}
