#include "builder/judge/closure.h"

#include <stdlib.h>

#include "lib/mem.h"

#define PARTS_MAX 1000

static void
part_release(struct closure_part *p)
{
	plan_free(p->plan);
	free(p->recipe);
	free(p->made_by);
}

void
closure_release(struct closure *c)
{
	for (size_t i = 0; i < c->n; i++)
		part_release(&c->v[i]);
	free(c->v);
	*c = (struct closure)CLOSURE_INIT;
}

static int
add(struct db *db, struct store *store, const struct hash *plan,
    struct closure *c, struct err *err)
{
	static const char sql[] =
	    "SELECT recipe, lock, verdict_record FROM plan WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct closure_part p = { 0 };
	int got;

	if (c->n == PARTS_MAX)
		return err_set(err, ERR_INPUT,
		    "more than %d plans are in one image", PARTS_MAX);
	stmt_bind_hash(q, 1, plan);
	got = stmt_step(q, err);
	if (got == -1)
		return -1;
	if (got == 0 || !stmt_hash(q, 1, &p.lock) ||
	    !stmt_hash(q, 2, &p.verdict))
		return err_set(err, ERR_MISSING, "a plan has no verdict");
	p.plan = plan_load(store, plan, err);
	if (!p.plan)
		return -1;
	p.recipe = mem_str(stmt_str(q, 0));
	p.made_by = mem_zero(p.plan->nuses + 1, sizeof(*p.made_by));
	MEM_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = p;
	return 0;
}

/* The part that gave this output; one that is new goes to the end, where its
 * own uses are asked for in turn. */
static int
find(struct db *db, struct store *store, const struct plan_use *use,
    struct closure *c, size_t *part, bool *found, struct err *err)
{
	static const char sql[] =
	    "SELECT DISTINCT p.digest FROM output o"
	    " JOIN run r ON r.id = o.run JOIN plan p ON p.digest = r.plan"
	    " WHERE o.name = ?1 AND o.digest = ?2"
	    " AND p.stage = 'build' AND p.verdict = 'reproduced'"
	    " ORDER BY p.made_at DESC LIMIT 1";
	struct hash digest;
	int got;

	{
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_str(q, 1, use->output);
		stmt_bind_hash(q, 2, &use->sha256);
		got = stmt_step(q, err);
		if (got == -1)
			return -1;
		*found = got == 1 && stmt_hash(q, 0, &digest);
	}
	if (!*found)
		return 0;
	for (*part = 0; *part < c->n; ++*part)
		if (hash_equal(&c->v[*part].plan->digest, &digest))
			return 0;
	return add(db, store, &digest, c, err);
}

int
closure_collect(struct db *db, struct store *store, const struct hash *plan,
    struct closure *c, bool *whole, struct err *err)
{
	*whole = true;
	if (add(db, store, plan, c, err) == -1)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->v[i].plan->nuses; k++) {
			size_t part = 0;

			if (find(db, store, &c->v[i].plan->uses[k], c, &part,
				whole, err) == -1)
				return -1;
			if (!*whole)
				return 0;
			c->v[i].made_by[k] = part;
		}
	}
	return 0;
}
