#include "web/pages/proposals.h"

#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "web/act.h"
#include "web/model.h"
#include "web/view.h"

int
proposals_add(struct req *req, json_t *m, struct err *err)
{
	static const char sql[] =
	    "SELECT id, at, kind, argument, by, closed_at, closed_by, request"
	    " FROM (SELECT * FROM proposal WHERE closed_at IS NULL ORDER BY id"
	    " DESC LIMIT 20) UNION ALL SELECT id, at, kind, argument, by,"
	    " closed_at, closed_by, request FROM (SELECT * FROM proposal WHERE"
	    " closed_at IS NOT NULL ORDER BY id DESC LIMIT 5)";
	static const char *const cols[] = { "#id", "#at", "kind", "argument",
		"by", "#closed_at", "closed_by", "#request", NULL };

	act_know(req, m);
	return model_add(m, "proposals", req->web->web, sql, cols, err);
}

static void
decide(struct html *h, const json_t *m, const char *kind, const char *button,
    int64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)id);
	act_open(h, m, "/operate", kind);
	act_hidden(h, "proposal", text);
	act_close(h, button, "quiet");
}

static void
one(struct html *h, const json_t *m, const json_t *p)
{
	const char *me = m_str(json_object_get(m, "me"), "name");
	bool own = strcmp(me, m_str(p, "by")) == 0;

	html_open(h, "div", "class", "card", NULL);
	html_open(h, "p", NULL);
	html_element(h, "b", m_str(p, "kind"), NULL);
	html_textf(h, " by %s ", m_str(p, "by"));
	view_ago(h, m_int(p, "at"));
	html_text(h, ": ");
	html_element(h, "code", m_str(p, "argument"), NULL);
	html_close(h, "p");
	if (m_int(p, "closed_at")) {
		html_open(h, "p", "class", "note", NULL);
		html_textf(h, "%s by %s ",
		    m_int(p, "request") ? "Approved" : "Refused",
		    m_str(p, "closed_by"));
		view_ago(h, m_int(p, "closed_at"));
		html_close(h, "p");
	} else if (act_may(m, RANK_OPERATOR)) {
		if (own)
			html_element(h, "p", "Somebody else has to approve it.",
			    "class", "note", NULL);
		else
			decide(h, m, "approve", "Approve", m_int(p, "id"));
		decide(h, m, "refuse", own ? "Take back" : "Refuse",
		    m_int(p, "id"));
	}
	html_close(h, "div");
}

void
proposals_view(struct html *h, const json_t *m)
{
	const json_t *list = json_object_get(m, "proposals"), *p;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	view_section(h, "Wait for a second person", NULL);
	html_element(h, "p",
	    "Nobody is asked for these before another account approves them.",
	    "class", "note", NULL);
	json_array_foreach(list, i, p) one(h, m, p);
	view_section_end(h);
}
