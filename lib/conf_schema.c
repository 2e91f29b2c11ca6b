#include "lib/conf_schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_option.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define TEXT_MAX 4096
#define LIST_MAX 10000 /* conf_tree reads no more values */
#define DEPTH_MAX 8    /* words and [] of a path */

static const char *const type_words[] = { "text", "line", "name", "label",
	"address", "ipv4", "ipv6", "network", "mac", "bool", "map", "list" };

/* --- lines ---------------------------------------------------------------- */

bool
option_number(struct span s, int64_t *out)
{
	return num_span(s, INT64_MIN, INT64_MAX, out);
}

static bool
read_range(struct span s, struct option *o)
{
	const char *dots = memmem(s.p, s.n, "..", 2);
	size_t n = dots ? (size_t)(dots - s.p) : 0;

	o->type = T_RANGE;
	return dots && option_number((struct span){ s.p, n }, &o->min) &&
	       option_number((struct span){ dots + 2, s.n - n - 2 }, &o->max) &&
	       o->min <= o->max;
}

/* Two words or more. */
static bool
read_words(struct span s, struct option *o)
{
	struct span rest = s, word;
	size_t n = 0;

	o->type = T_ENUM;
	o->words = s;
	for (; span_next(&rest, '|', &word); n++) {
		if (word.n == 0)
			return false;
		for (size_t i = 0; i < word.n; i++)
			if (word.p[i] <= ' ' || word.p[i] > '~')
				return false;
	}
	return n > 1 && s.p[s.n - 1] != '|';
}

static bool
read_type(struct span s, struct option *o)
{
	struct span rest = s, word;

	if (!span_next(&rest, ' ', &word))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(type_words); i++) {
		if (!span_is(word, type_words[i]))
			continue;
		o->type = (enum option_type)i;
		o->max = o->type <= T_LINE ? TEXT_MAX : LIST_MAX;
		if (word.n == s.n)
			return true;
		return (o->type <= T_LINE || o->type == T_LIST) &&
		       option_number(rest, &o->max) && o->max >= 1 &&
		       o->max <= 1024 * 1024;
	}
	return memchr(s.p, '|', s.n) ? read_words(s, o) : read_range(s, o);
}

/* a.b[].c: words and brackets, and nothing behind them. */
static bool
path_well(struct span s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t i = 0, depth = 0;

	while (i < s.n) {
		size_t from = i;

		while (i < s.n && strchr(letters, s.p[i]))
			i++;
		if (i == from || i - from > 32 || ++depth > DEPTH_MAX)
			return false;
		for (; i + 1 < s.n && memcmp(s.p + i, "[]", 2) == 0; i += 2)
			if (++depth > DEPTH_MAX)
				return false;
		if (i == s.n)
			return true;
		if (s.p[i++] != '.')
			return false;
	}
	return false;
}

bool
option_next(struct span *rest, struct option *o)
{
	struct span line;

	*o = (struct option){ .type = T_TEXT };
	if (!span_next(rest, '\n', &line) || !span_next(&line, ' ', &o->path) ||
	    o->path.n == 0)
		return false;
	o->required = o->path.p[o->path.n - 1] == '!';
	o->path.n -= o->required;
	return read_type(line, o);
}

bool
option_lies_below(struct span path, struct span above, const char *sign)
{
	size_t n = above.n == 0 && *sign == '.' ? 0 : strlen(sign);

	return path.n > above.n + n && memcmp(path.p, above.p, above.n) == 0 &&
	       memcmp(path.p + above.n, sign, n) == 0;
}

bool
option_any_below(const char *schema, struct span above, const char *sign)
{
	struct span rest = span_str(schema);
	struct option o;

	while (option_next(&rest, &o))
		if (option_lies_below(o.path, above, sign) ||
		    (*sign == '[' && o.path.n == above.n + 2 &&
			memcmp(o.path.p, above.p, above.n) == 0 &&
			memcmp(o.path.p + above.n, sign, 2) == 0))
			return true;
	return false;
}

bool
option_find(const char *schema, struct span path, struct option *out)
{
	struct span rest = span_str(schema);

	while (option_next(&rest, out))
		if (out->path.n == path.n &&
		    memcmp(out->path.p, path.p, path.n) == 0)
			return true;
	return false;
}

static int
line_error(struct err *err, struct span line, const char *why)
{
	return err_set(err, ERR_INPUT, "\"%.*s\": %s",
	    (int)(line.n < 100 ? line.n : 100), line.p, why);
}

/* What a line says must agree with what the others say. */
static int
agrees(
    const char *text, struct span line, const struct option *o, struct err *err)
{
	bool map = option_any_below(text, o->path, ".");
	bool list = option_any_below(text, o->path, "[]");
	struct option first;

	/* The first with that path is found, and is to be this one. */
	if (!option_find(text, o->path, &first) || first.path.p != o->path.p)
		return line_error(err, line, "the path comes twice");
	if (map && list)
		return line_error(err, line, "both a map and a list");
	if ((map && o->type != T_MAP) || (list && o->type != T_LIST))
		return line_error(
		    err, line, "there are paths below it: a map or a list?");
	return 0;
}

int
conf_schema_check(const char *text, struct err *err)
{
	struct span rest = span_str(text), line;
	size_t n = 0;

	if (rest.n >= CONF_SCHEMA_MAX)
		return err_set(err, ERR_INPUT, "over %d bytes of options",
		    CONF_SCHEMA_MAX - 1);
	if (rest.n > 0 && text[rest.n - 1] != '\n')
		return err_set(err, ERR_INPUT, "the last option has no end");
	while (span_next(&rest, '\n', &line)) {
		struct span again = line;
		struct option o;

		if (++n > CONF_SCHEMA_LINES)
			return err_set(err, ERR_INPUT, "over %d options",
			    CONF_SCHEMA_LINES);
		if (!option_next(&again, &o))
			return line_error(err, line, "no such type");
		if (!path_well(o.path))
			return line_error(
			    err, line, "not a path of words, dots and []");
		if (agrees(text, line, &o, err) == -1)
			return -1;
	}
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
conf_schema_text(const json_t *map, struct buf *out, struct err *err)
{
	auto_free const char **keys = NULL;
	auto_buf struct buf text = BUF_INIT;
	const char *key;
	json_t *value;
	size_t n = 0;

	if (json_object_size(map) < 1 ||
	    json_object_size(map) > CONF_SCHEMA_LINES)
		return err_set(err, ERR_INPUT, "expected 1 to %d options",
		    CONF_SCHEMA_LINES);
	keys = mem_zero(json_object_size(map) + 1, sizeof(*keys));
	json_object_foreach((json_t *)map, key, value)
	{
		const char *type = json_string_value(value);

		if (!type || strpbrk(type, "\n") || strpbrk(key, " \n"))
			return err_set(err, ERR_INPUT,
			    "\"%.60s\": expected a path and its type", key);
		keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_bytes);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s %s\n", keys[i],
		    json_string_value(json_object_get(map, keys[i])));
	if (conf_schema_check(text.data, err) == -1)
		return -1;
	buf_add(out, text.data, text.len);
	return 0;
}

json_t *
conf_schema_map(const char *text)
{
	struct span rest = span_str(text), line, path;
	json_t *map = json_object();

	while (span_next(&rest, '\n', &line)) {
		auto_free char *key = NULL;

		(void)span_next(&line, ' ', &path);
		key = mem_strn(path.p, path.n);
		json_object_set_new(map, key, json_stringn(line.p, line.n));
	}
	return map;
}
