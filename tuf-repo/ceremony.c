#include "tuf-repo/ceremony.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "lib/tuf_read.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/metadata.h"

#define PARTIES 3 /* keys of root and targets, outside demonstrations … */
#define QUORUM 2  /* … of which so many must sign */

void
ceremony_release(struct ceremony *c)
{
	buf_release(&c->root);
	buf_release(&c->targets);
	buf_release(&c->stable);
}

/* --- keys -------------------------------------------------------------- */

static char *
party_name(const char *key, size_t i)
{
	return mem_printf("%s-%zu", key, i + 1);
}

static int
offline_keys(int offline, const char *key, const struct secret *pass, size_t n,
    struct sig_public *out, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		auto_free char *name = party_name(key, i);

		if (key_make(offline, name, pass, (uid_t)-1, (gid_t)-1, &out[i],
			err) == -1)
			return -1;
	}
	return 0;
}

static int
online_key(int online, const char *name, const struct secret *pass,
    struct sig_public *out, struct err *err)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	if (role_walls()) {
		uid = role_uid(ROLE_SIGNER);
		gid = role_gid(ROLE_SIGNER);
	}
	return key_make(online, name, pass, uid, gid, out, err);
}

/* --- signing ----------------------------------------------------------- */

/* Every party whose key lies here signs; too few is an error that says how
 * many there are. */
static int
sign_offline(int offline, const char *key, struct key_access *access,
    int64_t threshold, const json_t *part, struct buf *out, struct err *err)
{
	struct meta_signature sigs[PARTIES];
	auto_buf struct buf bytes = BUF_INIT;
	size_t n = 0;

	if (canon_json(part, &bytes, err) == -1)
		return -1;
	for (size_t i = 0; i < PARTIES; i++) {
		auto_free char *name = party_name(key, i);

		if (key_sign(offline, name, access, &bytes, &sigs[n].key,
			&sigs[n].sig, err) == 0) {
			n++;
			continue;
		}
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
	}
	if ((int64_t)n < threshold)
		return err_set(err, ERR_MISSING,
		    "%zu of the %s keys lie in keys/offline, but %lld must "
		    "sign",
		    n, key, (long long)threshold);
	return meta_file(bytes.data, bytes.len, sigs, n, out, err);
}

/* NULL: as they are. */
static const struct secret *
made_with(const struct founding *f)
{
	return f->access ? &f->access->have : NULL;
}

static int64_t
threshold_of(const struct founding *f)
{
	return f->demo ? 1 : QUORUM;
}

static size_t
parties_of(const struct founding *f)
{
	return f->demo ? 1 : PARTIES;
}

/* --- the three files --------------------------------------------------- */

static int
found_root(struct ceremony *c, int offline, int online,
    const struct founding *f, struct err *err)
{
	struct sig_public root[PARTIES], targets[PARTIES], snapshot, timestamp;
	auto_json json_t *part =
	    meta_signed("root", 1, rule_expiry(rule_of("root"), f->now));
	json_t *keys = json_object(), *roles = json_object();
	size_t n = parties_of(f);

	js_set(part, "keys", keys);
	js_set(part, "roles", roles);
	js_set_bool(part, "consistent_snapshot", true);
	if (offline_keys(offline, "root", made_with(f), n, root, err) == -1 ||
	    offline_keys(offline, "targets", made_with(f), n, targets, err) ==
		-1 ||
	    online_key(online, "snapshot", f->signer_pass, &snapshot, err) ==
		-1 ||
	    online_key(online, "timestamp", f->signer_pass, &timestamp, err) ==
		-1)
		return -1;
	js_set(roles, "root", meta_keyids(root, n, threshold_of(f), keys));
	js_set(
	    roles, "targets", meta_keyids(targets, n, threshold_of(f), keys));
	js_set(roles, "snapshot", meta_keyids(&snapshot, 1, 1, keys));
	js_set(roles, "timestamp", meta_keyids(&timestamp, 1, 1, keys));
	return sign_offline(
	    offline, "root", f->access, threshold_of(f), part, &c->root, err);
}

static int
delegated_key(int offline, int online, const struct rule *r,
    const struct founding *f, struct sig_public *pub, struct err *err)
{
	if (r->online)
		return online_key(online, r->key, f->signer_pass, pub, err);
	return offline_keys(offline, r->key, made_with(f), 1, pub, err);
}

static int
delegate_all(json_t *roles, json_t *keys, int offline, int online,
    const struct founding *f, struct err *err)
{
	for (size_t i = 0; i < rules_count; i++) {
		const struct rule *r = &rules[i];
		struct sig_public pub;

		if (r->top)
			continue;
		if (delegated_key(offline, online, r, f, &pub, err) == -1)
			return -1;
		if (strcmp(r->role, "svc-") != 0) {
			json_array_append_new(
			    roles, meta_delegation(r->role, &pub, 1, 1, keys));
			continue;
		}
		for (size_t k = 0; k < f->nservices; k++) {
			auto_free char *role =
			    mem_printf("svc-%s", f->services[k]);

			json_array_append_new(
			    roles, meta_delegation(role, &pub, 1, 1, keys));
		}
	}
	return 0;
}

/* A key that nothing is delegated to would be refused by nobody, but says
 * nothing either: only keys in use are listed. */
static int
found_targets(struct ceremony *c, int offline, int online,
    const struct founding *f, struct err *err)
{
	auto_json json_t *part =
	    meta_signed("targets", 1, rule_expiry(rule_of("targets"), f->now));
	json_t *keys = json_object(), *roles = json_array();
	json_t *delegations = json_object();

	js_set(delegations, "keys", keys);
	js_set(delegations, "roles", roles);
	js_set(part, "delegations", delegations);
	js_set(part, "targets", json_object());
	if (f->demo)
		js_set_bool(part, "demo", true);
	if (delegate_all(roles, keys, offline, online, f, err) == -1)
		return -1;
	return sign_offline(offline, "targets", f->access, threshold_of(f),
	    part, &c->targets, err);
}

static int
found_stable(
    struct ceremony *c, int offline, const struct founding *f, struct err *err)
{
	const struct rule *r = rule_of("sets-stable");
	auto_json json_t *part =
	    meta_signed("sets-stable", 1, rule_expiry(r, f->now));

	js_set(part, "targets", json_object());
	return sign_offline(
	    offline, r->key, f->access, 1, part, &c->stable, err);
}

/* --- keeping them ------------------------------------------------------ */

static int
keep(int offline, const char *name, const struct buf *b, struct err *err)
{
	return file_write_at(offline, name, b->data, b->len, 0444, err);
}

static int
load(int offline, struct ceremony *c, struct err *err)
{
	if (file_read_at(offline, "root.json", TUF_ROOT_MAX, &c->root, err) ==
		-1 ||
	    file_read_at(offline, "targets.json", TUF_TARGETS_MAX, &c->targets,
		err) == -1 ||
	    file_read_at(offline, "sets-stable.json", TUF_TARGETS_MAX,
		&c->stable, err) == -1)
		return err_prefix(err, "keys/offline");
	return 0;
}

int
ceremony_found(struct ceremony *c, int offline, int online,
    const struct founding *f, struct err *err)
{
	if (file_exists_at(offline, "root.json")) /* written last */
		return load(offline, c, err);
	if (found_root(c, offline, online, f, err) == -1 ||
	    found_targets(c, offline, online, f, err) == -1 ||
	    found_stable(c, offline, f, err) == -1)
		return -1;
	if (keep(offline, "targets.json", &c->targets, err) == -1 ||
	    keep(offline, "sets-stable.json", &c->stable, err) == -1 ||
	    keep(offline, "root.json", &c->root, err) == -1)
		return -1;
	return 0;
}
