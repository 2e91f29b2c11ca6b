/* One image of one service: who lists it, who signed, is it withdrawn. */
#include <stdio.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "router-agent/trust/judge.h"

static bool
key_signed(const struct tuf_file *targets, const struct tuf_role *role,
    const struct tuf_file *file, const struct sig_public *want,
    const struct buf *bytes)
{
	for (size_t i = 0; i < file->nsignatures; i++) {
		const struct tuf_signature *s = &file->signatures[i];
		const struct tuf_key *k = tuf_key_find(targets, s->keyid);
		bool listed = false;

		for (size_t n = 0; n < role->nkeyids; n++)
			listed =
			    listed || strcmp(role->keyids[n], s->keyid) == 0;
		if (listed && s->usable && k && k->usable &&
		    memcmp(k->pub.b, want->b, sizeof(want->b)) == 0 &&
		    sig_verify(want, bytes->data, bytes->len, &s->sig))
			return true;
	}
	return false;
}

static int
enough_keys(struct judge *j, const char *role, int64_t *keys)
{
	const struct tuf_file *targets = tuf_role(j->r->trust, "targets");
	const struct tuf_file *file = tuf_role(j->r->trust, role);
	const struct tuf_role *listed = tuf_role_find(targets, role);
	auto_buf struct buf bytes = BUF_INIT;

	if (!file || !listed)
		return refuse(j, "not-listed",
		    "%s: targets does not delegate to it", role);
	*keys = (int64_t)tuf_keys_signed(targets, role, file);
	if (*keys < j->r->min_keys)
		return refuse(j, "too-few-keys",
		    "%s is signed by %lld distinct keys; this router wants at "
		    "least %lld",
		    role, (long long)*keys, (long long)j->r->min_keys);
	if (j->r->nrequire_keys > 0 &&
	    canon_foreign(file->signed_json, &bytes, j->err) == -1)
		return refuse_below(j);
	for (size_t i = 0; i < j->r->nrequire_keys; i++) {
		char hex[KEY_HEX];
		struct hash shown;

		if (key_signed(
			targets, listed, file, &j->r->require_keys[i], &bytes))
			continue;
		memcpy(shown.b, j->r->require_keys[i].b, sizeof(shown.b));
		hash_hex(&shown, hex);
		return refuse(j, "missing-key",
		    "%s is not signed by the key %.16s…, which this router "
		    "demands",
		    role, hex);
	}
	return 0;
}

static bool
lists_digest(const struct tuf_file *f, const struct hash *h)
{
	for (size_t i = 0; f && i < f->ntargets; i++)
		if (f->targets[i].has_sha256 &&
		    hash_equal(&f->targets[i].sha256, h))
			return true;
	return false;
}

/* Could or does any other role supply this image?  One whose patterns do not
 * reach the path cannot, and is not fetched for that. */
static int
no_other_role(
    struct judge *j, const char *role, const char *path, const struct hash *h)
{
	const struct tuf_file *targets = tuf_role(j->r->trust, "targets");

	if (lists_digest(targets, h) || tuf_target_find(targets, path))
		return refuse(j, "other-role",
		    "%s is listed by targets itself, not by %s alone", path,
		    role);
	for (size_t i = 0; i < targets->nroles; i++) {
		const struct tuf_role *other = &targets->roles[i];
		const struct tuf_file *f;

		if (strcmp(other->name, role) == 0)
			continue;
		if (tuf_role_covers(other, path) &&
		    !tuf_role(j->r->trust, other->name) &&
		    j->r->role(j->r->arg, other->name, j->err) == -1)
			return refuse_below(j);
		f = tuf_role(j->r->trust, other->name);
		if (f && (lists_digest(f, h) || tuf_target_find(f, path)))
			return refuse(j, "other-role",
			    "%s is listed by the role %s as well", path,
			    other->name);
	}
	return 0;
}

static int
not_withdrawn(
    struct judge *j, const char *role, const json_t *custom, int64_t *serial)
{
	const struct tuf_file *file = tuf_role(j->r->trust, role);
	const json_t *min = json_object_get(file->signed_json, "min_serial");
	int64_t floor = 0;

	if (js_int(role, custom, "serial", 0, JS_INT_MAX, serial, j->err) == -1)
		return refuse(
		    j, "metadata", "%s: an image without a serial", role);
	if (min) {
		if (!json_is_integer(min))
			return refuse(j, "metadata",
			    "%s: min_serial is no integer", role);
		floor = json_integer_value(min);
	}
	if (*serial < floor)
		return refuse(j, "withdrawn",
		    "%s: serial %lld is withdrawn, the least allowed is %lld",
		    role, (long long)*serial, (long long)floor);
	return 0;
}

int
take_file(struct judge *j, const char *service, const struct hash *digest,
    const char *type, struct set_file *out, json_t **custom, int64_t *keys,
    int64_t *serial)
{
	char hex[HASH_HEX], role[SET_NAME + 8];
	const struct tuf_target *t;
	const char *by, *text;

	hash_hex(digest, hex);
	snprintf(role, sizeof(role), "svc-%s", service);
	if (snprintf(out->target, sizeof(out->target), "images/%s/%s/%s",
		service, j->r->arch, hex) >= (int)sizeof(out->target))
		return refuse(j, "metadata", "a path is too long");
	if (j->r->find(j->r->arg, out->target, &t, &by, j->err) == -1) {
		if (j->err->cls != ERR_MISSING)
			return refuse_below(j);
		return refuse(
		    j, "not-listed", "%s does not list %s", role, out->target);
	}
	if (strcmp(by, role) != 0)
		return refuse(j, "wrong-role",
		    "%s comes from the role %s and not from %s", out->target,
		    by, role);
	if (!t->has_sha256 || !hash_equal(&t->sha256, digest))
		return refuse(j, "metadata",
		    "%s: its SHA-256 is not the one in its name", out->target);
	out->hash = *digest;
	out->size = t->length;
	if (out->size < 1 || out->size > SET_IMAGE_MAX)
		return refuse(j, "metadata", "%s: a size of %lld bytes",
		    out->target, (long long)out->size);
	if (enough_keys(j, role, keys) == -1 ||
	    no_other_role(j, role, out->target, digest) == -1)
		return -1;
	if (!t->custom || not_withdrawn(j, role, t->custom, serial) == -1)
		return t->custom ? -1
				 : refuse(j, "metadata", "%s: without custom",
				       out->target);
	if (js_str(out->target, t->custom, "type", &text, j->err) == -1 ||
	    strcmp(text, type) != 0)
		return refuse(j, "metadata", "%s: it is not of type %s",
		    out->target, type);
	if (js_str(out->target, t->custom, "service", &text, j->err) == -1 ||
	    strcmp(text, service) != 0)
		return refuse(j, "metadata", "%s: it is not of service %s",
		    out->target, service);
	*custom = t->custom;
	return 0;
}
