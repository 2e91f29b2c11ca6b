#include "web/model.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"

json_t *
model_rows(
    struct db *db, struct stmt *q, const char *const *columns, struct err *err)
{
	json_t *rows = json_array();
	int got, i;

	(void)db;
	while ((got = stmt_step(q, err)) == 1) {
		json_t *row = json_object();

		/* "#name" is an integer column. */
		for (i = 0; columns[i]; i++) {
			const char *name = columns[i] + (columns[i][0] == '#');

			if (stmt_null(q, i))
				js_set(row, name, json_null());
			else if (columns[i][0] == '#')
				js_set_int(row, name, stmt_int(q, i));
			else
				js_set_str(row, name, stmt_str(q, i));
		}
		json_array_append_new(rows, row);
	}
	if (got == -1) {
		json_decref(rows);
		return NULL;
	}
	return rows;
}

const char *
m_str(const json_t *m, const char *key)
{
	const char *s = json_string_value(json_object_get(m, key));

	return s ? s : "";
}

int64_t
m_int(const json_t *m, const char *key)
{
	return json_integer_value(json_object_get(m, key));
}

const json_t *
m_first(const json_t *m, const char *key)
{
	return json_array_get(json_object_get(m, key), 0);
}

int
model_put(json_t *m, const char *key, struct db *db, struct stmt *q,
    const char *const *columns, struct err *err)
{
	json_t *rows = model_rows(db, q, columns, err);

	if (rows == NULL)
		return -1;
	js_set(m, key, rows);
	return 0;
}

int
model_add(json_t *m, const char *key, struct db *db, const char *sql,
    const char *const *columns, struct err *err)
{
	if (db == NULL) {
		js_set(m, key, json_array());
		return 0;
	}
	auto_stmt struct stmt *q = db_stmt(db, sql);

	return model_put(m, key, db, q, columns, err);
}

/* --- records ---------------------------------------------------------------*/

#define RECORD_MAX (1 << 20)
#define RECORDS 512 /* kept: a lock is some 60 KiB of text */

json_t *
model_record(struct web *w, const char *hex)
{
	auto_buf struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	char path[STORE_PATH];
	json_t *record;
	struct hash h;

	if (!hash_parse(&h, hex))
		return NULL;
	if (w->records == NULL)
		w->records = json_object();
	record = json_object_get(w->records, hex);
	if (record)
		return json_incref(record);
	store_path(&h, path);
	if (file_read_at(w->store, path, RECORD_MAX, &text, &ignored) == -1)
		return NULL;
	record = js_parse("record", text.data, text.len, &ignored);
	if (record == NULL)
		return NULL;
	if (json_object_size(w->records) >= RECORDS)
		json_object_clear(w->records);
	json_object_set(w->records, hex, record);
	return record;
}

/* --- pages of lists --------------------------------------------------------*/

int
model_paging(const struct req *req, int64_t normal, int64_t max,
    struct paging *p, struct err *err)
{
	const char *after = req_arg(req, "after");
	const char *limit = req_arg(req, "limit");

	p->after = 0;
	p->limit = normal;
	if (after && num_int(after, 0, INT64_MAX, &p->after, err) == -1)
		return err_set(
		    err, ERR_INPUT, "after: the id of a row is meant");
	if (limit && num_int(limit, 1, max, &p->limit, err) == -1)
		return err_set(
		    err, ERR_INPUT, "limit: 1 to %lld", (long long)max);
	return 0;
}

void
model_page(
    json_t *m, json_t *rows, const struct paging *p, const char *cursor_key)
{
	size_t n = json_array_size(rows);

	js_set(m, "next", json_null());
	if (n > (size_t)p->limit) {
		json_array_remove(rows, n - 1);
		js_set_int(
		    m, "next", m_int(json_array_get(rows, n - 2), cursor_key));
	}
	js_set(m, "items", rows);
}
