/* Builds: every run, newest first; one page per run. */
#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define RECORD_MAX (1 << 20)

#define RUN_SELECT                                                          \
	"SELECT r.id, p.recipe, p.stage, r.lane, r.state, r.queued_at,"     \
	" r.started_at, r.finished_at, r.wall_ms, r.cpu_ms, r.max_rss_kib," \
	" r.cause, r.message, r.plan, r.environment, r.log, r.record,"      \
	" p.verdict, p.verdict_record,"                                     \
	" (SELECT text FROM event WHERE id = p.event)"                      \
	" FROM run r JOIN plan p ON p.digest = r.plan "
static const char *const run_cols[] = { "#id", "recipe", "stage", "lane",
	"state", "#queued_at", "#started_at", "#finished_at", "#wall_ms",
	"#cpu_ms", "#max_rss_kib", "cause", "message", "plan", "environment",
	"log", "record", "verdict", "verdict_record", "why", NULL };

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
view_run(struct html *h, int64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)id);
	html_link(h, text, "/build/%s", text);
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
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_run(h, m_int(r, "id"));
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
	view_table_end(h);
}

void
page_builds(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Builds",
		.section = "/builds",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}

/* --- one build
 * --------------------------------------------------------------*/

int
run_id(const struct req *req, int64_t *id, struct err *err)
{
	if (num_int(req->part[0], 1, INT64_MAX, id, err) == -1)
		return err_set(err, ERR_MISSING, "no such build");
	return 0;
}

/* A record of the store, or null: the page stands without it. */
static void
add_record(json_t *m, const char *key, struct req *req, const char *hex)
{
	auto_buf struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	char path[STORE_PATH];
	json_t *record = NULL;
	struct hash h;

	if (hash_parse(&h, hex)) {
		store_path(&h, path);
		if (file_read_at(req->web->store, path, RECORD_MAX, &text,
			&ignored) == 0)
			record = js_parse(key, text.data, text.len, &ignored);
	}
	js_set(m, key, record ? record : json_null());
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
	auto_free char *title = NULL;
	const json_t *run;
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
	run = json_array_get(rows, 0);
	title = mem_printf("Build %lld", (long long)id);
	js_set_str(m, "title", title);
	if (strcmp(m_str(run, "state"), "running") == 0)
		js_set_int(m, "refresh", 5);
	add_record(m, "run_record", req, m_str(run, "record"));
	add_record(m, "verdict_record", req, m_str(run, "verdict_record"));
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
	html_link(h, "open", "/blob/%s?as=json", hex);
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
		view_artifact(h, m_str(o, "digest"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_size(h, m_int(o, "size"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

static void
words(struct html *h, const char *name, const json_t *list)
{
	const json_t *word;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html_element(h, "dt", name, NULL);
	html_open(h, "dd", NULL);
	json_array_foreach(list, i, word)
	{
		if (i)
			html_text(h, ", ");
		html_text(h, json_string_value(word));
	}
	html_close(h, "dd");
}

/* What "reproduced" means here: by whom, where, and what was not tried. */
static void
view_proof(struct html *h, const json_t *verdict, const json_t *run)
{
	const json_t *machine = json_object_get(run, "machine");

	words(h, "judged from builds by", json_object_get(verdict, "by"));
	words(h, "in lanes", json_object_get(verdict, "lanes"));
	words(h, "varied between them", json_object_get(verdict, "varied"));
	words(h, "not varied", json_object_get(verdict, "not_varied"));
	if (machine) {
		html_element(h, "dt", "this build ran on", NULL);
		html_open(h, "dd", NULL);
		html_textf(h, "%s, kernel %s, %lld cores",
		    m_str(machine, "cpu"), m_str(machine, "kernel"),
		    (long long)m_int(machine, "cores"));
		html_close(h, "dd");
	}
	words(h, "this lane varied", json_object_get(run, "variations"));
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
	view_proof(h, json_object_get(m, "verdict_record"),
	    json_object_get(m, "run_record"));
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
	blob_fact(h, "verdict's record", m_str(r, "verdict_record"));
	if (m_str(r, "environment")[0]) {
		html_element(h, "dt", "environment", NULL);
		html_element(
		    h, "dd", m_str(r, "environment"), "class", "digest", NULL);
	}
	html_element(h, "dt", "log", NULL);
	html_open(h, "dd", NULL);
	html_link(h, "read", "/build/%lld/log", (long long)m_int(r, "id"));
	html_close(h, "dd");
	json_array_foreach(others, i, o)
	{
		html_element(h, "dt", "same plan", NULL);
		html_open(h, "dd", NULL);
		html_textf(h, "lane %s, build ", m_str(o, "lane"));
		view_run(h, m_int(o, "id"));
		html_textf(h, ", %s", m_str(o, "state"));
		html_close(h, "dd");
	}
	html_close(h, "dl");
	view_outputs(h, json_object_get(m, "outputs"));
}

void
page_build(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Build",
		.section = "/builds",
		.model = one_model,
		.view = one_view };

	page_reply(req, re, &page);
}
