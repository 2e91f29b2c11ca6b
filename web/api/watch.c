/* What other machines look at: /healthz, /metrics for Prometheus, an Atom
 * feed of what happened. */
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/html.h"
#include "web/live.h"
#include "web/model.h"

/* --- health ----------------------------------------------------------------*/

void
api_healthz(struct req *req, struct reply *re)
{
	static const char sql[] = "SELECT count(*) FROM request";
	auto_json json_t *j = json_object();
	struct err err = ERR_INIT;

	req_readers(req);
	auto_stmt struct stmt *q = db_stmt(req->web->web, sql);

	if (stmt_step(q, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
		return;
	}
	js_set_str(j, "status", "ok");
	js_set_bool(j, "farm", req->web->farm != NULL);
	js_set_bool(j, "tuf", req->web->tuf != NULL);
	reply_json(re, j);
}

/* --- metrics ---------------------------------------------------------------*/

/* Prometheus text format 0.0.4: backslash, quote and line feed are escaped. */
static void
label(struct buf *b, const char *s)
{
	for (; *s; s++)
		if (*s == '\\' || *s == '"')
			buf_printf(b, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			buf_str(b, "\\n");
		else
			buf_char(b, *s);
}

/* Rows of labels, then the value: one sample each. */
static int
samples(struct buf *b, struct db *db, const char *name, const char *help,
    const char *sql, const char *const *labels, struct err *err)
{
	int got, i;

	if (db == NULL)
		return 0;
	buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
	auto_stmt struct stmt *q = db_stmt(db, sql);

	while ((got = stmt_step(q, err)) == 1) {
		buf_str(b, name);
		for (i = 0; labels[i]; i++) {
			buf_printf(b, "%c%s=\"", i ? ',' : '{', labels[i]);
			label(b, stmt_str(q, i) ? stmt_str(q, i) : "");
			buf_char(b, '"');
		}
		buf_printf(
		    b, "%s %lld\n", i ? "}" : "", (long long)stmt_int(q, i));
	}
	return got;
}

void
api_metrics(struct req *req, struct reply *re)
{
	static const char *const none[] = { NULL };
	static const char *const state[] = { "state", NULL };
	static const char *const stage[] = { "stage", "verdict", NULL };
	static const char *const suite[] = { "suite", NULL };
	static const char *const role[] = { "role", NULL };
	static const char *const set[] = { "channel", "arch", NULL };
	static const char *const fleet[] = { "channel", "state", NULL };
	struct web *w = req->web;
	struct buf *b = &re->body;
	struct err err = ERR_INIT;

	req_readers(req);
	if (samples(b, w->farm, "kiln_runs_in_hand", "Runs by state.",
		"SELECT state, count(*) FROM run WHERE state IN ('queued',"
		" 'running') GROUP BY state",
		state, &err) == -1 ||
	    samples(b, w->farm, "kiln_runs", "Runs so far.",
		"SELECT coalesce(max(id), 0) FROM run", none, &err) == -1 ||
	    samples(b, w->farm, "kiln_plans", "Current plans by verdict.",
		"SELECT c.stage, coalesce(p.verdict, 'none'), count(*) FROM"
		" current c JOIN plan p ON p.digest = c.plan GROUP BY 1, 2",
		stage, &err) == -1 ||
	    samples(b, w->farm, "kiln_suite_checked_seconds",
		"When the archive was last asked, Unix time.",
		"SELECT name, checked_at FROM suite ORDER BY name", suite,
		&err) == -1 ||
	    samples(b, w->farm, "kiln_recipes_held",
		"Recipes that are held by an error.",
		"SELECT count(*) FROM recipe WHERE error IS NOT NULL", none,
		&err) == -1 ||
	    samples(b, w->tuf, "kiln_role_expires_seconds",
		"When the newest published role expires, Unix time.",
		"SELECT name, expires FROM role r WHERE version = (SELECT"
		" max(version) FROM role WHERE name = r.name AND published_at"
		" IS NOT NULL) ORDER BY name",
		role, &err) == -1 ||
	    samples(b, w->tuf, "kiln_set_counter", "Newest published set.",
		"SELECT channel, arch, max(counter) FROM published_set"
		" GROUP BY channel, arch",
		set, &err) == -1 ||
	    samples(b, w->web, "kiln_routers", "Routers by what they said.",
		"SELECT channel, state, sum(routers) FROM router_group"
		" WHERE state <> '' GROUP BY channel, state",
		fleet, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
		return;
	}
	buf_printf(b,
	    "# HELP kiln_web_streams Pages that look at us live.\n"
	    "# TYPE kiln_web_streams gauge\nkiln_web_streams %zu\n",
	    w->live_streams ? w->live_streams->n : 0);
	re->type = "text/plain; version=0.0.4; charset=utf-8";
}

/* --- feed ------------------------------------------------------------------*/

void
api_feed(struct req *req, struct reply *re)
{
	static const char sql[] =
	    "SELECT id, at, kind, subject, text FROM event WHERE kind IN"
	    " ('verdict', 'release-made', 'lock-changed', 'archive-changed',"
	    "  'run-failed', 'audit-alarm') ORDER BY id DESC LIMIT 50";
	static const char *const cols[] = { "#id", "#at", "kind", "subject",
		"text", NULL };
	auto_json json_t *m = json_object();
	struct html h = { .out = &re->body };
	struct err err = ERR_INIT;
	const json_t *e;
	char at[TIME_TEXT];
	size_t i;

	req_readers(req);
	if (model_add(m, "events", req->web->farm, sql, cols, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
		return;
	}
	buf_str(&re->body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
	html_open(&h, "feed", "xmlns", "http://www.w3.org/2005/Atom", NULL);
	html_element(&h, "title", "kiln", NULL);
	html_element(&h, "id", "urn:kiln:events", NULL);
	time_text(m_int(m_first(m, "events"), "at"), at);
	html_element(&h, "updated", at, NULL);
	html_open(&h, "author", NULL);
	html_element(&h, "name", "kiln", NULL);
	html_close(&h, "author");
	json_array_foreach(json_object_get(m, "events"), i, e)
	{
		time_text(m_int(e, "at"), at);
		html_open(&h, "entry", NULL);
		html_say(&h, "title", NULL, "%s: %s", m_str(e, "subject"),
		    m_str(e, "text"));
		html_say(&h, "id", NULL, "urn:kiln:event:%lld",
		    (long long)m_int(e, "id"));
		html_element(&h, "updated", at, NULL);
		html_element(
		    &h, "category", NULL, "term", m_str(e, "kind"), NULL);
		html_element(&h, "content", m_str(e, "text"), NULL);
		html_close(&h, "entry");
	}
	html_close(&h, "feed");
	html_end(&h);
	re->type = "application/atom+xml; charset=utf-8";
}
