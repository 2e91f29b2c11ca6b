/*
 * One recipe: what it gives, how large and how long that has been over time,
 * what it rests on and who rests on it, and how its locks changed.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/chart.h"
#include "web/frame.h"
#include "web/pages/changes.h"
#include "web/pages/pages.h"
#include "web/pages/proof.h"

/* --- what is known ---------------------------------------------------------*/

static int
put(json_t *m, const char *key, struct db *db, const char *sql,
    const char *name, const char *const *cols, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, name);
	return model_put(m, key, db, q, cols, err);
}

/* Who uses whose outputs, as the current plans say: an edge per pair. */
static int
add_uses(json_t *m, struct web *w, struct err *err)
{
	static const char sql[] =
	    "SELECT c.recipe, c.plan, r.kind FROM current c JOIN recipe r"
	    " ON r.name = c.recipe ORDER BY c.recipe, c.stage LIMIT 500";
	static const char *const cols[] = { "recipe", "plan", "kind", NULL };
	json_t *edges = json_array(), *r, *u;
	auto_json json_t *seen = json_object();
	size_t i, k;

	js_set(m, "uses", edges);
	if (model_add(m, "nodes", w->farm, sql, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "nodes"), i, r)
	{
		auto_json json_t *plan = model_record(w, m_str(r, "plan"));

		json_array_foreach(json_object_get(plan, "uses"), k, u)
		{
			const char *from = m_str(u, "recipe");
			auto_free char *key = NULL;
			json_t *edge;

			if (strcmp(from, "self") == 0 ||
			    strcmp(from, m_str(r, "recipe")) == 0)
				continue;
			key = mem_printf("%s %s", from, m_str(r, "recipe"));
			if (json_object_get(seen, key))
				continue;
			js_set_bool(seen, key, true);
			edge = json_object();
			js_set_str(edge, "from", from);
			js_set_str(edge, "to", m_str(r, "recipe"));
			json_array_append_new(edges, edge);
		}
	}
	return 0;
}

static int
add_trends(json_t *m, struct db *db, const char *name, struct err *err)
{
#define NEWEST                                                \
	"SELECT * FROM (SELECT * FROM product WHERE recipe =" \
	" ?1 AND stage = "
#define LAST " ORDER BY made_at DESC LIMIT 100)"
#define BOTH NEWEST "'build'" LAST " UNION ALL " NEWEST "'image'" LAST
	static const char sizes[] =
	    "SELECT judged_at, stage, bytes, plan FROM (" BOTH ")"
	    " ORDER BY made_at DESC, stage";
	static const char *const size_cols[] = { "#at", "stage", "#size",
		"plan", NULL };
	static const char times[] =
	    "SELECT judged_at, stage, lane, iif(lane = 'A', wall_a, wall_b),"
	    " iif(lane = 'A', run_a, run_b) AS run FROM (" BOTH
	    "), (SELECT 'A' AS lane UNION ALL SELECT 'B') WHERE run IS NOT"
	    " NULL ORDER BY run DESC";
	static const char *const time_cols[] = { "#at", "stage", "lane",
		"#wall_ms", "#run", NULL };
#undef BOTH
#undef LAST
#undef NEWEST

	if (put(m, "sizes", db, sizes, name, size_cols, err) == -1)
		return -1;
	if (put(m, "times", db, times, name, time_cols, err) == -1)
		return -1;
	return proof_add_trend(m, db, name, err);
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char about[] =
	    "SELECT name, kind, summary, lock, error, tree FROM recipe"
	    " WHERE name = ?1";
	static const char *const about_cols[] = { "name", "kind", "summary",
		"lock", "error", "tree", NULL };
	static const char plans[] =
	    "SELECT p.digest, p.stage, p.lock, p.made_at, p.verdict,"
	    " p.verdict_record, p.judged_at, (SELECT text FROM event"
	    "  WHERE id = p.event), (SELECT max(id) FROM run WHERE plan ="
	    "  p.digest), EXISTS (SELECT 1 FROM current WHERE plan = p.digest"
	    "  AND recipe = ?1) FROM (SELECT * FROM plan WHERE recipe = ?1"
	    "  ORDER BY made_at DESC LIMIT 50) p"
	    " ORDER BY p.made_at DESC, p.stage";
	static const char *const plan_cols[] = { "digest", "stage", "lock",
		"#made_at", "verdict", "verdict_record", "#judged_at", "why",
		"#run", "#current", NULL };
	static const char locks[] =
	    "SELECT l.digest, l.made_at, l.origin, l.event,"
	    " (SELECT count(*) FROM lock_change c WHERE c.event = l.event AND"
	    "  c.recipe = ?1), (SELECT count(*) FROM lock_change c WHERE"
	    "  c.event = l.event AND c.recipe = ?1 AND c.security)"
	    " FROM (SELECT * FROM lock WHERE recipe = ?1 ORDER BY made_at DESC"
	    "  LIMIT 50) l ORDER BY l.made_at DESC";
	static const char *const lock_cols[] = { "digest", "#made_at", "origin",
		"#event", "#changes", "#security", NULL };
	static const char changes[] =
	    "SELECT event, recipe, part, package, old, new, suite, security"
	    " FROM lock_change WHERE recipe = ?1 AND event IN (SELECT event"
	    "  FROM lock WHERE recipe = ?1 ORDER BY made_at DESC LIMIT 50)"
	    " ORDER BY event DESC, security DESC, part, package LIMIT 1000";
	static const char *const change_cols[] = { "#event", "recipe", "part",
		"package", "old", "new", "suite", "#security", NULL };
	static const char latest[] =
	    "SELECT c.stage, p.verdict, p.verdict_record, o.run, o.name,"
	    " o.digest, o.size FROM current c JOIN plan p ON p.digest = c.plan"
	    " LEFT JOIN output o ON o.run = (SELECT max(id) FROM run WHERE"
	    "  plan = p.digest AND state = 'succeeded') WHERE c.recipe = ?1"
	    " ORDER BY c.stage DESC, o.name LIMIT 100";
	static const char *const latest_cols[] = { "stage", "verdict",
		"verdict_record", "#run", "output", "digest", "#size", NULL };
	auto_json json_t *m = json_object();
	struct db *db = req->web->farm;
	const char *name = req->part[0];

	js_set_str(m, "title", name);
	if (put(m, "about", db, about, name, about_cols, err) == -1)
		return NULL;
	if (json_array_size(json_object_get(m, "about")) == 0) {
		err_set(err, ERR_MISSING, "no recipe of this name");
		return NULL;
	}
	if (put(m, "latest", db, latest, name, latest_cols, err) == -1 ||
	    put(m, "plans", db, plans, name, plan_cols, err) == -1 ||
	    put(m, "locks", db, locks, name, lock_cols, err) == -1 ||
	    put(m, "changes", db, changes, name, change_cols, err) == -1 ||
	    add_trends(m, db, name, err) == -1 ||
	    add_uses(m, req->web, err) == -1)
		return NULL;
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
view_latest(struct html *h, const json_t *m)
{
	static const char *const head[] = { "output", "stage", "digest",
		"#size", "verdict", "build", NULL };
	const json_t *o;
	size_t i;

	view_section(h, "What it gives now", "latest");
	view_table(h, "What it gives now", head);
	json_array_foreach(json_object_get(m, "latest"), i, o)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(o, "output"), NULL);
		view_td(h, m_str(o, "stage"));
		html_open(h, "td", NULL);
		view_brick(h, m_str(o, "digest"));
		view_artifact(h, m_str(o, "digest"));
		html_close(h, "td");
		view_td_size(h, m_int(o, "size"));
		html_open(h, "td", NULL);
		view_verdict(h, m_str(o, "verdict"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		if (m_int(o, "run"))
			view_run(h, m_int(o, "run"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

/* Rows are newest first; charts want the oldest first. */
static size_t
points(struct chart_point *p, const json_t *rows, const char *value,
    const char *stage, const char *lane)
{
	size_t i, n = 0;

	for (i = json_array_size(rows); i-- > 0 && n < CHART_POINTS;) {
		const json_t *r = json_array_get(rows, i);

		if (strcmp(m_str(r, "stage"), stage) != 0 ||
		    (lane && strcmp(m_str(r, "lane"), lane) != 0) ||
		    m_int(r, "at") == 0)
			continue;
		p[n].at = m_int(r, "at");
		p[n++].value = m_int(r, value);
	}
	return n;
}

static void
view_trends(struct html *h, const json_t *m)
{
	struct chart_point a[CHART_POINTS], b[CHART_POINTS];
	const json_t *sizes = json_object_get(m, "sizes");
	const json_t *times = json_object_get(m, "times");
	struct chart_series s[2];
	const char *stage = "image";

	s[0] = (struct chart_series){ "size", a,
		points(a, sizes, "size", stage, NULL) };
	if (s[0].n == 0)
		s[0].n = points(a, sizes, "size", stage = "build", NULL);
	view_section(h, "Over time", "trends");
	html_open(h, "div", "class", "cards charts", NULL);
	chart_trend(h,
	    strcmp(stage, "image") == 0 ? "Size of the image"
					: "Size of all outputs",
	    s, 1, num_add_size);
	s[0] = (struct chart_series){ "lane A", a,
		points(a, times, "wall_ms", "build", "A") };
	s[1] = (struct chart_series){ "lane B", b,
		points(b, times, "wall_ms", "build", "B") };
	chart_trend(h, "Time to compile", s, 2, num_add_duration);
	proof_view_trend(h, m);
	html_close(h, "div");
	view_section_end(h);
}

#define NODES 64

static size_t
node(struct chart_node *v, size_t *n, const char *name)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (strcmp(v[i].name, name) == 0)
			return i;
	if (*n == NODES)
		return NODES;
	v[*n] = (struct chart_node){ .name = name };
	return (*n)++;
}

/* All that this one rests on, and all that rests on it. */
static void
reach(const json_t *uses, const char *name, json_t *set, const char *here,
    const char *there)
{
	const json_t *e;
	size_t i;

	if (json_object_get(set, name))
		return;
	js_set_bool(set, name, true);
	json_array_foreach(uses, i, e)
	{
		if (strcmp(m_str(e, here), name) == 0)
			reach(uses, m_str(e, there), set, here, there);
	}
}

static const char *
kind_of(const json_t *nodes, const char *recipe)
{
	const json_t *r;
	size_t i;

	json_array_foreach(nodes, i, r)
	{
		if (strcmp(m_str(r, "recipe"), recipe) == 0)
			return m_str(r, "kind");
	}
	return "";
}

static void
view_graph(struct html *h, const json_t *m)
{
	const json_t *uses = json_object_get(m, "uses"), *e;
	const char *self = m_str(m, "title");
	auto_json json_t *below = json_object(), *above = json_object();
	struct chart_node v[NODES];
	struct chart_edge edges[4 * NODES];
	char hrefs[NODES][280];
	size_t i, n = 0, n_edges = 0;

	reach(uses, self, below, "to", "from");
	reach(uses, self, above, "from", "to");
	node(v, &n, self);
	json_array_foreach(uses, i, e)
	{
		const char *from = m_str(e, "from"), *to = m_str(e, "to");
		size_t a, b;

		if (!(json_object_get(below, from) &&
			json_object_get(below, to)) &&
		    !(json_object_get(above, from) &&
			json_object_get(above, to)))
			continue;
		a = node(v, &n, from);
		b = node(v, &n, to);
		if (a < NODES && b < NODES && n_edges < ARRAY_LEN(edges))
			edges[n_edges++] = (struct chart_edge){ a, b };
	}
	if (n_edges == 0)
		return;
	for (i = 0; i < n; i++) {
		snprintf(hrefs[i], sizeof(hrefs[i]), "/recipe/%s", v[i].name);
		v[i].href = hrefs[i];
		v[i].kind = kind_of(json_object_get(m, "nodes"), v[i].name);
		v[i].self = strcmp(v[i].name, self) == 0;
	}
	view_section(h, "What rests on what", "graph");
	chart_graph(h, "From what is used, at the left, to who uses it", v, n,
	    edges, n_edges);
	view_section_end(h);
}

static void
view_locks(struct html *h, const json_t *m)
{
	const json_t *locks = json_object_get(m, "locks"), *l, *c;
	const json_t *all = json_object_get(m, "changes");
	size_t i, k;

	view_section(h, "Locks", "locks");
	html_open(h, "ol", "class", "events", NULL);
	json_array_foreach(locks, i, l)
	{
		auto_json json_t *mine = json_array();

		html_open(h, "li", "class", i == 0 ? "here" : NULL, NULL);
		view_record(h, m_str(l, "digest"));
		html_textf(h, " from the %s", m_str(l, "origin"));
		view_ago(h, m_int(l, "made_at"));
		if (m_int(l, "security")) {
			html_text(h, " ");
			html_say(h, "span", "chip security",
			    "%lld security updates",
			    (long long)m_int(l, "security"));
		}
		json_array_foreach(all, k, c)
		{
			if (m_int(l, "event") &&
			    m_int(c, "event") == m_int(l, "event"))
				json_array_append(mine, (json_t *)(uintptr_t)c);
		}
		if (json_array_size(mine)) {
			html_open(h, "details", NULL);
			html_say(h, "summary", NULL, "%lld changes",
			    (long long)m_int(l, "changes"));
			changes_view(h, "Changes", mine);
			html_close(h, "details");
		}
		html_close(h, "li");
	}
	html_close(h, "ol");
	view_section_end(h);
}

static void
view_plans(struct html *h, const json_t *plans)
{
	static const char *const head[] = { "stage", "plan", "lock", "made",
		"why", "verdict", "build", NULL };
	const json_t *p;
	size_t i;

	view_section(h, "Plans", "plans");
	view_table(h, "Plans", head);
	json_array_foreach(plans, i, p)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_text(h, m_str(p, "stage"));
		if (m_int(p, "current")) {
			html_text(h, " ");
			html_element(
			    h, "span", "current", "class", "chip", NULL);
		}
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_record(h, m_str(p, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_record(h, m_str(p, "lock"));
		html_close(h, "td");
		view_td_time(h, m_int(p, "made_at"));
		html_element(h, "td", m_str(p, "why"), "class", "why", NULL);
		html_open(h, "td", NULL);
		view_verdict(h, m_str(p, "verdict"));
		html_text(h, " ");
		view_record(h, m_str(p, "verdict_record"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		if (m_int(p, "run"))
			view_run(h, m_int(p, "run"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *a = m_first(m, "about");

	html_say(h, "p", "lede", "%s. Kind: %s.", m_str(a, "summary"),
	    m_str(a, "kind"));
	if (m_str(a, "error")[0])
		html_element(h, "p", m_str(a, "error"), "class", "alert", NULL);
	view_latest(h, m);
	view_trends(h, m);
	view_graph(h, m);
	view_locks(h, m);
	view_plans(h, json_object_get(m, "plans"));
	html_open(h, "p", "class", "note", NULL);
	html_link(h, "all its builds", "/builds?recipe=%s", m_str(m, "title"));
	html_close(h, "p");
}

void
page_recipe(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Recipe",
		.section = "/recipes",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
