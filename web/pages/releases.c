/* Releases: what is published, what a set names, what was refused and why. */
#include "lib/json.h"
#include "web/frame.h"
#include "web/pages/pages.h"

static int
add(json_t *m, const char *key, struct db *db, const char *sql,
    const char *const *columns, struct err *err)
{
	json_t *rows;

	if (db == NULL) {
		js_set(m, key, json_array());
		return 0;
	}
	auto_stmt struct stmt *q = db_stmt(db, sql);
	if ((rows = model_rows(db, q, columns, err)) == NULL)
		return -1;
	js_set(m, key, rows);
	return 0;
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char releases[] =
	    "SELECT l.digest, l.service, l.arch, l.made_at, l.plan, p.verdict,"
	    " (SELECT group_concat(lane, ' and ') FROM (SELECT DISTINCT lane"
	    "  FROM run WHERE plan = l.plan AND state = 'succeeded'"
	    "  ORDER BY lane))"
	    " FROM release l JOIN plan p ON p.digest = l.plan"
	    " ORDER BY l.made_at DESC LIMIT 100";
	static const char *const release_cols[] = { "release", "service",
		"arch", "#made_at", "plan", "verdict", "lanes", NULL };
	static const char sets[] =
	    "SELECT channel, arch, counter, digest, at FROM published_set"
	    " ORDER BY at DESC, counter DESC LIMIT 50";
	static const char *const set_cols[] = { "channel", "arch", "#counter",
		"digest", "#at", NULL };
	static const char waiting[] =
	    "SELECT channel, arch, at, text FROM set_waiting"
	    " ORDER BY channel, arch";
	static const char *const waiting_cols[] = { "channel", "arch", "#at",
		"text", NULL };
	static const char publications[] =
	    "SELECT id, at, timestamp_version, snapshot_version FROM"
	    " publication ORDER BY id DESC LIMIT 10";
	static const char *const publication_cols[] = { "#id", "#at",
		"#timestamp", "#snapshot", NULL };
	static const char refusals[] =
	    "SELECT release, at, cause, text FROM refusal ORDER BY at DESC"
	    " LIMIT 50";
	static const char *const refusal_cols[] = { "release", "#at", "cause",
		"text", NULL };
	struct web *w = req->web;
	json_t *m = json_object();

	if (add(m, "releases", w->farm, releases, release_cols, err) == -1 ||
	    add(m, "sets", w->tuf, sets, set_cols, err) == -1 ||
	    add(m, "waiting", w->tuf, waiting, waiting_cols, err) == -1 ||
	    add(m, "publications", w->tuf, publications, publication_cols,
		err) == -1 ||
	    add(m, "refusals", w->tuf, refusals, refusal_cols, err) == -1) {
		json_decref(m);
		return NULL;
	}
	return m;
}

static void
view_sets(struct html *h, const json_t *sets)
{
	static const char *const head[] = { "channel", "architecture",
		"counter", "set", "published", NULL };
	const json_t *s;
	size_t i;

	html_element(h, "h2", "Sets", NULL);
	view_table(h, "List", head);
	json_array_foreach(sets, i, s)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(s, "channel"), NULL);
		html_element(h, "td", m_str(s, "arch"), NULL);
		html_open(h, "td", NULL);
		html_textf(h, "%lld", (long long)m_int(s, "counter"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_digest(h, m_str(s, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(s, "at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
view_waiting(struct html *h, const json_t *waiting)
{
	const json_t *w;
	size_t i;

	json_array_foreach(waiting, i, w)
	{
		html_open(h, "p", NULL);
		html_textf(h, "No newer set for %s, %s, since ",
		    m_str(w, "channel"), m_str(w, "arch"));
		view_time(h, m_int(w, "at"));
		html_textf(h, ": %s", m_str(w, "text"));
		html_close(h, "p");
	}
}

static void
view_releases(struct html *h, const json_t *releases)
{
	static const char *const head[] = { "service", "architecture",
		"release", "plan", "verdict", "made", NULL };
	const json_t *r;
	size_t i;

	html_element(h, "h2", "Releases of services", NULL);
	view_table(h, "List", head);
	json_array_foreach(releases, i, r)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(r, "service"), NULL);
		html_element(h, "td", m_str(r, "arch"), NULL);
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "release"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "plan"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_verdict(h, m_str(r, "verdict"));
		/* This farm's builds are all that its database knows. */
		html_textf(h, " by 1 party, lanes %s", m_str(r, "lanes"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(r, "made_at"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "release", "when", "cause", "why",
		NULL };
	const json_t *refusals = json_object_get(m, "refusals"), *r;
	const json_t *last =
	    json_array_get(json_object_get(m, "publications"), 0);
	size_t i;

	if (last) {
		html_open(h, "p", NULL);
		html_textf(h, "Timestamp %lld, snapshot %lld, published ",
		    (long long)m_int(last, "timestamp"),
		    (long long)m_int(last, "snapshot"));
		view_time(h, m_int(last, "at"));
		html_text(h, ". ");
		html_link(h, "timestamp.json", "/tuf/metadata/timestamp.json");
		html_close(h, "p");
	} else {
		html_element(h, "p", "Nothing is published yet.", NULL);
	}
	view_sets(h, json_object_get(m, "sets"));
	view_waiting(h, json_object_get(m, "waiting"));
	view_releases(h, json_object_get(m, "releases"));
	if (json_array_size(refusals) == 0)
		return;
	html_element(h, "h2", "Not published, and why", NULL);
	view_table(h, "List", head);
	json_array_foreach(refusals, i, r)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "release"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(r, "at"));
		html_close(h, "td");
		html_element(h, "td", m_str(r, "cause"), NULL);
		html_element(h, "td", m_str(r, "text"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
page_releases(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Releases",
		.section = "/releases",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
