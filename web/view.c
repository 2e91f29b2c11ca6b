#include "web/view.h"

#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/model.h"

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
view_artifact(struct html *h, const char *hex)
{
	auto_free char *href = mem_printf("/image/%s", hex);

	digest(h, hex, href);
}

void
view_record(struct html *h, const char *hex)
{
	auto_free char *href = mem_printf("/blob/%s?as=json", hex);

	digest(h, hex, href);
}

/*
 * Four courses of eight half-offset bricks.  Each takes its colour from two of
 * the digest's first 64 bits: enough for the eye to tell two apart.
 */
void
view_brick(struct html *h, const char *hex)
{
	static const char *const cls[] = { "b0", "b1", "b2", "b3" };
	int row, col;

	if (strlen(hex) < 16)
		return;
	html_open(h, "svg", "class", "brick", "viewBox", "0 0 66 26",
	    "aria-hidden", "true", NULL);
	for (row = 0; row < 4; row++)
		for (col = 0; col < 8; col++) {
			int at = row * 8 + col;
			const char *digits = "0123456789abcdef";
			const char *d = strchr(digits, hex[at / 2]);
			int n = d ? (int)(d - digits) : 0;
			char x[16], y[16], w[16];
			bool cut = (row & 1) && col == 7;

			snprintf(x, sizeof(x), "%d",
			    1 + col * 8 + ((row & 1) ? 4 : 0));
			snprintf(y, sizeof(y), "%d", 1 + row * 6);
			snprintf(w, sizeof(w), "%d", cut ? 4 : 7);
			html_element(h, "rect", NULL, "class",
			    cls[at & 1 ? n & 3 : n >> 2], "x", x, "y", y,
			    "width", w, "height", "5", "rx", "1", NULL);
		}
	html_close(h, "svg");
}

void
view_state(struct html *h, const char *state, const char *cause)
{
	auto_buf struct buf cls = BUF_INIT;

	buf_printf(&cls, "chip %s", state[0] ? state : "none");
	html_open(h, "span", "class", cls.data, NULL);
	html_text(h, state[0] ? state : "not yet");
	if (cause && cause[0])
		html_textf(h, ": %s", cause);
	html_close(h, "span");
}

void
view_verdict(struct html *h, const char *verdict)
{
	view_state(h, verdict, NULL);
}

/* --- times and numbers -----------------------------------------------------*/

static void
time_element(struct html *h, int64_t t, const char *shown)
{
	char text[TIME_TEXT];

	time_text(t, text);
	html_element(h, "time", shown, "datetime", text, "title", text, NULL);
}

void
view_time(struct html *h, int64_t t)
{
	char shown[TIME_TEXT];

	if (t == 0)
		return;
	time_text(t, shown);
	shown[10] = ' '; /* 2020-01-01 00:00:00, in UTC */
	shown[19] = '\0';
	time_element(h, t, shown);
}

/* The largest unit of which there are two: "90 s", "3 h", "12 days". */
static void
add_span(struct buf *b, int64_t s)
{
	if (s < 120)
		buf_printf(b, "%lld s", (long long)s);
	else if (s < 7200)
		buf_printf(b, "%lld min", (long long)(s / 60));
	else if (s < 172800)
		buf_printf(b, "%lld h", (long long)(s / 3600));
	else
		buf_printf(b, "%lld days", (long long)(s / 86400));
}

void
view_ago(struct html *h, int64_t t)
{
	auto_buf struct buf b = BUF_INIT;
	int64_t ago = time_now() - t;

	if (t == 0)
		return;
	if (ago < 0)
		buf_str(&b, "just now");
	else
		add_span(&b, ago);
	if (ago >= 0)
		buf_str(&b, " ago");
	time_element(h, t, b.data);
}

void
view_until(struct html *h, int64_t t)
{
	auto_buf struct buf b = BUF_INIT;
	int64_t left = t - time_now();

	if (t == 0)
		return;
	if (left >= 0)
		buf_str(&b, "in ");
	add_span(&b, left < 0 ? -left : left);
	if (left < 0)
		buf_str(&b, " ago");
	time_element(h, t, b.data);
}

void
view_count(struct html *h, int64_t n)
{
	char digits[24], out[64];
	size_t len, i, o = 0;

	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	len = strlen(digits);
	for (i = 0; i < len; i++) {
		if (i && digits[i - 1] != '-' && (len - i) % 3 == 0) {
			memcpy(out + o, "\xe2\x80\xaf", 3);
			o += 3;
		}
		out[o++] = digits[i];
	}
	out[o] = '\0';
	html_text(h, out);
}

void
view_size(struct html *h, int64_t bytes)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_size(&b, bytes);
	html_text(h, b.data);
}

void
view_output(struct html *h, const char *name, const char *hex, int64_t bytes)
{
	view_brick(h, hex);
	html_element(h, "b", name, NULL);
	html_text(h, " ");
	view_artifact(h, hex);
	html_text(h, " ");
	html_open(h, "span", "class", "soft", NULL);
	view_size(h, bytes);
	html_close(h, "span");
}

void
view_duration(struct html *h, int64_t ms)
{
	auto_buf struct buf b = BUF_INIT;

	num_add_duration(&b, ms);
	html_text(h, b.data);
}

void
view_recipe(struct html *h, const char *name)
{
	html_link(h, name, "/recipe/%s", name);
}

void
view_run(struct html *h, int64_t id)
{
	auto_free char *text = mem_printf("%lld", (long long)id);

	html_link(h, text, "/build/%s", text);
}

/* --- blocks ----------------------------------------------------------------*/

void
view_section(struct html *h, const char *title, const char *id)
{
	html_open(h, "section", "id", id, "data-live", id ? "" : NULL, NULL);
	html_element(h, "h2", title, NULL);
}

void
view_section_end(struct html *h)
{
	html_close(h, "section");
}

/* A wide table scrolls in a box of its own, which the keyboard must reach. */
void
view_table(struct html *h, const char *caption, const char *const *titles)
{
	html_open(h, "div", "class", "wide", "tabindex", "0", "role", "region",
	    "aria-label", caption, NULL);
	html_open(h, "table", NULL);
	html_element(h, "caption", caption, "class", "unseen", NULL);
	html_open(h, "thead", NULL);
	html_open(h, "tr", NULL);
	for (; *titles; titles++) {
		bool number = **titles == '#';

		html_element(h, "th", *titles + number, "scope", "col", "class",
		    number ? "number" : NULL, NULL);
	}
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

void
view_td(struct html *h, const char *text)
{
	html_element(h, "td", text, NULL);
}

void
view_td_time(struct html *h, int64_t t)
{
	html_open(h, "td", NULL);
	view_ago(h, t);
	html_close(h, "td");
}

void
view_td_size(struct html *h, int64_t bytes)
{
	html_open(h, "td", "class", "number", NULL);
	view_size(h, bytes);
	html_close(h, "td");
}

void
view_td_count(struct html *h, int64_t n)
{
	html_open(h, "td", "class", "number", NULL);
	view_count(h, n);
	html_close(h, "td");
}

void
view_fact(struct html *h, const char *name)
{
	html_element(h, "dt", name, NULL);
	html_open(h, "dd", NULL);
}

void
view_fact_text(struct html *h, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	view_fact(h, name);
	html_text(h, text);
	html_close(h, "dd");
}

void
view_stat(struct html *h, int64_t n, const char *what, const char *href)
{
	html_open(h, "li", NULL);
	if (href)
		html_open(h, "a", "href", href, NULL);
	html_open(h, "b", NULL);
	view_count(h, n);
	html_close(h, "b");
	html_text(h, " ");
	html_element(h, "span", what, NULL);
	if (href)
		html_close(h, "a");
	html_close(h, "li");
}

void
view_next(
    struct html *h, const char *path, const json_t *next, const char *query)
{
	if (!json_is_integer(next))
		return;
	html_open(h, "p", "class", "next", NULL);
	html_link(h, "older \xe2\x86\x92", "%s?after=%lld%s", path,
	    (long long)json_integer_value(next), query);
	html_close(h, "p");
}
