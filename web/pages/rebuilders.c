#include "web/pages/rebuilders.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/model.h"
#include "web/view.h"

#define ROLE "svc-"

/* --- what is known ---------------------------------------------------------*/

static int
add_confirmed(json_t *row, struct db *tuf, const char *role, const char *public,
    struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce(max(s.version), 0), count(*), max(s.at) FROM"
	    " signature s JOIN role r ON r.name = s.name AND r.version ="
	    " s.version WHERE s.name = ?1 AND s.key = ?2 AND r.published_at IS"
	    " NOT NULL";
	auto_stmt struct stmt *q = db_stmt(tuf, sql);

	stmt_bind_str(q, 1, role);
	stmt_bind_str(q, 2, public);
	if (stmt_step(q, err) == -1)
		return -1;
	js_set_int(row, "version", stmt_int(q, 0));
	js_set_int(row, "confirmed", stmt_int(q, 1));
	js_set_int(row, "at", stmt_int(q, 2));
	return 0;
}

static int
add_refused(json_t *row, struct db *web, const char *role, const char *public,
    struct err *err)
{
	static const char sql[] =
	    "SELECT text, at FROM refused_signature WHERE role = ?1 AND"
	    " key = ?2";
	auto_stmt struct stmt *q = db_stmt(web, sql);
	int got;

	stmt_bind_str(q, 1, role);
	stmt_bind_str(q, 2, public);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	js_set_str(row, "refused", got ? stmt_str(q, 0) : "");
	js_set_int(row, "refused_at", got ? stmt_int(q, 1) : 0);
	return 0;
}

static int
add_row(json_t *out, struct web *w, const json_t *role, const char *keyid,
    const char *public, struct err *err)
{
	const char *name = m_str(role, "name");
	json_t *row = json_object();

	json_array_append_new(out, row);
	js_set_str(row, "keyid", keyid);
	js_set_str(row, "service", name + sizeof(ROLE) - 1);
	js_set_int(row, "newest", m_int(role, "version"));
	if (add_confirmed(row, w->tuf, name, public, err) == -1)
		return -1;
	return add_refused(row, w->web, name, public, err);
}

static int
by_party(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	int c = strcmp(m_str(*x, "keyid"), m_str(*y, "keyid"));

	return c ? c : strcmp(m_str(*x, "service"), m_str(*y, "service"));
}

static json_t *
sorted(const json_t *rows)
{
	size_t n = json_array_size(rows), i;
	auto_free json_t **v = mem_zero(n + 1, sizeof(json_t *));
	json_t *out = json_array();

	for (i = 0; i < n; i++)
		v[i] = json_array_get(rows, i);
	qsort(v, n, sizeof(json_t *), by_party);
	for (i = 0; i < n; i++)
		json_array_append(out, v[i]);
	return out;
}

int
rebuilders_list(struct web *w, const json_t *roles, const json_t *targets,
    json_t **out, struct err *err)
{
	const json_t *keys =
	    json_object_get(json_object_get(targets, "delegations"), "keys");
	auto_json json_t *rows = json_array();
	const json_t *r, *id;
	size_t i, k;

	json_array_foreach(roles, i, r)
	{
		if (strncmp(m_str(r, "name"), ROLE, sizeof(ROLE) - 1) != 0)
			continue;
		json_array_foreach(json_object_get(r, "keys"), k, id)
		{
			const char *keyid = json_string_value(id);
			const char *public =
			    keyid ? m_str(json_object_get(
					      json_object_get(keys, keyid),
					      "keyval"),
					"public")
				  : "";

			if (public[0] &&
			    add_row(rows, w, r, keyid, public, err) == -1)
				return -1;
		}
	}
	*out = sorted(rows);
	return 0;
}

/* --- what is shown ---------------------------------------------------------*/

static void
view_confirmed(struct html *h, const json_t *r)
{
	int64_t version = m_int(r, "version"), newest = m_int(r, "newest");

	if (version == 0)
		html_element(h, "span", "nothing yet", "class", "chip", NULL);
	else if (version >= newest)
		html_say(h, "span", "chip good", "version %lld, the newest",
		    (long long)version);
	else
		html_say(h, "span", "chip wait", "version %lld of %lld",
		    (long long)version, (long long)newest);
}

void
rebuilders_view(struct html *h, const json_t *list)
{
	static const char *const head[] = { "party", "service", "confirmed",
		"#times", "last", "refused", NULL };
	const json_t *r;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	view_section(h, "Rebuilders, and what they confirmed", "rebuilders");
	view_table(h, "Rebuilders by service", head);
	json_array_foreach(list, i, r)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_brick(h, m_str(r, "keyid"));
		html_open(h, "span", "class", "digest", "title",
		    m_str(r, "keyid"), NULL);
		html_textf(h, "%.8s", m_str(r, "keyid"));
		html_close(h, "span");
		html_close(h, "td");
		view_td(h, m_str(r, "service"));
		html_open(h, "td", NULL);
		view_confirmed(h, r);
		html_close(h, "td");
		view_td_count(h, m_int(r, "confirmed"));
		view_td_time(h, m_int(r, "at"));
		html_element(
		    h, "td", m_str(r, "refused"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}
