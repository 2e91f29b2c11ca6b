/* Now: the pipe with counts at each arrow, work in hand, last events. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static int
add(json_t *m, const char *key, struct db *db, const char *sql,
    const char *const *columns, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	json_t *rows = model_rows(db, q, columns, err);

	if (rows == NULL)
		return -1;
	js_set(m, key, rows);
	return 0;
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char pipe[] =
	    "SELECT (SELECT count(*) FROM suite),"
	    " (SELECT count(*) FROM recipe WHERE lock IS NOT NULL),"
	    " (SELECT count(*) FROM current),"
	    " (SELECT count(*) FROM run WHERE state = 'queued'),"
	    " (SELECT count(*) FROM run WHERE state = 'running'),"
	    " (SELECT count(*) FROM current c JOIN plan p ON p.digest ="
	    "  c.plan AND p.verdict = 'reproduced'),"
	    " (SELECT count(*) FROM current c JOIN plan p ON p.digest ="
	    "  c.plan AND p.verdict IN ('differs', 'failed')),"
	    " (SELECT count(DISTINCT service) FROM release)";
	static const char *const pipe_cols[] = { "#suites", "#locks", "#plans",
		"#queued", "#running", "#reproduced", "#not_reproduced",
		"#services", NULL };
	static const char work[] =
	    "SELECT what, subject, unit, done, total, started_at FROM progress"
	    " WHERE ended_at IS NULL ORDER BY id";
	static const char *const work_cols[] = { "what", "subject", "unit",
		"#done", "#total", "#started_at", NULL };
	static const char events[] = "SELECT at, kind, subject, text FROM event"
				     " ORDER BY id DESC LIMIT 30";
	static const char *const event_cols[] = { "#at", "kind", "subject",
		"text", NULL };
	static const char routers[] =
	    "SELECT count(DISTINCT router) FROM report";
	static const char *const router_cols[] = { "#routers", NULL };
	json_t *m = json_object();

	if (add(m, "pipe", req->web->farm, pipe, pipe_cols, err) == -1 ||
	    add(m, "work", req->web->farm, work, work_cols, err) == -1 ||
	    add(m, "events", req->web->farm, events, event_cols, err) == -1 ||
	    add(m, "routers", req->web->web, routers, router_cols, err) == -1) {
		json_decref(m);
		return NULL;
	}
	if (json_array_size(json_object_get(m, "work")) > 0)
		js_set_int(m, "refresh", 5);
	return m;
}

static void
stage(struct html *h, int64_t n, const char *what)
{
	html_open(h, "li", NULL);
	html_open(h, "b", NULL);
	html_textf(h, "%lld", (long long)n);
	html_close(h, "b");
	html_element(h, "span", what, NULL);
	html_close(h, "li");
}

static void
amount(struct html *h, const char *unit, int64_t n)
{
	if (strcmp(unit, "B") == 0)
		view_size(h, n);
	else if (strcmp(unit, "ms") == 0)
		view_duration(h, n);
	else
		html_textf(h, "%lld", (long long)n);
}

static void
done(struct html *h, const json_t *w)
{
	const char *unit = m_str(w, "unit");
	int64_t n = m_int(w, "done"), total = m_int(w, "total");

	/* Time: how long it takes already, beside how long it took before. */
	if (strcmp(unit, "ms") == 0)
		n = 1000 * (time_now() - m_int(w, "started_at"));
	if (total > 0) {
		char value[24], max[24];

		snprintf(value, sizeof(value), "%lld", (long long)n);
		snprintf(max, sizeof(max), "%lld", (long long)total);
		html_element(
		    h, "progress", NULL, "value", value, "max", max, NULL);
	}
	amount(h, unit, n);
	if (total > 0) {
		html_text(h, strcmp(unit, "ms") == 0 ? " of about " : " of ");
		amount(h, unit, total);
	}
	if (strcmp(unit, "B") != 0 && strcmp(unit, "ms") != 0)
		html_textf(h, " %s", unit);
}

static void
view_work(struct html *h, const json_t *work)
{
	static const char *const head[] = { "work", "on", "done", "since",
		NULL };
	const json_t *w;
	size_t i;

	html_element(h, "h2", "This minute", NULL);
	if (json_array_size(work) == 0) {
		html_element(h, "p",
		    "Nothing to do: everything current has "
		    "its verdict.",
		    NULL);
		return;
	}
	view_table(h, head);
	json_array_foreach(work, i, w)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(w, "what"), NULL);
		html_element(h, "td", m_str(w, "subject"), NULL);
		html_open(h, "td", NULL);
		done(h, w);
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(w, "started_at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "when", "on", "what", NULL };
	const json_t *p = json_array_get(json_object_get(m, "pipe"), 0);
	const json_t *r = json_array_get(json_object_get(m, "routers"), 0);
	const json_t *events = json_object_get(m, "events"), *e;
	size_t i;

	html_open(h, "ul", "class", "pipe", NULL);
	stage(h, m_int(p, "suites"), "suites watched");
	stage(h, m_int(p, "locks"), "locks");
	stage(h, m_int(p, "plans"), "plans");
	stage(h, m_int(p, "queued"), "builds waiting");
	stage(h, m_int(p, "running"), "builds running");
	stage(h, m_int(p, "reproduced"), "plans reproduced");
	stage(h, m_int(p, "not_reproduced"), "plans not reproduced");
	stage(h, m_int(p, "services"), "services released");
	stage(h, m_int(r, "routers"), "routers reporting");
	html_close(h, "ul");
	view_work(h, json_object_get(m, "work"));
	html_element(h, "h2", "Last events", NULL);
	view_table(h, head);
	json_array_foreach(events, i, e)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_time(h, m_int(e, "at"));
		html_close(h, "td");
		html_element(h, "td", m_str(e, "subject"), NULL);
		html_element(h, "td", m_str(e, "text"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
page_now(struct req *req, struct reply *re)
{
	static const struct page page = {
		.title = "Now", .section = "/", .model = model, .view = view
	};

	page_reply(req, re, &page);
}
