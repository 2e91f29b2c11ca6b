#include "web/frame.h"

#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
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
	{ "/fleet", "Fleet" },
	{ "/exposure", "Exposure" },
	{ "/trust", "Trust" },
};

static void
head(struct html *h, const char *title, int64_t refresh)
{
	html_open(h, "head", NULL);
	html_void(h, "meta", "charset", "utf-8", NULL);
	html_void(h, "meta", "name", "viewport", "content",
	    "width=device-width, initial-scale=1", NULL);
	html_void(
	    h, "meta", "name", "color-scheme", "content", "light dark", NULL);
	if (refresh > 0) {
		char seconds[24];

		snprintf(seconds, sizeof(seconds), "%lld", (long long)refresh);
		html_open(h, "noscript", NULL);
		html_void(h, "meta", "http-equiv", "refresh", "content",
		    seconds, NULL);
		html_close(h, "noscript");
	}
	html_say(h, "title", NULL, "%s \xc2\xb7 kiln", title);
	html_void(
	    h, "link", "rel", "stylesheet", "href", "/static/style.css", NULL);
	html_void(h, "link", "rel", "icon", "href", "/static/kiln.svg", NULL);
	html_element(
	    h, "script", NULL, "src", "/static/kiln.js", "defer", "", NULL);
	html_close(h, "head");
}

static void
top(struct html *h, const char *section)
{
	size_t i;

	html_element(
	    h, "a", "To the content", "class", "skip", "href", "#main", NULL);
	html_open(h, "header", "class", "top", NULL);
	html_open(h, "a", "class", "brand", "href", "/", NULL);
	html_void(h, "img", "src", "/static/kiln.svg", "alt", "", "width", "28",
	    "height", "28", NULL);
	html_text(h, "kiln");
	html_close(h, "a");
	html_open(h, "nav", "aria-label", "Sections", NULL);
	for (i = 0; i < ARRAY_LEN(nav); i++)
		html_element(h, "a", nav[i].title, "href", nav[i].path,
		    "aria-current",
		    strcmp(nav[i].path, section) == 0 ? "page" : NULL, NULL);
	html_close(h, "nav");
	html_open(h, "form", "role", "search", "action", "/find", NULL);
	html_void(h, "input", "type", "search", "name", "q", "id", "find",
	    "aria-label", "Find a hash, a recipe, a package or a build",
	    "placeholder", "hash, recipe, package \xe2\x80\xa6", "autocomplete",
	    "off", "spellcheck", "false", "maxlength", "200", NULL);
	html_close(h, "form");
	html_close(h, "header");
}

static void
frame_open(struct html *h, const char *title, const char *section,
    int64_t refresh, bool live)
{
	html_open(h, "html", "lang", "en", NULL);
	head(h, title, refresh);
	html_open(h, "body", NULL);
	top(h, section);
	html_open(h, "main", "id", "main", "data-changes",
	    live ? "/events" : NULL, NULL);
	html_element(h, "h1", title, NULL);
}

static void
frame_close(struct html *h)
{
	html_close(h, "main");
	html_open(h, "footer", NULL);
	html_text(
	    h, "kiln " KILN_VERSION " \xc2\xb7 all times in UTC \xc2\xb7 ");
	html_link(h, "API", "/api/v1/openapi.json");
	html_text(h, " \xc2\xb7 ");
	html_link(h, "feed", "/feed.atom");
	html_text(h, " \xc2\xb7 ");
	html_link(h, "operate", "/operate");
	html_close(h, "footer");
	html_close(h, "body");
	html_close(h, "html");
	html_end(h);
}

void
page_message(struct buf *out, const char *title, const char *sentence)
{
	struct html h;

	html_init(&h, out);
	frame_open(&h, title, "", 0, false);
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
		    "kiln-builder has not made its database yet, or "
		    "not brought it to this version");
	else
		m = page->model(req, &err);
	if (m == NULL) {
		bool missing = err.cls == ERR_MISSING;
		bool bad = err.cls == ERR_INPUT;

		reply_error(req, re,
		    missing ? 404
		    : bad   ? 400
			    : 503,
		    missing ? "missing"
		    : bad   ? "bad-input"
			    : "unavailable",
		    err.msg);
		return;
	}
	if (req->json) {
		reply_json(re, m);
		return;
	}
	title = m_str(m, "title");
	html_init(&h, &re->body);
	frame_open(&h, title[0] ? title : page->title, page->section,
	    m_int(m, "refresh"), page->live);
	page->view(&h, m);
	frame_close(&h);
	re->type = "text/html; charset=utf-8";
}
