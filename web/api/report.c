/*
 * A router's report: {"report":{…},"key":"HEX","sig":"HEX128"}.  Taken only
 * if the key signed the canonical report, the key's digest is the router it
 * speaks for, and the sequence is new.
 */
#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/sig.h"
#include "web/api/api.h"

#define KEEP 1000 /* reports of one router */

struct said {
	const char *router, *state, *cause, *key;
	int64_t sequence, counter;
	struct buf canonical;
};

static int
check(struct req *req, const json_t *j, struct said *s, struct err *err)
{
	static const char *const keys[] = { "report", "key", "sig", NULL };
	const char *what = "report", *sig_hex;
	const json_t *set;
	json_t *r;
	struct sig_public pub;
	struct sig sig;
	struct hash id, claimed;

	(void)req;
	if (js_only(what, j, keys, err) == -1 ||
	    js_object(what, j, "report", &r, err) == -1 ||
	    js_str(what, j, "key", &s->key, err) == -1 ||
	    js_str(what, j, "sig", &sig_hex, err) == -1)
		return -1;
	if (!hex_decode(pub.b, sizeof(pub.b), s->key, strlen(s->key)) ||
	    !hex_decode(sig.b, sizeof(sig.b), sig_hex, strlen(sig_hex)))
		return err_set(
		    err, ERR_INPUT, "key and sig are lower-case hex");
	if (canon_json(r, &s->canonical, err) == -1)
		return -1;
	if (!sig_verify(&pub, s->canonical.data, s->canonical.len, &sig))
		return err_set(err, ERR_TRUST, "the signature does not fit");
	hash_bytes(&id, pub.b, sizeof(pub.b));
	if (js_hash(what, r, "router", &claimed, err) == -1 ||
	    js_str(what, r, "router", &s->router, err) == -1)
		return -1;
	if (!hash_equal(&id, &claimed))
		return err_set(
		    err, ERR_TRUST, "the report speaks for another router");
	if (js_int(what, r, "sequence", 1, INT64_C(1) << 52, &s->sequence,
		err) == -1 ||
	    js_str(what, r, "state", &s->state, err) == -1)
		return -1;
	s->cause = json_string_value(json_object_get(r, "cause"));
	set = json_object_get(r, "set");
	s->counter = json_integer_value(json_object_get(set, "counter"));
	return 0;
}

static int
keep(struct db *db, const struct said *s, struct err *err)
{
	static const char router[] =
	    "INSERT INTO router (id, key, first_at) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (id) DO NOTHING";
	static const char report[] =
	    "INSERT INTO report (router, sequence, received_at, state, cause,"
	    " counter, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
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
	stmt_bind_text(b, 7, s->canonical.data, s->canonical.len);
	stmt_bind_str(c, 1, s->router);
	stmt_bind_int(c, 2, s->sequence - KEEP);
	if (db_begin(db, err) == -1)
		return -1;
	if (stmt_run(a, err) == -1 || stmt_run(b, err) == -1 ||
	    stmt_run(c, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

void
api_report(struct req *req, struct reply *re)
{
	struct err err = ERR_INIT;
	struct said s = { .canonical = BUF_INIT };
	auto_json json_t *j =
	    js_parse("report", req->body.data, req->body.len, &err);
	auto_json json_t *ok = json_object();

	if (j == NULL || check(req, j, &s, &err) == -1) {
		reply_error(req, re, err.cls == ERR_TRUST ? 403 : 400,
		    err_cause(&err), err.msg);
	} else if (keep(req->web->web, &s, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
	} else {
		/* A repeated sequence is answered the same: a router that lost
		 * our answer sends again. */
		js_set_int(ok, "sequence", s.sequence);
		reply_json(re, ok);
	}
	buf_release(&s.canonical);
}
