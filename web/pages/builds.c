/* Builds: every run, newest first. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define PAGE 50
#define PAGE_MAX 500

int
run_id(const struct req *req, int64_t *id, struct err *err)
{
	if (num_int(req->part[0], 1, INT64_MAX, id, err) == -1)
		return err_set(err, ERR_MISSING, "no such build");
	return 0;
}

static const char *const states[] = { "queued", "running", "succeeded",
	"failed", "lost", NULL };

static bool
is_state(const char *s)
{
	size_t i;

	for (i = 0; states[i]; i++)
		if (strcmp(states[i], s) == 0)
			return true;
	return false;
}

/* One statement for each filter, so that each finds its index. */
#define RUNS                                                            \
	"SELECT r.id, p.recipe, p.stage, r.lane, r.state, r.queued_at," \
	" r.started_at, r.finished_at, r.wall_ms, r.cause, r.plan,"     \
	" p.verdict, r.audit, e.text FROM run r"                        \
	" JOIN plan p ON p.digest = r.plan LEFT JOIN event e ON e.id =" \
	" p.event "
#define AFTER "r.id < ?1 "
#define LAST "ORDER BY r.id DESC LIMIT ?2"

static json_t *
model(struct req *req, struct err *err)
{
	static const char *const cols[] = { "#id", "recipe", "stage", "lane",
		"state", "#queued_at", "#started_at", "#finished_at",
		"#wall_ms", "cause", "plan", "verdict", "#audit", "why", NULL };
	static const char all[] = RUNS "WHERE " AFTER LAST;
	static const char in_hand[] = RUNS
	    "WHERE r.state IN ('queued', 'running') AND r.state = ?3 AND " AFTER
		LAST;
	static const char bad[] = RUNS
	    "WHERE r.state IN ('failed', 'lost') AND r.state = ?3 AND " AFTER
		LAST;
	static const char good[] = RUNS "WHERE +r.state = ?3 AND " AFTER LAST;
	static const char by_recipe[] =
	    RUNS "WHERE r.recipe = ?3 AND " AFTER LAST;
	const char *state = req_arg(req, "state");
	const char *recipe = req_arg(req, "recipe");
	auto_json json_t *m = json_object();
	const char *sql = all;
	struct paging p;
	json_t *rows;

	if (model_paging(req, PAGE, PAGE_MAX, &p, err) == -1)
		return NULL;
	if (state && !is_state(state)) {
		err_set(err, ERR_INPUT,
		    "state: queued, running, succeeded, failed or lost");
		return NULL;
	}
	if (state)
		sql = state[0] == 's'			   ? good
		      : state[0] == 'q' || state[0] == 'r' ? in_hand
							   : bad;
	else if (recipe)
		sql = by_recipe;
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);

	stmt_bind_int(q, 1, p.after ? p.after : INT64_MAX);
	stmt_bind_int(q, 2, p.limit + 1);
	if (state || recipe)
		stmt_bind_str(q, 3, state ? state : recipe);
	if ((rows = model_rows(req->web->farm, q, cols, err)) == NULL)
		return NULL;
	js_set_str(m, "state", state);
	js_set_str(m, "recipe", state ? NULL : recipe);
	model_page(m, rows, &p, "id");
	js_set_int(m, "refresh", 10);
	return json_incref(m);
}

static void
filters(struct html *h, const char *state, const char *recipe)
{
	size_t i;

	html_open(h, "nav", "class", "filters", "aria-label", "Filter", NULL);
	html_element(h, "a", "all", "href", "/builds", "aria-current",
	    state[0] || recipe[0] ? NULL : "page", NULL);
	for (i = 0; states[i]; i++) {
		auto_free char *href =
		    mem_printf("/builds?state=%s", states[i]);

		html_element(h, "a", states[i], "href", href, "aria-current",
		    strcmp(states[i], state) == 0 ? "page" : NULL, NULL);
	}
	if (recipe[0])
		html_element(h, "a", recipe, "href", "/builds", "aria-current",
		    "page", NULL);
	html_close(h, "nav");
}

static void
row(struct html *h, const json_t *r)
{
	html_open(h, "tr", NULL);
	html_open(h, "td", "class", "number", NULL);
	view_run(h, m_int(r, "id"));
	html_close(h, "td");
	html_open(h, "td", NULL);
	view_recipe(h, m_str(r, "recipe"));
	html_close(h, "td");
	view_td(h, m_str(r, "stage"));
	view_td(h, m_str(r, "lane"));
	html_open(h, "td", NULL);
	view_state(h, m_str(r, "state"), m_str(r, "cause"));
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	if (m_int(r, "wall_ms"))
		view_duration(h, m_int(r, "wall_ms"));
	html_close(h, "td");
	view_td_time(h, m_int(r, "started_at"));
	html_open(h, "td", NULL);
	view_verdict(h, m_str(r, "verdict"));
	html_close(h, "td");
	html_element(h, "td",
	    m_int(r, "audit") ? "a second look at a plan that has its verdict"
			      : m_str(r, "why"),
	    "class", "why soft", NULL);
	html_close(h, "tr");
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "#build", "recipe", "stage", "lane",
		"state", "#took", "started", "verdict of the plan", "why",
		NULL };
	const char *state = m_str(m, "state"), *recipe = m_str(m, "recipe");
	const json_t *items = json_object_get(m, "items"), *r;
	auto_free char *query = state[0]    ? mem_printf("&state=%s", state)
				: recipe[0] ? mem_printf("&recipe=%s", recipe)
					    : mem_str("");
	size_t i;

	html_open(h, "p", "class", "lede", NULL);
	html_text(h,
	    "Every plan is built twice, in lanes that differ in all that "
	    "should not matter. ");
	html_link(h, "Where they run", "/nodes");
	html_close(h, "p");
	filters(h, state, recipe);
	html_open(h, "div", "id", "runs", "data-live", "", NULL);
	if (json_array_size(items) == 0) {
		html_element(
		    h, "p", "No build is like this.", "class", "empty", NULL);
	} else {
		view_table(h, "Builds", head);
		json_array_foreach(items, i, r) row(h, r);
		view_table_end(h);
	}
	html_close(h, "div");
	view_next(h, "/builds", json_object_get(m, "next"), query);
}

void
page_builds(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Builds",
		.section = "/builds",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
