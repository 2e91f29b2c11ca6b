#include "tuf-repo/heard.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/statement.h"
#include "tuf-repo/collect.h"

#define FOLDER "statement"

static int
check_plan(struct repo *r, const struct statement *s, struct err *err)
{
	static const char sql[] =
	    "SELECT EXISTS (SELECT 1 FROM plan WHERE digest = ?1)";
	auto_stmt struct stmt *q = NULL;

	if (!r->farm)
		return err_set(err, ERR_MISSING, "nothing was built here yet");
	q = db_stmt(r->farm, sql);
	stmt_bind_hash(q, 1, &s->plan);
	if (stmt_step(q, err) != 1)
		return -1;
	return stmt_int(q, 0) ? 0
			      : err_set(err, ERR_MISSING,
				    "statement: no plan of this farm");
}

static int
check_many(
    struct repo *r, const struct statement *s, const char *key, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM statement WHERE plan = ?1 AND key = ?2"
	    " AND digest <> ?3";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_hash(q, 1, &s->plan);
	stmt_bind_str(q, 2, key);
	stmt_bind_hash(q, 3, &s->digest);
	if (stmt_step(q, err) != 1)
		return -1;
	return stmt_int(q, 0) < STATEMENT_EACH
		   ? 0
		   : err_set(err, ERR_INPUT,
			 "statement: that rebuilder has said enough of the"
			 " plan");
}

static int
add_statement(
    struct repo *r, const struct statement *s, const char *key, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO statement(digest, key, plan, verdict, outcome, lane,"
	    " at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_hash(q, 1, &s->digest);
	stmt_bind_str(q, 2, key);
	stmt_bind_hash(q, 3, &s->plan);
	stmt_bind_str(q, 4, s->verdict);
	stmt_bind_str(q, 5, s->outcome);
	stmt_bind_str(q, 6, s->lane);
	stmt_bind_int(q, 7, r->now);
	return stmt_run(q, err);
}

static int
add_signature(struct repo *r, const struct statement *s, const char *key,
    const struct sig *sig, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO attestation(digest, key, sig, at)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	char hex[SIG_HEX];

	hex_encode(hex, sig->b, sizeof(sig->b));
	stmt_bind_hash(q, 1, &s->digest);
	stmt_bind_str(q, 2, key);
	stmt_bind_str(q, 3, hex);
	stmt_bind_int(q, 4, r->now);
	return stmt_run(q, err);
}

/* The file first: what a row names is there. */
static int
keep(struct repo *r, const struct statement *s, const char *key,
    const struct sig *sig, const struct buf *text, struct err *err)
{
	auto_fd int dir = dir_make_at(r->log, FOLDER, 0755, err);
	char hex[HASH_HEX];

	hash_hex(&s->digest, hex);
	if (dir == -1 ||
	    file_write_at(dir, hex, text->data, text->len, 0644, err) == -1 ||
	    db_begin(r->db, err) == -1)
		return -1;
	if (add_signature(r, s, key, sig, err) == 0 &&
	    add_statement(r, s, key, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}

int
heard_one(struct repo *r, const void *p, size_t n, struct err *err)
{
	auto_tuf struct tuf_file *targets = NULL;
	auto_buf struct buf text = BUF_INIT;
	struct dsse_signature one;
	struct statement s;
	char key[KEY_HEX];

	if (r->log == -1)
		return err_set(err, ERR_MISSING, "there is no log here");
	if (role_load_newest(r->db, "targets", &targets, err) == -1)
		return -1;
	if (!targets)
		return err_set(err, ERR_MISSING, "there is no tree yet");
	if (statement_open(targets, p, n, &s, &one, &text, err) == -1 ||
	    check_plan(r, &s, err) == -1)
		return -1;
	hex_encode(key, one.key.b, sizeof(one.key.b));
	if (check_many(r, &s, key, err) == -1)
		return -1;
	return keep(r, &s, key, &one.sig, &text, err);
}

int
heard_again(
    struct repo *r, const char *digest, const char *key, struct err *err)
{
	auto_free char *name = mem_printf(FOLDER "/%s", digest);
	auto_buf struct buf text = BUF_INIT;
	struct statement s;
	char is[HASH_HEX];

	if (!file_exists_at(r->log, name))
		return 0;
	if (file_read_at(r->log, name, STATEMENT_MAX, &text, err) == -1 ||
	    statement_read(&s, text.data, text.len, err) == -1)
		return err_prefix(err, "log/%s", name);
	hash_hex(&s.digest, is);
	if (strcmp(is, digest) != 0)
		return err_set(
		    err, ERR_INPUT, "log/%s is damaged; remove it", name);
	return add_statement(r, &s, key, err);
}
