/* One router: what it runs, why nothing newer, and all it has said. */
#include <string.h>

#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/act.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/pages/router_why.h"

static json_t *
model(struct req *req, struct err *err)
{
	static const char about[] =
	    "SELECT id, key, first_at, state, cause, channel, arch, agent,"
	    " counter, seen_at, timestamp, set_sha, sequence, standing,"
	    " fleet_group, standing_at, standing_by, standing_why FROM router"
	    " WHERE id = ?1 AND (sequence > 0 OR standing <> 'waiting')";
	static const char *const about_cols[] = { "id", "key", "#first_at",
		"state", "cause", "channel", "arch", "agent", "#counter",
		"#seen_at", "#timestamp", "set", "#sequence", "standing",
		"group", "#standing_at", "standing_by", "standing_why", NULL };
	static const char reports[] =
	    "SELECT sequence, received_at, state, cause, counter, body FROM"
	    " report WHERE router = ?1 ORDER BY sequence DESC LIMIT 100";
	static const char *const report_cols[] = { "#sequence", "#received_at",
		"state", "cause", "#counter", "body", NULL };
	auto_json json_t *m = json_object();
	auto_free char *title = NULL;
	struct web *w = req->web;
	auto_stmt struct stmt *q = db_stmt(w->web, about);
	auto_stmt struct stmt *l = db_stmt(w->web, reports);
	json_t *r;
	size_t i;

	stmt_bind_str(q, 1, req->part[0]);
	stmt_bind_str(l, 1, req->part[0]);
	if (model_put(m, "about", w->web, q, about_cols, err) == -1)
		return NULL;
	if (json_array_size(json_object_get(m, "about")) == 0) {
		err_set(err, ERR_MISSING, "no such router has been heard of");
		return NULL;
	}
	if (model_put(m, "reports", w->web, l, report_cols, err) == -1 ||
	    router_newest(m, w, err) == -1)
		return NULL;
	/* The report itself instead of its text. */
	json_array_foreach(json_object_get(m, "reports"), i, r)
	{
		const char *text = m_str(r, "body");
		struct err ignored = ERR_INIT;
		json_t *body = js_parse("report", text, strlen(text), &ignored);

		js_set(r, "report", body ? body : json_null());
		json_object_del(r, "body");
	}
	title = mem_printf("Router %.12s", req->part[0]);
	js_set_str(m, "title", title);
	r = json_array_get(json_object_get(m, "about"), 0);
	router_why(r, json_object_get(m, "newest"));
	js_set_str(m, "why", m_str(r, "why"));
	act_know(req, m);
	js_set_int(m, "refresh", 30);
	return json_incref(m);
}

static void
view_services(struct html *h, const json_t *report)
{
	const json_t *services = json_object_get(report, "services"), *s;
	size_t i;

	if (json_array_size(services) == 0)
		return;
	html_open(h, "ul", "class", "outs", NULL);
	json_array_foreach(services, i, s)
	{
		html_open(h, "li", NULL);
		view_brick(h, m_str(s, "image"));
		html_element(h, "b", m_str(s, "service"), NULL);
		html_text(h, " ");
		view_artifact(h, m_str(s, "image"));
		html_text(h, " ");
		view_state(h, m_str(s, "state"), NULL);
		html_close(h, "li");
	}
	html_close(h, "ul");
}

static void
view_standing(struct html *h, const json_t *m, const json_t *a)
{
	const char *standing = m_str(a, "standing");

	view_section(h, "Does it belong to the fleet?", NULL);
	html_open(h, "p", NULL);
	view_state(h, standing, NULL);
	if (m_str(a, "group")[0])
		html_textf(h, " group %s", m_str(a, "group"));
	if (m_int(a, "standing_at")) {
		html_textf(h, " by %s, ", m_str(a, "standing_by"));
		view_ago(h, m_int(a, "standing_at"));
	}
	if (m_str(a, "standing_why")[0])
		html_textf(h, ": %s", m_str(a, "standing_why"));
	html_close(h, "p");
	device_forms(h, m, m_str(a, "id"), standing);
	view_section_end(h);
}

/* Older agents do not say. */
static void
view_cost(struct html *h, const json_t *update)
{
	html_open(h, "td", "class", "number", NULL);
	if (update)
		view_size(h, m_int(update, "bytes"));
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	if (json_is_integer(json_object_get(update, "switch_ms")))
		html_textf(h, "%lld ms", (long long)m_int(update, "switch_ms"));
	html_close(h, "td");
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "#report", "said", "#set", "heard",
		"#fetched", "#gap", "accelerator", NULL };
	const json_t *a = m_first(m, "about"), *r;
	size_t i;

	html_open(h, "div", "class", "heads", NULL);
	view_state(h, m_str(a, "state"), m_str(a, "cause"));
	html_textf(h, "set %lld of %s, %s", (long long)m_int(a, "counter"),
	    m_str(a, "channel"), m_str(a, "arch"));
	html_close(h, "div");
	view_section(h, "Why nothing newer", "why");
	html_textf(h, "%s.", m_str(m, "why"));
	view_section_end(h);
	view_standing(h, m, a);
	view_section(h, "What it runs", "runs");
	html_open(h, "dl", NULL);
	view_fact(h, "heard of");
	view_ago(h, m_int(a, "seen_at"));
	html_close(h, "dd");
	view_fact(h, "since");
	view_ago(h, m_int(a, "first_at"));
	html_close(h, "dd");
	view_fact_text(h, "agent", m_str(a, "agent"));
	view_fact(h, "metadata");
	html_textf(h, "timestamp %lld", (long long)m_int(a, "timestamp"));
	html_close(h, "dd");
	view_fact(h, "its key's digest");
	html_element(h, "span", m_str(a, "id"), "class", "digest whole", NULL);
	html_close(h, "dd");
	view_fact(h, "services");
	view_services(h, json_object_get(m_first(m, "reports"), "report"));
	html_close(h, "dd");
	html_close(h, "dl");
	view_section_end(h);
	view_section(h, "What it said", "reports");
	view_table(h, "Reports", head);
	json_array_foreach(json_object_get(m, "reports"), i, r)
	{
		html_open(h, "tr", NULL);
		view_td_count(h, m_int(r, "sequence"));
		html_open(h, "td", NULL);
		view_state(h, m_str(r, "state"), m_str(r, "cause"));
		html_close(h, "td");
		view_td_count(h, m_int(r, "counter"));
		view_td_time(h, m_int(r, "received_at"));
		view_cost(
		    h, json_object_get(json_object_get(r, "report"), "update"));
		view_td(h, m_str(json_object_get(r, "report"), "accel"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

void
page_router(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Router",
		.section = "/fleet",
		.web_only = true,
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
