#include "lib/canon.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static int write_value(const json_t *, bool, int, struct buf *, struct err *);

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
write_string(const char *s, size_t n, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			buf_char(out, '\\');
		buf_char(out, s[i]);
	}
	buf_char(out, '"');
}

/* The bytes we sign must be JSON as they stand. */
static int
check_string(const char *s, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(err, ERR_INPUT,
			    "control character in \"%.40s\"", s);
	return 0;
}

static int
check_key(const char *s, struct err *err)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return err_set(
			    err, ERR_INPUT, "key \"%.40s\" is not ASCII", s);
	return check_string(s, strlen(s), err);
}

static int
write_object(
    const json_t *j, bool foreign, int depth, struct buf *out, struct err *err)
{
	size_t count = json_object_size(j), n = 0;
	auto_free const char **keys = mem_zero(count, sizeof(*keys));

	/* jansson's iterator takes no const, but changes nothing. */
	for (void *it = json_object_iter((json_t *)j); it;
	     it = json_object_iter_next((json_t *)j, it))
		keys[n++] = json_object_iter_key(it);
	qsort(keys, n, sizeof(*keys), by_bytes);
	buf_char(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (!foreign && check_key(keys[i], err) == -1)
			return -1;
		if (i)
			buf_char(out, ',');
		write_string(keys[i], strlen(keys[i]), out);
		buf_char(out, ':');
		if (write_value(json_object_get(j, keys[i]), foreign, depth + 1,
			out, err) == -1)
			return -1;
	}
	buf_char(out, '}');
	return 0;
}

static int
write_array(
    const json_t *j, bool foreign, int depth, struct buf *out, struct err *err)
{
	buf_char(out, '[');
	for (size_t i = 0; i < json_array_size(j); i++) {
		if (i)
			buf_char(out, ',');
		if (write_value(json_array_get(j, i), foreign, depth + 1, out,
			err) == -1)
			return -1;
	}
	buf_char(out, ']');
	return 0;
}

static bool
is_scalar(const json_t *j)
{
	return !json_is_object(j) && !json_is_array(j);
}

static int
write_value(
    const json_t *j, bool foreign, int depth, struct buf *out, struct err *err)
{
	json_int_t v;

	/* A value that holds itself would never end otherwise. */
	if (depth == JS_DEPTH_MAX && !is_scalar(j))
		return err_set(err, ERR_INPUT, "more than %d levels of JSON",
		    JS_DEPTH_MAX);
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return write_object(j, foreign, depth, out, err);
	case JSON_ARRAY:
		return write_array(j, foreign, depth, out, err);
	case JSON_STRING:
		if (!foreign && check_string(json_string_value(j),
				    json_string_length(j), err) == -1)
			return -1;
		write_string(json_string_value(j), json_string_length(j), out);
		return 0;
	case JSON_INTEGER:
		v = json_integer_value(j);
		if (!foreign && (v > JS_INT_MAX || v < -JS_INT_MAX))
			return err_set(err, ERR_INPUT,
			    "integer %" JSON_INTEGER_FORMAT " is beyond 2^53",
			    v);
		buf_printf(out, "%" JSON_INTEGER_FORMAT, v);
		return 0;
	case JSON_TRUE:
		buf_str(out, "true");
		return 0;
	case JSON_FALSE:
		buf_str(out, "false");
		return 0;
	case JSON_NULL:
		buf_str(out, "null");
		return 0;
	case JSON_REAL:
		break;
	}
	return err_set(err, ERR_INPUT,
	    "canonical JSON has no numbers with a fraction or exponent");
}

static int
write_whole(const json_t *j, bool foreign, struct buf *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (write_value(j, foreign, 0, &b, err) == -1)
		return -1;
	buf_add(out, b.data, b.len);
	return 0;
}

int
canon_json(const json_t *j, struct buf *out, struct err *err)
{
	return write_whole(j, false, out, err);
}

int
canon_foreign(const json_t *j, struct buf *out, struct err *err)
{
	return write_whole(j, true, out, err);
}

int
canon_hash(const json_t *j, struct hash *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (canon_json(j, &b, err) == -1)
		return -1;
	hash_bytes(out, b.data, b.len);
	return 0;
}

int
canon_summed(json_t *j, struct buf *out, struct err *err)
{
	struct hash sum;

	if (canon_hash(j, &sum, err) == -1)
		return -1;
	js_set_hash(j, "sum", &sum);
	return canon_json(j, out, err);
}

int
canon_sum_holds(const char *what, json_t *j, struct err *err)
{
	struct hash sum, listed;

	if (js_hash(what, j, "sum", &listed, err) == -1)
		return -1;
	json_object_del(j, "sum");
	if (canon_hash(j, &sum, err) == -1)
		return -1;
	return hash_equal(&sum, &listed)
		   ? 0
		   : err_set(err, ERR_INPUT, "%s is damaged", what);
}
