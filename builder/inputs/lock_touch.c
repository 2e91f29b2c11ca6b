/* Which of the standing locks a new state of the archive touches. */
#include <stdlib.h>
#include <string.h>

#include "builder/inputs/facts_kept.h"
#include "builder/inputs/lock_keep.h"
#include "lib/mem.h"
#include "lib/own.h"

/* The suites of one kind of recipe, then and now: most share one. */
struct change {
	char *text; /* of the old set */
	bool usable;
	struct lock_set old, now;
	char *now_text;
};

struct touching {
	struct deb_archive *a;
	const char *on;
	const struct lock_set *now;
	struct change last;
	struct {
		struct hash lock;
		char *text;
	} * held;
	size_t nheld, cap, touched;
};

static bool
find_now(const struct lock_set *all, struct lock_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		size_t k = 0;

		while (
		    k < all->n && strcmp(all->v[k].name, set->v[i].name) != 0)
			k++;
		if (k == all->n)
			return false; /* not polled any more */
		set->v[i] = all->v[k];
	}
	return true;
}

static const struct change *
change_of(struct touching *t, const char *text)
{
	struct change *c = &t->last;
	auto_buf struct buf b = BUF_INIT;

	if (c->text && strcmp(c->text, text) == 0)
		return c;
	free(c->text);
	free(c->now_text);
	*c = (struct change){ .text = mem_str(text) };
	if (!lock_set_parse(text, &c->old))
		return c;
	c->now = c->old;
	c->usable = find_now(t->now, &c->now);
	lock_set_text(&c->now, &b);
	c->now_text = mem_str(b.data);
	return c;
}

static void
judge(struct touching *t, const struct hash *lock, const char *indexes,
    const char *sources, const char *consulted)
{
	const struct change *c = change_of(t, indexes);
	bool wants = *sources != '\0';

	if (!c->usable || lock_set_same(&c->old, &c->now, true))
		return;
	if (!lock_set_same(&c->old, &c->now, wants) &&
	    lock_news_touch(
		lock_news_between(t->a, t->on, &c->old, &c->now, wants),
		consulted, sources)) {
		t->touched++;
		return;
	}
	MEM_GROW(t->held, t->nheld, t->cap);
	t->held[t->nheld].lock = *lock;
	t->held[t->nheld++].text = mem_str(c->now_text);
}

static int
ask_all(struct touching *t, struct err *err)
{
	static const char sql[] =
	    "SELECT k.lock, k.indexes, k.sources, c.names FROM recipe r"
	    " JOIN lock_kept k ON k.lock = r.lock"
	    " JOIN consulted c ON c.digest = k.consulted"
	    " WHERE k.sources IS NOT NULL ORDER BY k.indexes";
	auto_stmt struct stmt *q = db_stmt(t->a->db, sql);
	struct hash lock;
	int got;

	while ((got = stmt_step(q, err)) == 1)
		if (stmt_hash(q, 0, &lock))
			judge(t, &lock, stmt_str(q, 1), stmt_str(q, 2),
			    stmt_str(q, 3));
	return got;
}

static int
write_all(struct touching *t, struct err *err)
{
	static const char sql[] =
	    "UPDATE lock_kept SET indexes = ?2 WHERE lock = ?1";

	for (size_t i = 0; i < t->nheld; i++) {
		auto_stmt struct stmt *q = db_stmt(t->a->db, sql);

		stmt_bind_hash(q, 1, &t->held[i].lock);
		stmt_bind_str(q, 2, t->held[i].text);
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}

/* What no lock needs any more. */
static int
tidy(struct db *db, struct err *err)
{
	return db_exec(db,
	    "DELETE FROM consulted WHERE digest NOT IN"
	    " (SELECT consulted FROM lock_kept)",
	    err);
}

int
lock_keep_all(struct deb_archive *a, const char *on, const struct lock_set *now,
    size_t *held, size_t *touched, struct err *err)
{
	struct touching t = { .a = a, .on = on, .now = now };
	int rc = ask_all(&t, err);

	if (rc == 0 && t.nheld > 0) {
		rc = db_begin(a->db, err);
		if (rc == 0)
			rc = write_all(&t, err);
		if (rc == 0)
			rc = db_commit(a->db, err);
		if (rc == -1)
			db_rollback(a->db);
	}
	*held = t.nheld;
	*touched = t.touched;
	for (size_t i = 0; i < t.nheld; i++)
		free(t.held[i].text);
	free(t.held);
	free(t.last.text);
	free(t.last.now_text);
	if (rc == 0)
		rc = tidy(a->db, err);
	if (rc == 0)
		rc = facts_sweep(a, now, err);
	return rc == -1 ? err_prefix(err, "which locks hold") : 0;
}
