/* Where runs happen: the engine, its nodes, what runs on which, what waits
 * there and why, what was lost. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static json_t *
model(struct req *req, struct err *err)
{
	static const char engines[] =
	    "SELECT name, healthy, text, seen_at FROM engine ORDER BY name";
	static const char *const engine_cols[] = { "name", "#healthy", "text",
		"#seen_at", NULL };
	static const char nodes[] =
	    "SELECT n.name, n.state, n.features, n.cpus, n.cpus_free,"
	    " n.memory, n.memory_free, n.why, (SELECT count(*) FROM attempt a"
	    "  WHERE a.state IN ('submitting', 'waits', 'runs') AND a.node ="
	    "  n.name) FROM node n ORDER BY n.name LIMIT 1000";
	static const char *const node_cols[] = { "name", "state", "features",
		"#cpus", "#cpus_free", "#memory", "#memory_free", "why",
		"#runs", NULL };
	static const char work[] =
	    "SELECT r.id, p.recipe, p.stage, r.lane, ifnull(a.state,"
	    " 'queued'), ifnull(a.number, 0), ifnull(a.node, ''),"
	    " ifnull(a.job, ''), ifnull(a.why, CASE WHEN EXISTS (SELECT 1 FROM"
	    "  engine) THEN 'waits until the other lane has its node' ELSE ''"
	    "  END), ifnull(a.made_at, r.started_at) FROM run r JOIN plan p ON"
	    " p.digest = r.plan LEFT JOIN attempt a ON a.run = r.id AND"
	    " a.state IN ('submitting', 'waits', 'runs') WHERE r.state IN"
	    " ('queued', 'running') AND r.state = 'running' ORDER BY r.id"
	    " LIMIT 200";
	static const char *const work_cols[] = { "#run", "recipe", "stage",
		"lane", "state", "#attempt", "node", "job", "why", "#since",
		NULL };
	static const char lost[] =
	    "SELECT run, number, state, node, why, ended_at FROM attempt"
	    " WHERE state IN ('lost', 'refused', 'differs') ORDER BY rowid"
	    " DESC LIMIT 30";
	static const char *const lost_cols[] = { "#run", "#attempt", "state",
		"node", "why", "#at", NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;

	if (model_add(m, "engines", w->farm, engines, engine_cols, err) == -1 ||
	    model_add(m, "nodes", w->farm, nodes, node_cols, err) == -1 ||
	    model_add(m, "work", w->farm, work, work_cols, err) == -1 ||
	    model_add(m, "lost", w->farm, lost, lost_cols, err) == -1)
		return NULL;
	js_set_int(m, "refresh", 10);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
cell(struct html *h, const char *text)
{
	html_element(h, "td", text, NULL);
}

static void
view_nodes(struct html *h, const json_t *m)
{
	static const char *const head[] = { "node", "is", "features",
		"processors free", "memory", "builds", "why", NULL };
	const json_t *r;
	size_t i;

	view_section(h, "Nodes", "nodes");
	if (json_array_size(json_object_get(m, "nodes")) == 0) {
		html_element(h, "p",
		    "Builds run on the farm's own machine: no other engine"
		    " has been seen.",
		    "class", "empty", NULL);
		view_section_end(h);
		return;
	}
	view_table(h, "Nodes", head);
	json_array_foreach(json_object_get(m, "nodes"), i, r)
	{
		html_open(h, "tr", NULL);
		cell(h, m_str(r, "name"));
		cell(h, m_str(r, "state"));
		cell(h, m_str(r, "features"));
		html_open(h, "td", NULL);
		html_textf(h, "%lld of %lld", (long long)m_int(r, "cpus_free"),
		    (long long)m_int(r, "cpus"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_size(h, m_int(r, "memory"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_count(h, m_int(r, "runs"));
		html_close(h, "td");
		html_element(h, "td", m_str(r, "why"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_work(struct html *h, const json_t *m)
{
	static const char *const head[] = { "build", "lane", "is", "attempt",
		"node", "why", NULL };
	const json_t *r;
	char what[300];
	size_t i;

	view_section(h, "What runs and what waits", "work");
	if (json_array_size(json_object_get(m, "work")) == 0) {
		html_element(h, "p", "Nothing runs.", "class", "empty", NULL);
		view_section_end(h);
		return;
	}
	view_table(h, "What runs and what waits", head);
	json_array_foreach(json_object_get(m, "work"), i, r)
	{
		snprintf(what, sizeof(what), "%s/%s", m_str(r, "recipe"),
		    m_str(r, "stage"));
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(h, what, "/build/%lld", (long long)m_int(r, "run"));
		html_close(h, "td");
		cell(h, m_str(r, "lane"));
		cell(h, m_str(r, "state"));
		html_open(h, "td", NULL);
		view_count(h, m_int(r, "attempt"));
		html_close(h, "td");
		cell(h, m_str(r, "node"));
		html_element(h, "td", m_str(r, "why"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_lost(struct html *h, const json_t *m)
{
	static const char *const head[] = { "build", "attempt", "is", "node",
		"why", "when", NULL };
	const json_t *r;
	size_t i;

	if (json_array_size(json_object_get(m, "lost")) == 0)
		return;
	view_section(h, "Attempts that were lost", "lost");
	view_table(h, "Attempts that were lost", head);
	json_array_foreach(json_object_get(m, "lost"), i, r)
	{
		char number[24];

		snprintf(
		    number, sizeof(number), "%lld", (long long)m_int(r, "run"));
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(h, number, "/build/%lld", (long long)m_int(r, "run"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_count(h, m_int(r, "attempt"));
		html_close(h, "td");
		cell(h, m_str(r, "state"));
		cell(h, m_str(r, "node"));
		html_element(h, "td", m_str(r, "why"), "class", "why", NULL);
		html_open(h, "td", NULL);
		view_ago(h, m_int(r, "at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *r;
	size_t i;

	html_element(h, "p",
	    "Each lane of a plan runs on a node that the engine chooses. What "
	    "a "
	    "node hands in is hashed again here before anything believes it.",
	    "class", "lede", NULL);
	json_array_foreach(json_object_get(m, "engines"), i, r)
	{
		html_open(h, "p", NULL);
		html_textf(h, "%s is ", m_str(r, "name"));
		html_text(h,
		    m_int(r, "healthy") ? "up" : "not reached; builds go on");
		if (m_str(r, "text")[0])
			html_textf(h, ": %s", m_str(r, "text"));
		html_text(h, ". ");
		view_ago(h, m_int(r, "seen_at"));
		html_close(h, "p");
	}
	html_open(h, "div", "id", "nodes-now", "data-live", "", NULL);
	view_nodes(h, m);
	view_work(h, m);
	view_lost(h, m);
	html_close(h, "div");
}

void
page_exec(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Nodes",
		.section = "/builds",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
