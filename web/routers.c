#include "web/routers.h"

#include <string.h>

#include "lib/num.h"

/* 1: known, or there is room for one more. */
static int
room(struct db *db, const struct said *s, struct err *err)
{
	static const char sql[] =
	    "SELECT EXISTS (SELECT 1 FROM router WHERE id = ?1)"
	    " OR (SELECT coalesce(sum(routers), 0) FROM router_group) < ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, s->router);
	stmt_bind_int(q, 2, ROUTERS_MAX);
	if (stmt_step(q, err) != 1)
		return -1;
	if (stmt_int(q, 0) == 0)
		return err_set(err, ERR_BUSY, "%d routers report here already",
		    ROUTERS_MAX);
	return 0;
}

/* --- how far a set has come ------------------------------------------------*/

/* Marks that are reached now.  Of all who report in the channel: those that
 * begin later had no part in it. */
static int
mark(struct db *db, const char *channel, const char *arch, int64_t after,
    int64_t upto, struct err *err)
{
	static const char sql[] =
	    "WITH whole AS (SELECT sum(routers) AS n FROM router_group"
	    "  WHERE channel = ?1 AND arch = ?2)"
	    " UPDATE reach SET"
	    " half_at = coalesce(half_at, iif(routers * 2 >= n, ?5, NULL)),"
	    " most_at = coalesce(most_at, iif(routers * 10 >= n * 9, ?5,"
	    "  NULL)),"
	    " all_at = coalesce(all_at, iif(routers >= n, ?5, NULL))"
	    " FROM whole WHERE channel = ?1 AND arch = ?2 AND counter > ?3"
	    " AND counter <= ?4 AND all_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, after);
	stmt_bind_int(q, 4, upto);
	stmt_bind_int(q, 5, time_now());
	return stmt_run(q, err);
}

/* A router came from `after` to `upto`, or (by -1) is not counted there any
 * more. */
static int
count(struct db *db, const char *channel, const char *arch, int64_t after,
    int64_t upto, int by, struct err *err)
{
	static const char sql[] =
	    "UPDATE reach SET routers = routers + ?5 WHERE channel = ?1 AND"
	    " arch = ?2 AND counter > ?3 AND counter <= ?4";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, after);
	stmt_bind_int(q, 4, upto);
	stmt_bind_int(q, 5, by);
	return stmt_run(q, err);
}

/* Who has come to a newer set has come to this one. */
static int
begin(struct db *db, const struct said *s, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO reach (channel, arch, counter, routers, half_at,"
	    " most_at, all_at) SELECT ?1, ?2, ?3, routers, half_at, most_at,"
	    " all_at FROM (SELECT * FROM (SELECT * FROM reach WHERE"
	    "  channel = ?1 AND arch = ?2 AND counter > ?3 ORDER BY counter"
	    "  LIMIT 1) UNION ALL SELECT ?1, ?2, ?3, 0, NULL, NULL, NULL)"
	    " LIMIT 1 ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, s->channel);
	stmt_bind_str(q, 2, s->arch);
	stmt_bind_int(q, 3, s->counter);
	return stmt_run(q, err);
}

struct best {
	char channel[80], arch[80];
	int64_t counter;
};

static int
best_of(struct db *db, const char *router, struct best *b, struct err *err)
{
	static const char sql[] =
	    "SELECT channel, arch, best FROM router WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, router);
	if (stmt_step(q, err) != 1)
		return -1;
	snprintf(b->channel, sizeof(b->channel), "%s", stmt_str(q, 0));
	snprintf(b->arch, sizeof(b->arch), "%s", stmt_str(q, 1));
	b->counter = stmt_int(q, 2);
	return 0;
}

static int
best_set(struct db *db, const char *router, int64_t counter, struct err *err)
{
	static const char sql[] = "UPDATE router SET best = ?2 WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, router);
	stmt_bind_int(q, 2, counter);
	return stmt_run(q, err);
}

/* `was`: before this report.  Sets of another channel are others. */
static int
reach(struct db *db, const struct said *s, const struct best *was,
    struct err *err)
{
	bool moved = strcmp(was->channel, s->channel) != 0 ||
		     strcmp(was->arch, s->arch) != 0;
	int64_t from = moved ? 0 : was->counter, to = from;

	if (moved && was->counter > 0 &&
	    (count(db, was->channel, was->arch, 0, was->counter, -1, err) ==
		    -1 ||
		mark(db, was->channel, was->arch, 0, INT64_MAX, err) == -1))
		return -1;
	if (s->published && strcmp(s->state, "committed") == 0 &&
	    s->counter > from) {
		to = s->counter;
		if (begin(db, s, err) == -1 ||
		    count(db, s->channel, s->arch, from, to, 1, err) == -1 ||
		    mark(db, s->channel, s->arch, from, to, err) == -1)
			return -1;
	}
	return to == was->counter ? 0 : best_set(db, s->router, to, err);
}

/* --- cost -----------------------------------------------------------------*/

static int
cost(struct db *db, const struct said *s, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO cost VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?6)"
	    " ON CONFLICT DO UPDATE SET updates = updates + 1,"
	    " bytes = bytes + ?4, most_bytes = max(most_bytes, ?4),"
	    " switches = switches + ?5, gap_ms = gap_ms + ?6,"
	    " longest_ms = max(longest_ms, ?6)";
	auto_stmt struct stmt *q = NULL;

	if (!s->published || s->bytes < 0 || strcmp(s->state, "committed") != 0)
		return 0;
	q = db_stmt(db, sql);
	stmt_bind_str(q, 1, s->channel);
	stmt_bind_str(q, 2, s->arch);
	stmt_bind_int(q, 3, s->counter);
	stmt_bind_int(q, 4, s->bytes);
	stmt_bind_int(q, 5, s->gap_ms >= 0);
	stmt_bind_int(q, 6, s->gap_ms >= 0 ? s->gap_ms : 0);
	return stmt_run(q, err);
}

/* --- rows ------------------------------------------------------------------*/

/* What the router says now; an older report that comes late changes nothing. */
static int
remember(struct db *db, const struct said *s, struct err *err)
{
	static const char last[] =
	    "UPDATE router SET sequence = ?2, seen_at = ?3, state = ?4,"
	    " cause = ?5, channel = ?6, arch = ?7, agent = ?8, counter = ?9,"
	    " set_sha = ?10, timestamp = ?11 WHERE id = ?1 AND sequence < ?2";
	auto_stmt struct stmt *q = db_stmt(db, last);
	struct best was;

	if (best_of(db, s->router, &was, err) == -1)
		return -1;
	stmt_bind_str(q, 1, s->router);
	stmt_bind_int(q, 2, s->sequence);
	stmt_bind_int(q, 3, time_now());
	stmt_bind_str(q, 4, s->state);
	stmt_bind_str(q, 5, s->cause);
	stmt_bind_str(q, 6, s->channel);
	stmt_bind_str(q, 7, s->arch);
	stmt_bind_str(q, 8, s->agent);
	stmt_bind_int(q, 9, s->counter);
	stmt_bind_str(q, 10, s->set_sha);
	stmt_bind_int(q, 11, s->timestamp);
	if (stmt_run(q, err) == -1)
		return -1;
	if (db_changes(db) == 0)
		return 0;
	return cost(db, s, err) == -1 ? -1 : reach(db, s, &was, err);
}

static int
write_rows(struct db *db, const struct said *s, struct err *err)
{
	static const char router[] =
	    "INSERT INTO router (id, key, first_at) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (id) DO NOTHING";
	static const char report[] =
	    "INSERT INTO report (router, sequence, received_at, state, cause,"
	    " counter, body, sig) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	    " ON CONFLICT (router, sequence) DO NOTHING";
	static const char prune[] =
	    "DELETE FROM report WHERE router = ?1 AND sequence <= ?2";
	auto_stmt struct stmt *a = db_stmt(db, router);
	auto_stmt struct stmt *b = db_stmt(db, report);
	auto_stmt struct stmt *c = db_stmt(db, prune);

	stmt_bind_str(a, 1, s->router);
	stmt_bind_str(a, 2, s->key);
	stmt_bind_int(a, 3, time_now());
	stmt_bind_str(b, 1, s->router);
	stmt_bind_int(b, 2, s->sequence);
	stmt_bind_int(b, 3, time_now());
	stmt_bind_str(b, 4, s->state);
	stmt_bind_str(b, 5, s->cause);
	stmt_bind_int(b, 6, s->counter);
	stmt_bind_text(b, 7, s->body, s->body_len);
	stmt_bind_str(b, 8, s->sig);
	stmt_bind_str(c, 1, s->router);
	stmt_bind_int(c, 2, s->sequence - ROUTERS_REPORTS);
	if (room(db, s, err) == -1 || stmt_run(a, err) == -1 ||
	    stmt_run(b, err) == -1 || stmt_run(c, err) == -1)
		return -1;
	return remember(db, s, err);
}

int
routers_said(struct db *db, const struct said *s, struct err *err)
{
	if (db_begin(db, err) == -1)
		return -1;
	if (write_rows(db, s, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

int64_t
routers_of_set(struct db *db, const char *set_sha, struct err *err)
{
	static const char sql[] = "SELECT coalesce(sum(routers), 0) FROM"
				  " router_group WHERE set_sha = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, set_sha);
	return stmt_step(q, err) == -1 ? -1 : stmt_int(q, 0);
}
