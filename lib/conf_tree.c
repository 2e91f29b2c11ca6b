/*
 * YAML to a tree, by libyaml's events.
 *
 * Only what a person writes in a configuration is let in: one document of
 * maps, lists and scalars.  Whatever makes one text mean two things to two
 * readers (aliases, tags, merge keys, repeated keys, tabs) is refused.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "lib/conf_tree.h"
#include "lib/mem.h"
#include "lib/num.h"

#define KEY_MAX 255

struct reader {
	yaml_parser_t parser;
	struct conf *conf;
	struct err *err;
};

int
conf_err_at(const struct conf *c, size_t line, size_t column, struct err *err,
    const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(
	    err, ERR_INPUT, "%s:%zu:%zu: %s", c->name, line, column, text);
}

bool
conf_plain_int(const struct conf_node *n, int64_t *out)
{
	struct err ignored = ERR_INIT;
	const char *digits;

	if (n->kind != CONF_SCALAR || !n->plain)
		return false;
	digits = n->text + (n->text[0] == '-');
	if (digits[0] == '0' && (digits[1] != '\0' || digits != n->text))
		return false;
	return num_int(n->text, INT64_MIN, INT64_MAX, out, &ignored) == 0;
}

static void
node_free(struct conf_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++) {
		free(n->items[i].key);
		node_free(n->items[i].value);
	}
	free(n->items);
	free(n->text);
	free(n);
}

void
conf_free(struct conf *c)
{
	if (!c)
		return;
	node_free(c->root);
	free(c->name);
	free(c);
}

static int
at_event(struct reader *r, const yaml_event_t *ev, const char *text)
{
	return conf_err_at(r->conf, ev->start_mark.line + 1,
	    ev->start_mark.column + 1, r->err, "%s", text);
}

static int
next_event(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	return conf_err_at(r->conf, p->problem_mark.line + 1,
	    p->problem_mark.column + 1, r->err, "not YAML: %s%s%s",
	    p->problem ? p->problem : "cannot be read", p->context ? " " : "",
	    p->context ? p->context : "");
}

static struct conf_node *read_node(struct reader *, yaml_event_t *, int depth);

static int
no_extras(struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
	if (anchor)
		return at_event(r, ev, "anchors (&name) are not allowed");
	if (tag)
		return at_event(r, ev, "tags (!name) are not allowed");
	return 0;
}

static char *
read_key(struct reader *r, const yaml_event_t *ev, const struct conf_node *map)
{
	const char *text;
	size_t n;

	if (ev->type != YAML_SCALAR_EVENT) {
		at_event(r, ev, "a key must be a word");
		return NULL;
	}
	if (no_extras(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag) == -1)
		return NULL;
	text = (const char *)ev->data.scalar.value;
	n = ev->data.scalar.length;
	if (n == 0 || n > KEY_MAX) {
		at_event(r, ev, "a key must have 1 to 255 bytes");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			at_event(r, ev, "control character in a key");
			return NULL;
		}
	if (strcmp(text, "<<") == 0) {
		at_event(r, ev, "merge keys (<<) are not allowed");
		return NULL;
	}
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i].key, text) == 0) {
			conf_err_at(r->conf, ev->start_mark.line + 1,
			    ev->start_mark.column + 1, r->err,
			    "key \"%s\" again (first in line %zu)", text,
			    map->items[i].line);
			return NULL;
		}
	return mem_strn(text, n);
}

/* The items up to the end event.  `n` is the caller's, also on failure. */
static int
read_items(struct reader *r, struct conf_node *n, int depth)
{
	yaml_event_type_t end = n->kind == CONF_LIST ? YAML_SEQUENCE_END_EVENT
						     : YAML_MAPPING_END_EVENT;

	for (;;) {
		struct conf_pair *item;
		yaml_event_t ev;

		if (next_event(r, &ev) == -1)
			return -1;
		if (ev.type == end) {
			yaml_event_delete(&ev);
			return 0;
		}
		MEM_GROW(n->items, n->count, n->cap);
		item = &n->items[n->count];
		memset(item, 0, sizeof(*item));
		item->line = ev.start_mark.line + 1;
		item->column = ev.start_mark.column + 1;
		if (n->kind == CONF_PAIRS) {
			item->key = read_key(r, &ev, n);
			yaml_event_delete(&ev);
			if (!item->key)
				return -1;
			n->count++; /* owned by n from here */
			if (next_event(r, &ev) == -1)
				return -1;
		} else {
			n->count++;
		}
		/* read_node grows other nodes' arrays only. */
		item->value = read_node(r, &ev, depth);
		if (!item->value)
			return -1;
	}
}

static int
read_scalar(struct reader *r, const yaml_event_t *ev, struct conf_node *n)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (memchr(text, '\0', len))
		return at_event(r, ev, "NUL in a value");
	n->text = mem_strn(text, len);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	/* The lone tag "!" is taken away by libyaml, but leaves this trace. */
	if (n->plain && !ev->data.scalar.plain_implicit)
		return at_event(r, ev, "tags (!name) are not allowed");
	return no_extras(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
}

/* Takes the event.  NULL after an error. */
static struct conf_node *
read_node(struct reader *r, yaml_event_t *ev, int depth)
{
	struct conf_node *n = mem_zero(1, sizeof(*n));
	int bad;

	n->conf = r->conf;
	n->line = ev->start_mark.line + 1;
	n->column = ev->start_mark.column + 1;
	if (depth > CONF_DEPTH)
		bad = at_event(r, ev, "nested deeper than 16 levels");
	else if (++r->conf->nodes > CONF_NODES)
		bad = at_event(r, ev, "more than 10000 values");
	else if (ev->type == YAML_SCALAR_EVENT)
		bad = read_scalar(r, ev, n);
	else if (ev->type == YAML_ALIAS_EVENT)
		bad = at_event(r, ev, "aliases (*name) are not allowed");
	else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		n->kind = CONF_LIST;
		bad = no_extras(r, ev, ev->data.sequence_start.anchor,
		    ev->data.sequence_start.tag);
	} else {
		assert(ev->type == YAML_MAPPING_START_EVENT);
		n->kind = CONF_PAIRS;
		bad = no_extras(r, ev, ev->data.mapping_start.anchor,
		    ev->data.mapping_start.tag);
	}
	yaml_event_delete(ev);
	if (bad == 0 && n->kind != CONF_SCALAR)
		bad = read_items(r, n, depth + 1);
	if (bad == -1) {
		node_free(n);
		return NULL;
	}
	return n;
}

/* One event of the expected type, thrown away; else "what". */
static int
expect(struct reader *r, yaml_event_type_t type, const char *what)
{
	yaml_event_t ev;
	int bad = 0;

	if (next_event(r, &ev) == -1)
		return -1;
	if (ev.type != type)
		bad = at_event(r, &ev, what);
	else if (type == YAML_DOCUMENT_START_EVENT &&
		 (ev.data.document_start.version_directive ||
		     ev.data.document_start.tag_directives.start !=
			 ev.data.document_start.tag_directives.end))
		bad = at_event(r, &ev, "directives (%) are not allowed");
	yaml_event_delete(&ev);
	return bad;
}

static int
read_document(struct reader *r)
{
	yaml_event_t ev;

	if (expect(r, YAML_STREAM_START_EVENT, "not YAML") == -1 ||
	    expect(r, YAML_DOCUMENT_START_EVENT, "the file is empty") == -1 ||
	    next_event(r, &ev) == -1)
		return -1;
	r->conf->root = read_node(r, &ev, 1);
	if (!r->conf->root ||
	    expect(r, YAML_DOCUMENT_END_EVENT, "not YAML") == -1)
		return -1;
	return expect(
	    r, YAML_STREAM_END_EVENT, "a second document is not allowed");
}

/* Bytes that never belong in such a file, before libyaml sees any. */
static int
check_bytes(const struct conf *c, const char *p, size_t n, struct err *err)
{
	size_t line = 1, column = 1;

	if (n > CONF_BYTES)
		return err_set(err, ERR_INPUT,
		    "%s: larger than the %d bytes allowed", c->name,
		    CONF_BYTES);
	for (size_t i = 0; i < n; i++, column++) {
		unsigned char b = (unsigned char)p[i];

		if (b == '\n') {
			line++;
			column = 0;
		} else if (b == '\t') {
			return conf_err_at(
			    c, line, column, err, "tab character: use blanks");
		} else if (b == '\r') {
			return conf_err_at(c, line, column, err,
			    "carriage return: lines end with a newline only");
		} else if (b < 0x20 || b == 0x7f) {
			return conf_err_at(
			    c, line, column, err, "control character");
		} else if (b == 0xef && i == 0) {
			return conf_err_at(
			    c, line, column, err, "byte order mark");
		}
	}
	return 0;
}

struct conf *
conf_tree_read(const char *name, const void *bytes, size_t n, struct err *err)
{
	struct conf *c = mem_zero(1, sizeof(*c));
	struct reader r = { .conf = c, .err = err };
	int bad;

	c->name = mem_str(name);
	if (check_bytes(c, bytes, n, err) == -1) {
		conf_free(c);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		err_set(err, ERR_SYSTEM, "%s: no memory for YAML", name);
		conf_free(c);
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, bytes, n);
	bad = read_document(&r);
	yaml_parser_delete(&r.parser);
	if (bad == -1) {
		conf_free(c);
		return NULL;
	}
	return c;
}
