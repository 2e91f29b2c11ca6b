#include "tuf-repo/bins.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"

#define DIGITS 3
#define PREFIXES 4096 /* 16^DIGITS */

size_t
bins_for(size_t n)
{
	size_t bins = BINS_MIN;

	if (n <= BINS_PLAIN)
		return 0;
	while (bins < BINS_MAX && 2 * bins * bins < 5 * n)
		bins *= 2;
	return bins;
}

void
bin_name(size_t bins, size_t i, char out[BIN_NAME])
{
	snprintf(out, BIN_NAME, "transport-%03x",
	    (unsigned)(i * (PREFIXES / bins)) % PREFIXES);
}

size_t
bin_of(size_t bins, const char *path)
{
	struct hash h;

	hash_bytes(&h, path, strlen(path));
	return ((size_t)h.b[0] << 4 | h.b[1] >> 4) / (PREFIXES / bins);
}

/* As few as there can be: "0", not "00" to "0f". */
static json_t *
prefixes_of(size_t bins, size_t i)
{
	json_t *list = json_array();
	size_t width = PREFIXES / bins, unit = PREFIXES;
	int digits = 0;

	while (unit > width || digits == 0) {
		unit /= 16;
		digits++;
	}
	for (size_t at = i * width; at < (i + 1) * width; at += unit) {
		char text[DIGITS + 1];

		snprintf(text, sizeof(text), "%03x", (unsigned)at % PREFIXES);
		text[digits] = '\0';
		json_array_append_new(list, json_string(text));
	}
	return list;
}

json_t *
bins_delegations(
    size_t bins, const struct tuf_file *delegator, const char *role)
{
	const struct tuf_role *own = tuf_role_find(delegator, role);
	json_t *o = json_object(), *keys = json_object(), *list = json_array();
	json_t *ids = json_array();

	for (size_t i = 0; own && i < own->nkeyids; i++) {
		const struct tuf_key *k =
		    tuf_key_find(delegator, own->keyids[i]);

		if (!k || !k->usable)
			continue;
		js_set(keys, k->keyid, tuf_key_json(&k->pub));
		json_array_append_new(ids, json_string(k->keyid));
	}
	for (size_t i = 0; i < bins; i++) {
		json_t *d = json_object();
		char name[BIN_NAME];

		bin_name(bins, i, name);
		js_set_str(d, "name", name);
		json_object_set(d, "keyids", ids);
		js_set_int(d, "threshold", own ? own->threshold : 1);
		js_set_bool(d, "terminating", true);
		js_set(d, "path_hash_prefixes", prefixes_of(bins, i));
		json_array_append_new(list, d);
	}
	json_decref(ids);
	js_set(o, "keys", keys);
	js_set(o, "roles", list);
	return o;
}
