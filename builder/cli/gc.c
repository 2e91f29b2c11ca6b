/* kiln gc: what nothing needs any more goes, and why the rest stays. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/cli/hand.h"
#include "builder/keep/gc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define WHERE "kiln gc"

static double
mib(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void
show_one(const char *verb, const json_t *j)
{
	printf("%-6s %9.1f MiB  %s %s: %s\n", verb, mib(ask_int(j, "bytes")),
	    ask_str(j, "what"), ask_str(j, "name"), ask_str(j, "why"));
}

/* What is kept, by whatever is said before the first colon of the reason. */
static void
show_kept(const json_t *kept)
{
	auto_json json_t *groups = json_object();
	const char *key;
	json_t *g;

	for (size_t i = 0; i < json_array_size(kept); i++) {
		const json_t *j = json_array_get(kept, i);
		const char *why = ask_str(j, "why");
		auto_free char *name = mem_printf("%s, %.*s",
		    ask_str(j, "what"), (int)strcspn(why, ":"), why);

		g = json_object_get(groups, name);
		if (!g) {
			g = json_object();
			js_set(groups, name, g);
		}
		js_set_int(g, "n", ask_int(g, "n") + 1);
		js_set_int(
		    g, "bytes", ask_int(g, "bytes") + ask_int(j, "bytes"));
	}
	json_object_foreach(groups, key, g)
	{
		printf("keep   %9.1f MiB  %6" PRId64 " x %s\n",
		    mib(ask_int(g, "bytes")), ask_int(g, "n"), key);
	}
}

static void
show(const struct gc *g, bool all)
{
	const char *hex;
	json_t *v;

	if (all)
		for (size_t i = 0; i < json_array_size(g->kept); i++)
			show_one("keep", json_array_get(g->kept, i));
	else
		show_kept(g->kept);
	for (size_t i = 0; i < json_array_size(g->removed); i++)
		show_one(
		    g->dry ? "would" : "remove", json_array_get(g->removed, i));
	json_object_foreach(g->forgotten, hex, v)
	{
		printf("forget plan %s of %s: it would be run again\n", hex,
		    json_string_value(v));
	}
	printf("kept %zu (%.1f MiB), %s %zu (%.1f MiB)\n",
	    json_array_size(g->kept), mib(g->kept_bytes),
	    g->dry ? "would remove" : "removed", json_array_size(g->removed),
	    mib(g->removed_bytes));
}

static void
show_json(const struct gc *g)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf text = BUF_INIT;

	js_set_bool(j, "dry_run", g->dry);
	js_set_int(j, "kept_bytes", g->kept_bytes);
	js_set_int(j, "removed_bytes", g->removed_bytes);
	js_set(j, "kept", json_incref(g->kept));
	js_set(j, "removed", json_incref(g->removed));
	js_set(j, "forgotten", json_incref(g->forgotten));
	js_text(j, true, &text);
	printf("%s\n", text.data);
}

static int
run(const struct hand_options *o, struct gc *g, struct err *err)
{
	auto_hand struct hand h = HAND_INIT;

	if (hand_open(&h, o, err) == -1 || hand_turn(&h, err) == -1 ||
	    needs_collect(&h.needs, err) == -1)
		return -1;
	return gc_run(g, &h.needs, &h.place, err);
}

int
cmd_gc(int argc, char **argv)
{
	struct hand_options o = { 0 };
	struct gc g = { 0 };
	struct err err = ERR_INIT;
	bool json = false, all = false;
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "config", .text = &o.config },
		{ "dry-run", .flag = &g.dry },
		{ "verbose", .flag = &all },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if (optind != argc)
		return cli_usage(WHERE, "unknown word \"%s\"", argv[optind]);
	o.write = !g.dry;
	r = run(&o, &g, &err);
	if (r == 0 && json)
		show_json(&g);
	else if (r == 0)
		show(&g, all);
	gc_release(&g);
	return r == -1 ? cli_fail(WHERE, &err, json) : EXIT_DONE;
}
