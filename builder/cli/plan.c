/* kiln plan: what would be rebuilt, and for how long, without doing it. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/cli/forecast.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/schema.h"

#define WHERE "kiln plan"

struct question {
	const char *state, *recipes;
	char *name; /* of the package; NULL: as things are */
	const char *version;
	bool json;
};

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

/* Each line of the notes. */
static void
talk(const struct buf *notes)
{
	const char *at = notes->data, *end;

	for (; (end = strchr(at, '\n')); at = end + 1)
		fprintf(stderr, WHERE ": %.*s\n", (int)(end - at), at);
}

static int
ask(const struct question *q, struct forecast *f, struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	int store = -1, r = -1;

	if (farm_enter(&farm, q->state, q->recipes, false, err) == 0 &&
	    drop_to(ROLE_CLI, err) == 0 &&
	    (store = farm_dir(&farm, "store", err)) != -1) {
		path = farm_file(&farm, "farm.db");
		f->db = db_open_reader_of(path, FARM_SCHEMA, err);
		f->store = f->db ? store_open(store, err) : NULL;
	}
	if (f->store)
		r = q->name ? forecast_bump(f, q->name, q->version, err)
			    : forecast_recipes(f, farm.recipes, err);
	own_close(&store);
	farm_release(&farm);
	return r;
}

int
cmd_plan(int argc, char **argv)
{
	struct forecast f = FORECAST_INIT;
	const char *bump = NULL, *eq;
	struct question q = { 0 };
	struct err err = ERR_INIT;
	const struct cli_option options[] = {
		{ "state", .text = &q.state },
		{ "bump", .text = &bump },
		{ "recipes", .text = &q.recipes },
		{ "json", .flag = &q.json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	eq = bump ? strchr(bump, '=') : NULL;
	if (optind != argc || (bump && (!eq || eq == bump || !eq[1])))
		return cli_usage(
		    WHERE, "it is `plan`, or `plan --bump PACKAGE=VERSION`");
	q.name = bump ? mem_strn(bump, (size_t)(eq - bump)) : NULL;
	q.version = bump ? eq + 1 : NULL;
	r = ask(&q, &f, &err);
	talk(&f.notes);
	if (r == 0)
		say(&f, q.json);
	forecast_release(&f);
	free(q.name);
	return r == -1 ? cli_fail(WHERE, &err, q.json) : EXIT_DONE;
}
