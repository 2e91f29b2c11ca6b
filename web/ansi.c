#include "web/ansi.h"

#include <stdio.h>
#include <string.h>

#include "lib/attr.h"

/* --- UTF-8 -----------------------------------------------------------------*/

/* Bytes of the whole character that begins at s, or 0 (RFC 3629). */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char from, to, low, high;
		size_t length;
	} lead[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(lead); i++) {
		if (s[0] < lead[i].from || s[0] > lead[i].to)
			continue;
		if (n < lead[i].length || s[1] < lead[i].low ||
		    s[1] > lead[i].high)
			return 0;
		for (k = 2; k < lead[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return lead[i].length;
	}
	return 0;
}

void
utf8_add(struct buf *out, const char *s, size_t n)
{
	while (n > 0) {
		size_t len = 1;

		if (*s == '\0' ||
		    ((unsigned char)*s >= 0x80 &&
			(len = utf8_length((const unsigned char *)s, n)) ==
			    0)) {
			buf_str(out, "\xef\xbf\xbd");
			len = 1;
		} else {
			buf_add(out, s, len);
		}
		s += len;
		n -= len;
	}
}

/* --- looks -----------------------------------------------------------------*/

static void
look(const struct ansi *a, struct buf *cls)
{
	uint8_t ink = a->swap ? a->ground : a->ink;
	uint8_t ground = a->swap ? a->ink : a->ground;

	buf_clear(cls);
	if (ink)
		buf_printf(cls, " f%d", ink - 1);
	if (ground)
		buf_printf(cls, " g%d", ground - 1);
	if (a->swap && !ink && !ground)
		buf_str(cls, " sw");
	if (a->bold)
		buf_str(cls, " bo");
	if (a->faint)
		buf_str(cls, " fa");
	if (a->italic)
		buf_str(cls, " it");
	if (a->under)
		buf_str(cls, " un");
}

/* A colour of 256 as the nearest of the 16 that themes define. */
static uint8_t
of_256(int n)
{
	int r, g, b, bright;

	if (n < 16)
		return (uint8_t)(n + 1);
	if (n >= 232)
		return n < 238 ? 9 : n < 250 ? 8 : 16;
	n -= 16;
	r = n / 36;
	g = n / 6 % 6;
	b = n % 6;
	bright = r > 3 || g > 3 || b > 3;
	return (uint8_t)(1 + (r > 1) + 2 * (g > 1) + 4 * (b > 1) + 8 * bright);
}

/* One number of an SGR; *colour tells of "38;5;N" which part comes next. */
static void
sgr_one(struct ansi *a, int v, int *colour)
{
	uint8_t *where = *colour & 1 ? &a->ink : &a->ground;

	if (*colour >= 8) { /* 2;R;G;B: too fine for us */
		*colour = *colour >= 24 ? 0 : *colour + 8;
		return;
	}
	if (*colour >= 4) {
		*where = of_256(v & 255);
		*colour = 0;
		return;
	}
	if (*colour) {
		*colour = v == 5 ? *colour + 4 : v == 2 ? *colour + 8 : 0;
		return;
	}
	if (v == 0) {
		a->ink = a->ground = 0;
		a->bold = a->faint = a->italic = a->under = a->swap = false;
	} else if (v == 1)
		a->bold = true;
	else if (v == 2)
		a->faint = true;
	else if (v == 3)
		a->italic = true;
	else if (v == 4)
		a->under = true;
	else if (v == 7)
		a->swap = true;
	else if (v == 22)
		a->bold = a->faint = false;
	else if (v == 23)
		a->italic = false;
	else if (v == 24)
		a->under = false;
	else if (v == 27)
		a->swap = false;
	else if (v >= 30 && v <= 37)
		a->ink = (uint8_t)(v - 29);
	else if (v == 38)
		*colour = 1;
	else if (v == 39)
		a->ink = 0;
	else if (v >= 40 && v <= 47)
		a->ground = (uint8_t)(v - 39);
	else if (v == 48)
		*colour = 2;
	else if (v == 49)
		a->ground = 0;
	else if (v >= 90 && v <= 97)
		a->ink = (uint8_t)(v - 81);
	else if (v >= 100 && v <= 107)
		a->ground = (uint8_t)(v - 91);
}

static void
sgr(struct ansi *a)
{
	int v = 0, colour = 0;
	size_t i;

	for (i = 0; i <= a->n; i++) {
		char c = i < a->n ? a->number[i] : ';';

		if (c >= '0' && c <= '9') {
			v = v > 999 ? v : v * 10 + (c - '0');
		} else if (c == ';' || c == ':') {
			sgr_one(a, v, &colour);
			v = 0;
		} else {
			return; /* "?25" and the like is no SGR */
		}
	}
}

/* --- the stream ------------------------------------------------------------*/

struct out {
	struct buf raw, text, cls;
	ansi_emit *emit;
	void *arg;
};

static void
flush(struct ansi *a, struct out *o)
{
	if (o->raw.len == 0)
		return;
	buf_clear(&o->text);
	utf8_add(&o->text, o->raw.data, o->raw.len);
	look(a, &o->cls);
	o->emit(o->arg, o->cls.len ? o->cls.data + 1 : "", o->text.data);
	buf_clear(&o->raw);
}

static void
in_text(struct ansi *a, struct out *o, char c)
{
	/* A lone CR begins the line anew: progress bars. */
	if (a->cr && c != '\n')
		buf_char(&o->raw, '\n');
	a->cr = c == '\r';
	if (a->cr)
		return;
	if (c == '\033') {
		flush(a, o);
		a->at = ANSI_ESC;
	} else if (c == '\b' || c == '\a' || c == '\016' || c == '\017') {
		return;
	} else {
		buf_char(&o->raw, c);
	}
}

static void
in_csi(struct ansi *a, char c)
{
	if (c >= 0x40 && c <= 0x7e) {
		if (c == 'm' && a->n < sizeof(a->number))
			sgr(a);
		a->at = ANSI_TEXT;
	} else if (c == '\n' || c == '\033') { /* broken: back to text */
		a->at = c == '\n' ? ANSI_TEXT : ANSI_ESC;
	} else if (a->n < sizeof(a->number)) {
		a->number[a->n++] = c; /* full: the sequence is ignored */
	}
}

void
ansi_feed(struct ansi *a, const char *s, size_t n, ansi_emit *emit, void *arg)
{
	struct out o = { BUF_INIT, BUF_INIT, BUF_INIT, emit, arg };
	const char *end = s + n;

	for (; s < end; s++) {
		switch (a->at) {
		case ANSI_TEXT:
			in_text(a, &o, *s);
			break;
		case ANSI_ESC:
			a->n = 0;
			a->at = *s == '['		    ? ANSI_CSI
				: *s && strchr("]PX^_", *s) ? ANSI_STRING
							    : ANSI_TEXT;
			/* "ESC ( B": the letter belongs to it. */
			if (a->at == ANSI_TEXT && *s && strchr("()*+", *s))
				a->at = ANSI_STRING_ESC;
			break;
		case ANSI_CSI:
			in_csi(a, *s);
			break;
		case ANSI_STRING:
			if (*s == '\033')
				a->at = ANSI_STRING_ESC;
			else if (*s == '\a' || *s == '\n')
				a->at = ANSI_TEXT;
			break;
		case ANSI_STRING_ESC:
			a->at = ANSI_TEXT;
			break;
		}
	}
	flush(a, &o);
	buf_release(&o.raw);
	buf_release(&o.text);
	buf_release(&o.cls);
}
