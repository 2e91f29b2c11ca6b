/* Signing in and out. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "web/account.h"
#include "web/form.h"
#include "web/frame.h"
#include "web/pages/pages.h"

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
		reply_go(re, "/login?wrong=1");
	} else {
		snprintf(re->cookie, sizeof(re->cookie),
		    "kiln=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s",
		    secret, SESSION_S, req_https(req) ? "; Secure" : "");
		reply_go(re, "/operate");
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
	reply_go(re, "/");
}
