/* kiln builds: what runs, what waits and for what, what is held, and what an
 * audit found. */
#include <inttypes.h>
#include <stdio.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"

/* As long as the plan that was taken back stands. */
static const char alarms[] =
    "SELECT DISTINCT c.recipe, c.stage, c.plan, p.verdict,"
    " (SELECT text FROM event e WHERE e.kind = 'audit-alarm'"
    "  AND e.subject = c.recipe || '/' || c.stage"
    "  ORDER BY id DESC LIMIT 1)"
    " FROM current c JOIN plan p ON p.digest = c.plan"
    " JOIN run r ON r.plan = p.digest AND r.audit = 1"
    " WHERE p.verdict <> 'reproduced' ORDER BY 1, 2";
static const char running[] =
    "SELECT subject, done, total, started_at FROM progress"
    " WHERE ended_at IS NULL AND what = 'build' ORDER BY id";
static const char waiting[] =
    "SELECT recipe, stage, urgent, why, since FROM task"
    " WHERE state IN ('waits', 'queued')"
    " OR (state = 'runs' AND why IS NOT NULL)"
    " ORDER BY urgent DESC, recipe, stage";
static const char held[] =
    "SELECT name, '', error FROM recipe WHERE error IS NOT NULL"
    " UNION ALL SELECT recipe, stage, why FROM task"
    " WHERE state = 'held' ORDER BY 1, 2";
static const struct ask_list lists[] = {
	{ "alarms", alarms, "recipe stage plan verdict text" },
	{ "running", running, "build ms# expected_ms# started@" },
	{ "waiting", waiting, "recipe stage security? why since@" },
	{ "held", held, "recipe stage why" },
	{ 0 },
};

static void
print_stage(const char *what, const json_t *row)
{
	const char *stage = ask_str(row, "stage");

	printf("%-8s %s%s%s", what, ask_str(row, "recipe"), *stage ? "/" : "",
	    stage);
}

static void
print(const json_t *all)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(json_object_get(all, "alarms"), i, one)
	{
		print_stage("alarm", one);
		printf("  %s: %s\n", ask_str(one, "verdict"),
		    ask_str(one, "text"));
		n++;
	}
	json_array_foreach(json_object_get(all, "running"), i, one)
	{
		printf("%-8s %s  %.1f s", "runs", ask_str(one, "build"),
		    (double)ask_int(one, "ms") / 1000);
		if (ask_int(one, "expected_ms") > 0)
			printf(" of about %.1f",
			    (double)ask_int(one, "expected_ms") / 1000);
		printf("\n");
		n++;
	}
	json_array_foreach(json_object_get(all, "waiting"), i, one)
	{
		print_stage("waits", one);
		printf("%s  %s\n",
		    json_is_true(json_object_get(one, "security"))
			? "  (security)"
			: "",
		    ask_str(one, "why"));
		n++;
	}
	json_array_foreach(json_object_get(all, "held"), i, one)
	{
		print_stage("held", one);
		printf("  %s\n", ask_str(one, "why"));
		n++;
	}
	if (n == 0)
		printf("nothing runs, nothing waits\n");
}

int
cmd_builds(int argc, char **argv)
{
	return ask_command(argc, argv, NULL, lists, print, "alarms");
}
