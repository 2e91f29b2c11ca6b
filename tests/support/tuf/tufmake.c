#include "tests/support/tuf/tufmake.h"

#include <assert.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"

void
tufmake_key(struct tufmake_key *k, unsigned n)
{
	struct hash h;

	hash_bytes(&h, &n, sizeof(n));
	memcpy(k->seed.b, h.b, sizeof(k->seed.b));
	sig_public_of(&k->seed, &k->pub);
	tuf_keyid(&k->pub, k->keyid);
}

static json_t *
common(const char *type, int64_t version)
{
	json_t *j = json_object();

	js_set_str(j, "_type", type);
	js_set_str(j, "spec_version", "1.0.31");
	js_set_int(j, "version", version);
	js_set_str(j, "expires", TUFMAKE_EXPIRES);
	return j;
}

/* {"keyids": …, "threshold": …}, and the keys into `keys`. */
static void
signers(json_t *role, json_t *keys, const struct tufmake_key *k, size_t n,
    int64_t threshold)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(ids, json_string(k[i].keyid));
		js_set(keys, k[i].keyid, tuf_key_json(&k[i].pub));
	}
	js_set(role, "keyids", ids);
	js_set_int(role, "threshold", threshold);
}

json_t *
tufmake_root(int64_t version)
{
	json_t *j = common("root", version);

	js_set_bool(j, "consistent_snapshot", true);
	js_set(j, "keys", json_object());
	js_set(j, "roles", json_object());
	return j;
}

void
tufmake_root_role(json_t *root, const char *role, const struct tufmake_key *k,
    size_t n, int64_t threshold)
{
	json_t *r = json_object();

	signers(r, json_object_get(root, "keys"), k, n, threshold);
	js_set(json_object_get(root, "roles"), role, r);
}

static json_t *
meta_entry(int64_t version, const struct buf *bytes)
{
	json_t *m = json_object(), *hashes;
	struct hash h;

	js_set_int(m, "version", version);
	if (bytes) {
		hash_bytes(&h, bytes->data, bytes->len);
		hashes = json_object();
		js_set_hash(hashes, "sha256", &h);
		js_set(m, "hashes", hashes);
		js_set_int(m, "length", (int64_t)bytes->len);
	}
	return m;
}

json_t *
tufmake_timestamp(
    int64_t version, int64_t snapshot_version, const struct buf *snapshot)
{
	json_t *j = common("timestamp", version), *meta = json_object();

	js_set(meta, "snapshot.json", meta_entry(snapshot_version, snapshot));
	js_set(j, "meta", meta);
	return j;
}

json_t *
tufmake_snapshot(int64_t version)
{
	json_t *j = common("snapshot", version);

	js_set(j, "meta", json_object());
	return j;
}

void
tufmake_snapshot_add(json_t *snapshot, const char *role, int64_t version,
    const struct buf *bytes)
{
	auto_free char *name = mem_printf("%s.json", role);

	js_set(json_object_get(snapshot, "meta"), name,
	    meta_entry(version, bytes));
}

json_t *
tufmake_targets(int64_t version)
{
	json_t *j = common("targets", version);

	js_set(j, "targets", json_object());
	return j;
}

void
tufmake_target(json_t *targets, const char *path, const char *content)
{
	json_t *t = json_object(), *hashes = json_object();
	struct hash h;

	hash_bytes(&h, content, strlen(content));
	js_set_hash(hashes, "sha256", &h);
	js_set(t, "hashes", hashes);
	js_set_int(t, "length", (int64_t)strlen(content));
	js_set(json_object_get(targets, "targets"), path, t);
}

void
tufmake_delegate(json_t *targets, const char *role, const struct tufmake_key *k,
    size_t n, int64_t threshold, bool terminating, const char *path)
{
	json_t *d = json_object_get(targets, "delegations");
	json_t *r = json_object(), *paths = json_array();

	if (!d) {
		d = json_object();
		js_set(d, "keys", json_object());
		js_set(d, "roles", json_array());
		js_set(targets, "delegations", d);
	}
	js_set_str(r, "name", role);
	signers(r, json_object_get(d, "keys"), k, n, threshold);
	js_set_bool(r, "terminating", terminating);
	json_array_append_new(paths, json_string(path));
	js_set(r, "paths", paths);
	json_array_append_new(json_object_get(d, "roles"), r);
}

void
tufmake_sign(const json_t *signed_part, const struct tufmake_key *k, size_t n,
    struct buf *out)
{
	auto_json json_t *whole = json_object();
	auto_buf struct buf bytes = BUF_INIT;
	json_t *sigs = json_array();
	struct err err = ERR_INIT;
	int rc = canon_foreign(signed_part, &bytes, &err);

	assert(rc == 0);
	(void)rc;
	for (size_t i = 0; i < n; i++) {
		json_t *s = json_object();
		struct sig sig;
		char hex[SIG_HEX];

		sig_sign(&k[i].seed, bytes.data, bytes.len, &sig);
		hex_encode(hex, sig.b, sizeof(sig.b));
		js_set_str(s, "keyid", k[i].keyid);
		js_set_str(s, "sig", hex);
		json_array_append_new(sigs, s);
	}
	js_set(whole, "signatures", sigs);
	js_set(whole, "signed", json_deep_copy(signed_part));
	buf_clear(out);
	js_text(whole, false, out);
}
