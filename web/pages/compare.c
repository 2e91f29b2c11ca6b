/*
 * Two builds beside each other: which inputs differ, which outputs, where the
 * machines did, and what that says about the difference.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/frame.h"
#include "web/pages/pages.h"

#define COMPARED (8 << 20) /* bytes of each output that are looked at */
#define CHUNK 65536

/* --- what is known ---------------------------------------------------------*/

/* name → second of an array of objects. */
static json_t *
by_name(const json_t *list, const char *name, const char *second)
{
	json_t *out = json_object();
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	    js_set_str(out, m_str(o, name), m_str(o, second));
	return out;
}

/* {"name", "left", "right"} for each that is other; null: not there. */
static json_t *
differences(json_t *left, json_t *right)
{
	json_t *out = json_array(), *v;
	const char *key;

	json_object_foreach(left, key, v)
	{
		const char *r = json_string_value(json_object_get(right, key));
		json_t *one;

		if (r && strcmp(r, json_string_value(v)) == 0)
			continue;
		one = json_object();
		js_set_str(one, "name", key);
		js_set_str(one, "left", json_string_value(v));
		js_set_str(one, "right", r);
		json_array_append_new(out, one);
	}
	json_object_foreach(right, key, v)
	{
		json_t *one;

		if (json_object_get(left, key))
			continue;
		one = json_object();
		js_set_str(one, "name", key);
		js_set_str(one, "left", NULL);
		js_set_str(one, "right", json_string_value(v));
		json_array_append_new(out, one);
	}
	return out;
}

static void
put_diff(json_t *m, const char *key, const json_t *a, const json_t *b,
    const char *list, const char *name, const char *second)
{
	auto_json json_t *l = by_name(json_object_get(a, list), name, second);
	auto_json json_t *r = by_name(json_object_get(b, list), name, second);

	js_set(m, key, differences(l, r));
}

/* Versions beside names where the locks know the digests. */
static void
add_versions(json_t *rows, const json_t *lock_a, const json_t *lock_b)
{
	static const char *const parts[] = { "build", "image" };
	auto_json json_t *version = json_object();
	const json_t *locks[] = { lock_a, lock_b }, *p;
	json_t *r;
	size_t i, k, l;

	for (l = 0; l < 2; l++)
		for (k = 0; k < 2; k++)
			json_array_foreach(json_object_get(locks[l], parts[k]),
			    i, p) js_set_str(version, m_str(p, "sha256"),
			    m_str(p, "version"));
	json_array_foreach(rows, i, r)
	{
		js_set_str(r, "left_version", m_str(version, m_str(r, "left")));
		js_set_str(
		    r, "right_version", m_str(version, m_str(r, "right")));
	}
}

static int
open_blob(struct web *w, const char *hex)
{
	struct err ignored = ERR_INIT;
	char path[STORE_PATH];
	struct hash h;

	if (!hash_parse(&h, hex))
		return -1;
	store_path(&h, path);
	return file_open_at(w->store, path, O_RDONLY, 0, &ignored);
}

/* Where two files differ first, and in how many bytes, as far as we look. */
static void
add_bytes(struct web *w, json_t *row)
{
	auto_fd int a = open_blob(w, m_str(row, "left"));
	auto_fd int b = open_blob(w, m_str(row, "right"));
	static char x[CHUNK], y[CHUNK];
	int64_t first = -1, n = 0, at = 0;

	if (a == -1 || b == -1)
		return;
	while (at < COMPARED) {
		ssize_t p = pread(a, x, CHUNK, at), q = pread(b, y, CHUNK, at);
		ssize_t i, both = p < q ? p : q;

		for (i = 0; i < both; i++)
			if (x[i] != y[i]) {
				first = first == -1 ? at + i : first;
				n++;
			}
		if (both < CHUNK)
			break;
		at += both;
	}
	js_set_int(row, "first_byte", first);
	js_set_int(row, "bytes", n);
}

static json_t *
side(struct req *req, int part, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, p.recipe, p.stage, r.lane, r.state, r.cause,"
	    " r.finished_at, r.wall_ms, r.max_rss_kib, r.plan, r.environment,"
	    " r.record, p.lock, p.verdict FROM run r JOIN plan p ON p.digest ="
	    " r.plan WHERE r.id = ?1";
	static const char *const cols[] = { "#id", "recipe", "stage", "lane",
		"state", "cause", "#finished_at", "#wall_ms", "#max_rss_kib",
		"plan", "environment", "record", "lock", "verdict", NULL };
	static const char outputs[] =
	    "SELECT name, digest, size FROM output WHERE run = ?1";
	static const char *const output_cols[] = { "name", "digest", "#size",
		NULL };
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);
	auto_stmt struct stmt *o = db_stmt(req->web->farm, outputs);
	auto_json json_t *tmp = json_object();
	json_t *one;
	int64_t id;

	if (num_int(req->part[part], 1, INT64_MAX, &id, err) == -1) {
		err_set(err, ERR_MISSING, "no such build");
		return NULL;
	}
	stmt_bind_int(q, 1, id);
	stmt_bind_int(o, 1, id);
	if (model_put(tmp, "run", req->web->farm, q, cols, err) == -1)
		return NULL;
	if (m_first(tmp, "run") == NULL) {
		err_set(err, ERR_MISSING, "no build %lld", (long long)id);
		return NULL;
	}
	one = json_deep_copy(m_first(tmp, "run"));
	if (model_put(one, "outputs", req->web->farm, o, output_cols, err) ==
	    -1) {
		json_decref(one);
		return NULL;
	}
	return one;
}

static void
explain(json_t *m, const json_t *a, const json_t *b)
{
	bool same_plan = strcmp(m_str(a, "plan"), m_str(b, "plan")) == 0;
	bool same_out = json_array_size(json_object_get(m, "outputs")) == 0;

	if (same_plan && same_out)
		js_set_str(m, "says",
		    "The same plan gave the same bytes: that is what "
		    "reproduced means.");
	else if (same_plan)
		js_set_str(m, "says",
		    "The same plan gave other bytes, so something beside the "
		    "inputs got in. What the lanes varied is below; the first "
		    "byte that differs is where to look.");
	else if (same_out)
		js_set_str(m, "says",
		    "Other inputs gave the same bytes: nothing that differs "
		    "matters to what comes out.");
	else
		js_set_str(m, "says",
		    "Other inputs gave other bytes. What differs among the "
		    "inputs is the whole of the possible causes.");
}

static json_t *
model(struct req *req, struct err *err)
{
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	json_t *a, *b, *o;
	size_t i;

	if ((a = side(req, 0, err)) == NULL)
		return NULL;
	js_set(m, "left", a);
	if ((b = side(req, 1, err)) == NULL)
		return NULL;
	js_set(m, "right", b);
	auto_json json_t *plan_a = model_record(w, m_str(a, "plan"));
	auto_json json_t *plan_b = model_record(w, m_str(b, "plan"));
	auto_json json_t *lock_a = model_record(w, m_str(a, "lock"));
	auto_json json_t *lock_b = model_record(w, m_str(b, "lock"));
	auto_json json_t *run_a = model_record(w, m_str(a, "record"));
	auto_json json_t *run_b = model_record(w, m_str(b, "record"));

	put_diff(m, "packages", plan_a, plan_b, "packages", "name", "sha256");
	add_versions(json_object_get(m, "packages"), lock_a, lock_b);
	put_diff(m, "sources", plan_a, plan_b, "sources", "file", "sha256");
	put_diff(m, "uses", plan_a, plan_b, "uses", "output", "sha256");
	put_diff(m, "tree", plan_a, plan_b, "tree", "path", "sha256");
	put_diff(m, "files", plan_a, plan_b, "files", "path", "from");
	put_diff(m, "outputs", a, b, "outputs", "name", "digest");
	json_array_foreach(json_object_get(m, "outputs"), i, o) add_bytes(w, o);
	js_set(m, "left_run", run_a ? json_incref(run_a) : json_null());
	js_set(m, "right_run", run_b ? json_incref(run_b) : json_null());
	js_set_bool(m, "other_policy",
	    strcmp(m_str(plan_a, "policy"), m_str(plan_b, "policy")) != 0);
	explain(m, a, b);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
card(struct html *h, const json_t *r, const json_t *record)
{
	const json_t *machine = json_object_get(record, "machine"), *o;
	size_t i;

	html_open(h, "div", "class", "card", NULL);
	html_open(h, "h2", NULL);
	html_textf(h, "%s %s, lane %s, build ", m_str(r, "recipe"),
	    m_str(r, "stage"), m_str(r, "lane"));
	view_run(h, m_int(r, "id"));
	html_close(h, "h2");
	html_open(h, "p", NULL);
	view_state(h, m_str(r, "state"), m_str(r, "cause"));
	html_text(h, " ");
	view_duration(h, m_int(r, "wall_ms"));
	html_text(h, ", ");
	view_ago(h, m_int(r, "finished_at"));
	html_close(h, "p");
	if (machine)
		html_say(h, "p", "soft", "%s, kernel %s, %lld cores",
		    m_str(machine, "cpu"), m_str(machine, "kernel"),
		    (long long)m_int(machine, "cores"));
	html_open(h, "ul", "class", "outs", NULL);
	json_array_foreach(json_object_get(r, "outputs"), i, o)
	{
		html_open(h, "li", NULL);
		view_output(
		    h, m_str(o, "name"), m_str(o, "digest"), m_int(o, "size"));
		html_close(h, "li");
	}
	html_close(h, "ul");
	html_close(h, "div");
}

static void
cell(struct html *h, const json_t *r, const char *hex, const char *version,
    const char *cls)
{
	const char *v = m_str(r, version), *d = m_str(r, hex);
	struct hash digest;

	html_open(h, "td", "class", cls, NULL);
	if (v[0])
		html_textf(h, "%s ", v);
	if (d[0] == '\0')
		html_text(h, "not there");
	else if (hash_parse(&digest, d))
		view_artifact(h, d);
	else
		html_element(h, "code", d, NULL);
	html_close(h, "td");
}

static void
view_diff(struct html *h, const json_t *m, const char *key, const char *title)
{
	const char *head[] = { "what", "left", "right",
		strcmp(key, "outputs") == 0 ? "bytes" : NULL, NULL };
	const json_t *rows = json_object_get(m, key), *r;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	view_section(h, title, NULL);
	view_table(h, title, head);
	json_array_foreach(rows, i, r)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(r, "name"));
		cell(h, r, "left", "left_version", "diff-del");
		cell(h, r, "right", "right_version", "diff-add");
		if (head[3]) {
			html_open(h, "td", NULL);
			if (m_int(r, "bytes"))
				html_textf(h, "first at byte %lld, %lld in all",
				    (long long)m_int(r, "first_byte"),
				    (long long)m_int(r, "bytes"));
			html_close(h, "td");
		}
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *a = json_object_get(m, "left");
	const json_t *b = json_object_get(m, "right");
	bool same = json_array_size(json_object_get(m, "outputs")) == 0;

	html_element(h, "p", m_str(m, "says"), "class", "lede", NULL);
	html_open(h, "div", "class", "lanes", NULL);
	card(h, a, json_object_get(m, "left_run"));
	html_element(h, "div", same ? "=" : "\xe2\x89\xa0", "class",
	    same ? "meet reproduced" : "meet differs", "aria-hidden", "true",
	    NULL);
	card(h, b, json_object_get(m, "right_run"));
	html_close(h, "div");
	if (json_is_true(json_object_get(m, "other_policy")))
		html_element(h, "p",
		    "kiln's own rules of building differ between them.",
		    "class", "note", NULL);
	view_diff(h, m, "outputs", "Outputs that differ");
	view_diff(h, m, "packages", "Packages that differ");
	view_diff(h, m, "sources", "Source files that differ");
	view_diff(h, m, "uses", "Outputs of other builds that differ");
	view_diff(h, m, "tree", "Files of the recipe that differ");
	view_diff(h, m, "files", "Files of the image that come from elsewhere");
	html_open(h, "p", "class", "note", NULL);
	html_link(h, "the other way round", "/compare/%lld/%lld",
	    (long long)m_int(b, "id"), (long long)m_int(a, "id"));
	html_close(h, "p");
}

void
page_compare(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Compare",
		.section = "/builds",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
