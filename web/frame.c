#include "web/frame.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

static const struct {
	const char *path, *title;
} nav[] = {
	{ "/", "Now" },
	{ "/recipes", "Recipes" },
	{ "/builds", "Builds" },
	{ "/releases", "Releases" },
	{ "/routers", "Routers" },
};

static void
frame_open(
    struct html *h, const char *title, const char *section, int64_t refresh)
{
	size_t i;

	html_open(h, "html", "lang", "en", NULL);
	html_open(h, "head", NULL);
	html_void(h, "meta", "charset", "utf-8", NULL);
	html_void(h, "meta", "name", "viewport", "content",
	    "width=device-width, initial-scale=1", NULL);
	if (refresh > 0) {
		char seconds[24];

		snprintf(seconds, sizeof(seconds), "%lld", (long long)refresh);
		html_void(h, "meta", "http-equiv", "refresh", "content",
		    seconds, NULL);
	}
	html_open(h, "title", NULL);
	html_textf(h, "%s - kiln", title);
	html_close(h, "title");
	html_void(
	    h, "link", "rel", "stylesheet", "href", "/static/style.css", NULL);
	html_void(h, "link", "rel", "icon", "href", "/static/kiln.svg", NULL);
	html_close(h, "head");
	html_open(h, "body", NULL);
	html_open(h, "header", NULL);
	html_element(h, "a", "kiln", "href", "/", "class", "brand", NULL);
	html_open(h, "nav", NULL);
	for (i = 0; i < ARRAY_LEN(nav); i++)
		html_element(h, "a", nav[i].title, "href", nav[i].path,
		    "aria-current",
		    strcmp(nav[i].path, section) == 0 ? "page" : NULL, NULL);
	html_close(h, "nav");
	html_close(h, "header");
	html_open(h, "main", NULL);
	html_element(h, "h1", title, NULL);
}

static void
frame_close(struct html *h)
{
	html_close(h, "main");
	html_close(h, "body");
	html_close(h, "html");
	html_end(h);
}

void
page_message(struct buf *out, const char *title, const char *sentence)
{
	struct html h;

	html_init(&h, out);
	frame_open(&h, title, "", 0);
	html_element(&h, "p", sentence, NULL);
	frame_close(&h);
}

void
page_reply(struct req *req, struct reply *re, const struct page *page)
{
	struct err err = ERR_INIT;
	auto_json json_t *m = NULL;
	const char *title;
	struct html h;

	req_readers(req);
	if (req->web->farm == NULL && !page->web_only)
		err_set(&err, ERR_BUSY,
		    "kiln-builder has not made its database yet");
	else
		m = page->model(req, &err);
	if (m == NULL) {
		bool missing = err.cls == ERR_MISSING;

		reply_error(req, re, missing ? 404 : 503,
		    missing ? "missing" : "unavailable", err.msg);
		return;
	}
	if (req->json) {
		reply_json(re, m);
		return;
	}
	title = m_str(m, "title");
	html_init(&h, &re->body);
	frame_open(&h, title[0] ? title : page->title, page->section,
	    m_int(m, "refresh"));
	page->view(&h, m);
	frame_close(&h);
	re->type = "text/html; charset=utf-8";
}

json_t *
model_rows(
    struct db *db, struct stmt *q, const char *const *columns, struct err *err)
{
	json_t *rows = json_array();
	int got, i;

	(void)db;
	while ((got = stmt_step(q, err)) == 1) {
		json_t *row = json_object();

		/* "#name" is an integer column. */
		for (i = 0; columns[i]; i++) {
			const char *name = columns[i] + (columns[i][0] == '#');

			if (stmt_null(q, i))
				js_set(row, name, json_null());
			else if (columns[i][0] == '#')
				js_set_int(row, name, stmt_int(q, i));
			else
				js_set_str(row, name, stmt_str(q, i));
		}
		json_array_append_new(rows, row);
	}
	if (got == -1) {
		json_decref(rows);
		return NULL;
	}
	return rows;
}

const char *
m_str(const json_t *m, const char *key)
{
	const char *s = json_string_value(json_object_get(m, key));

	return s ? s : "";
}

int64_t
m_int(const json_t *m, const char *key)
{
	return json_integer_value(json_object_get(m, key));
}

static void
digest(struct html *h, const char *hex, const char *href)
{
	char brief[13];

	if (hex[0] == '\0')
		return;
	snprintf(brief, sizeof(brief), "%.12s", hex);
	html_element(h, href ? "a" : "span", brief, "class", "digest", "title",
	    hex, "href", href, NULL);
}

void
view_digest(struct html *h, const char *hex)
{
	digest(h, hex, NULL);
}

void
view_artifact(struct html *h, const char *hex)
{
	auto_free char *href = mem_printf("/blob/%s", hex);

	digest(h, hex, href);
}

void
view_record(struct html *h, const char *hex)
{
	auto_free char *href = mem_printf("/blob/%s?as=json", hex);

	digest(h, hex, href);
}

void
view_verdict(struct html *h, const char *verdict)
{
	auto_buf struct buf cls = BUF_INIT;

	buf_printf(&cls, "verdict %s", verdict[0] ? verdict : "none");
	html_element(h, "span", verdict[0] ? verdict : "not yet", "class",
	    cls.data, NULL);
}

void
view_time(struct html *h, int64_t t)
{
	char text[TIME_TEXT], shown[TIME_TEXT];

	if (t == 0)
		return;
	time_text(t, text);
	memcpy(shown, text, sizeof(shown));
	shown[10] = ' '; /* 2020-01-01 00:00:00, in UTC */
	shown[19] = '\0';
	html_element(h, "time", shown, "datetime", text, "title", text, NULL);
}

void
view_size(struct html *h, int64_t bytes)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_size(&b, bytes);
	html_text(h, b.data);
}

void
view_duration(struct html *h, int64_t ms)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_duration(&b, ms);
	html_text(h, b.data);
}

void
view_table(struct html *h, const char *const *titles)
{
	html_open(h, "div", "class", "wide", NULL);
	html_open(h, "table", NULL);
	html_open(h, "thead", NULL);
	html_open(h, "tr", NULL);
	for (; *titles; titles++)
		html_element(h, "th", *titles, "scope", "col", NULL);
	html_close(h, "tr");
	html_close(h, "thead");
	html_open(h, "tbody", NULL);
}

void
view_table_end(struct html *h)
{
	html_close(h, "tbody");
	html_close(h, "table");
	html_close(h, "div");
}
