#include "web/pages/parties.h"

#include <string.h>

#include "lib/json.h"
#include "lib/own.h"
#include "web/model.h"
#include "web/view.h"

struct told {
	const char *role, *key; /* key: public */
	int64_t version;
};

/* 1: `db` knows; the party gets what it says. */
static int
look(struct db *db, const char *sql, const struct told *t, const char *state,
    json_t *party, struct err *err)
{
	int got;

	if (!db)
		return 0;
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, t->role);
	stmt_bind_str(q, 2, t->key);
	stmt_bind_int(q, 3, t->version);
	got = stmt_step(q, err);
	if (got != 1)
		return got;
	js_set_str(party, "state", state);
	js_set_int(party, "at", stmt_int(q, 0));
	js_set_str(party, "text", stmt_str(q, 1));
	return 1;
}

static int
judge(struct web *w, const struct told *t, json_t *party, struct err *err)
{
	static const char is_signed[] =
	    "SELECT at, '' FROM signature"
	    " WHERE name = ?1 AND key = ?2 AND version = ?3";
	static const char refused[] =
	    "SELECT at, text FROM refused_signature"
	    " WHERE role = ?1 AND key = ?2 AND at >= ?3 - 1";
	static const char later[] =
	    "SELECT at, text FROM handed_in WHERE role = ?1 AND key = ?2"
	    " AND version = ?3 AND taken = 0 ORDER BY id DESC LIMIT 1";
	struct told since = *t;
	int got = look(w->tuf, is_signed, t, "signed", party, err);

	since.version = m_int(party, "at");
	if (got == 0)
		got = look(w->web, refused, &since, "refused", party, err);
	if (got == 0)
		got = look(w->tuf, later, t, "refused", party, err);
	return got;
}

static const json_t *
delegation(const json_t *targets, const char *role)
{
	const json_t *d;
	size_t i;

	json_array_foreach(
	    json_object_get(json_object_get(targets, "delegations"), "roles"),
	    i, d)
	{
		if (strcmp(m_str(d, "name"), role) == 0)
			return d;
	}
	return NULL;
}

/* Published or not: that is what will have to be met. */
static int
newest_targets(struct web *w, json_t **targets, struct err *err)
{
	static const char sql[] =
	    "SELECT signed FROM role WHERE name = 'targets' AND file IS NOT"
	    " NULL ORDER BY version DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(w->tuf, sql);
	int got = stmt_step(q, err);

	if (got == 1)
		*targets = js_parse(
		    "targets", stmt_str(q, 0), strlen(stmt_str(q, 0)), err);
	return got == -1 || (got == 1 && !*targets) ? -1 : 0;
}

static int
add_all(json_t *waiting, struct web *w, const json_t *targets, struct err *err)
{
	const json_t *keys =
	    json_object_get(json_object_get(targets, "delegations"), "keys");
	json_t *r, *id;
	size_t i, k;

	json_array_foreach(waiting, i, r)
	{
		const json_t *d = delegation(targets, m_str(r, "name"));
		json_t *parties = json_array();

		js_set_int(r, "threshold", m_int(d, "threshold"));
		js_set(r, "parties", parties);
		json_array_foreach(json_object_get(d, "keyids"), k, id)
		{
			const char *keyid = json_string_value(id);
			const json_t *key = json_object_get(keys, keyid);
			struct told t = { m_str(r, "name"),
				m_str(json_object_get(key, "keyval"), "public"),
				m_int(r, "version") };
			json_t *party = json_object();

			json_array_append_new(parties, party);
			js_set_str(party, "keyid", keyid);
			js_set_str(party, "state", "silent");
			js_set_str(party, "text", "");
			js_set_int(party, "at", m_int(r, "made_at"));
			if (judge(w, &t, party, err) == -1)
				return -1;
		}
	}
	return 0;
}

int
parties_add(struct web *w, json_t *waiting, struct err *err)
{
	auto_json json_t *targets = NULL;

	if (json_array_size(waiting) == 0)
		return 0;
	if (newest_targets(w, &targets, err) == -1)
		return -1;
	return add_all(waiting, w, targets, err);
}

static void
view_party(struct html *h, const json_t *p)
{
	const char *state = m_str(p, "state");

	html_open(h, "li", NULL);
	html_open(
	    h, "span", "class", "digest", "title", m_str(p, "keyid"), NULL);
	html_textf(h, "%.8s", m_str(p, "keyid"));
	html_close(h, "span");
	if (strcmp(state, "signed") == 0)
		html_text(h, " has signed");
	else if (strcmp(state, "refused") == 0)
		html_textf(h,
		    " does not count: under its key came what is"
		    " refused: %s",
		    m_str(p, "text"));
	else
		html_text(h, " is silent: nothing came since this was made");
	html_close(h, "li");
}

void
parties_view(struct html *h, const json_t *waiting)
{
	const json_t *r, *p;
	size_t i, k;

	json_array_foreach(waiting, i, r)
	{
		html_say(h, "p", NULL,
		    "%s, version %lld, is not published: %lld of %lld"
		    " signatures.",
		    m_str(r, "name"), (long long)m_int(r, "version"),
		    (long long)m_int(r, "signatures"),
		    (long long)m_int(r, "threshold"));
		html_open(h, "ul", NULL);
		json_array_foreach(json_object_get(r, "parties"), k, p)
		    view_party(h, p);
		html_close(h, "ul");
	}
}
