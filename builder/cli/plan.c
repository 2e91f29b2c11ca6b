/*
 * kiln plan: what would be rebuilt, and for how long, without doing it: as the
 * recipes' files are now, or if a package had a new version.  From the locks
 * and plans that stand; nothing is solved.  Packages of the same source and
 * version move together (the pool has a folder for each source), since they
 * depend on each other's exact version; a version that would bring packages
 * of other sources along says less here than it would do.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/bake/policy.h"
#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/inputs/lock.h"
#include "builder/plan/arch.h"
#include "builder/plan/plan.h"
#include "builder/plan/recipe_read.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/schema.h"

#define WHERE "kiln plan"

/* A plan that stands. */
struct standing {
	char *recipe;
	struct plan *plan;
	struct lock *lock;
	char *why;    /* NULL: it stays */
	bool certain; /* else only if an output that it uses changes */
	int64_t ms;   /* of a run in each lane, by those of the past */
};

struct forecast {
	struct db *db;
	struct store *store;
	struct standing *v;
	size_t n, cap;
	char *name; /* of the package; NULL: as things are */
	const char *version;
	char *source, *old; /* its folder of the pool, the version now */
};

static void
forecast_release(struct forecast *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].recipe);
		plan_free(f->v[i].plan);
		lock_free(f->v[i].lock);
		free(f->v[i].why);
	}
	free(f->v);
	free(f->name);
	free(f->source);
	free(f->old);
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
find_old(struct forecast *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct lock *l = f->v[i].lock;
		const struct lock_package *p =
		    lock_package_find(packages_of(&f->v[i]), f->name);

		if (p) {
			f->old = mem_str(p->version);
			f->source = mem_strn(p->path, folder_len(p->path));
			return true;
		}
		for (size_t k = 0; k < l->sources.n; k++)
			if (strcmp(l->sources.v[k].name, f->name) == 0) {
				f->old = mem_str(l->sources.v[k].version);
				f->source = mem_strn(l->sources.v[k].path,
				    folder_len(l->sources.v[k].path));
				return true;
			}
	}
	return false;
}

/* Itself, or one that has to move with it. */
static bool
moves(const struct forecast *f, const char *name, const char *version,
    const char *path)
{
	size_t n = strlen(f->source);

	if (strcmp(name, f->name) == 0)
		return strcmp(version, f->version) != 0;
	return strcmp(f->old, f->version) != 0 &&
	       strcmp(version, f->old) == 0 && folder_len(path) == n &&
	       strncmp(path, f->source, n) == 0;
}

static void
touched(
    struct forecast *f, struct standing *s, const char *name, const char *old)
{
	if (s->why)
		return;
	s->certain = true;
	s->why = strcmp(name, f->name) == 0
		     ? mem_printf("%s %s → %s", name, old, f->version)
		     : mem_printf("%s %s → %s, with %s", name, old, f->version,
			   f->name);
}

static void
touch(struct forecast *f, struct standing *s)
{
	const struct lock_packages *l = packages_of(s);
	const struct lock_package *own = lock_package_find(l, f->name);

	if (own && moves(f, own->name, own->version, own->path))
		touched(f, s, own->name, own->version);
	for (size_t i = 0; i < l->n; i++)
		if (moves(f, l->v[i].name, l->v[i].version, l->v[i].path))
			touched(f, s, l->v[i].name, l->v[i].version);
	for (size_t i = 0;
	     s->plan->stage == STAGE_BUILD && i < s->lock->sources.n; i++) {
		const struct lock_source *p = &s->lock->sources.v[i];

		if (moves(f, p->name, p->version, p->path))
			touched(f, s, p->name, p->version);
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
			fprintf(stderr, WHERE ": %s: %s\n", all->v[i].name,
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

static bool
uses(const struct standing *s, size_t n, const struct standing *from)
{
	const char *recipe = s->plan->uses[n].recipe;

	auto_free char *foreign = NULL;

	if (strcmp(recipe, s->plan->own) == 0)
		return strcmp(s->recipe, from->recipe) == 0;
	/* Of the same architecture, or of none. */
	if (s->plan->on && from->plan->on)
		foreign = recipe_arch_name(recipe, s->plan->arch);
	return strcmp(foreign ? foreign : recipe, from->recipe) == 0;
}

/* Until nothing more is reached. */
static void
spread(struct forecast *f)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < f->n; i++)
			for (size_t k = 0; k < f->n && !f->v[i].why; k++) {
				const struct standing *from = &f->v[k];
				const struct plan *p = f->v[i].plan;

				if (!from->why || k == i ||
				    from->plan->stage != STAGE_BUILD)
					continue;
				for (size_t u = 0; u < p->nuses; u++)
					if (!f->v[i].why &&
					    uses(&f->v[i], u, from))
						f->v[i].why =
						    mem_printf("uses %s of %s",
							p->uses[u].output,
							from->recipe);
				moved = moved || f->v[i].why;
			}
	}
}

static void
say(const struct forecast *f, bool json)
{
	auto_json json_t *all = json_object();
	auto_buf struct buf text = BUF_INIT;
	json_t *list = json_array();
	int64_t least = 0, most = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct standing *s = &f->v[i];
		json_t *j;

		if (!s->why)
			continue;
		most += s->ms > 0 ? s->ms : 0;
		least += s->certain && s->ms > 0 ? s->ms : 0;
		j = json_object();
		js_set_str(j, "recipe", s->recipe);
		js_set_str(j, "stage", recipe_stage_name(s->plan->stage));
		js_set_bool(j, "certain", s->certain);
		js_set_str(j, "why", s->why);
		js_set(j, "ms", s->ms < 0 ? json_null() : json_integer(s->ms));
		json_array_append_new(list, j);
		if (!json)
			printf("%-20s %-6s %8.1f s  %s%s\n", s->recipe,
			    recipe_stage_name(s->plan->stage),
			    (double)(s->ms < 0 ? 0 : s->ms) / 1000, s->why,
			    s->certain ? "" : ", if that comes out other");
	}
	js_set(all, "plans", list);
	js_set_int(all, "least_ms", least);
	js_set_int(all, "most_ms", most);
	js_text(all, true, &text);
	if (json)
		printf("%s\n", text.data);
	else
		printf("%zu of %zu plans, %.1f to %.1f s of building\n",
		    json_array_size(list), f->n, (double)least / 1000,
		    (double)most / 1000);
}

static int
forecast(struct forecast *f, const char *recipes, struct err *err)
{
	if (load(f, err) == -1)
		return -1;
	if (!f->name)
		return look_at_folder(f, recipes, err);
	if (!find_old(f))
		return err_set(err, ERR_MISSING,
		    "no lock of this farm has a package or source %s", f->name);
	for (size_t i = 0; i < f->n; i++)
		touch(f, &f->v[i]);
	return 0;
}

static int
run(const char *state, const char *recipes, struct forecast *f, bool json,
    struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	int store = -1, r = -1;

	if (farm_enter(&farm, state, recipes, false, err) == 0 &&
	    drop_to(ROLE_CLI, err) == 0 &&
	    (store = farm_dir(&farm, "store", err)) != -1) {
		path = farm_file(&farm, "farm.db");
		f->db = db_open_reader_of(path, FARM_SCHEMA, err);
		f->store = f->db ? store_open(store, err) : NULL;
		r = f->store ? forecast(f, farm.recipes, err) : -1;
	}
	own_close(&store);
	farm_release(&farm);
	if (r == -1)
		return -1;
	spread(f);
	say(f, json);
	return EXIT_DONE;
}

int
cmd_plan(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "bump", required_argument, NULL, 'b' },
		{ "recipes", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *state = NULL, *recipes = NULL, *bump = NULL, *eq;
	struct forecast f = { 0 };
	struct err err = ERR_INIT;
	bool json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (c == 's')
			state = optarg;
		else if (c == 'b')
			bump = optarg;
		else if (c == 'r')
			recipes = optarg;
		else if (c == 'j')
			json = true;
		else if (c == 'h')
			return cli_help(&kiln_program, "plan");
		else
			return EXIT_USAGE;
	eq = bump ? strchr(bump, '=') : NULL;
	if (optind != argc || (bump && (!eq || eq == bump || !eq[1])))
		return cli_usage(
		    WHERE, "it is `plan`, or `plan --bump PACKAGE=VERSION`");
	f.name = bump ? mem_strn(bump, (size_t)(eq - bump)) : NULL;
	f.version = bump ? eq + 1 : NULL;
	r = run(state, recipes, &f, json, &err);
	forecast_release(&f);
	return r == -1 ? cli_fail(WHERE, &err, json) : r;
}
