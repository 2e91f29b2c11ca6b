#include "tuf-repo/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf.h"

void
meta_set_time(json_t *o, const char *key, int64_t at)
{
	char text[TIME_TEXT];

	time_text(at, text);
	js_set_str(o, key, text);
}

json_t *
meta_signed(const char *role, int64_t version, int64_t expires)
{
	const struct rule *r = rule_of(role);
	json_t *o = json_object();

	js_set_str(o, "_type", r && r->top ? role : "targets");
	js_set_str(o, "spec_version", TUF_SPEC);
	js_set_int(o, "version", version);
	meta_set_time(o, "expires", expires);
	return o;
}

json_t *
meta_entry(const struct hash *h, int64_t length, int64_t version)
{
	json_t *o = json_object(), *hashes = json_object();

	js_set_hash(hashes, "sha256", h);
	js_set(o, "hashes", hashes);
	js_set_int(o, "length", length);
	if (version)
		js_set_int(o, "version", version);
	return o;
}

json_t *
meta_keyids(
    const struct sig_public *pubs, size_t n, int64_t threshold, json_t *keys)
{
	json_t *o = json_object(), *ids = json_array();

	for (size_t i = 0; i < n; i++) {
		char id[HASH_HEX];

		tuf_keyid(&pubs[i], id);
		js_set(keys, id, tuf_key_json(&pubs[i]));
		json_array_append_new(ids, json_string(id));
	}
	js_set(o, "keyids", ids);
	js_set_int(o, "threshold", threshold);
	return o;
}

static char *
delegated_path(const struct rule *r, const char *role)
{
	const char *service = role_service(role);

	if (!service)
		return mem_str(r->path);
	return mem_printf("images/%s/*/*", service);
}

json_t *
meta_delegation(const char *role, const struct sig_public *pubs, size_t n,
    int64_t threshold, json_t *keys)
{
	const struct rule *r = rule_of(role);
	auto_free char *path = delegated_path(r, role);
	json_t *o = meta_keyids(pubs, n, threshold, keys);
	json_t *paths = json_array();

	json_array_append_new(paths, json_string(path));
	js_set_str(o, "name", role);
	js_set(o, "paths", paths);
	js_set_bool(o, "terminating", r->terminating);
	return o;
}

static int
by_keyid(const void *a, const void *b)
{
	char x[HASH_HEX], y[HASH_HEX];

	tuf_keyid(&((const struct meta_signature *)a)->key, x);
	tuf_keyid(&((const struct meta_signature *)b)->key, y);
	return strcmp(x, y);
}

/*
 * The signed bytes are put in as they are: what was signed is what is
 * published, and no second serialisation can differ from it.
 */
int
meta_file(const void *bytes, size_t len, struct meta_signature *sigs, size_t n,
    struct buf *out, struct err *err)
{
	auto_json json_t *list = json_array();

	if (n)
		qsort(sigs, n, sizeof(*sigs), by_keyid);
	for (size_t i = 0; i < n; i++) {
		char id[HASH_HEX], hex[SIG_HEX];
		json_t *o = json_object();

		tuf_keyid(&sigs[i].key, id);
		hex_encode(hex, sigs[i].sig.b, sizeof(sigs[i].sig.b));
		js_set_str(o, "keyid", id);
		js_set_str(o, "sig", hex);
		json_array_append_new(list, o);
	}
	buf_str(out, "{\"signatures\":");
	if (canon_json(list, out, err) == -1)
		return -1;
	buf_str(out, ",\"signed\":");
	buf_add(out, bytes, len);
	buf_char(out, '}');
	return 0;
}
