/* Where needs begin: rows of the three databases. */
#include "builder/keep/needs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define REPORTS 100 /* kept of each router */

static bool
has_table(struct db *db, const char *name)
{
	static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, name);
	return stmt_step(q, &err) == 1;
}

typedef int follow_fn(
    struct needs *, const struct hash *, const char *why, struct err *);

static int
only_add(struct needs *n, const struct hash *h, const char *why,
    struct err *err KILN_UNUSED)
{
	needs_add(n, h, true, why);
	return 0;
}

/* By a rule that may have been another before: its absence is no damage. */
static int
only_want(struct needs *n, const struct hash *h, const char *why,
    struct err *err KILN_UNUSED)
{
	needs_add(n, h, false, why);
	return 0;
}

/*
 * `sql` gives a digest and the rest of the reason.  Rows are read first: what
 * is followed asks questions of its own.
 */
static int
each(struct needs *n, struct db *db, const char *sql, const char *reason,
    int64_t arg, follow_fn *follow, struct err *err)
{
	auto_json json_t *rows = json_array();
	int got;

	if (!db)
		return 0;
	{
		auto_stmt struct stmt *q = db_stmt(db, sql);

		if (arg >= 0)
			stmt_bind_int(q, 1, arg);
		while ((got = stmt_step(q, err)) == 1) {
			const char *hex = stmt_str(q, 0);
			const char *rest = stmt_str(q, 1);

			if (hex)
				json_array_append_new(rows,
				    json_pack("[s,s]", hex, rest ? rest : ""));
		}
	}
	if (got == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *rest = json_string_value(json_array_get(row, 1));
		auto_free char *why =
		    mem_printf("%s%s%s", reason, *rest ? " " : "", rest);
		struct hash h;

		if (hash_parse(&h, json_string_value(json_array_get(row, 0))) &&
		    follow(n, &h, why, err) == -1)
			return -1;
	}
	return 0;
}

/* --- farm.db ------------------------------------------------------------- */

static int
add_proof(struct needs *n, const struct hash *h, const char *why,
    struct err *err KILN_UNUSED)
{
	auto_buf struct buf text = BUF_INIT;
	struct err gone = ERR_INIT;

	needs_add(n, h, true, why);
	/* It lists every index by digest; those that are here are ours. */
	if (store_read(n->store, h, (size_t)64 << 20, &text, &gone) == 0)
		needs_text(n, text.data, text.len, why);
	return 0;
}

/* Digests in a text, as lock_kept has them. */
static int
texts(struct needs *n, const char *sql, const char *why, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(n->farm, sql);
	int got;

	while ((got = stmt_step(q, err)) == 1) {
		const char *text = stmt_str(q, 0);

		if (text)
			needs_text(n, text, strlen(text), why);
	}
	return got;
}

static int
from_farm(struct needs *n, struct err *err)
{
	struct db *f = n->farm;

	if (each(n, f,
		"SELECT c.plan, c.recipe || '/' || c.stage FROM current c",
		"the plan that stands for", -1, needs_plan, err) == -1 ||
	    each(n, f, "SELECT lock, name FROM recipe WHERE lock IS NOT NULL",
		"lock of", -1, needs_lock, err) == -1 ||
	    each(n, f, "SELECT inrelease, name FROM suite", "suite", -1,
		add_proof, err) == -1 ||
	    texts(n, "SELECT indexes FROM lock_kept",
		"indexes for which a lock is known to hold", err) == -1 ||
	    each(n, f,
		"SELECT plan, 'run ' || id FROM run"
		" WHERE state IN ('queued', 'running')",
		"unfinished", -1, needs_plan, err) == -1 ||
	    each(n, f,
		"SELECT digest, recipe FROM lock l WHERE origin = 'import' AND"
		" made_at = (SELECT max(made_at) FROM lock m"
		"  WHERE m.recipe = l.recipe AND m.origin = 'import')",
		"imported lock of", -1, needs_lock, err) == -1)
		return -1;
	if (each(n, f,
		"SELECT digest, recipe || '/' || stage FROM (SELECT digest,"
		" recipe, stage, row_number() OVER (PARTITION BY recipe, stage"
		" ORDER BY made_at DESC, rowid DESC) AS nth FROM plan p"
		/* not what was removed before, when less was kept */
		" WHERE verdict IS NOT NULL OR NOT EXISTS (SELECT 1 FROM run r"
		"  WHERE r.plan = p.digest AND r.cause = 'collected'))"
		" WHERE nth <= ?1",
		"one of the newest plans of", n->rules.plans, needs_plan,
		err) == -1 ||
	    each(n, f,
		"SELECT log, 'run ' || id FROM run WHERE log IS NOT NULL"
		" AND finished_at > ?1",
		"log of", n->now - n->rules.logs, only_want, err) == -1)
		return -1;
	/* Evidence is small and stays. */
	if (each(n, f,
		"SELECT record, 'run ' || id FROM run"
		" WHERE record IS NOT NULL",
		"record of", -1, only_add, err) == -1 ||
	    each(n, f,
		"SELECT verdict_record, recipe FROM plan"
		" WHERE verdict_record IS NOT NULL",
		"verdict of a plan of", -1, only_add, err) == -1 ||
	    each(n, f, "SELECT digest, recipe FROM plan", "a plan of", -1,
		only_add, err) == -1 ||
	    each(n, f, "SELECT digest, predicate FROM attestation",
		"said of a run:", -1, only_add, err) == -1 ||
	    each(n, f, "SELECT digest, format FROM document",
		"told of an artifact:", -1, only_add, err) == -1 ||
	    each(n, f, "SELECT digest, script FROM proof", "proof by", -1,
		only_add, err) == -1 ||
	    each(n, f, "SELECT digest, service FROM release",
		"release record of", -1, only_add, err) == -1)
		return -1;
	return 0;
}

/* Tables whose digests are followed above, or name nothing in the store. */
static const char *const known[] = { "attestation", "current", "cycle_task",
	"document", "event", "lock", "lock_kept", "output", "plan", "recipe",
	"release", "run", "suite", "consulted", "git_ref", "git_tar", "task",
	"plan_tree", "release_part", "proof", "proof_subject" };

static bool
is_known(const char *table)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], table) == 0)
			return true;
	return false;
}

static int
other_table(struct needs *n, const char *table, struct err *err)
{
	auto_free char *columns =
	    mem_printf("SELECT group_concat('ifnull(\"' || name || '\", "
		       "'''')', ' || '' '' || ')"
		       " FROM pragma_table_info('%s') WHERE type = 'TEXT'",
		table);
	auto_free char *sql = NULL, *why = mem_printf("named by %s", table);

	{
		auto_stmt struct stmt *q = db_stmt(n->farm, columns);

		if (stmt_step(q, err) != 1)
			return -1;
		if (stmt_null(q, 0))
			return 0;
		sql =
		    mem_printf("SELECT %s FROM \"%s\"", stmt_str(q, 0), table);
	}
	return texts(n, sql, why, err);
}

static int
from_other_tables(struct needs *n, struct err *err)
{
	static const char sql[] =
	    "SELECT name FROM sqlite_schema WHERE type = 'table'";
	auto_json json_t *names = json_array();
	int got;

	{
		auto_stmt struct stmt *q = db_stmt(n->farm, sql);

		while ((got = stmt_step(q, err)) == 1)
			if (!is_known(stmt_str(q, 0)))
				json_array_append_new(
				    names, json_string(stmt_str(q, 0)));
	}
	for (size_t i = 0; got == 0 && i < json_array_size(names); i++)
		got = other_table(
		    n, json_string_value(json_array_get(names, i)), err);
	return got;
}

/* --- environments -------------------------------------------------------- */

static int
into(struct needs *n, json_t *to, const char *sql, const char *reason,
    int64_t arg, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(n->farm, sql);
	int got;

	if (arg >= 0)
		stmt_bind_int(q, 1, arg);
	while ((got = stmt_step(q, err)) == 1) {
		auto_free char *why =
		    mem_printf("%s %s", reason, stmt_str(q, 1));

		if (!json_object_get(to, stmt_str(q, 0)))
			js_set_str(to, stmt_str(q, 0), why);
	}
	return got;
}

static int
from_environments(struct needs *n, struct err *err)
{
	if (into(n, n->envs,
		"SELECT r.environment, c.recipe || '/' || c.stage FROM run r"
		" JOIN current c ON c.plan = r.plan"
		" WHERE r.environment IS NOT NULL",
		"environment of", -1, err) == -1 ||
	    into(n, n->envs,
		"SELECT environment, id FROM run WHERE environment IS NOT NULL"
		" AND started_at > ?1",
		"used lately by run", n->now - n->rules.age, err) == -1)
		return -1;
	return 0;
}

/* --- tuf.db, web.db ------------------------------------------------------ */

static int
follow_hex(
    struct needs *n, const json_t *value, const char *why, struct err *err)
{
	const char *hex = json_string_value(value);
	struct hash h;

	return hex && hash_parse(&h, hex) ? needs_output(n, &h, why, err) : 0;
}

/* The kernel and the images of a set, or of a report, which look alike. */
static int
need_choices(struct needs *n, const json_t *j, const char *why, struct err *err)
{
	const json_t *kernel = json_object_get(j, "kernel");
	const json_t *services = json_object_get(j, "services");

	if (follow_hex(n, json_object_get(kernel, "vmlinuz"), why, err) == -1 ||
	    follow_hex(n, json_object_get(kernel, "initrd"), why, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(services); i++)
		if (follow_hex(n,
			json_object_get(json_array_get(services, i), "image"),
			why, err) == -1)
			return -1;
	return 0;
}

/* `sql` gives a JSON text and the rest of the reason. */
static int
each_choice(struct needs *n, struct db *db, const char *sql, int64_t arg,
    const char *reason, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_int(q, 1, arg);
	while ((got = stmt_step(q, err)) == 1) {
		auto_free char *why =
		    mem_printf("%s %s", reason, stmt_str(q, 1));
		auto_json json_t *j = json_loads(stmt_str(q, 0), 0, NULL);

		if (need_choices(n, j, why, err) == -1)
			return -1;
	}
	return got;
}

#define SETS                                                             \
	"SELECT t.bytes, s.channel || '/' || s.arch || ' ' || s.counter" \
	" FROM \"set\" s JOIN own_target t ON t.digest = s.digest"

static int
from_tuf(struct needs *n, struct err *err)
{
	if (!n->tuf || !has_table(n->tuf, "set"))
		return 0;
	if (each_choice(n, n->tuf,
		SETS " WHERE (SELECT count(*) FROM \"set\" o WHERE o.channel ="
		     " s.channel AND o.arch = s.arch AND o.counter >"
		     " s.counter) < ?1",
		n->rules.sets, "set", err) == -1 ||
	    each(n, n->tuf,
		"SELECT digest, 'svc-' || service FROM release"
		" WHERE current = 1",
		"listed by", -1, needs_release_record, err) == -1)
		return -1;
	return 0;
}

/* Made and not yet looked at, or refused, by kiln-tuf: it may come to that. */
static int
from_waiting(struct needs *n, struct err *err)
{
	static const char sql[] =
	    "SELECT digest FROM release UNION SELECT release FROM refusal";
	auto_json json_t *seen = json_object(), *waiting = json_array();
	struct hash h;
	int got = 0;

	if (n->tuf && has_table(n->tuf, "refusal")) {
		auto_stmt struct stmt *q = db_stmt(n->tuf, sql);

		while ((got = stmt_step(q, err)) == 1)
			js_set_bool(seen, stmt_str(q, 0), true);
	}
	if (got == -1)
		return -1;
	{
		auto_stmt struct stmt *q =
		    db_stmt(n->farm, "SELECT digest, service FROM release");

		while ((got = stmt_step(q, err)) == 1)
			if (!json_object_get(seen, stmt_str(q, 0)))
				json_array_append_new(
				    waiting, json_pack("[s,s]", stmt_str(q, 0),
						 stmt_str(q, 1)));
	}
	for (size_t i = 0; got == 0 && i < json_array_size(waiting); i++) {
		const json_t *row = json_array_get(waiting, i);
		auto_free char *why = mem_printf("release of %s that waits",
		    json_string_value(json_array_get(row, 1)));

		if (hash_parse(&h, json_string_value(json_array_get(row, 0))))
			got = needs_release_record(n, &h, why, err);
	}
	return got;
}

/*
 * What a router runs, and what it ran before: of each service the newest
 * report that names another image, which may be older than the last.
 */
static int
one_router(struct needs *n, const char *router, struct err *err)
{
	static const char sql[] = "SELECT body FROM report WHERE router = ?1"
				  " ORDER BY id DESC LIMIT ?2";
	auto_stmt struct stmt *q = db_stmt(n->web, sql);
	auto_json json_t *last = NULL;
	bool more = true;
	int got = 0;

	stmt_bind_str(q, 1, router);
	stmt_bind_int(q, 2, REPORTS);
	while (more && (got = stmt_step(q, err)) == 1) {
		auto_json json_t *j = json_loads(stmt_str(q, 0), 0, NULL);
		json_t *now = json_pack("{s:O?,s:O?,s:O?}", "kernel",
		    json_object_get(j, "kernel"), "services",
		    json_object_get(j, "services"), "set",
		    json_object_get(j, "set"));
		bool first = !last;
		auto_free char *why = mem_printf(
		    "router %.12s %s it", router, first ? "runs" : "ran");

		if (!first && json_equal(now, last)) {
			json_decref(now);
			continue;
		}
		more = first;
		json_decref(last);
		last = now;
		if (need_choices(n, now, why, err) == -1)
			return -1;
		/* Who reports no services names the set they are of. */
		const char *hex = json_string_value(
		    json_object_get(json_object_get(now, "set"), "sha256"));
		struct hash h;

		if (!hex || !hash_parse(&h, hex) || !n->tuf ||
		    !has_table(n->tuf, "own_target"))
			continue;
		auto_stmt struct stmt *sq = db_stmt(
		    n->tuf, "SELECT bytes FROM own_target WHERE digest = ?1");
		auto_json json_t *set = NULL;

		stmt_bind_hash(sq, 1, &h);
		if (stmt_step(sq, err) == 1)
			set = json_loads(stmt_str(sq, 0), 0, NULL);
		if (need_choices(n, set, why, err) == -1)
			return -1;
	}
	return got == -1 ? -1 : 0;
}

static int
from_web(struct needs *n, struct err *err)
{
	auto_json json_t *routers = json_array();
	int got;

	if (!n->web || !has_table(n->web, "report"))
		return 0;
	{
		auto_stmt struct stmt *q =
		    db_stmt(n->web, "SELECT DISTINCT router FROM report");

		while ((got = stmt_step(q, err)) == 1)
			json_array_append_new(
			    routers, json_string(stmt_str(q, 0)));
	}
	for (size_t i = 0; got == 0 && i < json_array_size(routers); i++)
		got = one_router(
		    n, json_string_value(json_array_get(routers, i)), err);
	return got;
}

int
needs_collect(struct needs *n, struct err *err)
{
	if (!n->now)
		n->now = time_now();
	n->why = json_object();
	n->must = json_object();
	n->plans = json_object();
	n->locks = json_object();
	n->envs = json_object();
	/* What routers and sets rest on first: the most telling reason. */
	if (from_web(n, err) == -1 || from_tuf(n, err) == -1 ||
	    from_waiting(n, err) == -1 || from_farm(n, err) == -1 ||
	    from_other_tables(n, err) == -1 || from_environments(n, err) == -1)
		return err_prefix(err, "what is needed");
	return 0;
}

void
needs_release(struct needs *n)
{
	json_decref(n->why);
	json_decref(n->must);
	json_decref(n->plans);
	json_decref(n->locks);
	json_decref(n->envs);
	free(n->broken);
	n->broken = NULL;
	n->why = n->must = n->plans = n->locks = n->envs = NULL;
}
