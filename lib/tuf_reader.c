#include "lib/tuf_reader.h"

#include <inttypes.h>
#include <stdarg.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/mem.h"

int
reader_refuse(struct reader *r, const char *fmt, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return err_set(r->err, ERR_TRUST, "%s.json: %s", r->name, b.data);
}

json_t *
reader_get(struct reader *r, json_t *j, const char *where, const char *key,
    json_type type)
{
	static const char *const names[] = { "an object", "an array",
		"a string", "a whole number" };
	json_t *m = json_object_get(j, key);

	if (!m)
		reader_refuse(r, "%s has no \"%s\"", where, key);
	else if (json_typeof(m) != type)
		reader_refuse(
		    r, "\"%s\" of %s is not %s", key, where, names[type]);
	else
		return m;
	return NULL;
}

int
reader_int(struct reader *r, json_t *j, const char *where, const char *key,
    int64_t min, int64_t *out)
{
	json_t *m = reader_get(r, j, where, key, JSON_INTEGER);

	if (!m)
		return -1;
	if (json_integer_value(m) < min)
		return reader_refuse(r,
		    "\"%s\" of %s is %" JSON_INTEGER_FORMAT
		    ", less than %" PRId64,
		    key, where, json_integer_value(m), min);
	*out = json_integer_value(m);
	return 0;
}

int
reader_bool(struct reader *r, json_t *j, const char *where, const char *key,
    bool optional, bool *out)
{
	json_t *m = json_object_get(j, key);

	if (!m && optional)
		*out = false;
	else if (!m)
		return reader_refuse(r, "%s has no \"%s\"", where, key);
	else if (!json_is_boolean(m))
		return reader_refuse(
		    r, "\"%s\" of %s is not true or false", key, where);
	else
		*out = json_is_true(m);
	return 0;
}

int
reader_strings(struct reader *r, json_t *j, const char *where, const char *key,
    bool distinct, char ***out, size_t *count)
{
	json_t *a = reader_get(r, j, where, key, JSON_ARRAY);
	auto_json json_t *seen = json_object();
	size_t n;

	if (!a)
		return -1;
	n = json_array_size(a);
	*out = mem_zero(n ? n : 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(a, i));

		if (!s)
			return reader_refuse(r,
			    "\"%s\" of %s has an entry that is "
			    "not a string",
			    key, where);
		if (distinct && json_object_get(seen, s))
			return reader_refuse(
			    r, "\"%s\" of %s repeats \"%.70s\"", key, where, s);
		if (json_object_set_new(seen, s, json_true()) == -1)
			mem_none();
		(*out)[(*count)++] = mem_str(s);
	}
	return 0;
}
