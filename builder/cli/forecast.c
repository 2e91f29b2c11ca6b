#include "builder/cli/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/policy.h"
#include "builder/plan/arch.h"
#include "builder/plan/recipe_read.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

void
forecast_release(struct forecast *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].recipe);
		plan_free(f->v[i].plan);
		lock_free(f->v[i].lock);
		free(f->v[i].why);
	}
	free(f->v);
	buf_release(&f->notes);
	store_free(f->store);
	db_close(f->db);
}

static int
past_ms(struct db *db, const struct standing *s, int64_t *ms, struct err *err)
{
	static const char sql[] =
	    "SELECT CAST(sum(mean) AS INTEGER) FROM (SELECT avg(r.wall_ms) AS"
	    " mean FROM run r JOIN plan p ON p.digest = r.plan"
	    " WHERE p.recipe = ?1 AND p.stage = ?2 AND r.state = 'succeeded'"
	    " AND r.wall_ms IS NOT NULL GROUP BY r.lane)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, s->recipe);
	stmt_bind_str(q, 2, recipe_stage_name(s->plan->stage));
	if (stmt_step(q, err) != 1)
		return -1;
	*ms = stmt_null(q, 0) ? -1 : stmt_int(q, 0);
	return 0;
}

static int
load(struct forecast *f, struct err *err)
{
	static const char sql[] =
	    "SELECT c.plan, r.lock, c.recipe FROM current c"
	    " JOIN recipe r ON r.name = c.recipe WHERE r.lock IS NOT NULL"
	    " ORDER BY c.recipe, c.stage";
	auto_stmt struct stmt *q = db_stmt(f->db, sql);
	struct hash plan, lock;
	int got;

	while ((got = stmt_step(q, err)) == 1) {
		struct standing *s;

		if (!stmt_hash(q, 0, &plan) || !stmt_hash(q, 1, &lock))
			return err_set(err, ERR_INPUT, "a row has no digest");
		MEM_GROW(f->v, f->n, f->cap);
		s = &f->v[f->n++];
		*s = (struct standing){ .recipe = mem_str(stmt_str(q, 2)) };
		if (!(s->plan = plan_load(f->store, &plan, err)) ||
		    !(s->lock = lock_load(f->store, &lock, err)) ||
		    past_ms(f->db, s, &s->ms, err) == -1)
			return -1;
	}
	return got;
}

/* --- a new version ------------------------------------------------------- */

struct bump {
	const char *name, *version;
	char *source, *old; /* its folder of the pool, the version now */
};

static const struct lock_packages *
packages_of(const struct standing *s)
{
	return s->plan->stage == STAGE_BUILD ? &s->lock->build
					     : &s->lock->image;
}

/* "pool/main/o/openssl/" */
static size_t
folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* What the bumped package is now, by the first lock that has it. */
static bool
find_old(const struct forecast *f, struct bump *b)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct lock *l = f->v[i].lock;
		const struct lock_package *p =
		    lock_package_find(packages_of(&f->v[i]), b->name);

		if (p) {
			b->old = mem_str(p->version);
			b->source = mem_strn(p->path, folder_len(p->path));
			return true;
		}
		for (size_t k = 0; k < l->sources.n; k++)
			if (strcmp(l->sources.v[k].name, b->name) == 0) {
				b->old = mem_str(l->sources.v[k].version);
				b->source = mem_strn(l->sources.v[k].path,
				    folder_len(l->sources.v[k].path));
				return true;
			}
	}
	return false;
}

/* Itself, or one that has to move with it. */
static bool
moves(const struct bump *b, const char *name, const char *version,
    const char *path)
{
	size_t n = strlen(b->source);

	if (strcmp(name, b->name) == 0)
		return strcmp(version, b->version) != 0;
	return strcmp(b->old, b->version) != 0 &&
	       strcmp(version, b->old) == 0 && folder_len(path) == n &&
	       strncmp(path, b->source, n) == 0;
}

static void
touched(
    const struct bump *b, struct standing *s, const char *name, const char *old)
{
	if (s->why)
		return;
	s->certain = true;
	s->why = strcmp(name, b->name) == 0
		     ? mem_printf("%s %s → %s", name, old, b->version)
		     : mem_printf("%s %s → %s, with %s", name, old, b->version,
			   b->name);
}

static void
touch(const struct bump *b, struct standing *s)
{
	const struct lock_packages *l = packages_of(s);
	const struct lock_package *own = lock_package_find(l, b->name);

	if (own && moves(b, own->name, own->version, own->path))
		touched(b, s, own->name, own->version);
	for (size_t i = 0; i < l->n; i++)
		if (moves(b, l->v[i].name, l->v[i].version, l->v[i].path))
			touched(b, s, l->v[i].name, l->v[i].version);
	for (size_t i = 0;
	     s->plan->stage == STAGE_BUILD && i < s->lock->sources.n; i++) {
		const struct lock_source *p = &s->lock->sources.v[i];

		if (moves(b, p->name, p->version, p->path))
			touched(b, s, p->name, p->version);
	}
}

/* --- as things are ------------------------------------------------------- */

/* 1: the plan has its verdict. */
static int
judged(struct db *db, const struct hash *plan, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM plan WHERE digest = ?1 AND verdict IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_hash(q, 1, plan);
	return stmt_step(q, err);
}

/* The plan that the recipe's files, its lock and the outputs it used give. */
static int
look_again(struct forecast *f, struct standing *s, const struct recipe *r,
    struct err *err)
{
	const struct plan *p = s->plan;
	auto_free struct plan_use *v = mem_zero(p->nuses + 1, sizeof(*v));
	auto_plan struct plan *now = NULL;
	struct hash policy;
	int got;

	for (size_t i = 0; i < p->nuses; i++) {
		v[i] = p->uses[i];
		if (strcmp(v[i].recipe, p->own) == 0)
			v[i].recipe = s->recipe;
	}
	policy_digest(&policy);
	now = plan_make(r, p->stage, s->lock, v, p->nuses, &policy, err);
	if (!now)
		return -1;
	got = judged(f->db, &now->digest, err);
	if (got != 0)
		return got == -1 ? -1 : 0;
	s->certain = true;
	s->why =
	    mem_str(hash_equal(&now->digest, &p->digest)
			? "it has no verdict yet"
			: "the recipe, its lock or kiln's rules are others "
			  "than those it was built by");
	return 0;
}

static int
look_all(struct forecast *f, const struct recipes *all, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		struct standing *s = &f->v[i];
		const struct recipe *r = recipes_find(all, s->recipe);

		/* One that is held is not built. */
		if (r && !r->error && look_again(f, s, r, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < all->n; i++) {
		bool stands = false;

		for (size_t k = 0; k < f->n; k++)
			stands = stands ||
				 strcmp(f->v[k].recipe, all->v[i].name) == 0;
		/* Whether another architecture is baked, the farm says. */
		if (!stands && !all->v[i].on)
			buf_printf(&f->notes, "%s: %s\n", all->v[i].name,
			    all->v[i].error ? all->v[i].error
					    : "is new: it has neither a lock "
					      "nor past runs");
	}
	return 0;
}

/* Recipes of repositories change with a poll; the folder may at any time. */
static int
look_at_folder(struct forecast *f, const char *recipes, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM recipe WHERE origin IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(f->db, sql);
	const char *names[ARCHES];
	const struct strs every = { names, ARCHES };
	struct recipe_folder folder = { 0 };
	auto_fd int dir = -1;
	struct recipes all;
	int r;

	if (stmt_step(q, err) != 1)
		return -1;
	if (stmt_int(q, 0) > 0)
		return err_set(err, ERR_INPUT,
		    "the recipes come from repositories, which are looked at "
		    "with a poll: only --bump can be asked");
	if (!recipes)
		return err_set(err, ERR_MISSING,
		    "no recipes: name their folder with --recipes");
	dir = dir_open(recipes, err);
	folder.dirfd = dir;
	arch_every(names);
	if (dir == -1 ||
	    recipes_load_from(&folder, 1, &every, NULL, &all, err) == -1)
		return -1;
	r = look_all(f, &all, err);
	recipes_release(&all);
	return r;
}

/* --- what follows -------------------------------------------------------- */

/* The build of that recipe: nobody uses an image. */
static const void *
build_of(const void *of, const char *recipe)
{
	const struct forecast *f = of;
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(f->v[mid].recipe, recipe) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && strcmp(f->v[lo].recipe, recipe) == 0 &&
		       f->v[lo].plan->stage == STAGE_BUILD
		   ? &f->v[lo]
		   : NULL;
}

/* Whose output it is; NULL: no plan of it stands. */
static const struct standing *
used(const struct forecast *f, const struct standing *s, size_t n)
{
	const struct plan *p = s->plan;
	const char *recipe = p->uses[n].recipe;

	return strcmp(recipe, p->own) == 0
		   ? build_of(f, s->recipe)
		   : recipe_arch_used(recipe, p->arch, p->on, build_of, f);
}

static bool
reach(const struct forecast *f, struct standing *s)
{
	for (size_t n = 0; !s->why && n < s->plan->nuses; n++) {
		const struct standing *from = used(f, s, n);

		if (!from || !from->why)
			continue;
		s->why = mem_printf(
		    "uses %s of %s", s->plan->uses[n].output, from->recipe);
		return true;
	}
	return false;
}

/* Until nothing more is reached. */
static void
spread(struct forecast *f)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < f->n; i++)
			moved = reach(f, &f->v[i]) || moved;
	}
}

/* --- what is asked -------------------------------------------------------- */

int
forecast_bump(
    struct forecast *f, const char *name, const char *version, struct err *err)
{
	struct bump b = { .name = name, .version = version };

	if (load(f, err) == -1)
		return -1;
	if (!find_old(f, &b))
		return err_set(err, ERR_MISSING,
		    "no lock of this farm has a package or source %s", name);
	for (size_t i = 0; i < f->n; i++)
		touch(&b, &f->v[i]);
	free(b.source);
	free(b.old);
	spread(f);
	return 0;
}

int
forecast_recipes(struct forecast *f, const char *folder, struct err *err)
{
	if (load(f, err) == -1 || look_at_folder(f, folder, err) == -1)
		return -1;
	spread(f);
	return 0;
}
