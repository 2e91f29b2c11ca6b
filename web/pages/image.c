/*
 * Any artifact by its digest: which builds gave it, what is inside if it is an
 * image, where it was published, and which routers run it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/chart.h"
#include "web/frame.h"
#include "web/pages/image_files.h"
#include "web/pages/image_solo5.h"
#include "web/pages/image_with.h"
#include "web/pages/pages.h"
#include "web/pages/proof.h"
#include "web/routers.h"

/* --- what is known ---------------------------------------------------------*/

static int
put(json_t *m, const char *key, struct db *db, const char *sql,
    const char *bound, const char *const *cols, struct err *err)
{
	if (db == NULL) {
		js_set(m, key, json_array());
		return 0;
	}
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, bound);
	return model_put(m, key, db, q, cols, err);
}

static void
add_release(json_t *m, struct web *w)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(m, "releases"), i, r)
	{
		auto_json json_t *record = model_record(w, m_str(r, "release"));
		const json_t *t = m_first(record, "targets");

		js_set_str(r, "version", m_str(record, "version"));
		js_set_str(
		    r, "sbom", m_str(json_object_get(t, "custom"), "sbom"));
	}
}

/* Which current images were assembled from this file. */
static int
add_holders(json_t *m, struct web *w, const char *hex, struct err *err)
{
	static const char sql[] =
	    "SELECT c.recipe, c.plan, (SELECT o.digest FROM output o JOIN run r"
	    "  ON r.id = o.run WHERE r.plan = c.plan ORDER BY r.id DESC LIMIT"
	    "  1) FROM current c WHERE c.stage = 'image' LIMIT 500";
	static const char *const cols[] = { "recipe", "plan", "image", NULL };
	auto_json json_t *all = json_object();
	json_t *out = json_array(), *c;
	size_t i, k;

	js_set(m, "inside_of", out);
	if (model_add(all, "rows", w->farm, sql, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(all, "rows"), i, c)
	{
		auto_json json_t *plan = model_record(w, m_str(c, "plan"));
		const json_t *u;

		json_array_foreach(json_object_get(plan, "uses"), k, u)
		{
			if (strcmp(m_str(u, "sha256"), hex) == 0) {
				json_array_append(out, c);
				break;
			}
		}
	}
	return 0;
}

static int
add_routers(json_t *m, struct web *w, const char *hex, struct err *err)
{
	static const char sets[] =
	    "SELECT s.channel, s.arch, s.counter, s.digest, s.published_at"
	    " FROM \"set\" s JOIN own_target t ON t.digest = s.digest"
	    " WHERE instr(t.bytes, ?1) AND s.published_at IS NOT NULL"
	    " ORDER BY s.published_at DESC LIMIT 50";
	static const char *const set_cols[] = { "channel", "arch", "#counter",
		"set", "#published_at", NULL };
	json_t *s;
	size_t i;

	if (put(m, "sets", w->tuf, sets, hex, set_cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "sets"), i, s)
	{
		int64_t n = routers_of_set(w->web, m_str(s, "set"), err);

		if (n == -1)
			return -1;
		js_set_int(s, "routers", n);
	}
	return 0;
}

static json_t *
model(struct req *req, struct err *err)
{
	static const char runs[] =
	    "SELECT r.id, p.recipe, p.stage, r.lane, o.name, o.size,"
	    " p.digest, p.verdict, r.finished_at FROM output o"
	    " JOIN run r ON r.id = o.run JOIN plan p ON p.digest = r.plan"
	    " WHERE o.digest = ?1 ORDER BY o.run DESC LIMIT 50";
	static const char *const run_cols[] = { "#id", "recipe", "stage",
		"lane", "output", "#size", "plan", "verdict", "#finished_at",
		NULL };
	static const char releases[] =
	    "SELECT DISTINCT l.digest, l.service, l.arch, l.made_at FROM"
	    " (SELECT run FROM output WHERE digest = ?1 ORDER BY run DESC"
	    "  LIMIT 500) o JOIN run r ON r.id = o.run JOIN release l ON"
	    " l.plan = r.plan ORDER BY l.made_at DESC LIMIT 10";
	static const char *const release_cols[] = { "release", "service",
		"arch", "#made_at", NULL };
	static const char documents[] = "SELECT format, digest FROM document"
					" WHERE subject = ?1 ORDER BY format";
	static const char *const document_cols[] = { "format", "digest", NULL };
	static const char others[] =
	    "SELECT c.recipe, o.digest, o.size FROM current c JOIN output o ON"
	    " o.run = (SELECT max(id) FROM run WHERE plan = c.plan AND state ="
	    "  'succeeded') AND o.name = 'image' WHERE c.stage = 'image'"
	    " ORDER BY o.size DESC LIMIT 50";
	static const char *const other_cols[] = { "recipe", "digest", "#size",
		NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	const char *hex = req->part[0];
	auto_free char *title = NULL;
	const json_t *r;
	struct hash h;
	int64_t size;

	if (!hash_parse(&h, hex)) {
		err_set(err, ERR_MISSING,
		    "an artifact is named by 64 lower-case hex digits");
		return NULL;
	}
	js_set_str(m, "digest", hex);
	if (put(m, "runs", w->farm, runs, hex, run_cols, err) == -1)
		return NULL;
	size = image_stored_size(w, hex);
	r = m_first(m, "runs");
	if (r == NULL && size == -1) {
		err_set(err, ERR_MISSING, "nothing here has this digest");
		return NULL;
	}
	title =
	    r ? mem_printf("%s of %s", m_str(r, "output"), m_str(r, "recipe"))
	      : mem_printf("Artifact %.12s", hex);
	js_set_str(m, "title", title);
	js_set_int(m, "size", r ? m_int(r, "size") : size);
	js_set_bool(m, "stored", size != -1);
	if (put(m, "releases", w->farm, releases, hex, release_cols, err) ==
		-1 ||
	    put(m, "documents", w->farm, documents, hex, document_cols, err) ==
		-1 ||
	    proof_add(m, w, hex, err) == -1 ||
	    add_routers(m, w, hex, err) == -1 ||
	    add_holders(m, w, hex, err) == -1 ||
	    model_add(m, "images", w->farm, others, other_cols, err) == -1)
		return NULL;
	add_release(m, w);
	image_solo5_add(m, w, hex);
	js_set(m, "files",
	    r && strcmp(m_str(r, "stage"), "image") == 0
		? image_files(w, m_str(r, "plan"))
		: json_array());
	if (image_with_add(m, w, r ? m_str(r, "plan") : "",
		req_arg(req, "with"), err) == -1)
		return NULL;
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
view_others(struct html *h, const json_t *m)
{
	const json_t *images = json_object_get(m, "images"), *o;
	int64_t max = m_int(m_first(m, "images"), "size");
	size_t i;

	if (json_array_size(json_object_get(m, "files")) == 0)
		return;
	view_section(h, "Beside the other images", "beside");
	html_open(h, "dl", NULL);
	json_array_foreach(images, i, o)
	{
		bool self = strcmp(m_str(o, "digest"), m_str(m, "digest")) == 0;
		struct chart_part p = { self ? "fire" : "cool",
			m_int(o, "size") };
		auto_buf struct buf label = BUF_INIT;

		num_add_size(&label, m_int(o, "size"));
		html_open(h, "dt", NULL);
		html_link(
		    h, m_str(o, "recipe"), "/image/%s", m_str(o, "digest"));
		html_text(h, " ");
		html_text(h, label.data);
		if (!self) {
			html_text(h, " ");
			html_link(h, "beside it", "/image/%s?with=%s#with",
			    m_str(m, "digest"), m_str(o, "digest"));
		}
		html_close(h, "dt");
		html_open(h, "dd", NULL);
		chart_bar(h, label.data, &p, 1, max);
		html_close(h, "dd");
	}
	html_close(h, "dl");
	view_section_end(h);
}

static void
view_where(struct html *h, const json_t *m)
{
	static const char *const head[] = { "channel", "architecture", "#set",
		"published", "#routers that run it", NULL };
	const json_t *sets = json_object_get(m, "sets"), *s;
	size_t i;

	view_section(h, "Which routers run it", "where");
	if (json_array_size(sets) == 0) {
		html_element(h, "p", "No published set names it.", "class",
		    "empty", NULL);
	} else {
		view_table(h, "Sets that name it", head);
		json_array_foreach(sets, i, s)
		{
			html_open(h, "tr", NULL);
			view_td(h, m_str(s, "channel"));
			view_td(h, m_str(s, "arch"));
			view_td_count(h, m_int(s, "counter"));
			view_td_time(h, m_int(s, "published_at"));
			view_td_count(h, m_int(s, "routers"));
			html_close(h, "tr");
		}
		view_table_end(h);
	}
	view_section_end(h);
}

static void
view_runs(struct html *h, const json_t *m)
{
	static const char *const head[] = { "#build", "recipe", "stage", "lane",
		"as", "verdict of the plan", "when", NULL };
	const json_t *runs = json_object_get(m, "runs"), *r;
	size_t i;

	if (json_array_size(runs) == 0)
		return;
	view_section(h, "Builds that gave exactly these bytes", "runs");
	view_table(h, "Builds that gave these bytes", head);
	json_array_foreach(runs, i, r)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", "class", "number", NULL);
		view_run(h, m_int(r, "id"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_recipe(h, m_str(r, "recipe"));
		html_close(h, "td");
		view_td(h, m_str(r, "stage"));
		view_td(h, m_str(r, "lane"));
		view_td(h, m_str(r, "output"));
		html_open(h, "td", NULL);
		view_verdict(h, m_str(r, "verdict"));
		html_close(h, "td");
		view_td_time(h, m_int(r, "finished_at"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_documents(struct html *h, const json_t *m)
{
	static const struct {
		const char *format, *text, *file;
	} known[] = {
		{ "spdx", "SPDX 2.3", "sbom.spdx.json" },
		{ "cyclonedx", "CycloneDX 1.5", "sbom.cdx.json" },
		{ "buildinfo", "Debian .buildinfo", "buildinfo" },
	};
	const json_t *documents = json_object_get(m, "documents"), *d;
	bool first = true;
	size_t i;

	if (json_array_size(documents) == 0)
		return;
	view_fact(h, "SBOM download");
	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		json_array_foreach(documents, i, d)
		{
			if (strcmp(m_str(d, "format"), known[k].format) != 0)
				continue;
			if (!first)
				html_text(h, ", ");
			first = false;
			html_link(h, known[k].text, "/image/%s/%s",
			    m_str(m, "digest"), known[k].file);
		}
	html_close(h, "dd");
}

static void
view_facts(struct html *h, const json_t *m)
{
	const json_t *o;
	size_t i;

	html_open(h, "dl", NULL);
	view_fact(h, "SHA-256");
	html_element(
	    h, "span", m_str(m, "digest"), "class", "digest whole", NULL);
	html_close(h, "dd");
	if (json_is_true(json_object_get(m, "stored"))) {
		view_fact(h, "bytes");
		html_link(h, "download", "/blob/%s", m_str(m, "digest"));
		html_text(h, ", ");
		html_link(h, "as text", "/blob/%s?as=text", m_str(m, "digest"));
		html_close(h, "dd");
	}
	json_array_foreach(json_object_get(m, "releases"), i, o)
	{
		view_fact(h, "release");
		html_textf(h, "%s %s, %s ", m_str(o, "service"),
		    m_str(o, "version"), m_str(o, "arch"));
		view_record(h, m_str(o, "release"));
		html_close(h, "dd");
	}
	image_solo5_view(h, m);
	view_documents(h, m);
	json_array_foreach(json_object_get(m, "inside_of"), i, o)
	{
		view_fact(h, "inside of");
		html_link(
		    h, m_str(o, "recipe"), "/image/%s", m_str(o, "image"));
		html_close(h, "dd");
	}
	html_close(h, "dl");
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *r = m_first(m, "runs");

	html_open(h, "div", "class", "heads", NULL);
	view_brick(h, m_str(m, "digest"));
	html_open(h, "span", NULL);
	view_size(h, m_int(m, "size"));
	if (m_int(m, "image_max")) {
		html_text(h, " of ");
		view_size(h, m_int(m, "image_max"));
		html_text(h, " budget");
	}
	html_close(h, "span");
	if (r)
		view_verdict(h, m_str(r, "verdict"));
	html_close(h, "div");
	view_facts(h, m);
	proof_view(h, m);
	image_map_view(h, "What is inside", "inside",
	    json_object_get(m, "files"), m_int(m, "size"));
	image_with_view(h, m);
	view_others(h, m);
	view_where(h, m);
	view_runs(h, m);
}

void
page_image(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Artifact",
		.section = "/recipes",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
