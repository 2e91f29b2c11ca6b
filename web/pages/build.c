/*
 * One build: why it was made, what both lanes say, where it ran and from what,
 * its log while it runs, what came out, and who else came to the same.
 */
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sig.h"
#include "lib/tuf.h"
#include "web/act.h"
#include "web/frame.h"
#include "web/pages/build.h"
#include "web/pages/log.h"
#include "web/pages/pages.h"

#define LOG_TAIL (32 << 10)

/* --- what is known ---------------------------------------------------------*/

static int
put(json_t *m, const char *key, struct db *db, const char *sql,
    const char *bound, int64_t id, const char *const *cols, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	if (bound)
		stmt_bind_str(q, 1, bound);
	else
		stmt_bind_int(q, 1, id);
	if (bound && id)
		stmt_bind_int(q, 2, id);
	return model_put(m, key, db, q, cols, err);
}

static int
add_why(json_t *m, struct db *db, const char *plan, struct err *err)
{
	/* From the first cause to the plan, then what followed. */
	static const char chain[] =
	    "WITH RECURSIVE up (id, depth) AS ("
	    " SELECT event, 0 FROM plan WHERE digest = ?1"
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    " SELECT e.id, e.at, e.kind, e.subject, e.text, p.event = e.id"
	    " FROM event e JOIN plan p ON p.digest = ?1"
	    " WHERE e.id IN (SELECT id FROM up) ORDER BY e.id";
	static const char *const chain_cols[] = { "#id", "#at", "kind",
		"subject", "text", "#here", NULL };
	static const char changes[] =
	    "WITH RECURSIVE up (id, depth) AS ("
	    " SELECT event, 0 FROM plan WHERE digest = ?1"
	    " UNION ALL SELECT e.parent, depth + 1 FROM up"
	    "  JOIN event e ON e.id = up.id WHERE e.parent IS NOT NULL"
	    "  AND depth < 50)"
	    " SELECT recipe, part, package, old, new, suite, security"
	    " FROM lock_change WHERE event IN (SELECT id FROM up)"
	    " ORDER BY security DESC, recipe, part, package LIMIT 200";
	static const char *const change_cols[] = { "recipe", "part", "package",
		"old", "new", "suite", "#security", NULL };
	static const char ledger[] =
	    "SELECT cycle, executed, needed, reason FROM cycle_task"
	    " WHERE plan = ?1 ORDER BY cycle DESC LIMIT 20";
	static const char *const ledger_cols[] = { "#cycle", "#executed",
		"#needed", "reason", NULL };

	if (put(m, "chain", db, chain, plan, 0, chain_cols, err) == -1 ||
	    put(m, "changes", db, changes, plan, 0, change_cols, err) == -1)
		return -1;
	return put(m, "ledger", db, ledger, plan, 0, ledger_cols, err);
}

static int
add_lanes(json_t *m, struct db *db, const char *plan, struct err *err)
{
	static const char runs[] =
	    "SELECT id, lane, state, cause, message, started_at, finished_at,"
	    " wall_ms, cpu_ms, max_rss_kib, record, environment, audit FROM run"
	    " WHERE plan = ?1 ORDER BY id DESC LIMIT 20";
	static const char *const run_cols[] = { "#id", "lane", "state", "cause",
		"message", "#started_at", "#finished_at", "#wall_ms", "#cpu_ms",
		"#max_rss_kib", "record", "environment", "#audit", NULL };
	static const char outputs[] =
	    "SELECT o.run, o.name, o.digest, o.size FROM run r"
	    " JOIN output o ON o.run = r.id WHERE r.plan = ?1"
	    " AND r.id IN (SELECT id FROM run WHERE plan = ?1 ORDER BY id DESC"
	    "  LIMIT 20) ORDER BY o.run, o.name LIMIT 2000";
	static const char *const output_cols[] = { "#run", "name", "digest",
		"#size", NULL };

	if (put(m, "lanes", db, runs, plan, 0, run_cols, err) == -1)
		return -1;
	return put(m, "lane_outputs", db, outputs, plan, 0, output_cols, err);
}

static int
add_relations(
    json_t *m, struct db *db, const char *plan, int64_t id, struct err *err)
{
	/* Same bytes from other inputs: what a change did not change. */
	static const char same[] =
	    "SELECT o.name, o2.name, p.recipe, p.stage, p.digest, max(r.id)"
	    " FROM output o CROSS JOIN output o2 ON o2.rowid IN (SELECT rowid"
	    "  FROM output WHERE digest = o.digest ORDER BY run DESC LIMIT 60)"
	    " JOIN run r ON r.id = o2.run JOIN plan p ON p.digest = r.plan"
	    " WHERE o.run = ?2 AND r.plan <> ?1 GROUP BY o.name, p.digest"
	    " ORDER BY 6 DESC LIMIT 20";
	static const char *const same_cols[] = { "name", "theirs", "recipe",
		"stage", "plan", "#run", NULL };
	static const char before[] =
	    "SELECT (SELECT max(id) FROM run WHERE plan = p.digest AND state ="
	    "  'succeeded') AS run, p.digest, p.made_at, p.verdict FROM"
	    " (SELECT o.digest, o.made_at, o.verdict FROM plan me CROSS JOIN"
	    "  plan o ON o.recipe = me.recipe AND o.stage = me.stage AND"
	    "  o.digest <> me.digest WHERE me.digest = ?1"
	    "  ORDER BY o.made_at DESC LIMIT 10) p WHERE run IS NOT NULL"
	    " ORDER BY p.made_at DESC";
	static const char *const before_cols[] = { "#run", "plan", "#made_at",
		"verdict", NULL };
	static const char used[] =
	    "SELECT DISTINCT l.service, l.arch, l.digest, l.made_at"
	    " FROM release l WHERE l.plan = ?1 ORDER BY l.made_at DESC"
	    " LIMIT 10";
	static const char *const used_cols[] = { "service", "arch", "release",
		"#made_at", NULL };

	if (put(m, "same_output", db, same, plan, id, same_cols, err) == -1 ||
	    put(m, "other_plans", db, before, plan, 0, before_cols, err) == -1)
		return -1;
	return put(m, "releases", db, used, plan, 0, used_cols, err);
}

static int
is_signed(struct db *tuf, const char *digest, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM attestation WHERE digest = ?1";
	auto_stmt struct stmt *q = NULL;

	*yes = false;
	if (!tuf)
		return 0;
	q = db_stmt(tuf, sql);
	stmt_bind_str(q, 1, digest);
	if (stmt_step(q, err) == -1)
		return -1;
	*yes = stmt_int(q, 0) > 0;
	return 0;
}

/* What other rebuilders say of runs of the same plan, by their keys. */
static int
add_others(json_t *m, struct web *w, const char *plan, struct err *err)
{
	static const char sql[] =
	    "SELECT digest, 'reproduction', verdict, at, key, lane"
	    " FROM statement WHERE plan = ?1 ORDER BY at DESC, digest LIMIT 50";
	static const char *const cols[] = { "digest", "predicate", "verdict",
		"#at", "key", "lane", NULL };
	json_t *list = json_object_get(m, "attestations"), *one;
	size_t i;

	if (!w->tuf)
		return 0;
	if (put(m, "others", w->tuf, sql, plan, 0, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "others"), i, one)
	{
		const char *key = m_str(one, "key");
		struct sig_public pub;
		char id[HASH_HEX];

		if (!hex_decode(pub.b, sizeof(pub.b), key, strlen(key)))
			continue;
		tuf_keyid(&pub, id);
		js_set_str(one, "by", id);
		js_set_bool(one, "signed", true);
		json_array_append(list, one);
	}
	json_object_del(m, "others");
	return 0;
}

/* What was said of this run, or of a plan that was given up. */
static int
add_attestations(
    json_t *m, struct web *w, const char *plan, int64_t id, struct err *err)
{
	static const char sql[] =
	    "SELECT digest, predicate, verdict, at FROM attestation"
	    " WHERE plan = ?1 AND (run IS NULL OR"
	    "  run = (SELECT record FROM run WHERE id = ?2))"
	    " ORDER BY id DESC LIMIT 20";
	static const char *const cols[] = { "digest", "predicate", "verdict",
		"#at", NULL };
	json_t *one;
	size_t i;

	if (put(m, "attestations", w->farm, sql, plan, id, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "attestations"), i, one)
	{
		bool yes;

		if (is_signed(w->tuf, m_str(one, "digest"), &yes, err) == -1)
			return -1;
		js_set_bool(one, "signed", yes);
	}
	return add_others(m, w, plan, err);
}

/* name → version of the lock's part that the plan was made from. */
static json_t *
inputs(struct web *w, const char *plan_hex, const char *lock_hex)
{
	auto_json json_t *kept = model_record(w, plan_hex);
	auto_json json_t *lock = model_record(w, lock_hex);
	const json_t *packages, *p, *l;
	json_t *out = json_object(), *list = json_array();
	auto_json json_t *versions = json_object();
	const char *parts[] = { "build", "image" };
	size_t i, k;

	for (k = 0; k < ARRAY_LEN(parts); k++)
		json_array_foreach(json_object_get(lock, parts[k]), i, l)
		    js_set_str(
			versions, m_str(l, "sha256"), m_str(l, "version"));
	packages = json_object_get(kept, "packages");
	json_array_foreach(packages, i, p)
	{
		json_t *one = json_object();

		js_set_str(one, "name", m_str(p, "name"));
		js_set_str(one, "version", m_str(versions, m_str(p, "sha256")));
		js_set_str(one, "sha256", m_str(p, "sha256"));
		json_array_append_new(list, one);
	}
	js_set(out, "packages", list);
	for (k = 0; k < 3; k++) {
		static const char *const keys[] = { "sources", "uses", "tree" };
		json_t *v = json_object_get(kept, keys[k]);

		js_set(out, keys[k], v ? json_incref(v) : json_array());
	}
	js_set_str(out, "clock", m_str(kept, "clock"));
	js_set_str(out, "policy", m_str(kept, "policy"));
	return out;
}

/* What people asked for of this plan: taken by the builder, or not yet. */
static int
add_asked(
    json_t *m, struct web *w, const char *plan, int64_t id, struct err *err)
{
	static const char taken[] =
	    "SELECT id, at, kind, by, run, reason, text FROM asked"
	    " WHERE plan = ?1 ORDER BY id DESC LIMIT 20";
	static const char *const taken_cols[] = { "#id", "#at", "kind", "by",
		"#run", "reason", "text", NULL };
	static const char last[] =
	    "SELECT coalesce(max(id), 0) FROM served WHERE source ="
	    " 'web.request'";
	static const char open[] =
	    "SELECT id, at, kind, by, argument ->> '$.run',"
	    " argument ->> '$.reason' FROM request WHERE id > ?1"
	    " AND kind IN ('cancel', 'retry')"
	    " AND argument ->> '$.run' = ?2 ORDER BY id LIMIT 20";
	static const char *const open_cols[] = { "#id", "#at", "kind", "by",
		"#run", "reason", NULL };
	static const char held[] =
	    "SELECT by, reason, at FROM cancelled WHERE plan = ?1";
	static const char *const held_cols[] = { "by", "reason", "#at", NULL };
	auto_stmt struct stmt *l = db_stmt(w->farm, last);
	auto_stmt struct stmt *o = db_stmt(w->web, open);

	if (put(m, "asked", w->farm, taken, plan, 0, taken_cols, err) == -1 ||
	    put(m, "cancelled", w->farm, held, plan, 0, held_cols, err) == -1 ||
	    stmt_step(l, err) == -1)
		return -1;
	stmt_bind_int(o, 1, stmt_int(l, 0));
	stmt_bind_int(o, 2, id);
	return model_put(m, "asked_not_taken", w->web, o, open_cols, err);
}

static void
add_record(json_t *m, const char *key, struct web *w, const char *hex)
{
	json_t *r = model_record(w, hex);

	js_set(m, key, r ? r : json_null());
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, p.recipe, p.stage, r.lane, r.state, r.queued_at,"
	    " r.started_at, r.finished_at, r.wall_ms, r.cpu_ms,"
	    " r.max_rss_kib, r.cause, r.message, r.plan, r.environment, r.log,"
	    " r.record, p.verdict, p.verdict_record, p.lock, r.audit,"
	    " (SELECT text FROM event WHERE id = p.event),"
	    " (SELECT count(*) FROM run WHERE state IN ('queued', 'running') "
	    "AND"
	    "  state = 'queued' AND id < r.id)"
	    " FROM run r JOIN plan p ON p.digest = r.plan WHERE r.id = ?1";
	static const char *const cols[] = { "#id", "recipe", "stage", "lane",
		"state", "#queued_at", "#started_at", "#finished_at",
		"#wall_ms", "#cpu_ms", "#max_rss_kib", "cause", "message",
		"plan", "environment", "log", "record", "verdict",
		"verdict_record", "lock", "#audit", "why", "#before_it", NULL };
	struct db *db = req->web->farm;
	auto_json json_t *m = json_object();
	auto_free char *title = NULL;
	const char *plan, *state;
	const json_t *r;
	json_t *log, *one;
	int64_t id;

	if (run_id(req, &id, err) == -1 ||
	    put(m, "run", db, sql, NULL, id, cols, err) == -1)
		return NULL;
	if ((r = m_first(m, "run")) == NULL) {
		err_set(err, ERR_MISSING, "no such build");
		return NULL;
	}
	one = json_deep_copy(r);
	js_set(m, "run", one);
	r = one;
	plan = m_str(r, "plan");
	title = mem_printf("%s, %s", m_str(r, "recipe"),
	    strcmp(m_str(r, "stage"), "image") == 0 ? "image" : "build");
	js_set_str(m, "title", title);
	if (add_why(m, db, plan, err) == -1 ||
	    add_lanes(m, db, plan, err) == -1 ||
	    add_relations(m, db, plan, id, err) == -1 ||
	    add_attestations(m, req->web, plan, id, err) == -1 ||
	    add_asked(m, req->web, plan, id, err) == -1)
		return NULL;
	act_know(req, m);
	add_record(m, "run_record", req->web, m_str(r, "record"));
	add_record(m, "verdict_record", req->web, m_str(r, "verdict_record"));
	js_set(m, "inputs", inputs(req->web, plan, m_str(r, "lock")));
	log = json_object();
	js_set(m, "log", log);
	if (log_model(req, id, -1, LOG_TAIL, log, err) == -1)
		return NULL;
	state = m_str(r, "state");
	if (strcmp(state, "running") == 0 || strcmp(state, "queued") == 0)
		js_set_int(m, "refresh", 5);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
heads(struct html *h, const json_t *r)
{
	html_open(
	    h, "div", "class", "heads", "id", "heads", "data-live", "", NULL);
	view_state(h, m_str(r, "state"), m_str(r, "cause"));
	html_open(h, "span", "class", "soft", NULL);
	html_textf(h, "build %lld of ", (long long)m_int(r, "id"));
	view_recipe(h, m_str(r, "recipe"));
	html_textf(h, ", lane %s", m_str(r, "lane"));
	if (m_int(r, "started_at")) {
		html_text(h, ", started ");
		view_ago(h, m_int(r, "started_at"));
	}
	if (m_int(r, "wall_ms")) {
		html_text(h, ", took ");
		view_duration(h, m_int(r, "wall_ms"));
	}
	html_close(h, "span");
	if (strcmp(m_str(r, "state"), "queued") == 0)
		html_say(h, "p", "note",
		    "It waits for a free place: %lld wait before it.",
		    (long long)m_int(r, "before_it"));
	html_close(h, "div");
	if (m_str(r, "message")[0])
		html_element(
		    h, "p", m_str(r, "message"), "class", "alert", NULL);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *r = json_object_get(m, "run");

	heads(h, r);
	build_view_asked(h, m);
	build_view_lanes(h, m);
	build_view_why(h, m);
	html_open(h, "section", "id", "log", NULL);
	html_element(h, "h2", "Log", NULL);
	log_view(h, json_object_get(m, "log"));
	html_open(h, "p", "class", "note", NULL);
	html_link(
	    h, "the whole log", "/build/%lld/log", (long long)m_int(r, "id"));
	html_close(h, "p");
	html_close(h, "section");
	build_view_place(h, m);
	build_view_inputs(h, m);
	build_view_attestations(h, m);
	build_view_relations(h, m);
}

void
page_build(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Build",
		.section = "/builds",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
