/*
 * From a digest to what it leads to.  Damaged or missing records end the
 * path there: that is `kiln verify`'s to tell, and what they led to is most
 * likely needed for another reason, too; nothing is removed while a record
 * that is needed cannot be read (gc.c).
 */
#include <string.h>

#include "builder/inputs/lock.h"
#include "builder/keep/needs.h"
#include "builder/plan/plan.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define RECORD_MAX ((size_t)16 << 20)

void
needs_add(struct needs *n, const struct hash *h, bool must, const char *why)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	if (!json_object_get(n->why, hex))
		js_set_str(n->why, hex, why);
	if (must)
		js_set_bool(n->must, hex, true);
}

const char *
needs_why(const struct needs *n, const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	return json_string_value(json_object_get(n->why, hex));
}

/* True the first time. */
static bool
enter(json_t *seen, const struct hash *h, const char *why)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	if (json_object_get(seen, hex))
		return false;
	js_set_str(seen, hex, why);
	return true;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

void
needs_text(struct needs *n, const char *p, size_t len, const char *why)
{
	for (size_t i = 0; i < len;) {
		char hex[HASH_HEX];
		struct hash h;
		size_t k = i;

		while (k < len && is_hex(p[k]))
			k++;
		if (k - i == HASH_HEX - 1) {
			memcpy(hex, p + i, HASH_HEX - 1);
			hex[HASH_HEX - 1] = '\0';
			if (hash_parse(&h, hex))
				needs_add(n, &h, false, why);
		}
		i = k + 1;
	}
}

/* --- locks --------------------------------------------------------------- */

struct locking {
	struct needs *n;
	const char *why;
};

static int
lock_blob(void *arg, const struct hash *h, int64_t size KILN_UNUSED,
    const char *name, struct err *err KILN_UNUSED)
{
	struct locking *l = arg;
	const char *slash = strrchr(name, '/');
	auto_free char *why =
	    mem_printf("%s: %s", l->why, slash ? slash + 1 : name);

	needs_add(l->n, h, true, why);
	return 0;
}

/* Broken records: their bytes are kept, and no more is known.  Not 0 only
 * for what is no damage. */
static int
broken(struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	if (err->cls != ERR_MISSING && err->cls != ERR_TRUST &&
	    err->cls != ERR_INPUT)
		return -1;
	if (!n->broken)
		n->broken = mem_printf("%s: %s", why, err->msg);
	err_clear(err);
	needs_add(n, h, true, why);
	return 0;
}

int
needs_lock(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	auto_lock struct lock *l = NULL;
	struct locking in = { n, why };

	if (!enter(n->locks, h, why))
		return 0;
	needs_add(n, h, true, why);
	l = lock_load(n->store, h, err);
	if (!l)
		return broken(n, h, why, err);
	return lock_blobs(l, lock_blob, &in, err);
}

/* --- plans --------------------------------------------------------------- */

/* Its runs' records, logs, outputs; its verdict; its lock. */
static int
plan_rows(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	static const char sql[] =
	    "SELECT verdict_record, 'its verdict' FROM plan WHERE digest = ?1"
	    " UNION ALL SELECT record, 'record of a run' FROM run"
	    "  WHERE plan = ?1"
	    " UNION ALL SELECT log, 'log of a run' FROM run WHERE plan = ?1"
	    " UNION ALL SELECT o.digest, o.name FROM output o"
	    "  JOIN run r ON r.id = o.run WHERE r.plan = ?1"
	    "  AND r.state = 'succeeded'";
	static const char lock_sql[] =
	    "SELECT lock FROM plan WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(n->farm, sql);
	auto_stmt struct stmt *lq = db_stmt(n->farm, lock_sql);
	struct hash d;
	int got;

	stmt_bind_hash(q, 1, h);
	while ((got = stmt_step(q, err)) == 1) {
		auto_free char *text =
		    mem_printf("%s: %s", why, stmt_str(q, 1));

		if (stmt_hash(q, 0, &d))
			needs_add(n, &d, true, text);
	}
	if (got == -1)
		return -1;
	stmt_bind_hash(lq, 1, h);
	got = stmt_step(lq, err);
	if (got == 1 && stmt_hash(lq, 0, &d)) {
		stmt_done(lq);
		return needs_lock(n, &d, why, err);
	}
	return got == -1 ? -1 : 0;
}

/* The files of the recipes that asked for it, and their signatures. */
static int
plan_trees(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	static const char sql[] =
	    "SELECT tree, signature, recipe FROM plan_tree WHERE plan = ?1";
	auto_stmt struct stmt *q = db_stmt(n->farm, sql);
	int got;

	stmt_bind_hash(q, 1, h);
	while ((got = stmt_step(q, err)) == 1) {
		auto_free char *text =
		    mem_printf("%s: recipe %s", why, stmt_str(q, 2));
		auto_buf struct buf tree = BUF_INIT;
		struct err gone = ERR_INIT;
		struct hash d;

		if (stmt_hash(q, 1, &d))
			needs_add(n, &d, true, text);
		if (!stmt_hash(q, 0, &d))
			continue;
		needs_add(n, &d, true, text);
		if (store_read(n->store, &d, RECORD_MAX, &tree, &gone) == 0)
			needs_text(n, tree.data, tree.len, text);
	}
	return got;
}

/* The plans that gave these bytes; collected first, since following them asks
 * the same question again. */
int
needs_output(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	static const char sql[] =
	    "SELECT DISTINCT r.plan FROM output o JOIN run r ON r.id = o.run"
	    " WHERE o.digest = ?1 AND r.state = 'succeeded'";
	auto_json json_t *plans = json_array();
	struct hash plan;
	int got;

	needs_add(n, h, true, why);
	if (!n->farm)
		return 0;
	{
		auto_stmt struct stmt *q = db_stmt(n->farm, sql);

		stmt_bind_hash(q, 1, h);
		while ((got = stmt_step(q, err)) == 1)
			json_array_append_new(
			    plans, json_string(stmt_str(q, 0)));
	}
	if (got == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(plans); i++)
		if (hash_parse(
			&plan, json_string_value(json_array_get(plans, i))) &&
		    needs_plan(n, &plan, why, err) == -1)
			return -1;
	return 0;
}

int
needs_plan(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	auto_plan struct plan *p = NULL;

	if (!enter(n->plans, h, why))
		return 0;
	needs_add(n, h, true, why);
	if (plan_rows(n, h, why, err) == -1 || plan_trees(n, h, why, err) == -1)
		return -1;
	p = plan_load(n->store, h, err);
	if (!p)
		return broken(n, h, why, err);
	for (size_t i = 0; i < p->ntree; i++)
		needs_add(n, &p->tree[i].sha256, true, why);
	for (size_t i = 0; i < p->npackages; i++)
		needs_add(n, &p->packages[i].sha256, true, why);
	for (size_t i = 0; i < p->nsources; i++)
		needs_add(n, &p->sources[i].sha256, true, why);
	for (size_t i = 0; i < p->nuses; i++)
		if (needs_output(n, &p->uses[i].sha256, why, err) == -1)
			return -1;
	return 0;
}

/* --- releases ------------------------------------------------------------ */

int
needs_release_record(
    struct needs *n, const struct hash *h, const char *why, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	struct hash plan;

	needs_add(n, h, true, why);
	if (store_read(n->store, h, RECORD_MAX, &text, err) == -1)
		return broken(n, h, why, err);
	j = js_parse("release", text.data, text.len, err);
	if (!j || js_hash("release", j, "plan", &plan, err) == -1)
		return broken(n, h, why, err);
	needs_text(n, text.data, text.len, why);
	return needs_plan(n, &plan, why, err);
}
