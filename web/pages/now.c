/* Now: the pipe with counts at each arrow, work in hand, what waits and why,
 * last events. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "web/frame.h"
#include "web/pages/pages.h"

/* --- what is known ---------------------------------------------------------*/

static int
add_pipe(json_t *m, struct web *w, struct err *err)
{
	static const char farm[] =
	    "SELECT (SELECT count(*) FROM suite),"
	    " (SELECT max(checked_at) FROM suite),"
	    " (SELECT count(*) FROM recipe WHERE lock IS NOT NULL),"
	    " (SELECT count(*) FROM recipe WHERE error IS NOT NULL),"
	    " (SELECT count(*) FROM current),"
	    " (SELECT count(*) FROM run WHERE state IN ('queued',"
	    "  'running') AND state = 'queued'),"
	    " (SELECT count(*) FROM run WHERE state IN ('queued',"
	    "  'running') AND state = 'running'),"
	    " (SELECT count(*) FROM current c JOIN plan p ON p.digest ="
	    "  c.plan AND p.verdict = 'reproduced'),"
	    " (SELECT count(*) FROM current c JOIN plan p ON p.digest ="
	    "  c.plan AND p.verdict IN ('differs', 'failed', 'inconclusive')),"
	    " (SELECT count(*) FROM (" SERVICES "))";
	static const char *const farm_cols[] = { "#suites", "#checked_at",
		"#locks", "#held", "#plans", "#queued", "#running",
		"#reproduced", "#not_reproduced", "#services", NULL };
	static const char tuf[] =
	    "SELECT (SELECT count(*) FROM release WHERE current = 1 AND"
	    "  published_at IS NOT NULL), (SELECT count(*) FROM refusal),"
	    " (SELECT max(at) FROM publication)";
	static const char *const tuf_cols[] = { "#published", "#refused",
		"#published_at", NULL };
	static const char web[] = "SELECT coalesce(sum(routers), 0)"
				  " FROM router_group";
	static const char *const web_cols[] = { "#routers", NULL };

	if (model_add(m, "pipe", w->farm, farm, farm_cols, err) == -1 ||
	    model_add(m, "publication", w->tuf, tuf, tuf_cols, err) == -1)
		return -1;
	return model_add(m, "routers", w->web, web, web_cols, err);
}

static int
add_waiting(json_t *m, struct web *w, struct err *err)
{
	static const char queued[] =
	    "SELECT r.id, p.recipe, p.stage, r.lane, r.queued_at,"
	    " ifnull((SELECT why FROM task t WHERE t.recipe = p.recipe AND"
	    "  t.stage = p.stage AND t.state IN ('queued', 'runs')),"
	    "  (SELECT text FROM event WHERE id = p.event)) FROM run r JOIN"
	    " plan p ON p.digest = r.plan WHERE r.state IN ('queued', "
	    "'running') AND"
	    " r.state = 'queued'"
	    " ORDER BY r.id LIMIT 20";
	static const char *const queued_cols[] = { "#id", "recipe", "stage",
		"lane", "#queued_at", "why", NULL };
	static const char held[] =
	    "SELECT name, error FROM recipe WHERE error IS NOT NULL"
	    " UNION ALL SELECT recipe, why FROM task WHERE state = 'held'"
	    " ORDER BY 1 LIMIT 20";
	static const char *const held_cols[] = { "recipe", "text", NULL };
	static const char not_repro[] =
	    "SELECT p.recipe, p.stage, p.verdict, (SELECT max(id) FROM run"
	    "  WHERE plan = p.digest), ifnull((SELECT text FROM event e WHERE"
	    "  e.kind = 'audit-alarm' AND e.subject = c.recipe || '/' ||"
	    "  c.stage ORDER BY id DESC LIMIT 1), (SELECT message FROM run"
	    "  WHERE plan = p.digest AND message IS NOT NULL ORDER BY id DESC"
	    "  LIMIT 1))"
	    " FROM current c JOIN plan p ON p.digest = c.plan"
	    " WHERE p.verdict IN ('differs', 'failed', 'inconclusive')"
	    " ORDER BY p.recipe LIMIT 20";
	static const char *const not_repro_cols[] = { "recipe", "stage",
		"verdict", "#run", "text", NULL };
	static const char refused[] =
	    "SELECT service, cause, text FROM refusal ORDER BY at DESC"
	    " LIMIT 20";
	static const char *const refused_cols[] = { "service", "cause", "text",
		NULL };
	static const char sets[] =
	    "SELECT channel, arch, text FROM set_waiting ORDER BY channel,"
	    " arch LIMIT 20";
	static const char *const set_cols[] = { "channel", "arch", "text",
		NULL };

	if (model_add(m, "queued", w->farm, queued, queued_cols, err) == -1 ||
	    model_add(m, "held", w->farm, held, held_cols, err) == -1 ||
	    model_add(m, "not_reproduced", w->farm, not_repro, not_repro_cols,
		err) == -1 ||
	    model_add(m, "refused", w->tuf, refused, refused_cols, err) == -1)
		return -1;
	return model_add(m, "sets_waiting", w->tuf, sets, set_cols, err);
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char work[] =
	    "SELECT g.what, g.subject, g.unit, g.done, g.total, g.started_at,"
	    " (SELECT r.id FROM run r JOIN plan p ON p.digest = r.plan WHERE"
	    "  r.state IN ('queued', 'running') AND r.state = 'running' AND"
	    "  g.what = 'build' AND p.recipe || '/' ||"
	    "  p.stage || ' ' || r.lane = g.subject LIMIT 1)"
	    " FROM progress g WHERE g.ended_at IS NULL ORDER BY g.id LIMIT 50";
	static const char *const work_cols[] = { "what", "subject", "unit",
		"#done", "#total", "#started_at", "#run", NULL };
	static const char events[] =
	    "SELECT id, at, kind, subject, text FROM event"
	    " ORDER BY id DESC LIMIT 25";
	static const char *const event_cols[] = { "#id", "#at", "kind",
		"subject", "text", NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;

	if (add_pipe(m, w, err) == -1 ||
	    model_add(m, "work", w->farm, work, work_cols, err) == -1 ||
	    add_waiting(m, w, err) == -1 ||
	    model_add(m, "events", w->farm, events, event_cols, err) == -1)
		return NULL;
	js_set_int(m, "refresh",
	    json_array_size(json_object_get(m, "work")) > 0 ? 5 : 30);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
stage_open(
    struct html *h, const char *name, int64_t n, const char *href, bool hot)
{
	html_open(h, "li", "class", hot ? "hot" : NULL, NULL);
	html_open(h, "a", "href", href, NULL);
	html_open(h, "b", NULL);
	view_count(h, n);
	html_close(h, "b");
	html_element(h, "span", name, "class", "name", NULL);
	html_open(h, "span", "class", "more", NULL);
}

static void
stage_close(struct html *h)
{
	html_close(h, "span");
	html_close(h, "a");
	html_close(h, "li");
}

static void
view_pipe(struct html *h, const json_t *m)
{
	const json_t *p = m_first(m, "pipe"), *t = m_first(m, "publication");
	int64_t running = m_int(p, "running"), queued = m_int(p, "queued");
	int64_t bad = m_int(p, "not_reproduced");

	html_open(h, "ol", "class", "pipe", "aria-label", "The pipe", NULL);
	stage_open(h, "suites watched", m_int(p, "suites"), "/recipes", false);
	view_ago(h, m_int(p, "checked_at"));
	stage_close(h);
	stage_open(h, "locks", m_int(p, "locks"), "/recipes", false);
	html_textf(h, "%lld held", (long long)m_int(p, "held"));
	stage_close(h);
	stage_open(h, "plans", m_int(p, "plans"), "/recipes", false);
	html_text(h, "current");
	stage_close(h);
	stage_open(
	    h, "building", running, "/builds?state=running", running > 0);
	html_textf(h, "%lld waiting", (long long)queued);
	stage_close(h);
	stage_open(h, "reproduced", m_int(p, "reproduced"), "/recipes", false);
	html_textf(h, "%lld not", (long long)bad);
	stage_close(h);
	stage_open(h, "published", m_int(t, "published"), "/releases", false);
	if (m_int(t, "published_at"))
		view_ago(h, m_int(t, "published_at"));
	else
		html_text(h, "not yet");
	stage_close(h);
	stage_open(h, "routers", m_int(m_first(m, "routers"), "routers"),
	    "/fleet", false);
	html_text(h, "report");
	stage_close(h);
	html_close(h, "ol");
}

static void
amount(struct html *h, const char *unit, int64_t n)
{
	if (strcmp(unit, "B") == 0)
		view_size(h, n);
	else if (strcmp(unit, "ms") == 0)
		view_duration(h, n);
	else
		view_count(h, n);
}

static void
one_work(struct html *h, const json_t *w)
{
	const char *unit = m_str(w, "unit"), *what = m_str(w, "what");
	int64_t n = m_int(w, "done"), total = m_int(w, "total");

	/* Time: how long it takes already, beside how long it took before. */
	if (strcmp(unit, "ms") == 0)
		n = 1000 * (time_now() - m_int(w, "started_at"));
	html_open(h, "li", NULL);
	html_open(h, "span", NULL);
	html_say(h, "span", "soft", "%s ", what);
	if (m_int(w, "run"))
		html_link(h, m_str(w, "subject"), "/build/%lld",
		    (long long)m_int(w, "run"));
	else
		html_element(h, "b", m_str(w, "subject"), NULL);
	html_close(h, "span");
	if (total > 0) {
		char value[24], max[24];

		snprintf(value, sizeof(value), "%lld",
		    (long long)(n > total ? total : n));
		snprintf(max, sizeof(max), "%lld", (long long)total);
		html_element(h, "progress", NULL, "value", value, "max", max,
		    "aria-label", m_str(w, "subject"), NULL);
	} else {
		html_element(
		    h, "span", "running", "class", "chip running", NULL);
	}
	html_open(h, "span", "class", "soft number", NULL);
	amount(h, unit, n);
	if (total > 0) {
		html_text(h, strcmp(unit, "ms") == 0 ? " of about " : " of ");
		amount(h, unit, total);
	}
	if (strcmp(unit, "B") != 0 && strcmp(unit, "ms") != 0)
		html_textf(h, " %s", unit);
	html_close(h, "span");
	html_close(h, "li");
}

static void
view_work(struct html *h, const json_t *work)
{
	const json_t *w;
	size_t i;

	view_section(h, "This minute", "work");
	if (json_array_size(work) == 0) {
		html_element(h, "p",
		    "Nothing to do: everything current has its verdict.",
		    "class", "empty", NULL);
	} else {
		html_open(h, "ul", "class", "work", NULL);
		json_array_foreach(work, i, w) one_work(h, w);
		html_close(h, "ul");
	}
	view_section_end(h);
}

static void
wait_row(struct html *h, const char *what, const char *href, const char *state,
    const char *text)
{
	html_open(h, "tr", NULL);
	html_open(h, "td", NULL);
	html_element(h, href ? "a" : "span", what, "href", href, NULL);
	html_close(h, "td");
	html_open(h, "td", NULL);
	view_state(h, state, NULL);
	html_close(h, "td");
	html_element(h, "td", text, "class", "why", NULL);
	html_close(h, "tr");
}

static void
wait_rows(struct html *h, const json_t *m)
{
	const json_t *r;
	char what[300], href[300];
	size_t i;

	json_array_foreach(json_object_get(m, "held"), i, r)
	{
		snprintf(href, sizeof(href), "/recipe/%s", m_str(r, "recipe"));
		wait_row(
		    h, m_str(r, "recipe"), href, "refused", m_str(r, "text"));
	}
	json_array_foreach(json_object_get(m, "not_reproduced"), i, r)
	{
		snprintf(what, sizeof(what), "%s %s", m_str(r, "recipe"),
		    m_str(r, "stage"));
		snprintf(href, sizeof(href), "/build/%lld",
		    (long long)m_int(r, "run"));
		wait_row(h, what, href, m_str(r, "verdict"),
		    m_str(r, "text")[0] ? m_str(r, "text")
					: "both lanes ended, with other bytes");
	}
	json_array_foreach(json_object_get(m, "queued"), i, r)
	{
		snprintf(what, sizeof(what), "%s %s, lane %s",
		    m_str(r, "recipe"), m_str(r, "stage"), m_str(r, "lane"));
		snprintf(href, sizeof(href), "/build/%lld",
		    (long long)m_int(r, "id"));
		wait_row(h, what, href, "queued",
		    "it waits for a free place among the builds");
	}
	json_array_foreach(json_object_get(m, "refused"), i, r)
	{
		wait_row(h, m_str(r, "service"), "/releases", "refused",
		    m_str(r, "text"));
	}
	json_array_foreach(json_object_get(m, "sets_waiting"), i, r)
	{
		snprintf(what, sizeof(what), "set of %s, %s",
		    m_str(r, "channel"), m_str(r, "arch"));
		wait_row(h, what, "/releases", "wait", m_str(r, "text"));
	}
}

static void
view_waiting(struct html *h, const json_t *m)
{
	static const char *const keys[] = { "held", "not_reproduced", "queued",
		"refused", "sets_waiting" };
	static const char *const head[] = { "what", "is", "why", NULL };
	size_t i, n = 0;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		n += json_array_size(json_object_get(m, keys[i]));
	view_section(h, "What waits, and why", "waits");
	if (n == 0) {
		html_element(h, "p", "Nothing waits.", "class", "empty", NULL);
	} else {
		view_table(h, "What waits, and why", head);
		wait_rows(h, m);
		view_table_end(h);
	}
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *e;
	size_t i;

	html_element(h, "p",
	    "Every service is baked from pinned inputs, twice, in lanes that "
	    "share nothing but those inputs. What came out bit for bit equal "
	    "goes on to the right.",
	    "class", "lede", NULL);
	html_open(h, "div", "id", "pipe", "data-live", "", NULL);
	view_pipe(h, m);
	html_close(h, "div");
	view_work(h, json_object_get(m, "work"));
	view_waiting(h, m);
	view_section(h, "Last events", "events");
	html_open(h, "ol", "class", "events", NULL);
	json_array_foreach(json_object_get(m, "events"), i, e)
	{
		html_open(h, "li", "class", m_str(e, "kind"), NULL);
		html_element(
		    h, "span", m_str(e, "subject"), "class", "on", NULL);
		html_text(h, m_str(e, "text"));
		view_ago(h, m_int(e, "at"));
		html_close(h, "li");
	}
	html_close(h, "ol");
	view_section_end(h);
}

void
page_now(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Now",
		.section = "/",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
