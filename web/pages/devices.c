/*
 * Devices: who belongs to the fleet, who waits to be let in, and the tokens
 * that let one in each.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/act.h"
#include "web/fleet.h"
#include "web/form.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define PAGE 50
#define PAGE_MAX 500

/* --- what is known ---------------------------------------------------------*/

static int
add_counts(json_t *m, struct web *w, struct err *err)
{
	static const char sql[] =
	    "SELECT standing, fleet_group, count(*) FROM router"
	    " GROUP BY standing, fleet_group ORDER BY standing, fleet_group"
	    " LIMIT 200";
	static const char *const cols[] = { "standing", "group", "#devices",
		NULL };
	static const char tokens[] =
	    "SELECT made_at, made_by, ends_at, fleet_group FROM enrolment"
	    " WHERE router IS NULL AND ends_at > ?1 ORDER BY ends_at LIMIT 50";
	static const char *const token_cols[] = { "#made_at", "made_by",
		"#ends_at", "group", NULL };

	if (model_add(m, "groups", w->web, sql, cols, err) == -1)
		return -1;
	auto_stmt struct stmt *q = db_stmt(w->web, tokens);

	stmt_bind_int(q, 1, time_now());
	return model_put(m, "tokens", w->web, q, token_cols, err);
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT rowid, id, standing, fleet_group, first_at, seen_at,"
	    " standing_at, standing_by, standing_why, agent FROM router"
	    " INDEXED BY router_stands WHERE standing = ?3 AND"
	    " rowid < ?1"
	    " ORDER BY rowid DESC LIMIT ?2";
	static const char *const cols[] = { "#row", "id", "standing", "group",
		"#first_at", "#seen_at", "#standing_at", "standing_by",
		"standing_why", "agent", NULL };
	const char *standing = req_arg(req, "standing");
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	struct paging p;
	json_t *rows;

	if (standing == NULL)
		standing = "waiting";
	if (!fleet_standing_ok(standing)) {
		err_set(err, ERR_INPUT,
		    "standing: waiting, accepted, held or retired");
		return NULL;
	}
	if (model_paging(req, PAGE, PAGE_MAX, &p, err) == -1 ||
	    add_counts(m, w, err) == -1)
		return NULL;
	auto_stmt struct stmt *q = db_stmt(w->web, sql);

	stmt_bind_int(q, 1, p.after ? p.after : INT64_MAX);
	stmt_bind_int(q, 2, p.limit + 1);
	stmt_bind_str(q, 3, standing);
	if ((rows = model_rows(w->web, q, cols, err)) == NULL)
		return NULL;
	js_set_str(m, "standing", standing);
	model_page(m, rows, &p, "row");
	act_know(req, m);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

void
device_forms(
    struct html *h, const json_t *m, const char *id, const char *standing)
{
	static const struct {
		const char *kind, *button;
	} acts[] = { { "accepted", "Accept" }, { "held", "Hold" },
		{ "retired", "Retire" } };

	if (!act_may(m, RANK_OPERATOR))
		return;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (strcmp(standing, acts[i].kind) == 0)
			continue;
		act_open(h, m, "/device", acts[i].kind);
		act_hidden(h, "router", id);
		act_field(h, "Reason", "why", FLEET_WHY_MAX, false);
		act_close(h, acts[i].button, "quiet");
	}
}

static void
view_tokens(struct html *h, const json_t *m)
{
	static const char *const head[] = { "group", "made by", "made", "ends",
		NULL };
	const json_t *t;
	size_t i;

	view_section(h, "Tokens", NULL);
	html_element(h, "p",
	    "A token lets in one device, once. It is shown when it is made, "
	    "and never again.",
	    "class", "note", NULL);
	if (act_may(m, RANK_OPERATOR)) {
		act_open(h, m, "/device", "token");
		act_field(h, "Group", "group", FLEET_GROUP_MAX, false);
		act_field(h, "Ends after", "lifetime", 12, false);
		act_close(h, "Make a token", NULL);
	}
	if (m_first(m, "tokens")) {
		view_table(h, "Tokens that wait for their device", head);
		json_array_foreach(json_object_get(m, "tokens"), i, t)
		{
			html_open(h, "tr", NULL);
			view_td(h, m_str(t, "group"));
			view_td(h, m_str(t, "made_by"));
			view_td_time(h, m_int(t, "made_at"));
			html_open(h, "td", NULL);
			view_until(h, m_int(t, "ends_at"));
			html_close(h, "td");
			html_close(h, "tr");
		}
		view_table_end(h);
	}
	view_section_end(h);
}

static void
view_device(struct html *h, const json_t *d)
{
	auto_free char *brief = mem_printf("%.12s", m_str(d, "id"));

	html_open(h, "tr", NULL);
	html_open(h, "td", NULL);
	view_brick(h, m_str(d, "id"));
	html_open(h, "span", "class", "digest", NULL);
	html_link(h, brief, "/router/%s", m_str(d, "id"));
	html_close(h, "span");
	html_close(h, "td");
	view_td(h, m_str(d, "group"));
	view_td(h, m_str(d, "agent"));
	view_td_time(h, m_int(d, "first_at"));
	view_td_time(h, m_int(d, "seen_at"));
	html_open(h, "td", "class", "why", NULL);
	if (m_str(d, "standing_by")[0])
		html_textf(h, "by %s: %s", m_str(d, "standing_by"),
		    m_str(d, "standing_why"));
	html_close(h, "td");
	html_close(h, "tr");
}

static void
view_groups(struct html *h, const json_t *m)
{
	static const char *const words[] = { "waiting", "accepted", "held",
		"retired" };
	static const char *const head[] = { "standing", "group", "#devices",
		NULL };
	const char *here = m_str(m, "standing");
	const json_t *g;
	size_t i;

	html_open(h, "nav", "class", "filters", "aria-label", "Filter", NULL);
	for (i = 0; i < ARRAY_LEN(words); i++) {
		auto_free char *href =
		    mem_printf("/devices?standing=%s", words[i]);

		html_element(h, "a", words[i], "href", href, "aria-current",
		    strcmp(here, words[i]) == 0 ? "page" : NULL, NULL);
	}
	html_close(h, "nav");
	if (m_first(m, "groups") == NULL)
		return;
	view_table(h, "Devices by standing and group", head);
	json_array_foreach(json_object_get(m, "groups"), i, g)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(g, "standing"));
		view_td(h, m_str(g, "group"));
		view_td_count(h, m_int(g, "devices"));
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "device", "group", "agent",
		"first heard", "last heard", "decided", NULL };
	const char *here = m_str(m, "standing");
	const json_t *items = json_object_get(m, "items"), *d;
	auto_free char *query = mem_printf("&standing=%s", here);
	size_t i;

	html_element(h, "p",
	    "Anybody can make a key and report under it. Who has not been "
	    "accepted counts for nothing; what a retired device says is "
	    "refused.",
	    "class", "lede", NULL);
	view_groups(h, m);
	view_section(h, "Devices", NULL);
	if (json_array_size(items) == 0) {
		html_say(h, "p", "empty", "No device is %s.", here);
	} else {
		view_table(h, "Devices of this standing", head);
		json_array_foreach(items, i, d) view_device(h, d);
		view_table_end(h);
	}
	view_section_end(h);
	view_next(h, "/devices", json_object_get(m, "next"), query);
	view_tokens(h, m);
}

void
page_devices(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Devices",
		.section = "/fleet",
		.web_only = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}

/* --- what is done ----------------------------------------------------------*/

/* A form's field, "" without one. */
static void
field(const struct req *req, const char *name, char *out, size_t n)
{
	if (!form_get(&req->body, name, out, n))
		out[0] = '\0';
}

static json_t *
token_model(struct req *req, struct err *err)
{
	char group[FLEET_GROUP_MAX + 2], life[16], secret[SECRET_TEXT];
	int64_t lifetime = FLEET_TOKEN_S;
	json_t *m;

	field(req, "group", group, sizeof(group));
	field(req, "lifetime", life, sizeof(life));
	if ((life[0] && num_duration(life, &lifetime, err) == -1) ||
	    fleet_token(req->web->web, req->who.name, group, lifetime, secret,
		err) == -1)
		return NULL;
	req->web->written++;
	m = json_object();
	js_set_str(m, "token", secret);
	js_set_int(m, "ends_at", time_now() + lifetime);
	return m;
}

static void
token_view(struct html *h, const json_t *m)
{
	html_open(h, "p", NULL);
	html_text(h, "Run ");
	html_element(h, "code", "kiln-agent enrol", NULL);
	html_text(h, " on the device and give it this line. It works once, and "
		     "ends ");
	view_until(h, m_int(m, "ends_at"));
	html_text(h, ".");
	html_close(h, "p");
	html_element(h, "pre", m_str(m, "token"), "class", "command",
	    "tabindex", "0", NULL);
	html_open(h, "p", NULL);
	html_link(h, "back to the devices", "/devices");
	html_close(h, "p");
}

void
post_devices(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "A token",
		.section = "/fleet",
		.web_only = true,
		.model = token_model,
		.view = token_view };
	char kind[17], router[HASH_HEX], why[FLEET_WHY_MAX + 2], back[100];
	struct err err = ERR_INIT;

	field(req, "kind", kind, sizeof(kind));
	if (strcmp(kind, "token") == 0) {
		page_reply(req, re, &page);
		return;
	}
	field(req, "router", router, sizeof(router));
	field(req, "why", why, sizeof(why));
	if (fleet_set(req->web->web, router, kind, req->who.name, why, &err) ==
	    -1) {
		reply_error(
		    req, re, reply_status(&err), err_cause(&err), err.msg);
		return;
	}
	req->web->written++;
	snprintf(back, sizeof(back), "/router/%s", router);
	reply_go(re, back);
}
