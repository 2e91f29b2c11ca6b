/*
 * POST /api/v1/attestation: what another rebuilder says of a run of its own, in
 * an envelope that a key of a service's rebuilder has signed.  Strangers get
 * nothing into spool/; kiln-tuf judges it again for itself.
 */
#include "lib/statement.h"
#include "lib/dsse.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/api/spool.h"

static int
asked(struct db *db, const char *sql, const struct statement *s,
    const char *key, int64_t *n, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, &s->plan);
	if (key) {
		stmt_bind_str(q, 2, key);
		stmt_bind_hash(q, 3, &s->digest);
	}
	if (stmt_step(q, err) != 1)
		return -1;
	*n = stmt_int(q, 0);
	return 0;
}

/* 202, or what is wrong with it. */
static unsigned
judge(struct web *w, const struct statement *s, const struct dsse_signature *by,
    struct err *err)
{
	static const char plan[] =
	    "SELECT count(*) FROM plan WHERE digest = ?1";
	static const char many[] =
	    "SELECT count(*) FROM statement WHERE plan = ?1 AND key = ?2"
	    " AND digest <> ?3";
	char key[KEY_HEX];
	int64_t n;

	hex_encode(key, by->key.b, sizeof(by->key.b));
	if (!w->farm || asked(w->farm, plan, s, NULL, &n, err) == -1)
		return 503;
	if (n == 0) {
		err_set(err, ERR_MISSING, "it is of no plan of this farm");
		return 404;
	}
	if (asked(w->tuf, many, s, key, &n, err) == -1)
		return 503;
	if (n < STATEMENT_EACH)
		return 202;
	err_set(err, ERR_INPUT,
	    "that rebuilder has said enough of the plan: %d statements",
	    STATEMENT_EACH);
	return 409;
}

static unsigned
take(struct req *req, struct statement *s, int64_t *id, struct err *err)
{
	struct web *w = req->web;
	auto_buf struct buf text = BUF_INIT, envelope = BUF_INIT;
	auto_tuf struct tuf_file *targets = NULL;
	struct dsse_signature by;
	unsigned status;

	if (!w->tuf || !(targets = spool_targets(w->tuf, err)))
		return 503;
	if (statement_open(targets, req->body.data, req->body.len, s, &by,
		&text, err) == -1)
		return err->cls == ERR_TRUST ? 403 : 400;
	status = judge(w, s, &by, err);
	if (status != 202)
		return status;
	/* With that signature alone, and nothing else that may be in it. */
	dsse_envelope(DSSE_INTOTO, text.data, text.len, &by, 1, &envelope);
	return spool_keep(req, "attestation", &envelope, id, err) == -1 ? 503
									: 202;
}

void
api_statement(struct req *req, struct reply *re)
{
	auto_json json_t *ok = json_object();
	struct err err = ERR_INIT;
	struct statement s;
	unsigned status;
	int64_t id = 0;

	req_readers(req);
	status = take(req, &s, &id, &err);
	if (status != 202) {
		reply_error(req, re, status, err_cause(&err), err.msg);
		return;
	}
	js_set_int(ok, "submission", id);
	js_set_hash(ok, "statement", &s.digest);
	reply_json(re, ok);
	re->status = 202;
}
