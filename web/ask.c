#include "web/ask.h"

#include <assert.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/num.h"
#include "lib/own.h"

static const struct {
	const char *kind, *taker;
} kinds[] = {
	{ "poll", "builder" },
	{ "cancel", "builder" },
	{ "retry", "builder" },
	{ "halt", "tuf" },
	{ "promote", "tuf" },
	{ "start", "tuf" },
	{ "resume", "tuf" },
	{ "waves", "tuf" },
};

static const char *
taker(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].taker;
	return NULL;
}

static int
check(const char *what, const char *s, size_t max, struct err *err)
{
	size_t n = strlen(s);

	if (n > max)
		return err_set(err, ERR_INPUT,
		    "request: %s has more than %zu bytes", what, max);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 127)
			return err_set(err, ERR_INPUT,
			    "request: %s has control characters", what);
	return 0;
}

static int
insert(struct db *db, const struct ask *a, int64_t *id, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO request (at, kind, argument, by, approved_by)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, time_now());
	stmt_bind_str(q, 2, a->kind);
	stmt_bind_str(q, 3, a->argument);
	stmt_bind_str(q, 4, a->by);
	stmt_bind_str(q, 5, a->approved_by);
	if (stmt_run(q, err) == -1)
		return -1;
	*id = db_last_id(db);
	return 0;
}

static int
drop_older(struct db *db, const struct ask *a, int64_t id, struct err *err)
{
	static const char sql[] =
	    "DELETE FROM request WHERE id < ?1 AND (id <= ?1 - ?2 OR"
	    " (kind = ?3 AND argument = ?4 AND by = ?5))";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, id);
	stmt_bind_int(q, 2, ASK_ROWS);
	stmt_bind_str(q, 3, a->kind);
	stmt_bind_str(q, 4, a->argument);
	stmt_bind_str(q, 5, a->by);
	return stmt_run(q, err);
}

static void
wake(struct web *w, const char *who)
{
	struct err ignore = ERR_INIT;
	auto_fd int run = dir_open_at(w->state, "run", &ignore);

	if (run != -1)
		wake_send(run, who);
}

int
ask_file(struct web *w, const struct ask *a, int64_t *id, struct err *err)
{
	const char *who = taker(a->kind);

	assert(who);
	if (check("its argument", a->argument, ASK_ARGUMENT_MAX, err) == -1 ||
	    check("its name", a->by, ASK_BY_MAX, err) == -1)
		return -1;
	if (a->by[0] == '\0')
		return err_set(err, ERR_INPUT, "request: by nobody");
	if (db_begin(w->web, err) == -1)
		return -1;
	if (insert(w->web, a, id, err) == -1 ||
	    drop_older(w->web, a, *id, err) == -1 ||
	    db_commit(w->web, err) == -1) {
		db_rollback(w->web);
		return -1;
	}
	wake(w, who);
	return 0;
}

int
ask_json(struct web *w, const char *kind, const json_t *argument,
    const char *by, int64_t *id, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct ask a = { .kind = kind, .by = by };

	if (canon_json(argument, &text, err) == -1)
		return -1;
	a.argument = text.data;
	return ask_file(w, &a, id, err);
}
