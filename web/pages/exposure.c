/*
 * Exposure: how long a change took from the archive to the routers.  Each lock
 * is a row: when its cause was seen, when it was locked, built, reproduced,
 * published, and when half, nine of ten and all of the routers ran it.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define PAGE 25
#define PAGE_MAX 100

/* --- what is known ---------------------------------------------------------*/

/* A set that nobody came to is passed with the next. */
static int
add_reach(json_t *row, struct db *web, const char *channel, const char *arch,
    int64_t counter, struct err *err)
{
	static const char sql[] =
	    "SELECT (SELECT sum(routers) FROM router_group WHERE channel = ?1"
	    "  AND arch = ?2), half_at, most_at, all_at FROM reach WHERE"
	    " channel = ?1 AND arch = ?2 AND counter >= ?3 ORDER BY counter"
	    " LIMIT 1";
	static const char *const keys[] = { "routers", "half_at", "most_at",
		"all_at" };
	auto_stmt struct stmt *q = db_stmt(web, sql);
	int got, i;

	js_set_str(row, "channel", channel);
	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	if ((got = stmt_step(q, err)) != 1)
		return got;
	for (i = 0; i < (int)ARRAY_LEN(keys); i++)
		if (!stmt_null(q, i))
			js_set_int(row, keys[i], stmt_int(q, i));
	return 0;
}

/* Published when, and which sets of the newest channel name it. */
static int
add_routers(json_t *row, struct web *w, struct err *err)
{
	static const char published[] =
	    "SELECT published_at FROM release WHERE plan = ?1";
	/* The first set that names it, in the channel that has it newest.
	 * Who went past it has what came after it. */
	static const char sets[] =
	    "SELECT s.channel, s.arch, min(s.counter) FROM \"set\" s JOIN"
	    " own_target t ON t.digest = s.digest WHERE instr(t.bytes, ?1) AND"
	    " s.published_at IS NOT NULL GROUP BY s.channel, s.arch"
	    " ORDER BY max(s.published_at) DESC LIMIT 1";
	int got;

	if (w->tuf == NULL || m_str(row, "image")[0] == '\0')
		return 0;
	auto_stmt struct stmt *p = db_stmt(w->tuf, published);
	auto_stmt struct stmt *s = db_stmt(w->tuf, sets);

	stmt_bind_str(p, 1, m_str(row, "image_plan"));
	if ((got = stmt_step(p, err)) == -1)
		return -1;
	if (got == 1 && !stmt_null(p, 0))
		js_set_int(row, "published_at", stmt_int(p, 0));
	stmt_bind_str(s, 1, m_str(row, "image"));
	if ((got = stmt_step(s, err)) != 1)
		return got;
	return add_reach(
	    row, w->web, stmt_str(s, 0), stmt_str(s, 1), stmt_int(s, 2), err);
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT l.rowid, l.recipe, l.digest, l.made_at,"
	    " (SELECT at FROM event WHERE id = e.parent),"
	    " (SELECT count(*) FROM lock_change c WHERE c.event = l.event AND"
	    "  c.recipe = l.recipe AND c.security),"
	    " (SELECT group_concat(package, ', ') FROM (SELECT package FROM"
	    "  lock_change c WHERE c.event = l.event AND c.recipe = l.recipe"
	    "  AND c.security ORDER BY package LIMIT 8)),"
	    " (SELECT min(r.started_at) FROM plan p JOIN run r ON r.plan ="
	    "  p.digest WHERE p.recipe = l.recipe AND p.lock = l.digest),"
	    " coalesce((SELECT min(p.judged_at) FROM plan p WHERE p.recipe ="
	    "  l.recipe AND p.lock = l.digest AND p.stage = 'image' AND"
	    "  p.verdict = 'reproduced'), (SELECT min(p.judged_at) FROM plan p"
	    "  WHERE p.recipe = l.recipe AND p.lock = l.digest AND p.verdict ="
	    "  'reproduced')),"
	    " (SELECT s.plan FROM plan p JOIN release s ON s.plan = p.digest"
	    "  WHERE p.recipe = l.recipe AND p.lock = l.digest"
	    "  ORDER BY s.made_at LIMIT 1),"
	    " (SELECT o.digest FROM plan p JOIN release s ON s.plan = p.digest"
	    "  JOIN run r ON r.plan = p.digest JOIN output o ON o.run = r.id"
	    "  AND o.name IN ('image', 'vmlinuz') WHERE p.recipe = l.recipe"
	    "  AND p.lock = l.digest ORDER BY s.made_at LIMIT 1)"
	    " FROM lock l LEFT JOIN event e ON e.id = l.event"
	    " WHERE l.rowid < ?1 AND (?3 = 0 OR EXISTS (SELECT 1"
	    "  FROM lock_change c WHERE c.event = l.event AND c.security))"
	    " ORDER BY l.rowid DESC LIMIT ?2";
	static const char *const cols[] = { "#row", "recipe", "lock",
		"#locked_at", "#archive_at", "#security", "packages",
		"#built_at", "#reproduced_at", "image_plan", "image", NULL };
	const char *only = req_arg(req, "security");
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	struct paging p;
	json_t *rows, *r;
	size_t i;

	if (model_paging(req, PAGE, PAGE_MAX, &p, err) == -1)
		return NULL;
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);

	stmt_bind_int(q, 1, p.after ? p.after : INT64_MAX);
	stmt_bind_int(q, 2, p.limit + 1);
	stmt_bind_int(q, 3, only != NULL);
	if ((rows = model_rows(w->farm, q, cols, err)) == NULL)
		return NULL;
	js_set_bool(m, "security", only != NULL);
	model_page(m, rows, &p, "row");
	json_array_foreach(rows, i, r)
	{
		if (add_routers(r, w, err) == -1)
			return NULL;
	}
	js_set_int(m, "refresh", 60);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

/* How long after the row's start; what has not happened is an open clock. */
static void
after(struct html *h, const json_t *r, const char *key)
{
	int64_t start = m_int(r, "archive_at");
	int64_t at = m_int(r, key);

	if (start == 0)
		start = m_int(r, "locked_at");
	html_open(h, "td", "class", "number", NULL);
	if (at == 0) {
		html_element(h, "span", "\xe2\x80\xa6", "class", "soft",
		    "title", "not yet", NULL);
	} else {
		char text[TIME_TEXT];
		auto_buf struct buf b = BUF_INIT;

		time_text(at, text);
		num_add_duration(&b, 1000 * (at > start ? at - start : 0));
		html_element(
		    h, "time", b.data, "datetime", text, "title", text, NULL);
	}
	html_close(h, "td");
}

static void
row(struct html *h, const json_t *r)
{
	static const char *const keys[] = { "locked_at", "built_at",
		"reproduced_at", "published_at", "half_at", "most_at",
		"all_at" };
	size_t i;

	html_open(h, "tr", NULL);
	html_open(h, "td", NULL);
	view_recipe(h, m_str(r, "recipe"));
	html_text(h, " ");
	view_record(h, m_str(r, "lock"));
	if (m_int(r, "security")) {
		html_text(h, " ");
		html_element(h, "span", m_str(r, "packages"), "class",
		    "chip security", NULL);
	}
	html_close(h, "td");
	view_td_time(h, m_int(r, "archive_at") ? m_int(r, "archive_at")
					       : m_int(r, "locked_at"));
	for (i = 0; i < ARRAY_LEN(keys); i++)
		after(h, r, keys[i]);
	html_close(h, "tr");
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "lock", "seen in the archive",
		"#locked", "#build began", "#reproduced", "#published",
		"#on 50 %", "#on 90 %", "#on all", NULL };
	const json_t *items = json_object_get(m, "items"), *r;
	bool only = json_is_true(json_object_get(m, "security"));
	size_t i;

	html_element(h, "p",
	    "How long routers stay exposed: the clock starts when the archive "
	    "shows a change, and stops when they run what came of it.",
	    "class", "lede", NULL);
	html_open(h, "p", NULL);
	html_link(h, "A package's flaw", "/flaw");
	html_text(h,
	    ": which sets hold it, who runs them, and the one act that "
	    "mends them.");
	html_close(h, "p");
	html_open(h, "nav", "class", "filters", "aria-label", "Filter", NULL);
	html_element(h, "a", "every change", "href", "/exposure",
	    "aria-current", only ? NULL : "page", NULL);
	html_element(h, "a", "security updates", "href", "/exposure?security=1",
	    "aria-current", only ? "page" : NULL, NULL);
	html_close(h, "nav");
	html_open(h, "div", "id", "exposure", "data-live", "", NULL);
	if (json_array_size(items) == 0) {
		html_element(h, "p",
		    only ? "No security update has come since this farm began."
			 : "Nothing is locked yet.",
		    "class", "empty", NULL);
	} else {
		view_table(h, "From the archive to the routers", head);
		json_array_foreach(items, i, r) row(h, r);
		view_table_end(h);
	}
	html_close(h, "div");
	view_next(h, "/exposure", json_object_get(m, "next"),
	    only ? "&security=1" : "");
}

void
page_exposure(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Exposure",
		.section = "/exposure",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
