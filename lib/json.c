/*
 * jansson refuses what is not JSON; what is JSON but not for us (fractions,
 * large integers, deep nesting) is found by a scan before it, since jansson
 * keeps no places and recurses.
 */
#include "lib/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

struct scan {
	const char *what;
	const char *p, *end;
	const char *line_start;
	int line;
	int depth;
};

static int
refuse(const struct scan *s, const char *at, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, "%s:%d:%d: %s", s->what, s->line,
	    (int)(at - s->line_start) + 1, why);
}

static bool
in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
	       c == 'e' || c == 'E';
}

static int
scan_number(struct scan *s, struct err *err)
{
	const char *start = s->p;
	bool minus = *s->p == '-';
	int64_t v = 0;

	if (minus)
		s->p++;
	for (; s->p < s->end && in_number(*s->p); s->p++) {
		if (*s->p < '0' || *s->p > '9')
			return refuse(s, start,
			    "number with a fraction or exponent", err);
		v = v * 10 + (*s->p - '0');
		if (v > JS_INT_MAX)
			return refuse(s, start, "integer beyond 2^53", err);
	}
	/* Whoever writes it back writes 0, and the signature is gone. */
	if (minus && v == 0)
		return refuse(s, start, "-0 is not a number here", err);
	return 0;
}

static void
scan_string(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p == '\n')
			return; /* jansson says it better */
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	}
	if (s->p < s->end)
		s->p++;
}

static int
scan(struct scan *s, struct err *err)
{
	while (s->p < s->end) {
		char c = *s->p;

		if (c == '"') {
			scan_string(s);
			continue;
		}
		if (c == '-' || (c >= '0' && c <= '9')) {
			if (scan_number(s, err) == -1)
				return -1;
			continue;
		}
		if (c == '{' || c == '[') {
			if (++s->depth > JS_DEPTH_MAX)
				return refuse(
				    s, s->p, "more than 64 levels", err);
		} else if (c == '}' || c == ']') {
			s->depth--;
		}
		s->p++;
		if (c == '\n') {
			s->line++;
			s->line_start = s->p;
		}
	}
	return 0;
}

json_t *
js_parse(const char *what, const void *bytes, size_t n, struct err *err)
{
	struct scan s = { what, bytes, (const char *)bytes + n, bytes, 1, 0 };
	json_error_t e;
	json_t *j;

	if (scan(&s, err) == -1)
		return NULL;
	j = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &e);
	if (!j) {
		if (json_error_code(&e) == json_error_out_of_memory)
			mem_none();
		err_set(err, ERR_INPUT, "%s:%d:%d: %s", what, e.line, e.column,
		    e.text);
	}
	return j;
}

json_t *
js_record(const char *what, const char *kind, int vmax, const void *bytes,
    size_t n, struct err *err)
{
	json_t *j = js_parse(what, bytes, n, err);
	const char *is;
	int64_t v;

	if (!j)
		return NULL;
	if (js_str(what, j, "kind", &is, err) == -1)
		goto fail;
	if (strcmp(is, kind) != 0) {
		err_set(err, ERR_INPUT, "%s: kind is \"%.60s\", not \"%s\"",
		    what, is, kind);
		goto fail;
	}
	if (js_int(what, j, "v", 1, vmax, &v, err) == -1)
		goto fail;
	return j;
fail:
	json_decref(j);
	return NULL;
}

json_t *
js_record_new(const char *kind, int v)
{
	json_t *j = json_object();

	if (!j)
		mem_none();
	js_set_str(j, "kind", kind);
	js_set_int(j, "v", v);
	return j;
}

static const char *
type_name(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		break;
	}
	return "null";
}

static json_t *
member(const char *what, const json_t *j, const char *key, json_type type,
    const char *wanted, struct err *err)
{
	json_t *m;

	if (!json_is_object(j)) {
		err_set(err, ERR_INPUT, "%s: not an object", what);
		return NULL;
	}
	m = json_object_get(j, key);
	if (!m) {
		err_set(err, ERR_INPUT, "%s: \"%s\" is missing", what, key);
		return NULL;
	}
	if (json_typeof(m) != type) {
		err_set(err, ERR_INPUT, "%s: \"%s\" is %s, not %s", what, key,
		    type_name(m), wanted);
		return NULL;
	}
	return m;
}

int
js_str(const char *what, const json_t *j, const char *key, const char **out,
    struct err *err)
{
	json_t *m = member(what, j, key, JSON_STRING, "a string", err);

	if (!m)
		return -1;
	*out = json_string_value(m);
	return 0;
}

int
js_int(const char *what, const json_t *j, const char *key, int64_t min,
    int64_t max, int64_t *out, struct err *err)
{
	json_t *m = member(what, j, key, JSON_INTEGER, "a whole number", err);
	int64_t v;

	if (!m)
		return -1;
	v = json_integer_value(m);
	if (v < min || v > max)
		return err_set(err, ERR_INPUT,
		    "%s: \"%s\" is %" PRId64 ", not from %" PRId64
		    " to %" PRId64,
		    what, key, v, min, max);
	*out = v;
	return 0;
}

int
js_copy(const char *what, const json_t *j, const char *key, char *out,
    size_t room, struct err *err)
{
	const char *s;

	if (js_str(what, j, key, &s, err) == -1)
		return -1;
	if (strlen(s) >= room)
		return err_set(err, ERR_INPUT, "%s: %s is too long", what, key);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

int
js_hash(const char *what, const json_t *j, const char *key, struct hash *out,
    struct err *err)
{
	const char *s;
	struct hash h;

	if (js_str(what, j, key, &s, err) == -1)
		return -1;
	if (!hash_parse(&h, s))
		return err_set(err, ERR_INPUT,
		    "%s: \"%s\" is not a digest of 64 lower-case hex digits",
		    what, key);
	*out = h;
	return 0;
}

int
js_array(const char *what, const json_t *j, const char *key, json_t **out,
    struct err *err)
{
	json_t *m = member(what, j, key, JSON_ARRAY, "an array", err);

	if (!m)
		return -1;
	*out = m;
	return 0;
}

int
js_object(const char *what, const json_t *j, const char *key, json_t **out,
    struct err *err)
{
	json_t *m = member(what, j, key, JSON_OBJECT, "an object", err);

	if (!m)
		return -1;
	*out = m;
	return 0;
}

int
js_only(
    const char *what, const json_t *j, const char *const *keys, struct err *err)
{
	if (!json_is_object(j))
		return err_set(err, ERR_INPUT, "%s: not an object", what);
	for (void *it = json_object_iter((json_t *)j); it;
	     it = json_object_iter_next((json_t *)j, it)) {
		const char *key = json_object_iter_key(it);
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			return err_set(err, ERR_INPUT,
			    "%s: unknown key \"%.60s\"", what, key);
	}
	return 0;
}

/* Text that is not UTF-8 keeps its good part; each bad byte is U+FFFD. */
static json_t *
lenient_string(const char *s)
{
	auto_buf struct buf b = BUF_INIT;
	json_t *j = json_string(s);

	while (!j && *s) {
		size_t n = 1;
		json_t *one = NULL;

		for (; n <= 4 && !one; n++)
			one = json_stringn(s, strnlen(s, n));
		if (one)
			buf_add(&b, s, json_string_length(one));
		else
			buf_str(&b, "\xef\xbf\xbd");
		s += one ? json_string_length(one) : 1;
		json_decref(one);
	}
	return j ? j : json_string(b.data);
}

void
js_set_str(json_t *j, const char *key, const char *s)
{
	json_t *value = s ? lenient_string(s) : json_null();

	if (!value)
		mem_none();
	js_set(j, key, value);
}

void
js_set_int(json_t *j, const char *key, int64_t v)
{
	json_t *value = json_integer(v);

	if (!value)
		mem_none();
	js_set(j, key, value);
}

void
js_set_bool(json_t *j, const char *key, bool on)
{
	js_set(j, key, json_boolean(on));
}

void
js_set_hash(json_t *j, const char *key, const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	js_set_str(j, key, hex);
}

void
js_set(json_t *j, const char *key, json_t *value)
{
	assert(json_is_object(j) && value && value != j);
	if (json_object_set_new(j, key, value) == -1)
		mem_none();
}

static int
to_buf(const char *p, size_t n, void *b)
{
	buf_add(b, p, n);
	return 0;
}

void
js_text(const json_t *j, bool indent, struct buf *out)
{
	size_t flags = JSON_ENCODE_ANY |
		       (indent ? (size_t)JSON_INDENT(2) : (size_t)JSON_COMPACT);

	if (json_dump_callback(j, to_buf, out, flags) == -1)
		mem_none();
}
