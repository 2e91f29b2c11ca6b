/*
 * What operators ask for in general, and who did what.  The page files
 * requests and nothing more: kiln-tuf stops a set at once; what starts one
 * waits for the release key, and the page of releases shows what its holder
 * types.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/act.h"
#include "web/form.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/request.h"

/* --- what is asked for ---------------------------------------------------- */

static int
form_id(const struct req *req, const char *name, int64_t *out, struct err *err)
{
	char text[24];

	if (!form_get(&req->body, name, text, sizeof(text)))
		text[0] = '\0';
	return num_int(text, 1, JS_INT_MAX, out, err) == -1
		   ? err_prefix(err, "%s", name)
		   : 0;
}

/* Fields of the pages' forms; empty ones are left out. */
static json_t *
argument_of(const struct req *req, struct err *err)
{
	static const char *const fields[] = { "channel", "from", "reason" };
	auto_json json_t *argument = json_object();
	char value[600];
	int64_t run;
	size_t i;

	for (i = 0; i < ARRAY_LEN(fields); i++)
		if (form_get(&req->body, fields[i], value, sizeof(value)) &&
		    value[0])
			js_set_str(argument, fields[i], value);
	if (form_get(&req->body, "run", value, sizeof(value))) {
		if (form_id(req, "run", &run, err) == -1)
			return NULL;
		js_set_int(argument, "run", run);
	}
	return json_incref(argument);
}

static int
file_form(struct req *req, const char *kind, char back[64], struct err *err)
{
	auto_json json_t *argument = argument_of(req, err);
	struct request_end end;
	int64_t run;

	if (!argument || request_file(req, kind, argument, &end, err) == -1)
		return -1;
	run = m_int(argument, "run");
	if (run)
		snprintf(back, 64, "/build/%lld", (long long)run);
	return 0;
}

static int
close_form(struct req *req, bool approve, struct err *err)
{
	int64_t proposal, id;

	if (form_id(req, "proposal", &proposal, err) == -1)
		return -1;
	return request_close(req, proposal, approve, &id, err);
}

void
post_operate(struct req *req, struct reply *re)
{
	char kind[17] = "", back[64] = "/releases";
	struct err err = ERR_INIT;
	bool approve, refuse;

	if (!form_get(&req->body, "kind", kind, sizeof(kind)))
		kind[0] = '\0';
	approve = strcmp(kind, "approve") == 0;
	refuse = strcmp(kind, "refuse") == 0;
	if ((approve || refuse ? close_form(req, approve, &err)
			       : file_form(req, kind, back, &err)) == -1)
		reply_error(
		    req, re, reply_status(&err), err_cause(&err), err.msg);
	else
		reply_go(re, back);
}

/* --- the page ------------------------------------------------------------- */

static json_t *
operate_model(struct req *req, struct err *err)
{
	static const char sets[] =
	    "SELECT DISTINCT channel FROM published_set ORDER BY channel";
	static const char *const set_cols[] = { "channel", NULL };
	static const char audit[] =
	    "SELECT id, at, who, what, text FROM audit ORDER BY id DESC"
	    " LIMIT 50";
	static const char *const audit_cols[] = { "#id", "#at", "who", "what",
		"text", NULL };
	json_t *m = json_object();

	js_set_str(m, "name", req->who.name);
	js_set_str(m, "rank", rank_name(req->who.rank));
	act_know(req, m);
	if (model_add(m, "channels", req->web->tuf, sets, set_cols, err) ==
		-1 ||
	    model_add(m, "audit", req->web->web, audit, audit_cols, err) ==
		-1) {
		json_decref(m);
		return NULL;
	}
	return m;
}

static void
channel(struct html *h, const json_t *m, const char *name, const char *label)
{
	const json_t *c;
	size_t i;

	html_open(h, "label", NULL);
	html_text(h, label);
	html_open(h, "select", "name", name, NULL);
	json_array_foreach(json_object_get(m, "channels"), i, c)
	{
		html_element(h, "option", m_str(c, "channel"), NULL);
	}
	if (strcmp(name, "channel") == 0)
		html_element(h, "option", "stable", NULL);
	html_close(h, "select");
	html_close(h, "label");
}

static void
operate_view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "when", "who", "what", "about",
		NULL };
	const json_t *a;
	size_t i;

	html_open(h, "p", "class", "lede", NULL);
	html_textf(
	    h, "Signed in as %s, %s.", m_str(m, "name"), m_str(m, "rank"));
	html_close(h, "p");
	view_section(h, "Stop what a channel offers", NULL);
	html_element(h, "p",
	    "Carried out at once, for at most 14 days. It starts nothing.",
	    "class", "note", NULL);
	act_open(h, m, "/operate", "halt");
	channel(h, m, "channel", "Channel ");
	act_field(h, "Reason", "reason", 200, true);
	act_close(h, "Stop", NULL);
	view_section_end(h);
	view_section(h, "Ask the holder of the release key", NULL);
	html_element(h, "p",
	    "These wait. The page of releases shows what to type.", "class",
	    "note", NULL);
	act_open(h, m, "/operate", "promote");
	channel(h, m, "from", "Promote what is in ");
	channel(h, m, "channel", "to ");
	act_close(h, "Ask", NULL);
	act_open(h, m, "/operate", "resume");
	channel(h, m, "channel", "Go on with ");
	act_close(h, "Ask", NULL);
	view_section_end(h);
	view_section(h, "Who did what", NULL);
	view_table(h, "Audit log", head);
	json_array_foreach(json_object_get(m, "audit"), i, a)
	{
		html_open(h, "tr", NULL);
		view_td_time(h, m_int(a, "at"));
		view_td(h, m_str(a, "who"));
		view_td(h, m_str(a, "what"));
		html_element(h, "td", m_str(a, "text"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
	act_open(h, m, "/logout", NULL);
	act_close(h, "Sign out", "quiet");
}

void
page_operate(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Operate",
		.section = "/operate",
		.web_only = true,
		.model = operate_model,
		.view = operate_view };

	page_reply(req, re, &page);
}
