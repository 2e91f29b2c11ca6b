/*
 * POST /api/v1/attempts/ATTEMPT/handin: a node says what came of a run.  Kept
 * for kiln-builder, which judges it; here only: is it the attempt that says
 * it, does it say it once, and is all that it names in spool/?
 */
#include <string.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/upload.h"

static int
uploaded(
    struct db *db, const char *attempt, const json_t *blob, struct err *err)
{
	static const char sql[] =
	    "SELECT size FROM upload WHERE attempt = ?1 AND digest = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct hash h;
	int64_t size;
	int got;

	if (js_hash("hand-in", blob, "sha256", &h, err) == -1 ||
	    js_int("hand-in", blob, "size", 0, JS_INT_MAX, &size, err) == -1)
		return -1;
	stmt_bind_str(q, 1, attempt);
	stmt_bind_hash(q, 2, &h);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	return got == 1 && stmt_int(q, 0) == size;
}

/* 1: all it names is there. */
static int
complete(struct db *db, const char *attempt, const json_t *j, struct err *err)
{
	const char *outcome;
	json_t *outputs, *log;
	int got = 1;

	if (js_str("hand-in", j, "outcome", &outcome, err) == -1 ||
	    js_array("hand-in", j, "outputs", &outputs, err) == -1 ||
	    js_object("hand-in", j, "log", &log, err) == -1)
		return -1;
	if (strcmp(outcome, "lost") == 0)
		return 1;
	for (size_t i = 0; got == 1 && i < json_array_size(outputs); i++)
		got = uploaded(db, attempt, json_array_get(outputs, i), err);
	return got == 1 ? uploaded(db, attempt, log, err) : got;
}

/* 1: kept now, or the same was before; 0: another was. */
static int
keep(
    struct web *w, const char *attempt, const struct buf *body, struct err *err)
{
	static const char add[] =
	    "INSERT INTO handin (attempt, at, body) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT DO NOTHING";
	static const char look[] = "SELECT body FROM handin WHERE attempt = ?1";
	auto_stmt struct stmt *q = db_stmt(w->web, add);
	auto_stmt struct stmt *l = db_stmt(w->web, look);
	int got;

	stmt_bind_str(q, 1, attempt);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_text(q, 3, body->data, body->len);
	if (stmt_run(q, err) == -1)
		return -1;
	w->written++;
	stmt_bind_str(l, 1, attempt);
	got = stmt_step(l, err);
	return got != 1 ? got : strcmp(stmt_str(l, 0), body->data) == 0;
}

static unsigned
take(struct req *req, struct err *err)
{
	auto_json json_t *j = js_record(
	    "hand-in", "kiln/handin", 1, req->body.data, req->body.len, err);
	const char *attempt;
	int got;

	if (!j || js_str("hand-in", j, "attempt", &attempt, err) == -1)
		return 400;
	if (strcmp(attempt, req->part[0]) != 0) {
		err_set(err, ERR_INPUT, "it is about another attempt");
		return 400;
	}
	got = complete(req->web->web, attempt, j, err);
	if (got == -1)
		return reply_status(err);
	if (got == 0) {
		err_set(err, ERR_INPUT, "not all that it names was uploaded");
		return 409;
	}
	got = keep(req->web, attempt, &req->body, err);
	if (got == -1)
		return 503;
	if (got == 0) {
		err_set(err, ERR_INPUT, "this attempt has handed in already");
		return 409;
	}
	return 202;
}

static void
wake(struct req *req)
{
	struct err ignored = ERR_INIT;
	auto_fd int run = dir_open_at(req->web->state, "run", &ignored);

	if (run != -1)
		wake_send(run, "builder");
}

void
api_handin(struct req *req, struct reply *re)
{
	struct err err = ERR_INIT;
	const char *why;
	unsigned status = attempt_allowed(req, req->part[0], NULL, &why);

	if (status) {
		reply_error(req, re, status,
		    status >= 500 ? "unavailable" : "denied", why);
		return;
	}
	status = take(req, &err);
	if (status != 202) {
		reply_error(req, re, status, err_cause(&err), err.msg);
		return;
	}
	wake(req);
	re->status = 202;
	re->type = "application/json";
	buf_str(&re->body, "{}\n");
}
