#include "tuf-repo/attest.h"

#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/ask.h"

#define STATE "attested" /* id of farm.db's attestation, up to which … */
#define BATCH 64	 /* in one transaction */

static int
keep(struct repo *r, const struct hash *digest, const struct answer *a,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO attestation(digest, key, sig, at)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	char key[KEY_HEX], sig[SIG_HEX];

	hex_encode(key, a->key.b, sizeof(a->key.b));
	hex_encode(sig, a->sig.b, sizeof(a->sig.b));
	stmt_bind_hash(q, 1, digest);
	stmt_bind_str(q, 2, key);
	stmt_bind_str(q, 3, sig);
	stmt_bind_int(q, 4, r->now);
	return stmt_run(q, err);
}

struct signed_one {
	struct hash digest;
	struct answers answers;
};

static int
sign_one(struct repo *r, struct signed_one *one, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	/* Hashed while it is read. */
	if (store_read(
		r->store, &one->digest, SIGNER_STATEMENT_MAX, &text, err) == -1)
		return -1;
	return ask_statement(r->signer, &text, &one->answers, err);
}

/* The next ones after *done, which moves behind them. */
static int
sign_some(struct repo *r, int64_t *done, struct signed_one *v, size_t *n,
    struct err *err)
{
	static const char sql[] =
	    "SELECT id, digest FROM attestation WHERE id > ?1"
	    " ORDER BY id LIMIT ?2";
	auto_stmt struct stmt *q = db_stmt(r->farm, sql);
	int got;

	*n = 0;
	stmt_bind_int(q, 1, *done);
	stmt_bind_int(q, 2, BATCH);
	while ((got = stmt_step(q, err)) == 1) {
		if (!stmt_hash(q, 1, &v[*n].digest))
			return err_set(err, ERR_INPUT,
			    "farm.db: an attestation without a digest");
		if (sign_one(r, &v[*n], err) == -1)
			return err_prefix(err, "attestation");
		*done = stmt_int(q, 0);
		++*n;
	}
	return got;
}

/* Their signatures and how far we are, at once. */
static int
keep_some(struct repo *r, int64_t done, const struct signed_one *v, size_t n,
    struct err *err)
{
	if (db_begin(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i].answers.n; k++)
			if (keep(r, &v[i].digest, &v[i].answers.v[k], err) ==
			    -1)
				goto fail;
	if (state_set(r->db, STATE, done, err) == 0 &&
	    db_commit(r->db, err) == 0)
		return 0;
fail:
	db_rollback(r->db);
	return -1;
}

int
attest_sign(struct repo *r, struct err *err)
{
	auto_free struct signed_one *v = mem_zero(BATCH, sizeof(*v));
	int64_t done;
	size_t n;

	if (!r->farm || r->signer == -1)
		return 0;
	if (state_get(r->db, STATE, &done, err) == -1)
		return -1;
	do {
		if (sign_some(r, &done, v, &n, err) == -1 ||
		    (n > 0 && keep_some(r, done, v, n, err) == -1))
			return -1;
	} while (n == BATCH);
	return 0;
}
