#include "builder/judge/compare.h"

#include <string.h>

#include "lib/json.h"

static const char *
digest_of(const json_t *run, const char *output)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(run, "outputs"), i, one)
	{
		const char *name =
		    json_string_value(json_object_get(one, "name"));

		if (name && strcmp(name, output) == 0)
			return json_string_value(
			    json_object_get(one, "sha256"));
	}
	return NULL;
}

static bool
listed(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i,
	    one) if (strcmp(json_string_value(one), text) == 0) return true;
	return false;
}

/* Every name any of them has, sorted: jansson keeps keys, not order. */
static json_t *
all_names(json_t *const *runs, size_t n)
{
	json_t *names = json_array();

	for (size_t r = 0; r < n; r++) {
		const json_t *one;
		size_t i;

		json_array_foreach(json_object_get(runs[r], "outputs"), i, one)
		{
			const char *name =
			    json_string_value(json_object_get(one, "name"));
			size_t at = 0;

			if (!name || listed(names, name))
				continue;
			while (
			    at < json_array_size(names) &&
			    strcmp(json_string_value(json_array_get(names, at)),
				name) < 0)
				at++;
			json_array_insert_new(names, at, json_string(name));
		}
	}
	return names;
}

json_t *
compare_outputs(json_t *const *runs, size_t n)
{
	auto_json json_t *names = all_names(runs, n);
	json_t *differs = json_array();
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		json_t *digests = json_array();
		bool missing = false;

		for (size_t r = 0; r < n; r++) {
			const char *d = digest_of(runs[r], text);

			if (!d)
				missing = true;
			else if (!listed(digests, d))
				json_array_append_new(digests, json_string(d));
		}
		if (missing || json_array_size(digests) > 1) {
			json_t *one = json_object();

			js_set_str(one, "name", text);
			js_set(one, "digests", digests);
			json_array_append_new(differs, one);
		} else {
			json_decref(digests);
		}
	}
	return differs;
}
