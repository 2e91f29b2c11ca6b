/* Recipes: what each gives now, by whom reproduced. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static int
add_versions(json_t *m, struct web *w, struct err *err)
{
	static const char sql[] =
	    "SELECT l.digest, l.service, p.recipe FROM release l"
	    " JOIN plan p ON p.digest = l.plan WHERE l.rowid IN (SELECT"
	    "  (SELECT rowid FROM release WHERE service = s.service AND"
	    "   arch = s.arch ORDER BY made_at DESC LIMIT 1)"
	    "  FROM (SELECT DISTINCT service, arch FROM release) s)";
	static const char *const cols[] = { "release", "service", "recipe",
		NULL };
	json_t *r;
	size_t i;

	if (model_add(m, "versions", w->farm, sql, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "versions"), i, r)
	{
		auto_json json_t *record = model_record(w, m_str(r, "release"));

		js_set_str(r, "version", m_str(record, "version"));
	}
	return 0;
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char recipes[] =
	    "SELECT name, kind, summary, lock, error,"
	    " (SELECT made_at FROM lock WHERE digest = recipe.lock AND recipe ="
	    "  recipe.name LIMIT 1) FROM recipe ORDER BY name";
	static const char *const recipe_cols[] = { "name", "kind", "summary",
		"lock", "error", "#locked_at", NULL };
	static const char outputs[] =
	    "SELECT c.recipe, c.stage, c.plan, p.verdict, p.judged_at, o.run,"
	    " o.name, o.digest, o.size FROM current c"
	    " JOIN plan p ON p.digest = c.plan"
	    " LEFT JOIN output o ON p.verdict = 'reproduced' AND o.run ="
	    "  (SELECT max(id) FROM run WHERE plan = p.digest AND"
	    "   state = 'succeeded')"
	    " ORDER BY c.recipe, c.stage, o.name";
	static const char *const output_cols[] = { "recipe", "stage", "plan",
		"verdict", "#judged_at", "#run", "output", "digest", "#size",
		NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;

	if (model_add(m, "recipes", w->farm, recipes, recipe_cols, err) == -1 ||
	    model_add(m, "outputs", w->farm, outputs, output_cols, err) == -1 ||
	    add_versions(m, w, err) == -1)
		return NULL;
	js_set_int(m, "refresh", 30);
	return json_incref(m);
}

/* The image if there is one, else what the build gives, at most four. */
static void
outputs(struct html *h, const json_t *all, const char *recipe)
{
	const json_t *o;
	bool image = false;
	size_t i, n = 0;

	json_array_foreach(all, i, o)
	{
		image |= strcmp(m_str(o, "recipe"), recipe) == 0 &&
			 strcmp(m_str(o, "stage"), "image") == 0 &&
			 m_str(o, "digest")[0];
	}
	html_open(h, "ul", "class", "outs", NULL);
	json_array_foreach(all, i, o)
	{
		if (strcmp(m_str(o, "recipe"), recipe) != 0 ||
		    m_str(o, "digest")[0] == '\0' ||
		    (image && strcmp(m_str(o, "stage"), "image") != 0) ||
		    n == 4)
			continue;
		n++;
		html_open(h, "li", NULL);
		view_output(h, m_str(o, "output"), m_str(o, "digest"),
		    m_int(o, "size"));
		html_close(h, "li");
	}
	html_close(h, "ul");
}

static void
verdicts(struct html *h, const json_t *all, const char *recipe)
{
	const char *last = "";
	const json_t *o;
	size_t i;

	html_open(h, "p", NULL);
	json_array_foreach(all, i, o)
	{
		if (strcmp(m_str(o, "recipe"), recipe) != 0 ||
		    strcmp(last, m_str(o, "stage")) == 0)
			continue;
		last = m_str(o, "stage");
		html_say(h, "span", "soft", "%s ", last);
		view_verdict(h, m_str(o, "verdict"));
		html_text(h, " ");
	}
	html_close(h, "p");
}

static void
card(struct html *h, const json_t *m, const json_t *r)
{
	const json_t *all = json_object_get(m, "outputs"), *v;
	const char *name = m_str(r, "name");
	size_t i;

	html_open(h, "div", "class", "card", NULL);
	html_open(h, "h2", NULL);
	view_recipe(h, name);
	json_array_foreach(json_object_get(m, "versions"), i, v)
	{
		if (strcmp(m_str(v, "recipe"), name) == 0)
			html_say(h, "span", "soft", " %s", m_str(v, "version"));
	}
	html_close(h, "h2");
	html_element(h, "p", m_str(r, "summary"), "class", "soft", NULL);
	if (m_str(r, "error")[0])
		html_element(h, "p", m_str(r, "error"), "class", "alert", NULL);
	verdicts(h, all, name);
	outputs(h, all, name);
	html_close(h, "div");
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *recipes = json_object_get(m, "recipes"), *r;
	size_t i;

	html_element(h, "p",
	    "What each recipe gives now. The bricks are the digest: what is "
	    "equal looks equal.",
	    "class", "lede", NULL);
	html_open(h, "p", "class", "note", NULL);
	html_link(h, "what each service takes, and who asked it", "/proofs");
	html_close(h, "p");
	html_open(
	    h, "div", "class", "cards", "id", "recipes", "data-live", "", NULL);
	json_array_foreach(recipes, i, r) card(h, m, r);
	html_close(h, "div");
	if (json_array_size(recipes) == 0)
		html_element(
		    h, "p", "No recipe is loaded yet.", "class", "empty", NULL);
}

void
page_recipes(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Recipes",
		.section = "/recipes",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
