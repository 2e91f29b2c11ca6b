#include "web/request.h"

#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/ask.h"

static const struct {
	const char *kind;
	bool starts; /* something: a second person approves it */
} kinds[] = {
	{ "cancel", false },
	{ "retry", false },
	{ "halt", false },
	{ "promote", true },
	{ "start", true },
	{ "resume", true },
	{ "waves", true },
};

/* --- proposals ------------------------------------------------------------ */

static int
propose(struct req *req, const char *kind, const char *argument, int64_t *id,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO proposal (at, kind, argument, by) VALUES (?1, ?2, ?3,"
	    " ?4)";
	static const char prune[] =
	    "DELETE FROM proposal WHERE id <= ?1 AND closed_at IS NOT NULL";
	struct db *db = req->web->web;
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_stmt struct stmt *p = db_stmt(db, prune);

	if (strlen(argument) > ASK_ARGUMENT_MAX)
		return err_set(err, ERR_INPUT,
		    "request: its argument has more than %d bytes",
		    ASK_ARGUMENT_MAX);
	stmt_bind_int(q, 1, time_now());
	stmt_bind_str(q, 2, kind);
	stmt_bind_str(q, 3, argument);
	stmt_bind_str(q, 4, req->who.name);
	if (stmt_run(q, err) == -1)
		return -1;
	*id = db_last_id(db);
	stmt_bind_int(p, 1, *id - ASK_ROWS);
	return stmt_run(p, err);
}

struct proposal {
	char kind[17], by[ASK_BY_MAX + 1];
	char *argument; /* owned */
};

static int
read_proposal(struct db *db, int64_t id, struct proposal *p, struct err *err)
{
	static const char sql[] =
	    "SELECT kind, argument, by FROM proposal WHERE id = ?1"
	    " AND closed_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_int(q, 1, id);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_MISSING,
		    "no proposal %lld waits for anybody", (long long)id);
	snprintf(p->kind, sizeof(p->kind), "%s", stmt_str(q, 0));
	p->argument = mem_str(stmt_str(q, 1));
	snprintf(p->by, sizeof(p->by), "%s", stmt_str(q, 2));
	return 0;
}

static int
note_closed(struct req *req, int64_t id, int64_t request, struct err *err)
{
	static const char sql[] =
	    "UPDATE proposal SET closed_at = ?2, closed_by = ?3, request ="
	    " nullif(?4, 0) WHERE id = ?1 AND closed_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(req->web->web, sql);

	stmt_bind_int(q, 1, id);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_str(q, 3, req->who.name);
	stmt_bind_int(q, 4, request);
	return stmt_run(q, err);
}

static int
close_it(struct req *req, int64_t proposal, bool approve,
    const struct proposal *p, int64_t *id, struct err *err)
{
	struct ask a = { .kind = p->kind,
		.argument = p->argument,
		.by = p->by,
		.approved_by = req->who.name };
	auto_free char *text =
	    mem_printf("%s of %s: %s", p->kind, p->by, p->argument);

	*id = 0;
	/* One who wants nothing any more may say so himself. */
	if (approve && strcmp(p->by, req->who.name) == 0)
		return err_set(err, ERR_TRUST,
		    "another person than %s has to approve it", p->by);
	if (approve && ask_file(req->web, &a, id, err) == -1)
		return -1;
	if (note_closed(req, proposal, *id, err) == -1)
		return -1;
	req->web->written++;
	return audit_add(req->web->web, req->who.name,
	    approve ? "approve" : "refuse", text, err);
}

int
request_close(struct req *req, int64_t proposal, bool approve, int64_t *id,
    struct err *err)
{
	struct proposal p = { .argument = NULL };
	int rc = read_proposal(req->web->web, proposal, &p, err);

	if (rc == 0)
		rc = close_it(req, proposal, approve, &p, id, err);
	free(p.argument);
	return rc;
}

/* --- filing ----------------------------------------------------------------*/

int
request_file(struct req *req, const char *kind, const json_t *argument,
    struct request_end *end, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct ask a = { .by = req->who.name };
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			break;
	if (i == ARRAY_LEN(kinds))
		return err_set(err, ERR_INPUT,
		    "kind: cancel, retry, halt, promote, start, resume or "
		    "waves");
	if (canon_json(argument, &text, err) == -1)
		return -1;
	a.kind = kinds[i].kind;
	a.argument = text.data;
	end->waits = kinds[i].starts && req->web->approval;
	rc = end->waits ? propose(req, a.kind, a.argument, &end->id, err)
			: ask_file(req->web, &a, &end->id, err);
	if (rc == -1)
		return -1;
	req->web->written++;
	return audit_add(req->web->web, req->who.name, a.kind, text.data, err);
}

/* --- the API ---------------------------------------------------------------*/

static int
close_by_api(struct req *req, const json_t *argument, bool approve, json_t *out,
    struct err *err)
{
	static const char *const keys[] = { "proposal", NULL };
	int64_t proposal, id;

	if (js_only("argument", argument, keys, err) == -1 ||
	    js_int("argument", argument, "proposal", 1, JS_INT_MAX, &proposal,
		err) == -1 ||
	    request_close(req, proposal, approve, &id, err) == -1)
		return -1;
	js_set_int(out, "id", id);
	return 0;
}

static int
take(struct req *req, const json_t *j, json_t *out, struct err *err)
{
	static const char *const keys[] = { "kind", "argument", NULL };
	struct request_end end;
	const char *kind;
	json_t *argument;

	if (js_only("request", j, keys, err) == -1 ||
	    js_str("request", j, "kind", &kind, err) == -1 ||
	    js_object("request", j, "argument", &argument, err) == -1)
		return -1;
	if (strcmp(kind, "approve") == 0 || strcmp(kind, "refuse") == 0)
		return close_by_api(
		    req, argument, strcmp(kind, "approve") == 0, out, err);
	if (request_file(req, kind, argument, &end, err) == -1)
		return -1;
	js_set_int(out, end.waits ? "proposal" : "id", end.id);
	return 0;
}

void
api_request(struct req *req, struct reply *re)
{
	struct err err = ERR_INIT;
	auto_json json_t *j =
	    js_parse("request", req->body.data, req->body.len, &err);
	auto_json json_t *ok = json_object();

	if (j == NULL || take(req, j, ok, &err) == -1) {
		reply_error(
		    req, re, reply_status(&err), err_cause(&err), err.msg);
		return;
	}
	reply_json(re, ok);
	re->status = 202;
}
