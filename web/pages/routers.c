/* Routers: what each said last, signed by its own key. */
#include <string.h>

#include "lib/json.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT r.router, r.sequence, r.received_at, r.state, r.cause,"
	    " r.counter, r.body FROM report r WHERE r.sequence = (SELECT"
	    "  max(sequence) FROM report WHERE router = r.router)"
	    " ORDER BY r.received_at DESC LIMIT 500";
	static const char *const cols[] = { "router", "#sequence",
		"#received_at", "state", "cause", "#counter", "body", NULL };
	auto_stmt struct stmt *q = db_stmt(req->web->web, sql);
	json_t *rows = model_rows(req->web->web, q, cols, err), *r;
	size_t i;

	if (rows == NULL)
		return NULL;
	/* The report itself instead of its text. */
	json_array_foreach(rows, i, r)
	{
		const char *text = m_str(r, "body");
		struct err ignored = ERR_INIT;
		json_t *body = js_parse("report", text, strlen(text), &ignored);

		js_set(r, "report", body ? body : json_null());
		json_object_del(r, "body");
	}
	return rows;
}

static void
view_services(struct html *h, const json_t *report)
{
	const json_t *services = json_object_get(report, "services"), *s;
	size_t i;

	json_array_foreach(services, i, s)
	{
		html_textf(h, "%s%s ", i ? ", " : "", m_str(s, "service"));
		view_artifact(h, m_str(s, "image"));
		html_textf(h, " %s", m_str(s, "state"));
	}
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "router", "state", "set",
		"services", "channel", "accelerator", "last report", NULL };
	const json_t *r;
	size_t i;

	if (json_array_size(m) == 0) {
		html_element(h, "p", "No router has reported yet.", NULL);
		return;
	}
	view_table(h, "List", head);
	json_array_foreach(m, i, r)
	{
		const json_t *report = json_object_get(r, "report");

		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_digest(h, m_str(r, "router"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		html_element(h, "span", m_str(r, "state"), "class",
		    m_str(r, "state"), NULL);
		if (m_str(r, "cause")[0])
			html_textf(h, " (%s)", m_str(r, "cause"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		html_textf(h, "%lld", (long long)m_int(r, "counter"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_services(h, report);
		html_close(h, "td");
		html_element(h, "td", m_str(report, "channel"), NULL);
		html_element(h, "td", m_str(report, "accel"), NULL);
		html_open(h, "td", NULL);
		view_time(h, m_int(r, "received_at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
page_routers(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Fleet",
		.section = "/routers",
		.web_only = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
