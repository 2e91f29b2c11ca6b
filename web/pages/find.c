/*
 * One field for everything: a digest, a build's number, a recipe's name, or a
 * package: which services hold it, in which version, and how many routers run
 * those.
 */
#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/routers.h"

static void
add_hit(json_t *hits, const char *recipe, const char *part, const json_t *p,
    const char *version)
{
	json_t *one = json_object();

	js_set_str(one, "recipe", recipe);
	js_set_str(one, "part", part);
	js_set_str(one, "package", m_str(p, "name"));
	js_set_str(one, "version", version);
	js_set_str(one, "sha256", m_str(p, "sha256"));
	json_array_append_new(hits, one);
}

/* The image that stands for a recipe, and how many routers run a set that
 * names it. */
static int
add_reach(json_t *hit, struct web *w, struct err *err)
{
	static const char image[] =
	    "SELECT o.digest FROM current c JOIN output o ON o.run = (SELECT"
	    "  max(id) FROM run WHERE plan = c.plan AND state = 'succeeded')"
	    " WHERE c.recipe = ?1 AND c.stage = 'image' AND o.name = 'image'";
	static const char sets[] =
	    "SELECT s.digest FROM \"set\" s JOIN own_target t ON t.digest ="
	    " s.digest WHERE instr(t.bytes, ?1) ORDER BY s.made_at DESC"
	    " LIMIT 50";
	auto_stmt struct stmt *q = db_stmt(w->farm, image);
	int64_t n = 0;
	int got;

	stmt_bind_str(q, 1, m_str(hit, "recipe"));
	if ((got = stmt_step(q, err)) != 1)
		return got;
	js_set_str(hit, "image", stmt_str(q, 0));
	if (w->tuf == NULL)
		return 0;
	auto_stmt struct stmt *s = db_stmt(w->tuf, sets);

	stmt_bind_str(s, 1, m_str(hit, "image"));
	while ((got = stmt_step(s, err)) == 1) {
		int64_t some = routers_of_set(w->web, stmt_str(s, 0), err);

		if (some == -1)
			return -1;
		n += some;
	}
	js_set_int(hit, "routers", n);
	return got;
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] = "SELECT name, lock FROM recipe WHERE lock IS"
				  " NOT NULL ORDER BY name LIMIT 500";
	static const char *const cols[] = { "name", "lock", NULL };
	static const char *const parts[] = { "build", "image", "sources" };
	const char *want = req_arg(req, "q");
	auto_json json_t *m = json_object();
	auto_json json_t *all = json_object();
	json_t *hits = json_array(), *r;
	size_t i, k, l;

	js_set(m, "hits", hits);
	js_set_str(m, "q", want ? want : "");
	if (model_add(all, "rows", req->web->farm, sql, cols, err) == -1)
		return NULL;
	if (want == NULL || want[0] == '\0')
		return json_incref(m);
	json_array_foreach(json_object_get(all, "rows"), i, r)
	{
		auto_json json_t *lock =
		    model_record(req->web, m_str(r, "lock"));

		for (k = 0; k < ARRAY_LEN(parts); k++) {
			const json_t *p;

			json_array_foreach(
			    json_object_get(lock, parts[k]), l, p)
			{
				if (strcmp(m_str(p, "name"), want) == 0 ||
				    strcmp(m_str(p, "sha256"), want) == 0)
					add_hit(hits, m_str(r, "name"),
					    parts[k], p, m_str(p, "version"));
			}
		}
	}
	json_array_foreach(hits, i, r)
	{
		if (add_reach(r, req->web, err) == -1)
			return NULL;
	}
	return json_incref(m);
}

/* In a query a '+' would be a blank: libstdc++6. */
static void
link_flaw(struct html *h, const char *package)
{
	auto_buf struct buf b = BUF_INIT;

	for (; *package; package++)
		if (*package == '+')
			buf_str(&b, "%2B");
		else
			buf_char(&b, *package);
	html_link(h, "What mends it", "/flaw?package=%s", b.data);
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "package", "version", "service",
		"part", "its image", "#routers that run it", NULL };
	const json_t *hits = json_object_get(m, "hits"), *r;
	size_t i;

	if (json_array_size(hits) == 0) {
		html_open(h, "p", "class", "empty", NULL);
		html_text(h, "Nothing here is called or has the digest ");
		html_element(h, "code", m_str(m, "q"), NULL);
		html_text(h, ".");
		html_close(h, "p");
		return;
	}
	html_element(h, "p",
	    "Which services rest on it, and how many routers run them.",
	    "class", "lede", NULL);
	html_open(h, "p", NULL);
	link_flaw(h, m_str(json_array_get(hits, 0), "package"));
	html_text(h, ": which sets hold it, who runs them, one act.");
	html_close(h, "p");
	view_table(h, "Services that rest on it", head);
	json_array_foreach(hits, i, r)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(r, "package"));
		html_open(h, "td", NULL);
		html_element(h, "code", m_str(r, "version"), NULL);
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_recipe(h, m_str(r, "recipe"));
		html_close(h, "td");
		view_td(h, m_str(r, "part"));
		html_open(h, "td", NULL);
		view_artifact(h, m_str(r, "image"));
		html_close(h, "td");
		view_td_count(h, m_int(r, "routers"));
		html_close(h, "tr");
	}
	view_table_end(h);
}

static bool
known(struct db *db, const char *sql, const char *word)
{
	struct err err = ERR_INIT;
	auto_stmt struct stmt *q = NULL;

	if (db == NULL)
		return false;
	q = db_stmt(db, sql);
	stmt_bind_str(q, 1, word);
	return stmt_step(q, &err) == 1;
}

/* Where one thing alone can be meant, straight there. */
static bool
straight(struct req *req, struct reply *re, const char *q)
{
	static const char recipe[] = "SELECT 1 FROM recipe WHERE name = ?1";
	static const char output[] =
	    "SELECT 1 FROM output WHERE digest = ?1 LIMIT 1";
	static const char router[] = "SELECT 1 FROM router WHERE id = ?1";
	static const char run[] = "SELECT 1 FROM run WHERE id = ?1";
	struct web *w = req->web;
	struct err err = ERR_INIT;
	const char *to = NULL;
	struct hash digest;
	int64_t n;

	if (hash_parse(&digest, q))
		to = known(w->farm, output, q)	? "/image/"
		     : known(w->web, router, q) ? "/router/"
						: NULL;
	else if (num_int(q, 1, INT64_MAX, &n, &err) == 0)
		to = known(w->farm, run, q) ? "/build/" : NULL;
	else if (name_ok(q))
		to = known(w->farm, recipe, q) ? "/recipe/" : NULL;
	if (to == NULL)
		return false;
	snprintf(re->place, sizeof(re->place), "%s%s", to, q);
	re->location = re->place;
	re->status = 303;
	return true;
}

void
page_find(struct req *req, struct reply *re)
{
	static const struct page page = {
		.title = "Found", .section = "", .model = model, .view = view
	};
	const char *q = req_arg(req, "q");

	req_readers(req);
	if (!req->json && q && straight(req, re, q))
		return;
	page_reply(req, re, &page);
}
