/* kiln exec status: where runs happen: the engine, its nodes, what runs on
 * which of them, what waits and why, and what was lost. */
#include <inttypes.h>
#include <stdio.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "lib/num.h"
#include "lib/own.h"

static const char engines[] =
    "SELECT name, healthy, text, seen_at FROM engine ORDER BY name";
static const char nodes[] =
    "SELECT name, state, features, cpus, cpus_free, memory,"
    " memory_free, why FROM node ORDER BY name";
/* A lane that waits for the other one's node has no attempt yet. */
static const char work[] =
    "SELECT r.id, p.recipe, p.stage, r.lane, ifnull(a.state,"
    " 'queued'), ifnull(a.number, 0), ifnull(a.node, ''),"
    " ifnull(a.job, ''), ifnull(a.id, ''), ifnull(a.why, CASE WHEN"
    "  EXISTS (SELECT 1 FROM engine) THEN 'waits until the other lane"
    " has its node' ELSE '' END), ifnull(a.made_at, r.started_at)"
    " FROM run r JOIN plan p ON p.digest = r.plan LEFT JOIN attempt a"
    " ON a.run = r.id AND a.state IN ('submitting', 'waits', 'runs')"
    " WHERE r.state = 'running' ORDER BY r.id";
static const char lost[] =
    "SELECT a.run, a.number, a.state, a.node, a.why, a.ended_at FROM"
    " attempt a WHERE a.state IN ('lost', 'refused', 'differs')"
    " ORDER BY a.ended_at DESC, a.number DESC LIMIT 20";
static const char held[] =
    "SELECT p.recipe, p.stage, c.reason, c.at FROM cancelled c JOIN"
    " plan p ON p.digest = c.plan WHERE c.by = 'kiln' ORDER BY c.at";
static const struct ask_list lists[] = {
	{ "engines", engines, "name up? text seen@" },
	{ "nodes", nodes,
	    "name state features cpus# cpus_free# memory# memory_free#"
	    " why" },
	{ "work", work,
	    "run# recipe stage lane state attempt# node job name why"
	    " since@" },
	{ "lost", lost, "run# attempt# state node why at@" },
	{ "held", held, "recipe stage why at@" },
	{ 0 },
};

static void
print_size(int64_t n)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_size(&b, n);
	printf("%s", b.data);
}

static void
print_nodes(const json_t *all)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(all, "nodes"), i, one)
	{
		printf("node     %-12s %-10s %" PRId64 " of %" PRId64
		       " processors free, ",
		    ask_str(one, "name"), ask_str(one, "state"),
		    ask_int(one, "cpus_free"), ask_int(one, "cpus"));
		print_size(ask_int(one, "memory"));
		printf("  [%s]%s%s\n", ask_str(one, "features"),
		    *ask_str(one, "why") ? "  " : "", ask_str(one, "why"));
	}
}

static void
print(const json_t *all)
{
	const json_t *one;
	size_t i;

	if (json_array_size(json_object_get(all, "engines")) == 0)
		printf("engine   this machine: kiln.yaml names no other\n");
	json_array_foreach(json_object_get(all, "engines"), i, one)
	    printf("engine   %s  %s%s%s\n", ask_str(one, "name"),
		json_is_true(json_object_get(one, "up")) ? "up" : "not reached",
		*ask_str(one, "text") ? ": " : "", ask_str(one, "text"));
	print_nodes(all);
	json_array_foreach(json_object_get(all, "work"), i, one) printf(
	    "%-8s build %" PRId64 "  %s/%s %s  attempt %" PRId64 "%s%s%s%s\n",
	    ask_str(one, "state"), ask_int(one, "run"), ask_str(one, "recipe"),
	    ask_str(one, "stage"), ask_str(one, "lane"),
	    ask_int(one, "attempt"), *ask_str(one, "node") ? " on " : "",
	    ask_str(one, "node"), *ask_str(one, "why") ? ": " : "",
	    ask_str(one, "why"));
	json_array_foreach(json_object_get(all, "held"), i, one)
	    printf("held     %s/%s  %s\n", ask_str(one, "recipe"),
		ask_str(one, "stage"), ask_str(one, "why"));
	json_array_foreach(json_object_get(all, "lost"), i, one)
	    printf("%-8s build %" PRId64 "  attempt %" PRId64 "%s%s: %s\n",
		ask_str(one, "state"), ask_int(one, "run"),
		ask_int(one, "attempt"), *ask_str(one, "node") ? " on " : "",
		ask_str(one, "node"), ask_str(one, "why"));
}

int
cmd_exec(int argc, char **argv)
{
	return ask_command(argc, argv, "status", lists, print, NULL);
}
