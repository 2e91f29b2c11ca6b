/* Recipes: what each gives now, by whom reproduced, and one page per recipe. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT r.name, r.kind, r.summary, r.lock, r.error, p.stage,"
	    " p.digest, p.verdict, p.judged_at, o.name, o.digest, o.size,"
	    " (SELECT text FROM event WHERE id = p.event)"
	    " FROM recipe r LEFT JOIN current c ON c.recipe = r.name"
	    " LEFT JOIN plan p ON p.digest = c.plan"
	    " LEFT JOIN output o ON p.verdict = 'reproduced' AND o.run ="
	    "  (SELECT max(id) FROM run WHERE plan = p.digest AND"
	    "   state = 'succeeded')"
	    " ORDER BY r.name, p.stage, o.name";
	static const char *const cols[] = { "name", "kind", "summary", "lock",
		"error", "stage", "plan", "verdict", "#judged_at", "output",
		"digest", "#size", "why", NULL };
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);

	return model_rows(req->web->farm, q, cols, err);
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "recipe", "stage", "output",
		"digest", "size", "verdict", "judged", NULL };
	const json_t *r;
	size_t i;

	view_table(h, "List", head);
	json_array_foreach(m, i, r)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(h, m_str(r, "name"), "/recipe/%s", m_str(r, "name"));
		html_close(h, "td");
		html_element(h, "td", m_str(r, "stage"), NULL);
		html_element(h, "td", m_str(r, "output"), NULL);
		html_open(h, "td", NULL);
		view_artifact(h, m_str(r, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		if (m_int(r, "size"))
			view_size(h, m_int(r, "size"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		if (m_str(r, "error")[0])
			html_textf(h, "held: %s", m_str(r, "error"));
		else
			view_verdict(h, m_str(r, "verdict"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(r, "judged_at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
page_recipes(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Recipes",
		.section = "/recipes",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}

/* --- one recipe
 * -------------------------------------------------------------*/

static json_t *
one_model(struct req *req, struct err *err)
{
	static const char about[] =
	    "SELECT name, kind, summary, lock, error, tree FROM recipe"
	    " WHERE name = ?1";
	static const char *const about_cols[] = { "name", "kind", "summary",
		"lock", "error", "tree", NULL };
	static const char plans[] =
	    "SELECT p.digest, p.stage, p.lock, p.made_at, p.verdict,"
	    " p.verdict_record, p.judged_at, (SELECT text FROM event"
	    "  WHERE id = p.event) FROM plan p WHERE p.recipe = ?1"
	    " ORDER BY p.made_at DESC, p.stage LIMIT 100";
	static const char *const plan_cols[] = { "digest", "stage", "lock",
		"#made_at", "verdict", "verdict_record", "#judged_at", "why",
		NULL };
	static const char locks[] =
	    "SELECT digest, made_at, origin FROM lock WHERE recipe = ?1"
	    " ORDER BY made_at DESC LIMIT 100";
	static const char *const lock_cols[] = { "digest", "#made_at", "origin",
		NULL };
	auto_stmt struct stmt *a = db_stmt(req->web->farm, about);
	auto_stmt struct stmt *p = db_stmt(req->web->farm, plans);
	auto_stmt struct stmt *l = db_stmt(req->web->farm, locks);
	auto_json json_t *m = json_object();
	json_t *rows;

	stmt_bind_str(a, 1, req->part[0]);
	stmt_bind_str(p, 1, req->part[0]);
	stmt_bind_str(l, 1, req->part[0]);
	if ((rows = model_rows(req->web->farm, a, about_cols, err)) == NULL)
		return NULL;
	js_set(m, "about", rows);
	js_set_str(m, "title", req->part[0]);
	if (json_array_size(rows) == 0) {
		err_set(err, ERR_MISSING, "no recipe of this name");
		return NULL;
	}
	if ((rows = model_rows(req->web->farm, p, plan_cols, err)) == NULL)
		return NULL;
	js_set(m, "plans", rows);
	if ((rows = model_rows(req->web->farm, l, lock_cols, err)) == NULL)
		return NULL;
	js_set(m, "locks", rows);
	return json_incref(m);
}

static void
view_plans(struct html *h, const json_t *plans)
{
	static const char *const head[] = { "stage", "plan", "lock", "made",
		"why", "verdict", NULL };
	const json_t *p;
	size_t i;

	html_element(h, "h2", "Plans", NULL);
	view_table(h, "List", head);
	json_array_foreach(plans, i, p)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(p, "stage"), NULL);
		html_open(h, "td", NULL);
		view_record(h, m_str(p, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_record(h, m_str(p, "lock"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(p, "made_at"));
		html_close(h, "td");
		html_element(h, "td", m_str(p, "why"), "class", "why", NULL);
		html_open(h, "td", NULL);
		view_verdict(h, m_str(p, "verdict"));
		html_text(h, " ");
		view_record(h, m_str(p, "verdict_record"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
one_view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "lock", "made", "from", NULL };
	const json_t *a = json_array_get(json_object_get(m, "about"), 0), *l;
	size_t i;

	html_element(h, "p", m_str(a, "summary"), NULL);
	if (m_str(a, "error")[0])
		html_element(
		    h, "p", m_str(a, "error"), "class", "failed", NULL);
	view_plans(h, json_object_get(m, "plans"));
	html_element(h, "h2", "Locks", NULL);
	view_table(h, "List", head);
	json_array_foreach(json_object_get(m, "locks"), i, l)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_record(h, m_str(l, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(l, "made_at"));
		html_close(h, "td");
		html_element(h, "td", m_str(l, "origin"), NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
page_recipe(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Recipe",
		.section = "/recipes",
		.model = one_model,
		.view = one_view };

	page_reply(req, re, &page);
}
