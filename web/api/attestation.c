/*
 * GET /attestation/HEX: a statement about a run, by its SHA-256, in a DSSE
 * envelope with this farm's signatures, or the rebuilder's who said it.
 * kiln-tuf checked each before it put it on record; whoever downloads it checks
 * again.
 */
#include <string.h>

#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/api/api.h"

#define LARGEST 4000000 /* that the signer takes */

static int
signatures(struct db *tuf, const char *hex, struct dsse_signature *v, size_t *n,
    struct err *err)
{
	static const char sql[] = "SELECT key, sig FROM attestation"
				  " WHERE digest = ?1 ORDER BY key LIMIT ?2";
	auto_stmt struct stmt *q = db_stmt(tuf, sql);
	int got;

	stmt_bind_str(q, 1, hex);
	stmt_bind_int(q, 2, DSSE_SIGNATURES_MAX);
	for (*n = 0; (got = stmt_step(q, err)) == 1; ++*n) {
		struct dsse_signature *s = &v[*n];

		if (!hex_decode(
			s->key.b, sizeof(s->key.b), stmt_str(q, 0), 64) ||
		    !hex_decode(
			s->sig.b, sizeof(s->sig.b), stmt_str(q, 1), 128))
			return err_set(
			    err, ERR_INPUT, "tuf.db: a signature that is none");
	}
	return got;
}

/* What other rebuilders handed in lies beside the log (tuf-repo/heard.h). */
static int
of_others(
    struct web *w, const struct hash *h, struct buf *text, struct err *err)
{
	char path[sizeof("tuf/log/statement/") + HASH_HEX] =
	    "tuf/log/statement/";

	hash_hex(h, path + sizeof("tuf/log/statement/") - 1);
	err_clear(err);
	return file_read_at(w->state, path, LARGEST, text, err);
}

/* Whole, and with the digest that it is asked for by. */
static int
statement(
    struct web *w, const struct hash *h, struct buf *text, struct err *err)
{
	char path[STORE_PATH];
	struct hash is;

	store_path(h, path);
	if (file_read_at(w->store, path, LARGEST, text, err) == -1 &&
	    (err->cls != ERR_MISSING || of_others(w, h, text, err) == -1))
		return -1;
	err_clear(err);
	hash_bytes(&is, text->data, text->len);
	return hash_equal(&is, h) ? 0
				  : err_set(err, ERR_SYSTEM,
					"a statement in the store is damaged");
}

void
api_attestation(struct req *req, struct reply *re)
{
	struct dsse_signature v[DSSE_SIGNATURES_MAX];
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct hash h;
	size_t n = 0;

	if (!hash_parse(&h, req->part[0])) {
		reply_error(req, re, 404, "missing",
		    "an attestation is named by 64 lower-case hex digits");
		return;
	}
	req_readers(req);
	if (req->web->tuf &&
	    signatures(req->web->tuf, req->part[0], v, &n, &err) == -1) {
		reply_error(req, re, 500, "system", err.msg);
		return;
	}
	if (n == 0) {
		reply_error(req, re, 404, "missing",
		    "no statement of that digest is signed");
		return;
	}
	if (statement(req->web, &h, &text, &err) == -1) {
		reply_error(req, re, 500, "system", err.msg);
		return;
	}
	dsse_envelope(DSSE_INTOTO, text.data, text.len, v, n, &re->body);
	hash_bytes(&h, re->body.data, re->body.len);
	hash_hex(&h, re->etag);
	re->type = "application/vnd.dsse.envelope.v1+json";
	/* A later key signs again. */
	re->cache = "no-cache";
}
