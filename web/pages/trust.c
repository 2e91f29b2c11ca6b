/*
 * Trust: each TUF role as it is published, its keys and threshold, who signed
 * it, and what expires next.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/pages/parties.h"
#include "web/pages/rebuilders.h"

/* --- what is known ---------------------------------------------------------*/

static json_t *
parse(const json_t *row, const char *key)
{
	const char *text = m_str(row, key);
	struct err ignored = ERR_INIT;

	return text[0] ? js_parse(key, text, strlen(text), &ignored) : NULL;
}

/* Key ids and threshold of `role` as its delegator has them. */
static void
add_delegation(json_t *role, const json_t *d, const char *by)
{
	json_t *ids = json_object_get(d, "keyids");
	json_t *paths = json_object_get(d, "paths");

	js_set(role, "keys", ids ? json_incref(ids) : json_array());
	js_set(role, "paths", paths ? json_incref(paths) : json_array());
	js_set_int(role, "threshold", m_int(d, "threshold"));
	js_set_str(role, "by", by);
}

static json_t *
role_named(json_t *roles, const char *name)
{
	json_t *r;
	size_t i;

	json_array_foreach(roles, i, r)
	{
		if (strcmp(m_str(r, "name"), name) == 0)
			return r;
	}
	return NULL;
}

static void
add_keys(json_t *m, json_t *roles)
{
	json_t *root = role_named(roles, "root");
	json_t *targets = role_named(roles, "targets"), *d, *r;
	auto_json json_t *rj = parse(root, "signed");
	auto_json json_t *tj = parse(targets, "signed");
	const char *name;
	size_t i;

	json_object_foreach(json_object_get(rj, "roles"), name, d)
	{
		if ((r = role_named(roles, name)) != NULL)
			add_delegation(r, d, "root");
	}
	json_array_foreach(
	    json_object_get(json_object_get(tj, "delegations"), "roles"), i, d)
	{
		if ((r = role_named(roles, m_str(d, "name"))) != NULL)
			add_delegation(r, d, "targets");
	}
	js_set_bool(m, "demo", json_is_true(json_object_get(tj, "demo")));
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT r.name, r.version, r.made_at, r.expires, r.published_at,"
	    " r.digest, r.signed, r.file FROM role r JOIN (SELECT name,"
	    "  max(version) AS v FROM role WHERE published_at IS NOT NULL"
	    "  GROUP BY name) n ON n.name = r.name AND n.v = r.version"
	    " ORDER BY r.expires, r.name LIMIT 300";
	static const char *const cols[] = { "name", "#version", "#made_at",
		"#expires", "#published_at", "digest", "signed", "file", NULL };
	static const char waiting[] =
	    "SELECT r.name, r.version, r.made_at, (SELECT count(*) FROM"
	    " signature s WHERE s.name = r.name AND s.version = r.version)"
	    " FROM role r WHERE r.file IS NULL AND NOT EXISTS (SELECT 1"
	    "  FROM role n WHERE n.name = r.name AND n.version > r.version)"
	    " ORDER BY r.made_at DESC LIMIT 20";
	static const char *const waiting_cols[] = { "name", "#version",
		"#made_at", "#signatures", NULL };
	static const char withdrawn[] =
	    "SELECT service, min_serial, at, reason FROM withdrawal"
	    " ORDER BY at DESC LIMIT 50";
	static const char *const withdrawn_cols[] = { "service", "#min_serial",
		"#at", "reason", NULL };
	auto_json json_t *m = json_object(), *targets = NULL;
	json_t *r, *s, *list = NULL;
	size_t i, k;

	if (model_add(m, "roles", req->web->tuf, sql, cols, err) == -1 ||
	    model_add(m, "waiting", req->web->tuf, waiting, waiting_cols,
		err) == -1 ||
	    model_add(m, "withdrawals", req->web->tuf, withdrawn,
		withdrawn_cols, err) == -1)
		return NULL;
	add_keys(m, json_object_get(m, "roles"));
	targets =
	    parse(role_named(json_object_get(m, "roles"), "targets"), "signed");
	if (parties_add(req->web, json_object_get(m, "waiting"), err) == -1 ||
	    rebuilders_list(req->web, json_object_get(m, "roles"), targets,
		&list, err) == -1)
		return NULL;
	js_set(m, "rebuilders", list);
	json_array_foreach(json_object_get(m, "roles"), i, r)
	{
		auto_json json_t *file = parse(r, "file");
		json_t *by = json_array();

		json_array_foreach(json_object_get(file, "signatures"), k, s)
		    json_array_append_new(by, json_string(m_str(s, "keyid")));
		js_set(r, "signed_by", by);
		json_object_del(r, "signed");
		json_object_del(r, "file");
	}
	js_set_int(m, "refresh", 60);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

/* A lifetime of which little is left is told in time. */
static const char *
urgency(const json_t *r)
{
	int64_t left = m_int(r, "expires") - time_now();
	int64_t whole = m_int(r, "expires") - m_int(r, "made_at");

	return left < 0 ? "bad" : left < whole / 4 ? "wait" : "good";
}

static bool
signed_by(const json_t *role, const char *key)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(role, "signed_by"), i, s)
	{
		if (strcmp(json_string_value(s), key) == 0)
			return true;
	}
	return false;
}

static void
view_keys(struct html *h, const json_t *r)
{
	const json_t *key;
	size_t i;

	html_open(h, "ul", "class", "tags", NULL);
	json_array_foreach(json_object_get(r, "keys"), i, key)
	{
		const char *id = json_string_value(key);

		if (id == NULL)
			continue;
		html_open(h, "li", "title", id, NULL);
		html_open(h, "span", "class", "digest", NULL);
		html_textf(h, "%.8s", id);
		html_close(h, "span");
		if (signed_by(r, id))
			html_text(h, " signed");
		html_close(h, "li");
	}
	html_close(h, "ul");
}

static void
view_roles(struct html *h, const json_t *roles)
{
	static const char *const head[] = { "role", "#version", "expires",
		"keys", "needs", "delegated by", NULL };
	const json_t *r;
	size_t i;

	view_section(h, "Roles, what expires first on top", "roles");
	view_table(h, "Roles", head);
	json_array_foreach(roles, i, r)
	{
		auto_free char *cls = mem_printf("chip %s", urgency(r));

		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_element(h, "b", m_str(r, "name"), NULL);
		html_close(h, "td");
		view_td_count(h, m_int(r, "version"));
		html_open(h, "td", NULL);
		html_open(h, "span", "class", cls, NULL);
		view_until(h, m_int(r, "expires"));
		html_close(h, "span");
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_keys(h, r);
		html_close(h, "td");
		html_open(h, "td", NULL);
		html_textf(h, "%lld of %zu", (long long)m_int(r, "threshold"),
		    json_array_size(json_object_get(r, "keys")));
		html_close(h, "td");
		view_td(h, m_str(r, "by"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_rest(struct html *h, const json_t *m)
{
	const json_t *o;
	size_t i;

	if (json_array_size(json_object_get(m, "waiting")))
		view_section(h, "Waiting for signatures", "waiting");
	parties_view(h, json_object_get(m, "waiting"));
	if (json_array_size(json_object_get(m, "waiting")))
		view_section_end(h);
	json_array_foreach(json_object_get(m, "withdrawals"), i, o)
	{
		html_say(h, "p", "alert",
		    "%s below serial %lld is withdrawn: %s",
		    m_str(o, "service"), (long long)m_int(o, "min_serial"),
		    m_str(o, "reason"));
	}
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *roles = json_object_get(m, "roles");

	html_element(h, "p",
	    "Any client of The Update Framework can verify all of this. A "
	    "router installs an image only when a set names it and its "
	    "service's role lists it.",
	    "class", "lede", NULL);
	if (json_is_true(json_object_get(m, "demo")))
		html_element(h, "p",
		    "These are demonstration keys, made on this machine: no "
		    "router outside of a demonstration accepts them.",
		    "class", "alert", NULL);
	if (json_array_size(roles) == 0) {
		html_element(h, "p", "Nothing is published yet.", "class",
		    "empty", NULL);
		return;
	}
	view_rest(h, m);
	view_roles(h, roles);
	rebuilders_view(h, json_object_get(m, "rebuilders"));
	html_open(h, "p", "class", "note", NULL);
	html_link(h, "timestamp.json", "/tuf/metadata/timestamp.json");
	html_close(h, "p");
}

void
page_trust(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Trust",
		.section = "/trust",
		.web_only = true,
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
