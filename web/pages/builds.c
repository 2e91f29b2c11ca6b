/* Builds: every run, newest first; one page per run; its log. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define LOG_MAX (64 << 20)

#define RUN_SELECT                                                          \
	"SELECT r.id, p.recipe, p.stage, r.lane, r.state, r.queued_at,"     \
	" r.started_at, r.finished_at, r.wall_ms, r.cpu_ms, r.max_rss_kib," \
	" r.cause, r.message, r.plan, r.environment, r.log, r.record,"      \
	" p.verdict, (SELECT text FROM event WHERE id = p.event)"           \
	" FROM run r JOIN plan p ON p.digest = r.plan "
static const char *const run_cols[] = { "#id", "recipe", "stage", "lane",
	"state", "#queued_at", "#started_at", "#finished_at", "#wall_ms",
	"#cpu_ms", "#max_rss_kib", "cause", "message", "plan", "environment",
	"log", "record", "verdict", "why", NULL };

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] = RUN_SELECT "ORDER BY r.id DESC LIMIT 200";
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);

	return model_rows(req->web->farm, q, run_cols, err);
}

static void
state(struct html *h, const json_t *r)
{
	html_element(
	    h, "span", m_str(r, "state"), "class", m_str(r, "state"), NULL);
	if (m_str(r, "cause")[0])
		html_textf(h, " (%s)", m_str(r, "cause"));
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "build", "recipe", "stage", "lane",
		"state", "took", "started", "verdict of the plan", NULL };
	const json_t *r;
	size_t i;

	view_table(h, head);
	json_array_foreach(m, i, r)
	{
		char id[32];

		snprintf(id, sizeof(id), "%lld", (long long)m_int(r, "id"));
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(h, id, "/build/%s", id);
		html_close(h, "td");
		html_open(h, "td", NULL);
		html_link(
		    h, m_str(r, "recipe"), "/recipe/%s", m_str(r, "recipe"));
		html_close(h, "td");
		html_element(h, "td", m_str(r, "stage"), NULL);
		html_element(h, "td", m_str(r, "lane"), NULL);
		html_open(h, "td", NULL);
		state(h, r);
		html_close(h, "td");
		html_open(h, "td", NULL);
		if (m_int(r, "wall_ms"))
			view_duration(h, m_int(r, "wall_ms"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_time(h, m_int(r, "started_at"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_verdict(h, m_str(r, "verdict"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	html_close(h, "tbody");
	html_close(h, "table");
}

void
page_builds(struct req *req, struct reply *re)
{
	page_reply(req, re, "Builds", model, view);
}

/* --- one build
 * --------------------------------------------------------------*/

static int
run_id(struct req *req, int64_t *id, struct err *err)
{
	if (num_int(req->part[0], 1, INT64_MAX, id, err) == -1)
		return err_set(err, ERR_MISSING, "no such build");
	return 0;
}

static json_t *
one_model(struct req *req, struct err *err)
{
	static const char sql[] = RUN_SELECT "WHERE r.id = ?1";
	static const char outputs[] =
	    "SELECT name, digest, size FROM output WHERE run = ?1"
	    " ORDER BY name";
	static const char *const output_cols[] = { "name", "digest", "#size",
		NULL };
	static const char others[] =
	    "SELECT o.id, o.lane, o.state FROM run o JOIN run r"
	    " ON r.plan = o.plan WHERE r.id = ?1 AND o.id <> r.id"
	    " ORDER BY o.id";
	static const char *const other_cols[] = { "#id", "lane", "state",
		NULL };
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);
	auto_stmt struct stmt *o = db_stmt(req->web->farm, outputs);
	auto_stmt struct stmt *s = db_stmt(req->web->farm, others);
	auto_json json_t *m = json_object();
	json_t *rows;
	int64_t id;

	if (run_id(req, &id, err) == -1)
		return NULL;
	stmt_bind_int(q, 1, id);
	stmt_bind_int(o, 1, id);
	stmt_bind_int(s, 1, id);
	if ((rows = model_rows(req->web->farm, q, run_cols, err)) == NULL)
		return NULL;
	js_set(m, "run", rows);
	if (json_array_size(rows) == 0) {
		err_set(err, ERR_MISSING, "no such build");
		return NULL;
	}
	if ((rows = model_rows(req->web->farm, o, output_cols, err)) == NULL)
		return NULL;
	js_set(m, "outputs", rows);
	if ((rows = model_rows(req->web->farm, s, other_cols, err)) == NULL)
		return NULL;
	js_set(m, "others", rows);
	return json_incref(m);
}

static void
fact(struct html *h, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	html_element(h, "dt", name, NULL);
	html_element(h, "dd", value, NULL);
}

static void
blob_fact(struct html *h, const char *name, const char *hex)
{
	if (hex[0] == '\0')
		return;
	html_element(h, "dt", name, NULL);
	html_open(h, "dd", NULL);
	html_element(h, "span", hex, "class", "digest", NULL);
	html_text(h, " ");
	html_link(h, "open", "/blob/%s", hex);
	html_close(h, "dd");
}

static void
view_outputs(struct html *h, const json_t *outputs)
{
	static const char *const head[] = { "output", "SHA-256", "size", NULL };
	const json_t *o;
	size_t i;

	if (json_array_size(outputs) == 0)
		return;
	html_element(h, "h2", "Outputs", NULL);
	view_table(h, head);
	json_array_foreach(outputs, i, o)
	{
		html_open(h, "tr", NULL);
		html_element(h, "td", m_str(o, "name"), NULL);
		html_open(h, "td", NULL);
		html_link(
		    h, m_str(o, "digest"), "/blob/%s", m_str(o, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_size(h, m_int(o, "size"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	html_close(h, "tbody");
	html_close(h, "table");
}

static void
one_view(struct html *h, const json_t *m)
{
	const json_t *r = json_array_get(json_object_get(m, "run"), 0);
	const json_t *others = json_object_get(m, "others"), *o;
	size_t i;

	html_open(h, "dl", NULL);
	html_element(h, "dt", "recipe", NULL);
	html_open(h, "dd", NULL);
	html_link(h, m_str(r, "recipe"), "/recipe/%s", m_str(r, "recipe"));
	html_textf(
	    h, ", stage %s, lane %s", m_str(r, "stage"), m_str(r, "lane"));
	html_close(h, "dd");
	fact(h, "why", m_str(r, "why"));
	html_element(h, "dt", "state", NULL);
	html_open(h, "dd", NULL);
	state(h, r);
	html_close(h, "dd");
	fact(h, "message", m_str(r, "message"));
	html_element(h, "dt", "verdict of the plan", NULL);
	html_open(h, "dd", NULL);
	view_verdict(h, m_str(r, "verdict"));
	html_close(h, "dd");
	if (m_int(r, "wall_ms")) {
		html_element(h, "dt", "took", NULL);
		html_open(h, "dd", NULL);
		view_duration(h, m_int(r, "wall_ms"));
		html_text(h, " wall, ");
		view_duration(h, m_int(r, "cpu_ms"));
		html_text(h, " CPU, ");
		view_size(h, 1024 * m_int(r, "max_rss_kib"));
		html_text(h, " largest process");
		html_close(h, "dd");
	}
	blob_fact(h, "plan", m_str(r, "plan"));
	blob_fact(h, "record", m_str(r, "record"));
	fact(h, "environment", m_str(r, "environment"));
	html_element(h, "dt", "log", NULL);
	html_open(h, "dd", NULL);
	html_link(h, "read", "/build/%lld/log", (long long)m_int(r, "id"));
	html_close(h, "dd");
	json_array_foreach(others, i, o)
	{
		html_element(h, "dt", "same plan", NULL);
		html_open(h, "dd", NULL);
		html_link(h, m_str(o, "lane"), "/build/%lld",
		    (long long)m_int(o, "id"));
		html_textf(h, " %s", m_str(o, "state"));
		html_close(h, "dd");
	}
	html_close(h, "dl");
	view_outputs(h, json_object_get(m, "outputs"));
}

void
page_build(struct req *req, struct reply *re)
{
	page_reply(req, re, "Build", one_model, one_view);
}

/* --- its log
 * ----------------------------------------------------------------*/

static json_t *
log_model(struct req *req, struct err *err)
{
	static const char sql[] = "SELECT log FROM run WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);
	auto_buf struct buf text = BUF_INIT;
	json_t *m;
	int64_t id;
	char path[STORE_PATH];
	struct hash h;
	int got;

	if (run_id(req, &id, err) == -1)
		return NULL;
	stmt_bind_int(q, 1, id);
	if ((got = stmt_step(q, err)) == -1)
		return NULL;
	if (got == 0) {
		err_set(err, ERR_MISSING, "no such build");
		return NULL;
	}
	if (stmt_hash(q, 0, &h)) {
		store_path(&h, path);
		if (file_read_at(req->web->store, path, LOG_MAX, &text, err) ==
		    -1)
			return NULL;
	} else {
		/* It still runs: the builder lets us read the growing file. */
		snprintf(path, sizeof(path), "run-%lld.log", (long long)id);
		if (req->web->live == -1 || file_read_at(req->web->live, path,
						LOG_MAX, &text, err) == -1)
			buf_str(&text, "(no output yet)\n");
	}
	m = json_object();
	js_set_int(m, "id", id);
	/* A build may print any bytes; JSON and HTML want UTF-8. */
	if (json_object_set_new(m, "log", json_stringn(text.data, text.len)) ==
	    -1) {
		for (size_t i = 0; i < text.len; i++)
			if (text.data[i] & 0x80 || text.data[i] == '\0')
				text.data[i] = '?';
		js_set_str(m, "log", text.data);
	}
	return m;
}

static void
log_view(struct html *h, const json_t *m)
{
	html_open(h, "p", NULL);
	html_link(h, "build", "/build/%lld", (long long)m_int(m, "id"));
	html_close(h, "p");
	html_element(h, "pre", m_str(m, "log"), NULL);
}

void
page_log(struct req *req, struct reply *re)
{
	page_reply(req, re, "Log", log_model, log_view);
}
