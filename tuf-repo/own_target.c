#include "tuf-repo/own_target.h"

#include "lib/mem.h"

int
own_target_put(
    struct repo *r, const struct buf *bytes, struct hash *h, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO own_target(digest, bytes, made_at)"
	    " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	hash_bytes(h, bytes->data, bytes->len);
	stmt_bind_hash(q, 1, h);
	stmt_bind_text(q, 2, bytes->data, bytes->len);
	stmt_bind_int(q, 3, r->now);
	return stmt_run(q, err);
}

int
own_target_get(
    struct repo *r, const struct hash *h, char **text, struct err *err)
{
	static const char sql[] =
	    "SELECT bytes FROM own_target WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_hash(q, 1, h);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*text = rc ? mem_str(stmt_str(q, 0)) : NULL;
	return 0;
}
