/*
 * A build's log, a page at a time from its end: a log may be many megabytes,
 * and there is one thread.  The whole of a finished one is an artifact; what a
 * running one says comes as an event stream.
 */
#include "web/pages/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/ansi.h"
#include "web/frame.h"
#include "web/live.h"
#include "web/log_file.h"
#include "web/pages/pages.h"

int
log_model(struct req *req, int64_t id, int64_t from, size_t max, json_t *m,
    struct err *err)
{
	struct log_part p = { .text = BUF_INIT };
	auto_buf struct buf text = BUF_INIT;
	struct log_file l;
	int rc = 0;

	if (log_file_open(req->web, id, &l, err) == -1)
		return -1;
	if (l.fd != -1)
		rc = log_file_read(l.fd, from, max, &p, err);
	own_close(&l.fd);
	utf8_add(&text, p.text.data ? p.text.data : "", p.text.len);
	buf_release(&p.text);
	if (rc == -1)
		return -1;
	js_set_int(m, "id", id);
	js_set_int(m, "size", p.size);
	js_set_int(m, "from", p.from);
	js_set_int(m, "to", p.to);
	js_set_str(m, "digest", l.digest[0] && !l.gone ? l.digest : NULL);
	js_set_bool(m, "gone", l.gone);
	js_set_bool(m, "running", l.running);
	js_set_str(m, "log", text.data);
	return 0;
}

/* --- as a page -------------------------------------------------------------*/

static void
emit_html(void *arg, const char *cls, const char *text)
{
	struct html *h = arg;

	if (cls[0])
		html_element(h, "span", text, "class", cls, NULL);
	else
		html_text(h, text);
}

static void
toolbar(struct html *h, const json_t *m)
{
	int64_t id = m_int(m, "id"), from = m_int(m, "from");

	html_open(h, "div", "class", "logbar", NULL);
	html_void(h, "input", "type", "search", "class", "logfind scripted",
	    "aria-label", "Search in the log", "placeholder",
	    "search in the log", NULL);
	html_element(h, "span", "", "class", "loghits", "role", "status", NULL);
	if (from > 0) {
		int64_t back = from > LOG_PAGE ? from - LOG_PAGE : 0;

		html_link(h, "earlier", "/build/%lld/log?from=%lld",
		    (long long)id, (long long)back);
		html_text(h, " ");
	}
	if (m_int(m, "to") < m_int(m, "size")) {
		html_link(h, "later", "/build/%lld/log?from=%lld",
		    (long long)id, (long long)m_int(m, "to"));
		html_text(h, " ");
		html_link(h, "end", "/build/%lld/log", (long long)id);
	}
	if (m_str(m, "digest")[0]) {
		html_link(
		    h, "all of it", "/blob/%s?as=text", m_str(m, "digest"));
		html_open(h, "span", "class", "soft", NULL);
		view_size(h, m_int(m, "size"));
		html_close(h, "span");
	} else if (json_is_true(json_object_get(m, "running"))) {
		html_element(h, "span", "live", "class", "chip running", NULL);
		html_open(h, "label", "class", "scripted", NULL);
		html_void(h, "input", "type", "checkbox", "class", "logfollow",
		    "checked", "", NULL);
		html_text(h, " follow");
		html_close(h, "label");
	}
	html_close(h, "div");
}

void
log_view(struct html *h, const json_t *m)
{
	const char *text = m_str(m, "log");
	auto_free char *stream = NULL;
	struct ansi a = ANSI_INIT;

	if (json_is_true(json_object_get(m, "running")))
		stream = mem_printf("/build/%lld/log/events?from=%lld",
		    (long long)m_int(m, "id"), (long long)m_int(m, "to"));
	html_open(h, "div", "class", "log", NULL);
	toolbar(h, m);
	html_open(h, "pre", "tabindex", "0", "role", "log", "aria-label",
	    "Build log", "aria-live", "off", "data-stream", stream, NULL);
	if (text[0])
		ansi_feed(&a, text, strlen(text), emit_html, h);
	else if (stream == NULL)
		html_text(h, json_is_true(json_object_get(m, "gone"))
				 ? "(this log is not kept any more)"
				 : "(no output)");
	html_close(h, "pre");
	html_close(h, "div");
}

static json_t *
model(struct req *req, struct err *err)
{
	auto_json json_t *m = json_object();
	const char *from_arg = req_arg(req, "from");
	auto_free char *title = NULL;
	int64_t id, from = -1;

	if (run_id(req, &id, err) == -1)
		return NULL;
	if (from_arg && num_int(from_arg, 0, INT64_MAX, &from, err) == -1) {
		err_set(err, ERR_INPUT, "from: a byte of the log is meant");
		return NULL;
	}
	if (log_model(req, id, from, LOG_PAGE, m, err) == -1)
		return NULL;
	title = mem_printf("Log of build %lld", (long long)id);
	js_set_str(m, "title", title);
	/* Who reads its end wants to see what comes. */
	if (json_is_true(json_object_get(m, "running")) && from == -1)
		js_set_int(m, "refresh", 5);
	return json_incref(m);
}

static void
view(struct html *h, const json_t *m)
{
	html_open(h, "p", "class", "lede", NULL);
	html_text(h, "of ");
	html_link(h, "the build", "/build/%lld", (long long)m_int(m, "id"));
	if (m_int(m, "size") > LOG_PAGE)
		html_textf(h, ", bytes %lld to %lld of %lld",
		    (long long)m_int(m, "from"), (long long)m_int(m, "to"),
		    (long long)m_int(m, "size"));
	html_close(h, "p");
	log_view(h, m);
}

void
page_log(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Log",
		.section = "/builds",
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}

/* --- as it grows -----------------------------------------------------------*/

struct tail {
	int64_t run, at;
	struct ansi look;
};

static void
emit_json(void *arg, const char *cls, const char *text)
{
	json_t *pair = json_array();

	json_array_append_new(pair, json_string(cls));
	json_array_append_new(pair, json_string(text));
	json_array_append_new(arg, pair);
}

/* Whole lines while it runs; what is left when it has ended. */
static void
say(struct tail *t, struct log_part *p, bool running, struct buf *out)
{
	auto_json json_t *runs = json_array();
	size_t n = p->text.len;
	const char *last;

	if (running && n < LOG_PAGE / 4) {
		last = memrchr(p->text.data, '\n', n);
		n = last ? (size_t)(last + 1 - p->text.data) : 0;
	}
	if (n == 0)
		return;
	ansi_feed(&t->look, p->text.data, n, emit_json, runs);
	t->at = p->from + (int64_t)n;
	buf_printf(out, "id: %lld\nevent: log\ndata: ", (long long)t->at);
	js_text(runs, false, out);
	buf_str(out, "\n\n");
}

static bool
fill(struct stream *s, struct buf *out)
{
	struct log_part p = { .text = BUF_INIT };
	struct tail *t = s->state;
	struct err err = ERR_INIT;
	struct log_file l;
	bool more;

	if (log_file_open(s->web, t->run, &l, &err) == -1)
		return false;
	more = l.running;
	if (l.fd != -1) {
		if (log_file_read(l.fd, t->at, LOG_PAGE / 4, &p, &err) == 0) {
			say(t, &p, more, out);
			more |= t->at < p.size;
		}
		close(l.fd);
	}
	buf_release(&p.text);
	if (!more)
		buf_str(out, "event: end\ndata: 0\n\n");
	return more;
}

static void
release(struct stream *s)
{
	free(s->state);
}

void
log_events(struct req *req, struct reply *re)
{
	const char *from = req_arg(req, "from");
	/* A browser that comes back says what it saw last. */
	const char *last = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "Last-Event-ID");
	struct tail *t = mem_zero(1, sizeof(*t));
	struct err err = ERR_INIT;
	int64_t id = 0;

	req_readers(req);
	if (last && last[0])
		from = last;
	if (req->web->farm == NULL || run_id(req, &id, &err) == -1) {
		reply_error(req, re, 404, "missing", "no such build");
	} else if (from && num_int(from, 0, INT64_MAX, &t->at, &err) == -1) {
		reply_error(req, re, 400, "bad-input",
		    "from: a byte of the log is meant");
	} else {
		t->run = id;
		re->stream = live_open(req, fill, t, release);
		if (re->stream) {
			re->type = "text/event-stream";
			return;
		}
		reply_error(
		    req, re, 503, "busy", "too many pages are looking already");
	}
	free(t);
}
