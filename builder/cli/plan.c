/*
 * kiln plan: what a new version of a package would have rebuilt, and for how
 * long, without doing it.  From the locks and plans that stand; nothing is
 * solved, so a version that would bring other packages along says less here
 * than it would do.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "lib/farm.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

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
	char *name;
	const char *version;
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

/* *known: some lock has such a package or source. */
static void
touch(struct forecast *f, struct standing *s, bool *known)
{
	bool build = s->plan->stage == STAGE_BUILD;
	const struct lock_package *p = lock_package_find(
	    build ? &s->lock->build : &s->lock->image, f->name);
	const char *old = p ? p->version : NULL;

	for (size_t i = 0; build && i < s->lock->sources.n; i++)
		if (strcmp(s->lock->sources.v[i].name, f->name) == 0)
			old = s->lock->sources.v[i].version;
	*known = *known || old;
	if (!old || strcmp(old, f->version) == 0)
		return;
	s->certain = true;
	s->why = mem_printf("%s %s → %s", f->name, old, f->version);
}

static bool
uses(const struct standing *s, size_t n, const struct standing *from)
{
	const char *recipe = s->plan->uses[n].recipe;

	if (strcmp(recipe, s->plan->own) == 0)
		recipe = s->recipe;
	return strcmp(recipe, from->recipe) == 0;
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
run(const char *state, struct forecast *f, bool json, struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	int store = -1, r = -1;
	bool known = false;

	if (farm_enter(&farm, state, NULL, false, err) == 0 &&
	    drop_to(ROLE_CLI, err) == 0 &&
	    (store = farm_dir(&farm, "store", err)) != -1) {
		path = farm_file(&farm, "farm.db");
		f->db = db_open_reader(path, err);
		f->store = f->db ? store_open(store, err) : NULL;
		r = f->store ? load(f, err) : -1;
	}
	own_close(&store);
	farm_release(&farm);
	if (r == -1)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		touch(f, &f->v[i], &known);
	if (!known)
		return err_set(err, ERR_MISSING,
		    "no lock of this farm has a package or source %s", f->name);
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
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *state = NULL, *bump = NULL, *eq;
	struct forecast f = { 0 };
	struct err err = ERR_INIT;
	bool json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (c == 's')
			state = optarg;
		else if (c == 'b')
			bump = optarg;
		else if (c == 'j')
			json = true;
		else if (c == 'h')
			return cli_help(&kiln_program, "plan");
		else
			return EXIT_USAGE;
	eq = bump ? strchr(bump, '=') : NULL;
	if (optind != argc || !eq || eq == bump || !eq[1])
		return cli_usage(WHERE, "it is `plan --bump PACKAGE=VERSION`");
	f.name = mem_strn(bump, (size_t)(eq - bump));
	f.version = eq + 1;
	r = run(state, &f, json, &err);
	forecast_release(&f);
	return r == -1 ? cli_fail(WHERE, &err, json) : r;
}
