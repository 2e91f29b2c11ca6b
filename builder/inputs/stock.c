#include "builder/inputs/stock.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "lib/mem.h"

void
stock_release(struct stock *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].version);
	}
	free(s->v);
	*s = (struct stock){ 0 };
}

void
stock_add(struct stock *s, const char *name, const char *version, int64_t bytes)
{
	MEM_GROW(s->v, s->n, s->cap);
	s->v[s->n++] = (struct stock_package){ .name = mem_str(name),
		.version = mem_str(version),
		.bytes = bytes };
}

int
stock_keep(struct db *db, const struct hash *lock, const struct stock *s,
    struct err *err)
{
	static const char sql[] = "INSERT INTO stock (lock, packages, bytes,"
				  " list) VALUES (?1, ?2, ?3, ?4)"
				  " ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_buf struct buf list = BUF_INIT;
	int64_t bytes = 0;

	for (size_t i = 0; i < s->n; i++) {
		buf_printf(&list, "%s %s %lld\n", s->v[i].name, s->v[i].version,
		    (long long)s->v[i].bytes);
		bytes += s->v[i].bytes;
	}
	stmt_bind_hash(q, 1, lock);
	stmt_bind_int(q, 2, (int64_t)s->n);
	stmt_bind_int(q, 3, bytes);
	stmt_bind_str(q, 4, list.data);
	return stmt_run(q, err);
}

int
stock_known(
    struct db *db, const struct hash *lock, bool *known, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM stock WHERE lock = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_hash(q, 1, lock);
	got = stmt_step(q, err);
	*known = got == 1;
	return got == -1 ? -1 : 0;
}
