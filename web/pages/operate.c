/*
 * Signing in, and what operators ask for.  The pages file requests and nothing
 * more: kiln-tuf stops a set at once; what starts one waits for the release
 * key, and the page of releases shows what its holder types.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/ask.h"
#include "web/form.h"
#include "web/frame.h"
#include "web/pages/pages.h"

/* --- in and out ------------------------------------------------------------*/

static json_t *
login_model(struct req *req, struct err *err)
{
	json_t *m = json_object();

	(void)err;
	js_set_str(m, "name", req->who.name);
	js_set_str(m, "says",
	    req_arg(req, "wrong")
		? "That name and password do not fit together."
		: "");
	return m;
}

static void
input(struct html *h, const char *label, const char *name, const char *type,
    const char *complete)
{
	html_open(h, "label", NULL);
	html_text(h, label);
	html_void(h, "input", "name", name, "type", type, "autocomplete",
	    complete, "required", "", "maxlength", "200", NULL);
	html_close(h, "label");
}

static void
login_view(struct html *h, const json_t *m)
{
	if (m_str(m, "says")[0])
		html_element(h, "p", m_str(m, "says"), "class", "alert", "role",
		    "alert", NULL);
	html_open(h, "form", "class", "ask card", "method", "post", "action",
	    "/login", NULL);
	input(h, "Name", "name", "text", "username");
	input(h, "Password", "password", "password", "current-password");
	html_element(h, "button", "Sign in", "type", "submit", NULL);
	html_close(h, "form");
	html_open(h, "p", "class", "note", NULL);
	html_text(h, "Accounts are made on the farm's machine: ");
	html_element(h, "code", "kiln-web account set NAME operator", NULL);
	html_close(h, "p");
}

void
page_login(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Sign in",
		.section = "",
		.web_only = true,
		.model = login_model,
		.view = login_view };

	page_reply(req, re, &page);
}

static void
go(struct reply *re, const char *where)
{
	snprintf(re->place, sizeof(re->place), "%s", where);
	re->location = re->place;
	re->status = 303;
}

void
post_login(struct req *req, struct reply *re)
{
	char name[ACCOUNT_NAME], password[256], secret[SECRET_TEXT];
	struct err err = ERR_INIT;
	int got = 0;

	if (form_get(&req->body, "name", name, sizeof(name)) &&
	    form_get(&req->body, "password", password, sizeof(password)))
		got =
		    account_login(req->web->web, name, password, secret, &err);
	sodium_memzero(password, sizeof(password));
	req->web->written++;
	if (got == -1) {
		reply_error(req, re, err.cls == ERR_BUSY ? 429 : 503,
		    err_cause(&err), err.msg);
	} else if (got == 0) {
		go(re, "/login?wrong=1");
	} else {
		snprintf(re->cookie, sizeof(re->cookie),
		    "kiln=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict",
		    secret, SESSION_S);
		go(re, "/operate");
	}
}

void
post_logout(struct req *req, struct reply *re)
{
	const char *secret =
	    MHD_lookup_connection_value(req->con, MHD_COOKIE_KIND, "kiln");
	struct err err = ERR_INIT;

	if (secret && account_logout(req->web->web, secret, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
		return;
	}
	snprintf(re->cookie, sizeof(re->cookie),
	    "kiln=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
	go(re, "/");
}

/* --- what is asked for -----------------------------------------------------*/

static int
file_request(struct req *req, const char *kind, const json_t *argument,
    int64_t *id, struct err *err)
{
	static const char *const kinds[] = { "halt", "promote", "start",
		"resume", "waves" };
	auto_buf struct buf text = BUF_INIT;
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			break;
	if (i == ARRAY_LEN(kinds))
		return err_set(err, ERR_INPUT,
		    "kind: halt, promote, start, resume or waves");
	if (ask_json(req->web, kinds[i], argument, req->who.name, id, err) ==
	    -1)
		return -1;
	req->web->written++;
	js_text(argument, false, &text);
	return audit_add(
	    req->web->web, req->who.name, kinds[i], text.data, err);
}

/* POST /api/v1/requests {"kind", "argument": {…}} */
void
api_request(struct req *req, struct reply *re)
{
	static const char *const keys[] = { "kind", "argument", NULL };
	struct err err = ERR_INIT;
	auto_json json_t *j =
	    js_parse("request", req->body.data, req->body.len, &err);
	auto_json json_t *ok = json_object();
	const char *kind;
	json_t *argument;
	int64_t id;

	if (j == NULL || js_only("request", j, keys, &err) == -1 ||
	    js_str("request", j, "kind", &kind, &err) == -1 ||
	    js_object("request", j, "argument", &argument, &err) == -1 ||
	    file_request(req, kind, argument, &id, &err) == -1) {
		reply_error(req, re, err.cls == ERR_INPUT ? 400 : 503,
		    err_cause(&err), err.msg);
		return;
	}
	js_set_int(ok, "id", id);
	reply_json(re, ok);
	re->status = 202;
}

/* Fields of the page's forms; empty ones are left out. */
void
post_operate(struct req *req, struct reply *re)
{
	static const char *const fields[] = { "channel", "from", "reason" };
	auto_json json_t *argument = json_object();
	struct err err = ERR_INIT;
	char kind[16] = "", value[300];
	int64_t id;
	size_t i;

	if (!form_get(&req->body, "kind", kind, sizeof(kind)))
		kind[0] = '\0';
	for (i = 0; i < ARRAY_LEN(fields); i++)
		if (form_get(&req->body, fields[i], value, sizeof(value)) &&
		    value[0])
			js_set_str(argument, fields[i], value);
	if (file_request(req, kind, argument, &id, &err) == -1)
		reply_error(req, re, err.cls == ERR_INPUT ? 400 : 503,
		    err_cause(&err), err.msg);
	else
		go(re, "/releases");
}

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
	js_set_str(m, "csrf", req->json ? NULL : req->who.csrf);
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
form_open(struct html *h, const json_t *m, const char *action, const char *kind)
{
	html_open(h, "form", "class", "line", "method", "post", "action",
	    action, NULL);
	html_void(h, "input", "type", "hidden", "name", "csrf", "value",
	    m_str(m, "csrf"), NULL);
	if (kind)
		html_void(h, "input", "type", "hidden", "name", "kind", "value",
		    kind, NULL);
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
	form_open(h, m, "/operate", "halt");
	channel(h, m, "channel", "Channel ");
	input(h, "Reason", "reason", "text", "off");
	html_element(h, "button", "Stop", "type", "submit", NULL);
	html_close(h, "form");
	view_section_end(h);
	view_section(h, "Ask the holder of the release key", NULL);
	html_element(h, "p",
	    "These wait. The page of releases shows what to type.", "class",
	    "note", NULL);
	form_open(h, m, "/operate", "promote");
	channel(h, m, "from", "Promote what is in ");
	channel(h, m, "channel", "to ");
	html_element(h, "button", "Ask", "type", "submit", NULL);
	html_close(h, "form");
	form_open(h, m, "/operate", "resume");
	channel(h, m, "channel", "Go on with ");
	html_element(h, "button", "Ask", "type", "submit", NULL);
	html_close(h, "form");
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
	form_open(h, m, "/logout", NULL);
	html_element(
	    h, "button", "Sign out", "type", "submit", "class", "quiet", NULL);
	html_close(h, "form");
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
