/*
 * A library's flaw: which images hold it, which routers run those, and the one
 * act that mends them.
 */
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/act.h"
#include "web/flaw.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static json_t *
model(struct req *req, struct err *err)
{
	const char *package = req_arg(req, "package");
	auto_free char *title = NULL;
	json_t *m;

	if (package == NULL) {
		m = json_object();
		js_set_str(m, "package", "");
		js_set(m, "sets", json_array());
		return m;
	}
	if ((m = flaw_model(req->web, package, err)) == NULL)
		return NULL;
	title = mem_printf("What holds %s", package);
	js_set_str(m, "title", title);
	act_know(req, m);
	return m;
}

static void
words(struct html *h, const json_t *list)
{
	const json_t *v;
	size_t i;

	html_open(h, "td", NULL);
	json_array_foreach(list, i, v)
	{
		html_text(h, i ? " " : "");
		html_element(h, "code", json_string_value(v), NULL);
	}
	html_close(h, "td");
}

static void
act(struct html *h, const json_t *m, const json_t *s)
{
	const char *from = m_str(s, "from"), *channel = m_str(s, "channel");
	auto_free char *button =
	    mem_printf("Ask for %s, from %s", channel, from);

	if (!from[0] || !act_may(m, RANK_OPERATOR))
		return;
	act_open(h, m, "/operate", "promote");
	act_hidden(h, "channel", channel);
	act_hidden(h, "from", from);
	act_close(h, button, NULL);
}

static void
one_set(struct html *h, const json_t *m, const json_t *s)
{
	static const char *const head[] = { "service", "its version",
		"in the newest image", "state", NULL };
	const json_t *list = json_object_get(s, "services"), *one;
	auto_free char *title = mem_printf("%s %lld, %s", m_str(s, "channel"),
	    (long long)m_int(s, "counter"), m_str(s, "arch"));
	size_t i;

	view_section(h, title, NULL);
	html_open(h, "p", NULL);
	html_textf(h, "%lld %s; %s.", (long long)m_int(s, "routers"),
	    m_int(s, "routers") == 1 ? "router runs it" : "routers run it",
	    m_str(s, "why"));
	html_close(h, "p");
	if (json_array_size(list)) {
		view_table(h, title, head);
		json_array_foreach(list, i, one)
		{
			html_open(h, "tr", NULL);
			html_open(h, "td", NULL);
			html_element(h, "b", m_str(one, "service"), NULL);
			html_text(h, " ");
			view_artifact(h, m_str(one, "image"));
			html_close(h, "td");
			words(h, json_object_get(one, "versions"));
			words(h, json_object_get(one, "newest_versions"));
			html_open(h, "td", NULL);
			if (json_is_true(json_object_get(one, "behind")))
				html_element(h, "span", "behind", "class",
				    "chip bad", NULL);
			html_close(h, "td");
			html_close(h, "tr");
		}
		view_table_end(h);
	}
	act(h, m, s);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *sets = json_object_get(m, "sets"), *s;
	size_t i;

	html_element(h, "p",
	    "From everything that went into each image, however far down. What "
	    "is asked for here is one promotion; the holder of the release key "
	    "signs it.",
	    "class", "lede", NULL);
	html_open(h, "form", "class", "line", "action", "/flaw", NULL);
	html_open(h, "label", NULL);
	html_text(h, "Package ");
	html_void(h, "input", "type", "text", "name", "package", "value",
	    m_str(m, "package"), "maxlength", "128", "required", "", NULL);
	html_close(h, "label");
	html_element(h, "button", "Look", "type", "submit", NULL);
	html_close(h, "form");
	if (m_str(m, "package")[0] && json_array_size(sets) == 0)
		html_element(
		    h, "p", "No set is published yet.", "class", "empty", NULL);
	json_array_foreach(sets, i, s) one_set(h, m, s);
}

void
page_flaw(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Flaw",
		.section = "/exposure",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
