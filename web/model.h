/* What a page knows, as JSON: rows of the databases, records of the store. */
#ifndef KILN_MODEL_H
#define KILN_MODEL_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/req.h"

/* Runs a query and makes an array of objects named by its columns; "#name" is
 * an integer column. */
json_t *model_rows(struct db *, struct stmt *, const char *const *columns,
    struct err *) KILN_MUST;
/* The same as the member `key` of m. */
int model_put(json_t *m, const char *key, struct db *, struct stmt *,
    const char *const *columns, struct err *) KILN_MUST;
/* The same with a statement that binds nothing; without a database the rows
 * are none. */
int model_add(json_t *m, const char *key, struct db *, const char *sql,
    const char *const *columns, struct err *) KILN_MUST;

/* The services that have releases: each costs a look, not each release. */
#define SERVICES                                                          \
	"WITH RECURSIVE s (service) AS (SELECT min(service) FROM release" \
	" UNION ALL SELECT (SELECT min(service) FROM release WHERE"       \
	"  service > s.service) FROM s WHERE s.service IS NOT NULL)"      \
	" SELECT service FROM s WHERE service IS NOT NULL"

/* A record of the store as JSON, a new reference, or NULL: a page stands
 * without it.  Kept by its digest, since records never change. */
json_t *model_record(struct web *, const char *hex);

/* Borrowed members for views: "" and 0 when absent or null. */
const char *m_str(const json_t *, const char *key);
int64_t m_int(const json_t *, const char *key);
const json_t *m_first(const json_t *, const char *key); /* of an array */

/* "page" of a list: rows after the cursor `after` (an id, 0: the first page),
 * at most `limit` of at most `max`.  ERR_INPUT names a bad argument. */
struct paging {
	int64_t after, limit;
};
int model_paging(const struct req *, int64_t normal, int64_t max,
    struct paging *, struct err *) KILN_MUST;
/* {"items": rows, "next": cursor or null}: `rows` was asked for limit + 1 and
 * loses the last one if it came. */
void model_page(
    json_t *m, json_t *rows, const struct paging *, const char *cursor_key);

#endif
