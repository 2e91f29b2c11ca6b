/*
 * Detached signatures of other rebuilders.  GET /api/v1/drafts says which
 * roles wait for signatures, GET /api/v1/draft/ROLE gives the bytes to sign,
 * POST /api/v1/signature takes a kiln/signature.  Only one that is good, by a
 * key that the role is delegated to and over a version that waits, gets into
 * spool/: strangers fill nothing.  kiln-tuf reads it there and judges it
 * again for itself.
 */
#include <stdio.h>
#include <string.h>

#include "lib/cosign.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "lib/tuf_read.h"
#include "web/api/api.h"
#include "web/api/spool.h"

/* --- what waits ---------------------------------------------------------- */

static bool
listed(const struct tuf_file *targets, const char *role,
    const struct sig_public *key)
{
	const struct tuf_role *d = tuf_role_find(targets, role);

	for (size_t i = 0; d && i < d->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(targets, d->keyids[i]);

		if (k && k->usable &&
		    memcmp(k->pub.b, key->b, sizeof(key->b)) == 0)
			return true;
	}
	return false;
}

/* 1: the bytes of the newest version, if it waits; *version is set when there
 * is any.  */
static int
waiting(struct db *tuf, const char *role, int64_t *version, struct buf *out,
    struct err *err)
{
	static const char sql[] =
	    "SELECT version, file IS NULL, signed FROM role WHERE name = ?1"
	    " ORDER BY version DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(tuf, sql);
	int rc;

	stmt_bind_str(q, 1, role);
	rc = stmt_step(q, err);
	*version = 0;
	if (rc != 1)
		return rc;
	*version = stmt_int(q, 0);
	if (!stmt_int(q, 1))
		return 0;
	buf_str(out, stmt_str(q, 2));
	return 1;
}

void
api_draft(struct req *req, struct reply *re)
{
	struct err err = ERR_INIT;
	int64_t version;
	int rc;

	req_readers(req);
	if (!req->web->tuf) {
		reply_error(req, re, 503, "busy", "there is no tree yet");
		return;
	}
	rc = waiting(req->web->tuf, req->part[0], &version, &re->body, &err);
	if (rc == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
	} else if (rc == 0) {
		reply_error(req, re, 404, "missing",
		    "no version of that role waits for signatures");
	} else {
		re->status = 200;
		re->type = "application/json";
		re->cache = "no-store";
	}
}

static int
add_drafts(struct db *tuf, json_t *list, struct err *err)
{
	static const char sql[] =
	    "SELECT name, version, signed, (SELECT count(*) FROM signature s"
	    " WHERE s.name = a.name AND s.version = a.version) FROM role a"
	    " WHERE file IS NULL AND version = (SELECT max(version) FROM role b"
	    " WHERE b.name = a.name) ORDER BY name";
	auto_tuf struct tuf_file *targets = spool_targets(tuf, err);
	auto_stmt struct stmt *q = NULL;
	int rc;

	if (!targets)
		return -1;
	q = db_stmt(tuf, sql);
	while ((rc = stmt_step(q, err)) == 1) {
		const struct tuf_role *d =
		    tuf_role_find(targets, stmt_str(q, 0));
		const char *text = stmt_str(q, 2);
		json_t *o = json_object();
		struct hash h;

		hash_bytes(&h, text, strlen(text));
		js_set_str(o, "role", stmt_str(q, 0));
		js_set_int(o, "version", stmt_int(q, 1));
		js_set_hash(o, "signed", &h);
		js_set_int(o, "signatures", stmt_int(q, 3));
		js_set_int(o, "threshold", d ? d->threshold : 0);
		json_array_append_new(list, o);
	}
	return rc;
}

void
api_drafts(struct req *req, struct reply *re)
{
	auto_json json_t *all = json_object();
	struct err err = ERR_INIT;
	json_t *list = json_array();

	req_readers(req);
	js_set(all, "drafts", list);
	if (req->web->tuf && add_drafts(req->web->tuf, list, &err) == -1)
		reply_error(req, re, 503, err_cause(&err), err.msg);
	else
		reply_json(re, all);
}

/* --- what is handed in ---------------------------------------------------- */

/* By a key that counts: who looks at the trust page wants to know. */
static void
remember(struct web *w, const struct cosign *c, const struct err *why)
{
	static const char sql[] =
	    "INSERT INTO refused_signature(role, key, at, text)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
	    " at = excluded.at, text = excluded.text";
	auto_stmt struct stmt *q = db_stmt(w->web, sql);
	struct err err = ERR_INIT;
	char key[KEY_HEX];

	hex_encode(key, c->key.b, sizeof(c->key.b));
	stmt_bind_str(q, 1, c->role);
	stmt_bind_str(q, 2, key);
	stmt_bind_int(q, 3, time_now());
	stmt_bind_str(q, 4, why->msg);
	if (stmt_run(q, &err) == -1)
		log_err("refused-signature", &err);
}

static unsigned
judge(struct db *tuf, const struct cosign *c, bool *counts, struct err *err)
{
	auto_tuf struct tuf_file *targets = spool_targets(tuf, err);
	auto_buf struct buf bytes = BUF_INIT;
	struct hash h;
	int64_t version;
	int rc;

	if (!targets ||
	    (rc = waiting(tuf, c->role, &version, &bytes, err)) == -1)
		return 503;
	if (!listed(targets, c->role, &c->key)) {
		err_set(
		    err, ERR_TRUST, "%s is not delegated to that key", c->role);
		return 403;
	}
	*counts = true;
	if (rc == 0 || version != c->version) {
		err_set(err, ERR_INPUT,
		    "version %lld of %s does not wait for signatures; sign the"
		    " next one",
		    (long long)c->version, c->role);
		return 409;
	}
	hash_bytes(&h, bytes.data, bytes.len);
	if (!hash_equal(&h, &c->content)) {
		err_set(err, ERR_INPUT,
		    "the bytes that were signed are not those of version %lld"
		    " of %s here",
		    (long long)version, c->role);
		return 409;
	}
	if (!sig_verify(&c->key, bytes.data, bytes.len, &c->sig)) {
		err_set(err, ERR_TRUST, "the signature does not fit");
		return 403;
	}
	return 202;
}

void
api_signature(struct req *req, struct reply *re)
{
	auto_json json_t *ok = json_object();
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned status = 503;
	bool counts = false;
	struct cosign c;
	int64_t id;

	req_readers(req);
	if (cosign_read(&c, req->body.data, req->body.len, &err) == -1)
		status = 400;
	else if (!req->web->tuf)
		err_set(&err, ERR_BUSY, "there is no tree yet");
	else if ((status = judge(req->web->tuf, &c, &counts, &err)) == 202) {
		cosign_write(&c, &text);
		if (spool_keep(req, "signature", &text, &id, &err) == -1)
			status = 503;
	}
	if (counts && (status == 403 || status == 409))
		remember(req->web, &c, &err);
	if (status != 202) {
		reply_error(req, re, status, err_cause(&err), err.msg);
		return;
	}
	js_set_int(ok, "submission", id);
	js_set_str(ok, "role", c.role);
	js_set_int(ok, "version", c.version);
	reply_json(re, ok);
	re->status = 202;
}
