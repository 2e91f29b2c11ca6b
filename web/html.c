#include "web/html.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "lib/mem.h"

void
html_init(struct html *h, struct buf *out)
{
	*h = (struct html){ .out = out };
	buf_str(out, "<!doctype html>\n");
}

/* Control bytes become U+FFFD: neither HTML nor a terminal shall see them. */
static void
escape(struct buf *b, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			buf_str(b, "&amp;");
			break;
		case '<':
			buf_str(b, "&lt;");
			break;
		case '>':
			buf_str(b, "&gt;");
			break;
		case '"':
			buf_str(b, "&quot;");
			break;
		case '\'':
			buf_str(b, "&#39;");
			break;
		default:
			if (((unsigned char)*s < 0x20 && *s != '\n' &&
				*s != '\t') ||
			    *s == 0x7f)
				buf_str(b, "\xef\xbf\xbd");
			else
				buf_char(b, *s);
		}
}

static void
start_tag(struct html *h, const char *element, va_list ap)
{
	const char *name, *value;

	buf_printf(h->out, "<%s", element);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		buf_printf(h->out, " %s=\"", name);
		escape(h->out, value);
		buf_char(h->out, '"');
	}
	buf_char(h->out, '>');
}

static bool
is_inline(const char *element)
{
	static const char *const names[] = { "span", "a", "time", "b", "code",
		"abbr", "button", "text", "tspan" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], element) == 0)
			return true;
	return false;
}

void
html_open(struct html *h, const char *element, ...)
{
	va_list ap;

	assert(h->depth < HTML_DEPTH);
	h->open[h->depth++] = element;
	va_start(ap, element);
	start_tag(h, element, ap);
	va_end(ap);
}

void
html_close(struct html *h, const char *element)
{
	assert(h->depth > 0 && strcmp(h->open[h->depth - 1], element) == 0);
	h->depth--;
	buf_printf(h->out, "</%s>", element);
	/* Text inside <pre> must stay as it is; elsewhere lines help. */
	if (!is_inline(element))
		buf_char(h->out, '\n');
}

void
html_text(struct html *h, const char *s)
{
	if (s)
		escape(h->out, s);
}

void
html_textf(struct html *h, const char *fmt, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	escape(h->out, b.data);
}

void
html_element(struct html *h, const char *element, const char *text, ...)
{
	va_list ap;

	assert(h->depth < HTML_DEPTH);
	h->open[h->depth++] = element;
	va_start(ap, text);
	start_tag(h, element, ap);
	va_end(ap);
	html_text(h, text);
	html_close(h, element);
}

void
html_void(struct html *h, const char *element, ...)
{
	va_list ap;

	va_start(ap, element);
	start_tag(h, element, ap);
	va_end(ap);
}

void
html_say(
    struct html *h, const char *element, const char *cls, const char *fmt, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	html_element(h, element, b.data, "class", cls, NULL);
}

void
html_link(struct html *h, const char *text, const char *path, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, path);
	buf_vprintf(&b, path, ap);
	va_end(ap);
	html_element(h, "a", text, "href", b.data, NULL);
}

void
html_end(struct html *h)
{
	assert(h->depth == 0);
}
