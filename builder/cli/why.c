/* kiln why: the chain from an event to a build, and what a cycle cost. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WHERE "kiln why"

/* Why it was made, and why it stands again. */
#define CAUSES                                                         \
	"(SELECT event FROM plan WHERE digest = ?1 UNION SELECT event" \
	" FROM current WHERE plan = ?1)"

/* --- a build ------------------------------------------------------------- */

static json_t *
plan_json(struct db *db, const char *digest, struct err *err)
{
	static const char plan[] =
	    "SELECT p.recipe, p.stage, p.digest, p.lock, p.made_at, p.verdict,"
	    " EXISTS (SELECT 1 FROM current c WHERE c.plan = p.digest)"
	    " FROM plan p WHERE p.digest = ?1";
	/* From the first cause to the plan, then what followed. */
	static const char chain[] =
	    "WITH RECURSIVE up (id, depth) AS ("
	    " SELECT event, 0 FROM " CAUSES
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50),"
	    " down (id) AS ("
	    " SELECT event FROM " CAUSES
	    " UNION SELECT e.id FROM down JOIN event e ON e.parent = down.id"
	    "  WHERE e.kind != 'plan-made')"
	    " SELECT id, at, kind, subject, text FROM event WHERE id IN"
	    " (SELECT id FROM up) OR id IN (SELECT id FROM down) ORDER BY id";
	static const char changes[] =
	    "WITH RECURSIVE up (id, depth) AS ("
	    " SELECT event, 0 FROM " CAUSES
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    " SELECT recipe, part, package, old, new, suite, security"
	    " FROM lock_change WHERE event IN (SELECT id FROM up)"
	    " ORDER BY security DESC, recipe, part, package";
	static const char runs[] =
	    "SELECT id, lane, state, cause, started_at, wall_ms, audit FROM run"
	    " WHERE plan = ?1 ORDER BY id";
	static const char releases[] =
	    "SELECT digest, service, made_at FROM release WHERE plan = ?1"
	    " ORDER BY made_at";
	static const char ledger[] =
	    "SELECT cycle, executed, needed, reason FROM cycle_task"
	    " WHERE plan = ?1 ORDER BY cycle";
	static const struct ask_list lists[] = {
		{ "chain", chain, "id# at@ kind subject text" },
		{ "changes", changes,
		    "recipe part package old new suite security?" },
		{ "runs", runs,
		    "id# lane state cause started@ wall_ms# audit?" },
		{ "releases", releases, "digest service made@" },
		{ "ledger", ledger, "cycle# executed# needed# reason" },
		{ 0 },
	};
	json_t *j = ask_row(db, plan,
	    "recipe stage plan lock made@ verdict current?", digest, err);

	if (j && ask_lists(db, lists, digest, j, err) == -1) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static void
print_change(const json_t *c)
{
	const char *old = ask_str(c, "old"), *new = ask_str(c, "new");

	printf("    %-6s %-28s %s%s%s%s\n", ask_str(c, "part"),
	    ask_str(c, "package"), *old ? old : "(new)", " → ",
	    *new ? new : "(gone)",
	    json_is_true(json_object_get(c, "security")) ? "  (security)" : "");
}

static void
print_run(const json_t *r)
{
	const char *cause = ask_str(r, "cause");

	printf("    run %" PRId64 "  lane %s  %s%s%s%s  %.1f s%s\n",
	    ask_int(r, "id"), ask_str(r, "lane"), ask_str(r, "state"),
	    *cause ? " (cause=" : "", cause, *cause ? ")" : "",
	    (double)ask_int(r, "wall_ms") / 1000,
	    json_is_true(json_object_get(r, "audit")) ? "  audit" : "");
}

static void
print_ledger(const json_t *l)
{
	const char *reason = ask_str(l, "reason");

	printf("    cycle %" PRId64 ": executed %" PRId64
	       ", lower limit %" PRId64 "%s%s\n",
	    ask_int(l, "cycle"), ask_int(l, "executed"), ask_int(l, "needed"),
	    *reason ? ": " : "", reason);
}

static void
print_plan(const json_t *p)
{
	const char *verdict = ask_str(p, "verdict");
	const json_t *one;
	size_t i;

	printf("%s/%s  plan %.12s  %s%s\n", ask_str(p, "recipe"),
	    ask_str(p, "stage"), ask_str(p, "plan"),
	    *verdict ? verdict : "no verdict yet",
	    json_is_true(json_object_get(p, "current")) ? ""
							: "  (not current)");
	printf("  what led here, and what followed\n");
	json_array_foreach(json_object_get(p, "chain"), i, one) printf(
	    "    %s  %-16s %s: %s\n", ask_str(one, "at"), ask_str(one, "kind"),
	    ask_str(one, "subject"), ask_str(one, "text"));
	if (json_array_size(json_object_get(p, "changes")))
		printf("  what changed in the lock\n");
	json_array_foreach(json_object_get(p, "changes"), i, one)
	    print_change(one);
	printf("  what ran\n");
	json_array_foreach(json_object_get(p, "runs"), i, one) print_run(one);
	json_array_foreach(json_object_get(p, "ledger"), i, one)
	    print_ledger(one);
	json_array_foreach(json_object_get(p, "releases"), i, one)
	    printf("  released as %s, %.12s, %s\n", ask_str(one, "service"),
		ask_str(one, "digest"), ask_str(one, "made"));
	if (json_array_size(json_object_get(p, "releases")) == 0)
		printf("  no release followed from it\n");
}

static int
print_json(json_t *j)
{
	auto_buf struct buf text = BUF_INIT;

	js_text(j, true, &text);
	printf("%s\n", text.data);
	return EXIT_DONE;
}

static int
why_build(struct db *db, const char *what, bool json, struct err *err)
{
	static const char held[] =
	    "SELECT name, error FROM recipe WHERE name = ?1";
	auto_json json_t *plans = ask_plans(db, what, err);
	auto_json json_t *all = json_array(), *recipe = NULL, *out = NULL;
	const json_t *one;
	size_t i;

	if (!plans || !(recipe = ask_row(db, held, "name held", what, err)))
		return -1;
	json_array_foreach(plans, i, one)
	{
		json_t *j = plan_json(db, ask_str(one, "plan"), err);

		if (!j)
			return -1;
		json_array_append_new(all, j);
	}
	if (json_array_size(all) == 0 && !*ask_str(recipe, "name"))
		return err_set(err, ERR_MISSING,
		    "\"%s\" is no recipe, run or plan of this farm: it wants a "
		    "recipe's name, a run's number or at least %d digits of a "
		    "plan's digest",
		    what, ASK_HEX_LEAST);
	if (json) {
		out = json_object();
		json_object_set(out, "held", json_object_get(recipe, "held"));
		json_object_set(out, "builds", all);
		return print_json(out);
	}
	if (*ask_str(recipe, "held"))
		printf("%s is held: %s\n", what, ask_str(recipe, "held"));
	json_array_foreach(all, i, one) print_plan(one);
	return EXIT_DONE;
}

/* --- a cycle ------------------------------------------------------------- */

static int
why_cycle(struct db *db, const char *which, bool json, struct err *err)
{
	static const char cycle[] =
	    "SELECT id, started_at, finished_at, executed, needed, failed,"
	    " solved, kept, error FROM cycle WHERE CAST(id AS TEXT) = ?1 OR"
	    " (?1 = 'last' AND finished_at IS NOT NULL)"
	    " ORDER BY id DESC LIMIT 1";
	static const char tasks[] =
	    "SELECT p.recipe, p.stage, t.plan, t.executed, t.needed, t.reason,"
	    " e.text FROM cycle_task t JOIN plan p ON p.digest = t.plan"
	    " LEFT JOIN event e ON e.id = p.event"
	    " WHERE CAST(t.cycle AS TEXT) = ?1 ORDER BY p.recipe, p.stage";
	auto_json json_t *c = ask_row(db, cycle,
	    "id# started@ finished@ executed# needed# lost# solved# kept# "
	    "error",
	    which, err);
	auto_free char *id = NULL;
	json_t *l;
	const json_t *t;
	size_t i;

	if (!c)
		return -1;
	if (!json_object_get(c, "id"))
		return err_set(err, ERR_MISSING,
		    "there is no cycle \"%s\": it wants a number or \"last\"",
		    which);
	id = mem_printf("%" PRId64, ask_int(c, "id"));
	l = ask_rows(db, tasks,
	    "recipe stage plan executed# needed# reason why", id, err);
	if (!l)
		return -1;
	js_set(c, "tasks", l);
	if (json)
		return print_json(c);
	printf("cycle %s, %s: executed %" PRId64 ", lower limit %" PRId64
	       "; locks solved %" PRId64 ", kept unsolved %" PRId64 "%s%s\n",
	    id, ask_str(c, "started"), ask_int(c, "executed"),
	    ask_int(c, "needed"), ask_int(c, "solved"), ask_int(c, "kept"),
	    *ask_str(c, "error") ? "; " : "", ask_str(c, "error"));
	json_array_foreach(l, i, t)
	{
		printf("  %s/%s %.12s: executed %" PRId64
		       ", lower limit %" PRId64 "\n    why: %s\n",
		    ask_str(t, "recipe"), ask_str(t, "stage"),
		    ask_str(t, "plan"), ask_int(t, "executed"),
		    ask_int(t, "needed"), ask_str(t, "why"));
		if (*ask_str(t, "reason"))
			printf("    excess: %s\n", ask_str(t, "reason"));
	}
	return EXIT_DONE;
}

/* --- an event ------------------------------------------------------------ */

static void
print_event(const json_t *e)
{
	const json_t *one;
	size_t i;

	printf("event %" PRId64 ", %s, %s %s: %s\n"
	       "  %zu tasks: executed %" PRId64 ", lower limit %" PRId64 "\n",
	    ask_int(e, "id"), ask_str(e, "at"), ask_str(e, "kind"),
	    ask_str(e, "subject"), ask_str(e, "text"),
	    json_array_size(json_object_get(e, "tasks")),
	    ask_int(e, "executed"), ask_int(e, "needed"));
	json_array_foreach(json_object_get(e, "tasks"), i, one)
	{
		const char *reason = ask_str(one, "reason");

		printf("    %s/%s %.12s in cycle %" PRId64 ": executed %" PRId64
		       ", lower limit %" PRId64 "%s%s\n",
		    ask_str(one, "recipe"), ask_str(one, "stage"),
		    ask_str(one, "plan"), ask_int(one, "cycle"),
		    ask_int(one, "executed"), ask_int(one, "needed"),
		    *reason ? "; excess: " : "", reason);
	}
	json_array_foreach(json_object_get(e, "stands"), i, one)
	    printf("  stands because of it: %s/%s %.12s, %s\n",
		ask_str(one, "recipe"), ask_str(one, "stage"),
		ask_str(one, "plan"), ask_str(one, "verdict"));
}

static int
why_event(struct db *db, const char *which, bool json, struct err *err)
{
	/* The first cause of what was named. */
	static const char event[] =
	    "WITH RECURSIVE up (id, depth) AS (SELECT max(id), 0 FROM event"
	    "  WHERE CAST(id AS TEXT) = ?1 OR (?1 = 'last' AND parent IS NULL"
	    "   AND kind IN ('archive-changed', 'recipe-changed',"
	    "   'suite-enabled', 'suite-disabled', 'lock-imported'))"
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    " SELECT e.id, e.at, e.kind, e.subject, e.text,"
	    " (SELECT ifnull(sum(executed), 0) FROM cycle_task"
	    "  WHERE event = e.id),"
	    " (SELECT ifnull(sum(needed), 0) FROM cycle_task"
	    "  WHERE event = e.id)"
	    " FROM event e JOIN up ON up.id = e.id ORDER BY depth DESC LIMIT 1";
	static const char tasks[] =
	    "SELECT p.recipe, p.stage, t.plan, t.cycle, t.executed, t.needed,"
	    " t.reason FROM cycle_task t JOIN plan p ON p.digest = t.plan"
	    " WHERE CAST(t.event AS TEXT) = ?1 ORDER BY t.cycle, p.recipe,"
	    " p.stage";
	static const char stands[] =
	    "WITH RECURSIVE down (id) AS (SELECT id FROM event"
	    "  WHERE CAST(id AS TEXT) = ?1 UNION SELECT e.id FROM down"
	    "  JOIN event e ON e.parent = down.id)"
	    " SELECT c.recipe, c.stage, c.plan, ifnull(p.verdict,"
	    " 'no verdict yet') FROM current c"
	    " JOIN plan p ON p.digest = c.plan"
	    " WHERE c.event IN (SELECT id FROM down)"
	    " ORDER BY c.recipe, c.stage";
	auto_json json_t *e = ask_row(db, event,
	    "id# at@ kind subject text executed# needed#", which, err);
	auto_free char *id = NULL;
	json_t *l;

	if (!e)
		return -1;
	if (!json_object_get(e, "id"))
		return err_set(err, ERR_MISSING,
		    "there is no event \"%s\": it wants a number or \"last\"",
		    which);
	id = mem_printf("%" PRId64, ask_int(e, "id"));
	l = ask_rows(db, tasks,
	    "recipe stage plan cycle# executed# needed# reason", id, err);
	if (!l)
		return -1;
	js_set(e, "tasks", l);
	l = ask_rows(db, stands, "recipe stage plan verdict", id, err);
	if (!l)
		return -1;
	js_set(e, "stands", l);
	if (json)
		return print_json(e);
	print_event(e);
	return EXIT_DONE;
}

/* ------------------------------------------------------------------------- */

static int
run(const char *state, const char *cycle, const char *event, const char *what,
    bool json, struct err *err)
{
	auto_db struct db *db = ask_open(state, err);

	if (!db)
		return -1;
	return cycle   ? why_cycle(db, cycle, json, err)
	       : event ? why_event(db, event, json, err)
		       : why_build(db, what, json, err);
}

int
cmd_why(int argc, char **argv)
{
	const char *state = NULL, *cycle = NULL, *event = NULL;
	struct err err = ERR_INIT;
	bool json = false;
	const struct cli_option options[] = {
		{ "state", .text = &state },
		{ "cycle", .text = &cycle },
		{ "event", .text = &event },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if ((cycle && event) || argc - optind != (cycle || event ? 0 : 1))
		return cli_usage(WHERE,
		    "it is `why RECIPE|RUN|PLAN`, `why --cycle N|last` or"
		    " `why --event N|last`");
	r = run(state, cycle, event, argv[optind], json, &err);
	return r == -1 ? cli_fail(WHERE, &err, json) : r;
}
