#include "tuf-repo/handin.h"

#include <string.h>

#include "lib/cosign.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/statement.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/heard.h"
#include "tuf-repo/roles.h"

#define AT_ONCE 100

/* --- one --------------------------------------------------------------- */

/* Only service roles have more than one party, all others' files are made
 * whole by whoever signs them. */
static int
check_waits(struct repo *r, const struct cosign *c, struct err *err)
{
	static const char sql[] = "SELECT file IS NULL, signed FROM role"
				  " WHERE name = ?1 AND version = ?2";
	auto_stmt struct stmt *q = NULL;
	struct hash h;
	int64_t newest;
	int rc;

	if (!role_service(c->role))
		return err_set(
		    err, ERR_INPUT, "%s is not signed by rebuilders", c->role);
	if (role_newest(r->db, c->role, false, &newest, err) == -1)
		return -1;
	if (c->version != newest)
		return err_set(err, ERR_INPUT,
		    "%s: version %lld is not the one that waits, which is %lld",
		    c->role, (long long)c->version, (long long)newest);
	q = db_stmt(r->db, sql);
	stmt_bind_str(q, 1, c->role);
	stmt_bind_int(q, 2, c->version);
	rc = stmt_step(q, err);
	if (rc != 1)
		return rc == 0 ? err_set(err, ERR_MISSING,
				     "%s: there is no version yet", c->role)
			       : -1;
	if (!stmt_int(q, 0))
		return err_set(err, ERR_INPUT,
		    "%s: version %lld has its signatures; the next one counts",
		    c->role, (long long)c->version);
	hash_bytes(&h, stmt_str(q, 1), strlen(stmt_str(q, 1)));
	if (!hash_equal(&h, &c->content))
		return err_set(err, ERR_TRUST,
		    "%s: other bytes were signed as version %lld", c->role,
		    (long long)c->version);
	return 0;
}

static int
add(struct repo *r, const struct cosign *c, bool *complete, struct err *err)
{
	struct answer a = { .key = c->key, .sig = c->sig };

	if (check_waits(r, c, err) == -1 ||
	    collect_add(r, c->role, c->version, &a, err) == -1)
		return -1;
	return collect_finish(r, c->role, c->version, complete, err);
}

int
handin_one(
    struct repo *r, const void *p, size_t n, bool *complete, struct err *err)
{
	struct cosign c;

	*complete = false;
	if (cosign_read(&c, p, n, err) == -1 || db_begin(r->db, err) == -1)
		return -1;
	if (add(r, &c, complete, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}

/* --- all --------------------------------------------------------------- */

struct row {
	int64_t id;
	char name[HASH_HEX];
	struct hash digest;
};

/* What comes, each kind with its own place in web.db's rows. */
struct inlet {
	const char *kind;
	const char *taken; /* in state: the last row that was taken */
	size_t max;
	int (*one)(
	    struct repo *, const void *, size_t, bool *complete, struct err *);
};

static int
one_statement(
    struct repo *r, const void *p, size_t n, bool *complete, struct err *err)
{
	*complete = false;
	return heard_one(r, p, n, err);
}

static const struct inlet inlets[] = {
	{ "signature", "web_submission", COSIGN_MAX, handin_one },
	{ "attestation", "web_statement", STATEMENT_ENVELOPE_MAX,
	    one_statement },
};

static int
next_row(struct repo *r, const struct inlet *in, int64_t after, struct row *row,
    struct err *err)
{
	static const char sql[] =
	    "SELECT id, digest FROM submission WHERE kind = ?2"
	    " AND id > ?1 ORDER BY id LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->web, sql);
	int rc;

	stmt_bind_int(q, 1, after);
	stmt_bind_str(q, 2, in->kind);
	rc = stmt_step(q, err);
	if (rc != 1)
		return rc;
	row->id = stmt_int(q, 0);
	if (!stmt_hash(q, 1, &row->digest))
		return err_set(err, ERR_TRUST, "web.db: a bad digest");
	hash_hex(&row->digest, row->name);
	return 1;
}

/* What lies there may be anything: its name is no proof. */
static int
read_file(struct repo *r, const struct inlet *in, const struct row *row,
    struct buf *text, struct err *err)
{
	struct hash h;

	if (r->spool == -1 ||
	    file_read_at(r->spool, row->name, in->max, text, err) == -1)
		return err_set(
		    err, ERR_MISSING, "spool/%s cannot be read", row->name);
	hash_bytes(&h, text->data, text->len);
	if (!hash_equal(&h, &row->digest))
		return err_set(
		    err, ERR_TRUST, "spool/%s has other content", row->name);
	return 0;
}

static int
record(struct repo *r, const struct row *row, const struct buf *text,
    bool taken, const char *what, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO handed_in(id, at, role, version, key, taken, text)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	struct err ignore = ERR_INIT;
	struct cosign c;
	char key[KEY_HEX];

	stmt_bind_int(q, 1, row->id);
	stmt_bind_int(q, 2, r->now);
	if (cosign_read(&c, text->data, text->len, &ignore) == 0) {
		hex_encode(key, c.key.b, sizeof(c.key.b));
		stmt_bind_str(q, 3, c.role);
		stmt_bind_int(q, 4, c.version);
		stmt_bind_str(q, 5, key);
	}
	stmt_bind_int(q, 6, taken);
	stmt_bind_str(q, 7, what);
	return stmt_run(q, err);
}

static int
take(struct repo *r, const struct inlet *in, const struct row *row,
    struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool complete, taken;

	taken = read_file(r, in, row, &text, &why) == 0 &&
		in->one(r, text.data, text.len, &complete, &why) == 0;
	if (!taken && why.cls != ERR_INPUT && why.cls != ERR_TRUST &&
	    why.cls != ERR_MISSING) {
		*err = why;
		return -1;
	}
	if (!taken)
		log_err("submission-refused", &why);
	if (record(r, row, &text, taken,
		taken
		    ? (complete ? "taken; it was the last one needed" : "taken")
		    : why.msg,
		err) == -1)
		return -1;
	/* Killed before this, the same one is taken again: no harm. */
	return state_set(r->db, in->taken, row->id, err);
}

static int
take_all(struct repo *r, const struct inlet *in, struct err *err)
{
	int64_t last;

	if (state_get(r->db, in->taken, &last, err) == -1)
		return -1;
	for (int i = 0; i < AT_ONCE; i++) {
		struct row row;
		int rc = next_row(r, in, last, &row, err);

		if (rc == -1)
			return err_prefix(err, "web.db");
		if (rc == 0)
			return 0;
		if (take(r, in, &row, err) == -1)
			return -1;
		last = row.id;
	}
	return 0;
}

int
handin_take(struct repo *r, struct err *err)
{
	for (size_t i = 0; r->web && i < ARRAY_LEN(inlets); i++)
		if (take_all(r, &inlets[i], err) == -1)
			return -1;
	return 0;
}
