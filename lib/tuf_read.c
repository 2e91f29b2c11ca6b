/*
 * Section 4 of the specification, nothing more: every member that it names
 * must be there in its shape, every other one is kept for the signature.
 * Nothing here has been verified yet, so no step may cost more than the
 * file's size allows: repetitions are found through jansson's hash tables.
 */
#include "lib/tuf_read.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define RAW_MAX 2048 /* bytes of one signature of a foreign type */

struct reader {
	const char *name;
	struct tuf_file *f;
	struct err *err;
};

static int refuse(struct reader *, const char *fmt, ...) KILN_PRINTF(2, 3);

static int
refuse(struct reader *r, const char *fmt, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return err_set(r->err, ERR_TRUST, "%s.json: %s", r->name, b.data);
}

/* A member of the given type, or NULL with the error set. */
static json_t *
get(struct reader *r, json_t *j, const char *where, const char *key,
    json_type type)
{
	static const char *const names[] = { "an object", "an array",
		"a string", "a whole number" };
	json_t *m = json_object_get(j, key);

	if (!m)
		refuse(r, "%s has no \"%s\"", where, key);
	else if (json_typeof(m) != type)
		refuse(r, "\"%s\" of %s is not %s", key, where, names[type]);
	else
		return m;
	return NULL;
}

static int
get_int(struct reader *r, json_t *j, const char *where, const char *key,
    int64_t min, int64_t *out)
{
	json_t *m = get(r, j, where, key, JSON_INTEGER);

	if (!m)
		return -1;
	if (json_integer_value(m) < min)
		return refuse(r,
		    "\"%s\" of %s is %" JSON_INTEGER_FORMAT
		    ", less than %" PRId64,
		    key, where, json_integer_value(m), min);
	*out = json_integer_value(m);
	return 0;
}

/* A boolean; missing is `false` where `optional`. */
static int
get_bool(struct reader *r, json_t *j, const char *where, const char *key,
    bool optional, bool *out)
{
	json_t *m = json_object_get(j, key);

	if (!m && optional)
		*out = false;
	else if (!m)
		return refuse(r, "%s has no \"%s\"", where, key);
	else if (!json_is_boolean(m))
		return refuse(
		    r, "\"%s\" of %s is not true or false", key, where);
	else
		*out = json_is_true(m);
	return 0;
}

/* An array of different strings, if `distinct`. */
static int
get_strings(struct reader *r, json_t *j, const char *where, const char *key,
    bool distinct, char ***out, size_t *count)
{
	json_t *a = get(r, j, where, key, JSON_ARRAY);
	auto_json json_t *seen = json_object();
	size_t n;

	if (!a)
		return -1;
	n = json_array_size(a);
	*out = mem_zero(n ? n : 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(a, i));

		if (!s)
			return refuse(r,
			    "\"%s\" of %s has an entry that is "
			    "not a string",
			    key, where);
		if (distinct && json_object_get(seen, s))
			return refuse(
			    r, "\"%s\" of %s repeats \"%.70s\"", key, where, s);
		if (json_object_set_new(seen, s, json_true()) == -1)
			mem_none();
		(*out)[(*count)++] = mem_str(s);
	}
	return 0;
}

/* {"sha256": HEX, …}: the ones we know must be right; others are ignored. */
static int
get_hashes(struct reader *r, json_t *j, const char *where, struct hash *h256,
    bool *has256, uint8_t *h512, bool *has512)
{
	const char *key;
	json_t *v;

	if (json_object_size(j) == 0)
		return refuse(r, "\"hashes\" of %s is empty", where);
	json_object_foreach(j, key, v)
	{
		const char *s = json_string_value(v);

		if (!s)
			return refuse(r, "hash \"%.20s\" of %s is not a string",
			    key, where);
		if (strcmp(key, "sha256") == 0) {
			if (!hash_parse(h256, s))
				goto bad;
			*has256 = true;
		} else if (strcmp(key, "sha512") == 0) {
			if (!hex_decode(h512, 64, s, strlen(s)))
				goto bad;
			*has512 = true;
		}
	}
	return 0;
bad:
	return refuse(r,
	    "hash \"%.20s\" of %s is not lower-case hex of the "
	    "right length",
	    key, where);
}

static int
read_signature(struct reader *r, json_t *j, json_t *seen)
{
	struct tuf_signature *s = &r->f->signatures[r->f->nsignatures];
	json_t *keyid, *sig;
	const char *hex;
	size_t n;

	if (!json_is_object(j))
		return refuse(r, "a signature is not an object");
	keyid = get(r, j, "a signature", "keyid", JSON_STRING);
	if (!keyid)
		return -1;
	sig = get(r, j, "a signature", "sig", JSON_STRING);
	if (!sig)
		return -1;
	if (json_object_get(seen, json_string_value(keyid)))
		return refuse(r, "two signatures with keyid %.16s (threshold)",
		    json_string_value(keyid));
	if (json_object_set_new(seen, json_string_value(keyid), json_true()) ==
	    -1)
		mem_none();
	hex = json_string_value(sig);
	n = json_string_length(sig);
	s->keyid = mem_str(json_string_value(keyid));
	s->usable = hex_decode(s->sig.b, sizeof(s->sig.b), hex, n);
	if (n > 0 && n % 2 == 0 && n / 2 <= RAW_MAX) {
		s->raw = mem_alloc(n / 2);
		s->nraw = n / 2;
		if (!hex_decode(s->raw, n / 2, hex, n)) {
			free(take_ptr(&s->raw));
			s->nraw = 0;
		}
	}
	r->f->nsignatures++;
	return 0;
}

static int
read_signatures(struct reader *r, json_t *whole)
{
	json_t *a = get(r, whole, "the file", "signatures", JSON_ARRAY);
	auto_json json_t *seen = json_object();
	size_t n;

	if (!a)
		return -1;
	n = json_array_size(a);
	r->f->signatures = mem_zero(n ? n : 1, sizeof(*r->f->signatures));
	for (size_t i = 0; i < n; i++)
		if (read_signature(r, json_array_get(a, i), seen) == -1)
			return -1;
	return 0;
}

/* A key of a type we do not know stays, unusable: TUF 4.2 lets files carry
 * keys that only others understand. */
static int
read_key(struct reader *r, const char *keyid, json_t *j)
{
	struct tuf_key *k = &r->f->keys[r->f->nkeys];
	json_t *type, *scheme, *val, *pub;
	size_t n;

	if (!json_is_object(j))
		return refuse(r, "key %.16s is not an object", keyid);
	type = get(r, j, "a key", "keytype", JSON_STRING);
	if (!type)
		return -1;
	scheme = get(r, j, "a key", "scheme", JSON_STRING);
	if (!scheme)
		return -1;
	val = get(r, j, "a key", "keyval", JSON_OBJECT);
	if (!val)
		return -1;
	pub = json_object_get(val, "public");
	k->keyid = mem_str(keyid);
	k->keytype = mem_str(json_string_value(type));
	k->scheme = mem_str(json_string_value(scheme));
	k->public = mem_str(json_string_value(pub));
	r->f->nkeys++;
	n = json_string_length(pub);
	k->usable = strcmp(k->keytype, "ed25519") == 0 &&
		    strcmp(k->scheme, "ed25519") == 0 && k->public &&
		    hex_decode(k->pub.b, sizeof(k->pub.b), k->public, n) &&
		    sig_public_ok(&k->pub);
	return 0;
}

static int
read_keys(struct reader *r, json_t *j, const char *where)
{
	json_t *keys = get(r, j, where, "keys", JSON_OBJECT), *v;
	const char *keyid;
	size_t n;

	if (!keys)
		return -1;
	n = json_object_size(keys);
	r->f->keys = mem_zero(n ? n : 1, sizeof(*r->f->keys));
	json_object_foreach(
	    keys, keyid, v) if (read_key(r, keyid, v) == -1) return -1;
	return 0;
}

/* keyids and threshold: what root's roles and delegations have in common. */
static int
read_signers(
    struct reader *r, json_t *j, const char *name, struct tuf_role *role)
{
	auto_free char *where = mem_printf("role \"%.60s\"", name);

	if (!json_is_object(j))
		return refuse(r, "%s is not an object", where);
	if (get_strings(r, j, where, "keyids", true, &role->keyids,
		&role->nkeyids) == -1)
		return -1;
	return get_int(r, j, where, "threshold", 1, &role->threshold);
}

static bool
is_top_level(const char *name)
{
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		if (strcmp(name, tuf_type_name(i)) == 0)
			return true;
	return false;
}

static int
read_root(struct reader *r, json_t *j)
{
	json_t *roles;

	if (get_bool(r, j, "root", "consistent_snapshot", true,
		&r->f->consistent_snapshot) == -1 ||
	    read_keys(r, j, "root") == -1)
		return -1;
	roles = get(r, j, "root", "roles", JSON_OBJECT);
	if (!roles)
		return -1;
	r->f->roles = mem_zero(4, sizeof(*r->f->roles));
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++) {
		const char *name = tuf_type_name(i);
		struct tuf_role *role = &r->f->roles[r->f->nroles++];

		role->name = mem_str(name);
		if (!json_object_get(roles, name))
			return refuse(r, "role \"%s\" is missing", name);
		if (read_signers(r, json_object_get(roles, name), name, role) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
check_prefixes(struct reader *r, const struct tuf_role *role)
{
	for (size_t i = 0; i < role->nprefixes; i++) {
		const char *p = role->prefixes[i];
		size_t n = strspn(p, "0123456789abcdef");

		if (p[n] || n == 0 || n > 64)
			return refuse(r,
			    "path_hash_prefixes of role \"%.60s\""
			    " has an entry that is not lower-case hex",
			    role->name);
	}
	return 0;
}

static int
read_delegation(struct reader *r, json_t *j, json_t *seen)
{
	struct tuf_role *role = &r->f->roles[r->f->nroles];
	json_t *name;
	bool paths, prefixes;

	if (!json_is_object(j))
		return refuse(r, "a delegation is not an object");
	name = get(r, j, "a delegation", "name", JSON_STRING);
	if (!name)
		return -1;
	role->name = mem_str(json_string_value(name));
	r->f->nroles++;
	if (!*role->name || is_top_level(role->name))
		return refuse(r, "a delegation is named \"%s\"", role->name);
	if (json_object_get(seen, role->name))
		return refuse(
		    r, "role \"%.60s\" is delegated twice", role->name);
	if (json_object_set_new(seen, role->name, json_true()) == -1)
		mem_none();
	if (read_signers(r, j, role->name, role) == -1 ||
	    get_bool(r, j, role->name, "terminating", false,
		&role->terminating) == -1)
		return -1;
	paths = json_object_get(j, "paths");
	prefixes = json_object_get(j, "path_hash_prefixes");
	if (paths == prefixes)
		return refuse(r,
		    "role \"%.60s\" must have exactly one of "
		    "paths and path_hash_prefixes",
		    role->name);
	if (paths)
		return get_strings(r, j, role->name, "paths", false,
		    &role->paths, &role->npaths);
	if (get_strings(r, j, role->name, "path_hash_prefixes", false,
		&role->prefixes, &role->nprefixes) == -1)
		return -1;
	return check_prefixes(r, role);
}

static int
read_delegations(struct reader *r, json_t *j)
{
	auto_json json_t *seen = json_object();
	json_t *roles;
	size_t n;

	if (!json_is_object(j))
		return refuse(r, "\"delegations\" is not an object");
	if (read_keys(r, j, "delegations") == -1)
		return -1;
	roles = get(r, j, "delegations", "roles", JSON_ARRAY);
	if (!roles)
		return -1;
	n = json_array_size(roles);
	r->f->roles = mem_zero(n ? n : 1, sizeof(*r->f->roles));
	for (size_t i = 0; i < n; i++)
		if (read_delegation(r, json_array_get(roles, i), seen) == -1)
			return -1;
	return 0;
}

static int
read_target(struct reader *r, const char *path, json_t *j)
{
	struct tuf_target *t = &r->f->targets[r->f->ntargets];
	auto_free char *where = mem_printf("target \"%.80s\"", path);
	json_t *hashes;

	if (!json_is_object(j))
		return refuse(r, "%s is not an object", where);
	t->path = mem_str(path);
	r->f->ntargets++;
	if (get_int(r, j, where, "length", 0, &t->length) == -1)
		return -1;
	hashes = get(r, j, where, "hashes", JSON_OBJECT);
	if (!hashes || get_hashes(r, hashes, where, &t->sha256, &t->has_sha256,
			   t->sha512, &t->has_sha512) == -1)
		return -1;
	t->custom = json_object_get(j, "custom");
	if (t->custom && !json_is_object(t->custom))
		return refuse(r, "\"custom\" of %s is not an object", where);
	return 0;
}

static int
read_targets(struct reader *r, json_t *j)
{
	json_t *targets = get(r, j, "the file", "targets", JSON_OBJECT), *v;
	const char *path;
	size_t n;

	if (!targets)
		return -1;
	n = json_object_size(targets);
	r->f->targets = mem_zero(n ? n : 1, sizeof(*r->f->targets));
	json_object_foreach(
	    targets, path, v) if (read_target(r, path, v) == -1) return -1;
	v = json_object_get(j, "delegations");
	return v ? read_delegations(r, v) : 0;
}

static int
read_meta_entry(struct reader *r, const char *name, json_t *j)
{
	struct tuf_meta *m = &r->f->meta[r->f->nmeta];
	auto_free char *where = mem_printf("entry \"%.80s\"", name);
	json_t *hashes;

	if (!json_is_object(j))
		return refuse(r, "%s is not an object", where);
	m->name = mem_str(name);
	m->length = -1;
	r->f->nmeta++;
	if (get_int(r, j, where, "version", 1, &m->version) == -1)
		return -1;
	if (json_object_get(j, "length") &&
	    get_int(r, j, where, "length", 0, &m->length) == -1)
		return -1;
	hashes = json_object_get(j, "hashes");
	if (!hashes)
		return 0;
	if (!json_is_object(hashes))
		return refuse(r, "\"hashes\" of %s is not an object", where);
	m->has_hashes = true;
	return get_hashes(r, hashes, where, &m->sha256, &m->has_sha256,
	    m->sha512, &m->has_sha512);
}

static int
read_meta(struct reader *r, json_t *j)
{
	json_t *meta = get(r, j, "the file", "meta", JSON_OBJECT), *v;
	const char *name;
	size_t n;

	if (!meta)
		return -1;
	n = json_object_size(meta);
	r->f->meta = mem_zero(n ? n : 1, sizeof(*r->f->meta));
	json_object_foreach(
	    meta, name, v) if (read_meta_entry(r, name, v) == -1) return -1;
	if (r->f->type == TUF_TIMESTAMP &&
	    !tuf_meta_find(r->f, "snapshot.json"))
		return refuse(r, "it does not list snapshot.json");
	return 0;
}

/* "1.N" or "1.N.M": only the major number decides (TUF 4.3). */
static int
check_spec(struct reader *r, const char *v)
{
	size_t n = 0, parts = 0;

	for (const char *p = v;; p += n + 1) {
		n = strspn(p, "0123456789");
		parts++;
		if (n == 0 || n > 9 || (p[n] && p[n] != '.'))
			return refuse(r,
			    "spec_version \"%.20s\" is not a "
			    "version",
			    v);
		if (!p[n])
			break;
	}
	if (parts < 2 || parts > 3)
		return refuse(r, "spec_version \"%.20s\" is not a version", v);
	if (strncmp(v, "1.", 2) != 0)
		return refuse(r, "spec_version is \"%.20s\", not 1.x", v);
	return 0;
}

/* What all four types start with. */
static int
read_common(struct reader *r, json_t *j)
{
	json_t *type, *spec, *expires;
	struct err why = ERR_INIT;

	type = get(r, j, "\"signed\"", "_type", JSON_STRING);
	if (!type)
		return -1;
	if (strcmp(json_string_value(type), tuf_type_name(r->f->type)) != 0)
		return refuse(r, "_type is \"%.20s\", not \"%s\"",
		    json_string_value(type), tuf_type_name(r->f->type));
	spec = get(r, j, "\"signed\"", "spec_version", JSON_STRING);
	if (!spec || check_spec(r, json_string_value(spec)) == -1)
		return -1;
	if (get_int(r, j, "\"signed\"", "version", 1, &r->f->version) == -1)
		return -1;
	expires = get(r, j, "\"signed\"", "expires", JSON_STRING);
	if (!expires)
		return -1;
	if (time_parse(json_string_value(expires), &r->f->expires, &why) == -1)
		return refuse(r,
		    "expires is \"%.40s\", not a time as "
		    "YYYY-MM-DDTHH:MM:SSZ",
		    json_string_value(expires));
	return 0;
}

static int
read_file(struct reader *r, json_t *whole)
{
	json_t *j;

	if (!json_is_object(whole))
		return refuse(r, "it is not an object");
	j = get(r, whole, "the file", "signed", JSON_OBJECT);
	if (!j)
		return -1;
	r->f->signed_json = json_incref(j);
	if (read_signatures(r, whole) == -1 || read_common(r, j) == -1)
		return -1;
	switch (r->f->type) {
	case TUF_ROOT:
		return read_root(r, j);
	case TUF_TIMESTAMP:
	case TUF_SNAPSHOT:
		return read_meta(r, j);
	case TUF_TARGETS:
		break;
	}
	return read_targets(r, j);
}

struct tuf_file *
tuf_read(enum tuf_type type, const char *name, const void *bytes, size_t n,
    struct err *err)
{
	static const size_t limits[] = { TUF_ROOT_MAX, TUF_TIMESTAMP_MAX,
		TUF_SNAPSHOT_MAX, TUF_TARGETS_MAX };
	auto_free char *what = mem_printf("%s.json", name);
	auto_tuf struct tuf_file *f = mem_zero(1, sizeof(*f));
	auto_json json_t *whole = NULL;
	struct reader r = { name, f, err };

	f->type = type;
	if (n > limits[type]) {
		refuse(&r, "%zu bytes, at most %zu are read", n, limits[type]);
		return NULL;
	}
	whole = js_parse(what, bytes, n, err);
	if (!whole) {
		if (err)
			err->cls = ERR_TRUST;
		return NULL;
	}
	if (read_file(&r, whole) == -1)
		return NULL;
	return take_ptr(&f);
}
