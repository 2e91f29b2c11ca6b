#include "builder/judge/evidence.h"

#include <ctype.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define NAME_LEAST 6 /* characters by chance: mkstemp(3) has six … */
#define NAME_MOST 12 /* … mktemp(1) ten */

static const char *
text_of(const json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));

	return s ? s : "";
}

static bool
time_of(const struct sample *s, const char *text)
{
	auto_free char *first = mem_strn(text, strnlen(text, TIME_TEXT - 1));
	struct err gone = ERR_INIT;
	int64_t when;

	return time_parse(first, &when, &gone) == 0 && when >= s->started &&
	       when <= s->finished;
}

bool
evidence_file_times(
    const json_t *findings, const struct sample *a, const struct sample *b)
{
	const json_t *one;
	size_t i;

	json_array_foreach(findings, i, one)
	{
		if (strcmp(text_of(one, "what"), "time") != 0 ||
		    !time_of(a, text_of(one, "a")) ||
		    !time_of(b, text_of(one, "b")))
			return false;
	}
	return json_array_size(findings) > 0;
}

/* Do they differ in one word of letters and digits alone, in a path? */
static bool
one_name(const char *a, const char *b)
{
	size_t n = strlen(a), from = 0, to = n, word;

	if (n != strlen(b) || strcmp(a, b) == 0)
		return false;
	while (a[from] == b[from])
		from++;
	while (a[to - 1] == b[to - 1])
		to--;
	for (size_t i = from; i < to; i++)
		if (!isalnum((unsigned char)a[i]) ||
		    !isalnum((unsigned char)b[i]))
			return false;
	while (from > 0 && isalnum((unsigned char)a[from - 1]))
		from--;
	while (isalnum((unsigned char)a[to]))
		to++;
	word = to - from;
	/* After "tmp." or "/". */
	return word >= NAME_LEAST && word <= NAME_MOST && from > 0 &&
	       (a[from - 1] == '.' || a[from - 1] == '/') &&
	       memchr(a, '/', from);
}

bool
evidence_random_names(const json_t *findings)
{
	const json_t *one;
	size_t i;

	json_array_foreach(findings, i, one)
	{
		if (!one_name(text_of(one, "a"), text_of(one, "b")))
			return false;
	}
	return json_array_size(findings) > 0;
}

static bool
same_place(const json_t *a, const json_t *b)
{
	return json_equal(
		   json_object_get(a, "path"), json_object_get(b, "path")) &&
	       json_integer_value(json_object_get(a, "line")) ==
		   json_integer_value(json_object_get(b, "line"));
}

bool
evidence_covers(const json_t *a, const json_t *b)
{
	const json_t *one, *other;
	size_t i, k;

	json_array_foreach(b, i, one)
	{
		bool found = false;

		json_array_foreach(a, k, other)
		{
			found = found || same_place(other, one);
		}
		if (!found)
			return false;
	}
	return json_array_size(b) > 0;
}
