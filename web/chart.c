#include "web/chart.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

/* Attributes want text: "12.5". */
static const char *
num(char out[24], double v)
{
	snprintf(out, 24, "%.1f", v);
	return out;
}

/* One with links inside is a group; without, a picture. */
static void
svg_open(struct html *h, const char *cls, double width, double height,
    const char *role, const char *title)
{
	char box[64];

	snprintf(box, sizeof(box), "0 0 %.0f %.0f", width, height);
	html_open(h, "svg", "class", cls, "viewBox", box, "role", role,
	    "aria-label", title, NULL);
}

static void
text_at(struct html *h, const char *cls, const char *anchor, double x, double y,
    const char *text)
{
	char a[24], b[24];

	html_element(h, "text", text, "class", cls, "x", num(a, x), "y",
	    num(b, y), "text-anchor", anchor, NULL);
}

static void
rect(struct html *h, const char *cls, double x, double y, double w, double hh)
{
	char a[24], b[24], c[24], d[24];

	html_element(h, "rect", NULL, "class", cls, "x", num(a, x), "y",
	    num(b, y), "width", num(c, w < 0 ? 0 : w), "height",
	    num(d, hh < 0 ? 0 : hh), NULL);
}

/* --- over time -------------------------------------------------------------*/

#define TREND_W 640.0
#define TREND_H 190.0
#define LEFT 70.0
#define RIGHT 12.0
#define TOP 14.0
#define BOTTOM 26.0

/* 1, 2 or 5 times a power of ten (or of two for bytes it looks as well). */
static int64_t
ceiling(int64_t max)
{
	int64_t step = 1;

	if (max < 1)
		return 1;
	while (step <= max / 10)
		step *= 10;
	if (max <= step * 2)
		return step * 2;
	if (max <= step * 5)
		return step * 5;
	return step * 10;
}

struct scale {
	int64_t from, to, top;
};

static double
x_of(const struct scale *s, int64_t at)
{
	double span = s->to > s->from ? (double)(s->to - s->from) : 1;

	return LEFT + (TREND_W - LEFT - RIGHT) * (double)(at - s->from) / span;
}

static double
y_of(const struct scale *s, int64_t v)
{
	return TREND_H - BOTTOM -
	       (TREND_H - TOP - BOTTOM) * (double)v / (double)s->top;
}

static void
axes(struct html *h, const struct scale *s, chart_unit *unit)
{
	char a[24], b[24], day[TIME_TEXT];
	int i;

	for (i = 0; i <= 2; i++) {
		int64_t v = s->top * i / 2;
		auto_buf struct buf label = BUF_INIT;

		unit(&label, v);
		html_element(h, "line", NULL, "class", "axis", "x1",
		    num(a, LEFT), "x2", "628", "y1", num(b, y_of(s, v)), "y2",
		    b, NULL);
		text_at(h, NULL, "end", LEFT - 8, y_of(s, v) + 4, label.data);
	}
	time_text(s->from, day);
	day[10] = '\0';
	text_at(h, NULL, "start", LEFT, TREND_H - 8, day);
	time_text(s->to, day);
	day[10] = '\0';
	text_at(h, NULL, "end", TREND_W - RIGHT, TREND_H - 8, day);
}

static void
line(struct html *h, const struct chart_series *c, const struct scale *s,
    size_t which, chart_unit *unit)
{
	auto_buf struct buf path = BUF_INIT;
	const char *dot = which ? "d1" : "d0";
	size_t i;

	for (i = 0; i < c->n; i++)
		buf_printf(&path, "%s%.1f %.1f", i ? "L" : "M",
		    x_of(s, c->points[i].at), y_of(s, c->points[i].value));
	if (c->n > 1)
		html_element(h, "path", NULL, "class", which ? "s1" : "s0", "d",
		    path.data, NULL);
	for (i = 0; i < c->n; i++) {
		char a[24], b[24], at[TIME_TEXT];
		auto_buf struct buf label = BUF_INIT;

		time_text(c->points[i].at, at);
		buf_printf(&label, "%s, %s: ", c->name, at);
		unit(&label, c->points[i].value);
		html_open(h, "circle", "class", dot, "cx",
		    num(a, x_of(s, c->points[i].at)), "cy",
		    num(b, y_of(s, c->points[i].value)), "r",
		    c->n > 40 ? "2" : "3.5", NULL);
		html_element(h, "title", label.data, NULL);
		html_close(h, "circle");
	}
}

void
chart_trend(struct html *h, const char *title, const struct chart_series *c,
    size_t n, chart_unit *unit)
{
	struct scale s = { INT64_MAX, 0, 0 };
	size_t i, k, points = 0;

	for (k = 0; k < n; k++)
		for (i = 0; i < c[k].n; i++) {
			const struct chart_point *p = &c[k].points[i];

			points++;
			s.from = p->at < s.from ? p->at : s.from;
			s.to = p->at > s.to ? p->at : s.to;
			s.top = p->value > s.top ? p->value : s.top;
		}
	html_open(h, "figure", "class", "card", NULL);
	if (points == 0) {
		html_element(
		    h, "p", "Nothing was measured yet.", "class", "soft", NULL);
	} else {
		s.top = ceiling(s.top);
		svg_open(h, "chart", TREND_W, TREND_H, "img", title);
		axes(h, &s, unit);
		for (k = 0; k < n; k++)
			line(h, &c[k], &s, k, unit);
		for (k = 0; k < n && n > 1; k++)
			text_at(h, k ? "t1" : "t0", "end",
			    TREND_W - RIGHT - (k ? 0 : 60.0), 11, c[k].name);
		html_close(h, "svg");
	}
	html_element(h, "figcaption", title, NULL);
	html_close(h, "figure");
}

/* --- treemap: Bruls, Huizing, van Wijk, "Squarified Treemaps"
 * ---------------*/

#define MAP_W 960.0
#define MAP_H 380.0

struct area {
	double x, y, w, h;
};

static int
larger_first(const void *a, const void *b)
{
	const struct chart_box *p = a, *q = b;

	return (p->value < q->value) - (p->value > q->value);
}

/* The worst ratio of a row of [from, to) whose values sum up to `sum`, laid
 * along `side`; `per` is area per value. */
static double
worst(const struct chart_box *b, size_t from, size_t to, double sum,
    double side, double per)
{
	double thick = sum * per / side, bad = 1;
	size_t i;

	for (i = from; i < to; i++) {
		double len = (double)b[i].value * per / thick;
		double ratio = len > thick ? len / thick : thick / len;

		bad = ratio > bad ? ratio : bad;
	}
	return bad;
}

/* As much of a name as there is room for, or NULL. */
static char *
shortened(const char *name, double room)
{
	size_t n = room > 0 ? (size_t)room : 0;

	if (strlen(name) <= n)
		return mem_str(name);
	if (n < 5)
		return NULL;
	for (n--; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80;)
		n--; /* a letter is many bytes, or none */
	return mem_printf("%.*s\xe2\x80\xa6", (int)n, name);
}

static void
box(struct html *h, const struct chart_box *b, const struct area *a,
    chart_unit *unit)
{
	auto_buf struct buf size = BUF_INIT, title = BUF_INIT;
	auto_free char *name = NULL;
	char cls[4];
	/* Letters, beside the margins. */
	double room = (a->w - 14) / 8.4, small = (a->w - 14) / 6.8;

	snprintf(cls, sizeof(cls), "m%u", b->group & 7);
	unit(&size, b->value);
	buf_printf(&title, "%s: %s", b->name, size.data);
	if (b->sub)
		buf_printf(&title, " (%s)", b->sub);
	if (b->href)
		html_open(
		    h, "a", "href", b->href, "aria-label", title.data, NULL);
	else
		html_open(h, "g", NULL);
	html_element(h, "title", title.data, NULL);
	rect(h, cls, a->x, a->y, a->w, a->h);
	name = shortened(b->name, room);
	/* No numbers without a name. */
	if (a->h > 22 && name) {
		text_at(h, NULL, "start", a->x + 9, a->y + 20, name);
		if (a->h > 40 && (double)size.len < small)
			text_at(
			    h, "sub", "start", a->x + 9, a->y + 37, size.data);
		if (a->h > 58 && b->sub && (double)strlen(b->sub) < small)
			text_at(h, "sub", "start", a->x + 9, a->y + 54, b->sub);
	}
	html_close(h, b->href ? "a" : "g");
}

/* Lays [from, to) along the shorter side and takes the row off the rest. */
static void
lay(struct html *h, const struct chart_box *b, size_t from, size_t to,
    double sum, double per, struct area *rest, chart_unit *unit)
{
	bool upright = rest->w >= rest->h;
	double side = upright ? rest->h : rest->w;
	double thick = sum * per / side, at = 0;
	size_t i;

	for (i = from; i < to; i++) {
		double len = (double)b[i].value * per / thick;
		struct area a =
		    upright
			? (struct area){ rest->x, rest->y + at, thick, len }
			: (struct area){ rest->x + at, rest->y, len, thick };

		box(h, &b[i], &a, unit);
		at += len;
	}
	if (upright) {
		rest->x += thick;
		rest->w -= thick;
	} else {
		rest->y += thick;
		rest->h -= thick;
	}
}

void
chart_map(struct html *h, const char *title, struct chart_box *b, size_t n,
    chart_unit *unit)
{
	struct area rest = { 0, 0, MAP_W, MAP_H };
	double total = 0, per;
	size_t from = 0, i;

	qsort(b, n, sizeof(*b), larger_first);
	while (n > 0 && b[n - 1].value <= 0)
		n--;
	for (i = 0; i < n; i++)
		total += (double)b[i].value;
	if (n == 0)
		return;
	per = MAP_W * MAP_H / total;
	html_open(h, "figure", NULL);
	svg_open(h, "chart map", MAP_W, MAP_H, "group", title);
	while (from < n) {
		double side = rest.w >= rest.h ? rest.h : rest.w;
		double sum = (double)b[from].value;
		size_t to = from + 1;

		while (to < n &&
		       worst(b, from, to + 1, sum + (double)b[to].value, side,
			   per) <= worst(b, from, to, sum, side, per))
			sum += (double)b[to++].value;
		lay(h, b, from, to, sum, per, &rest, unit);
		from = to;
	}
	html_close(h, "svg");
	html_element(h, "figcaption", title, NULL);
	html_close(h, "figure");
}

/* --- graph -----------------------------------------------------------------*/

#define NODE_W 170.0
#define NODE_H 42.0
#define GAP_X 70.0
#define GAP_Y 14.0

/* Longest path from the left; n rounds are enough without cycles. */
static int
columns(struct chart_node *v, size_t n, const struct chart_edge *e, size_t m)
{
	size_t round, i;
	int max = 0;
	bool moved = true;

	for (round = 0; round < n && moved; round++) {
		moved = false;
		for (i = 0; i < m; i++)
			if (v[e[i].to].column <= v[e[i].from].column &&
			    v[e[i].from].column < (int)n) {
				v[e[i].to].column = v[e[i].from].column + 1;
				moved = true;
			}
	}
	for (i = 0; i < n; i++)
		max = v[i].column > max ? v[i].column : max;
	return max + 1;
}

static double
node_y(const struct chart_node *v, size_t n, size_t which, double height)
{
	size_t i, before = 0, all = 0;

	for (i = 0; i < n; i++)
		if (v[i].column == v[which].column) {
			before += i < which;
			all++;
		}
	return (height - (double)all * (NODE_H + GAP_Y) + GAP_Y) / 2 +
	       (double)before * (NODE_H + GAP_Y);
}

void
chart_graph(struct html *h, const char *title, struct chart_node *v, size_t n,
    const struct chart_edge *e, size_t m)
{
	int cols = columns(v, n, e, m);
	size_t i, k, tallest = 1;
	double width, height;

	for (i = 0; i < n; i++) {
		size_t same = 0;

		for (k = 0; k < n; k++)
			same += v[k].column == v[i].column;
		tallest = same > tallest ? same : tallest;
	}
	width = (double)cols * (NODE_W + GAP_X) - GAP_X + 4;
	height = (double)tallest * (NODE_H + GAP_Y) - GAP_Y + 4;
	/* Few columns shall not grow to the width of the page. */
	if (width < 900)
		width = 900;
	html_open(h, "div", "class", "wide graphbox", "tabindex", "0", "role",
	    "region", "aria-label", title, NULL);
	svg_open(h, "chart graph", width, height + 24, "group", title);
	for (i = 0; i < m; i++) {
		double x1 = 14 +
			    (double)v[e[i].from].column * (NODE_W + GAP_X) +
			    NODE_W;
		double y1 = 12 + node_y(v, n, e[i].from, height) + NODE_H / 2;
		double x2 = 14 + (double)v[e[i].to].column * (NODE_W + GAP_X);
		double y2 = 12 + node_y(v, n, e[i].to, height) + NODE_H / 2;
		auto_buf struct buf d = BUF_INIT;

		buf_printf(&d, "M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f", x1,
		    y1, x1 + 40, y1, x2 - 40, y2, x2, y2);
		html_element(h, "path", NULL, "d", d.data, NULL);
	}
	for (i = 0; i < n; i++) {
		double x = 14 + (double)v[i].column * (NODE_W + GAP_X);
		double y = 12 + node_y(v, n, i, height);

		html_open(h, "a", "href", v[i].href, "class",
		    v[i].self ? "self" : NULL, NULL);
		rect(h, NULL, x, y, NODE_W, NODE_H);
		text_at(h, NULL, "start", x + 10, y + 18, v[i].name);
		text_at(h, "kind", "start", x + 10, y + 33, v[i].kind);
		html_close(h, "a");
	}
	html_close(h, "svg");
	html_close(h, "div");
}

/* --- parts of a whole ------------------------------------------------------*/

void
chart_bar(struct html *h, const char *label, const struct chart_part *p,
    size_t n, int64_t whole)
{
	double at = 0;
	size_t i;

	html_open(h, "svg", "class", "bar", "viewBox", "0 0 100 4",
	    "preserveAspectRatio", "none", "role", "img", "aria-label", label,
	    NULL);
	rect(h, "track", 0, 0, 100, 4);
	for (i = 0; i < n && whole > 0; i++) {
		double w = 100 * (double)p[i].value / (double)whole;

		if (w <= 0)
			continue;
		rect(h, p[i].cls, at, 0, w, 4);
		at += w;
	}
	html_close(h, "svg");
}
