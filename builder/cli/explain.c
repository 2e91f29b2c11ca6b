/*
 * kiln explain: why a plan of this farm differs, by building it again and
 * again (builder/judge/cause.h).  Beside a builder that runs: only the
 * environment is made in the farm's turn.
 */
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/bake/layout.h"
#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/cli/hand.h"
#include "builder/judge/cause.h"
#include "builder/judge/deep.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define WHERE "kiln explain"

/* No plan says what its recipe allows; this is what one may have unless it
 * asks for more (kiln-recipe(5)). */
static const struct budget budget = { .memory = (int64_t)2 << 30,
	.wall = 30 * 60,
	.log = (int64_t)16 << 20,
	.output = (int64_t)1 << 30 };

struct explain {
	struct hand hand;
	struct plan *plan;
	struct env env;
	char *name; /* of our folder in work/ */
	int work, log;
	bool json, deep;
};

static void
explain_release(struct explain *e)
{
	struct err ignored = ERR_INIT;

	if (e->name && tree_remove_at(e->hand.work, e->name, &ignored) == -1)
		err_clear(&ignored); /* a builder that starts tries again */
	own_close(&e->work);
	own_close(&e->log);
	free(e->name);
	plan_free(e->plan);
	env_release(&e->env);
	hand_close(&e->hand);
}

/* The plan that the word names: the one that differs, if it names two. */
static int
find_plan(struct explain *e, const char *what, struct err *err)
{
	static const char sql[] = "SELECT verdict FROM plan WHERE digest = ?1";
	auto_json json_t *plans = ask_plans(e->hand.needs.farm, what, err);
	const char *chosen = NULL;
	struct hash digest;

	if (!plans)
		return -1;
	for (size_t i = 0; i < json_array_size(plans); i++) {
		const char *hex = ask_str(json_array_get(plans, i), "plan");
		auto_json json_t *row =
		    ask_row(e->hand.needs.farm, sql, "verdict", hex, err);

		if (!row)
			return -1;
		if (!chosen || strcmp(ask_str(row, "verdict"), "differs") == 0)
			chosen = hex;
	}
	if (!chosen || !hash_parse(&digest, chosen))
		return err_set(err, ERR_MISSING,
		    "\"%s\" is no recipe, run or plan of this farm", what);
	e->plan = plan_load(e->hand.needs.store, &digest, err);
	return e->plan ? 0 : -1;
}

static int
make_env(struct explain *e, struct err *err)
{
	const struct plan *p = e->plan;
	auto_free struct env_package *list =
	    mem_zero(p->npackages + 1, sizeof(*list));
	int r;

	for (size_t i = 0; i < p->npackages; i++)
		list[i] = (struct env_package){ p->packages[i].name,
			p->packages[i].sha256 };
	if (hand_turn(&e->hand, err) == -1)
		return -1;
	r = env_make(&e->hand.place, list, p->npackages, &e->env, err);
	if (r == 0)
		r = env_same(&e->hand.place, &e->env.digest, err);
	own_close(&e->hand.turn);
	e->hand.turn = -1;
	return r;
}

/* A folder that the next builder cleans away if we are killed. */
static int
make_place(struct explain *e, struct err *err)
{
	e->name = mem_printf("run-explain-%d", (int)getpid());
	e->work = dir_make_at(e->hand.work, e->name, 0755, err);
	if (e->work == -1)
		return -1;
	e->log = dir_make_at(e->work, "log", 0755, err);
	return e->log == -1 ? -1 : 0;
}

static void
told(void *arg, const char *sentence)
{
	(void)arg;
	fprintf(stderr, WHERE ": %s\n", sentence);
}

static json_t *
explain(struct explain *e, struct err *err)
{
	static const atomic_bool never;
	auto_free char *path =
	    mem_printf("%s/work/%s", e->hand.farm.path, e->name);
	struct build_place place = { .store = e->hand.needs.store,
		.workdir = e->work,
		.work_path = path,
		.logdir = e->log };
	struct cause_question q = { .place = &place,
		.order = { .id = 1,
		    .plan = e->plan,
		    .environment = e->env.digest,
		    .root = e->env.root,
		    .stop = &never },
		.vary = VARY_ALL,
		.told = told };

	build_limits(&budget, &q.order.process_memory, &q.order.limits);
	return cause_find(&q, err);
}

/* Every output of each cause, as diffoscope sees it. */
static int
add_deep(
    struct explain *e, const json_t *cause, struct buf *text, struct err *err)
{
	auto_free char *path =
	    mem_printf("%s/work/%s", e->hand.farm.path, e->name);
	struct deep_place at = { e->hand.needs.store, e->work, path };
	const json_t *one, *o;
	size_t i, k;

	json_array_foreach(json_object_get(cause, "causes"), i, one)
	{
		json_array_foreach(json_object_get(one, "outputs"), k, o)
		{
			struct hash a, b;

			if (!hash_parse(&a, ask_str(o, "a")) ||
			    !hash_parse(&b, ask_str(o, "b")))
				return err_set(
				    err, ERR_INPUT, "an output has no digest");
			buf_printf(text, "\n%s, by diffoscope, of %s:\n",
			    ask_str(one, "name"), ask_str(o, "name"));
			if (deep_view(&at, ask_str(o, "name"), &a, &b, text,
				err) == -1)
				return -1;
		}
	}
	return 0;
}

static int
run(struct explain *e, const struct hand_options *o, const char *what,
    struct err *err)
{
	auto_json json_t *j = NULL;
	auto_buf struct buf text = BUF_INIT;

	if (hand_open(&e->hand, o, err) == -1 ||
	    find_plan(e, what, err) == -1 || make_env(e, err) == -1 ||
	    make_place(e, err) == -1)
		return -1;
	j = explain(e, err);
	if (!j)
		return -1;
	if (e->json) {
		js_text(j, true, &text);
		buf_char(&text, '\n');
	} else {
		cause_words(j, &text);
		if (e->deep && add_deep(e, j, &text, err) == -1)
			return -1;
	}
	fputs(text.data, stdout);
	return json_array_size(json_object_get(j, "causes")) ? EXIT_DONE
							     : EXIT_FAILED;
}

int
cmd_explain(int argc, char **argv)
{
	struct explain e = {
		.hand = HAND_INIT, .env = ENV_INIT, .work = -1, .log = -1
	};
	struct hand_options o = { 0 };
	struct err err = ERR_INIT;
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "config", .text = &o.config },
		{ "json", .flag = &e.json },
		{ "deep", .flag = &e.deep },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if (optind + 1 != argc)
		return cli_usage(WHERE, "it is `explain RECIPE|RUN|PLAN`");
	if (e.deep && e.json)
		return cli_usage(WHERE, "--deep is text: not with --json");
	r = run(&e, &o, argv[optind], &err);
	explain_release(&e);
	return r == -1 ? cli_fail(WHERE, &err, e.json) : r;
}
