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
#include "lib/tuf_reader.h"

/* {"sha256": HEX, …}: the ones we know must be right; others are ignored. */
static int
get_hashes(struct reader *r, json_t *j, const char *where, struct hash *h256,
    bool *has256, uint8_t *h512, bool *has512)
{
	const char *key;
	json_t *v;

	if (json_object_size(j) == 0)
		return reader_refuse(r, "\"hashes\" of %s is empty", where);
	json_object_foreach(j, key, v)
	{
		const char *s = json_string_value(v);

		if (!s)
			return reader_refuse(r,
			    "hash \"%.20s\" of %s is not a string", key, where);
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
	return reader_refuse(r,
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
		return reader_refuse(r, "a signature is not an object");
	keyid = reader_get(r, j, "a signature", "keyid", JSON_STRING);
	if (!keyid)
		return -1;
	sig = reader_get(r, j, "a signature", "sig", JSON_STRING);
	if (!sig)
		return -1;
	if (json_object_get(seen, json_string_value(keyid)))
		return reader_refuse(r,
		    "two signatures with keyid %.16s (threshold)",
		    json_string_value(keyid));
	if (json_object_set_new(seen, json_string_value(keyid), json_true()) ==
	    -1)
		mem_none();
	hex = json_string_value(sig);
	n = json_string_length(sig);
	s->keyid = mem_str(json_string_value(keyid));
	s->usable = hex_decode(s->sig.b, sizeof(s->sig.b), hex, n);
	r->f->nsignatures++;
	return 0;
}

static int
read_signatures(struct reader *r, json_t *whole)
{
	json_t *a = reader_get(r, whole, "the file", "signatures", JSON_ARRAY);
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

static int
read_target(struct reader *r, const char *path, json_t *j)
{
	struct tuf_target *t = &r->f->targets[r->f->ntargets];
	auto_free char *where = mem_printf("target \"%.80s\"", path);
	json_t *hashes;

	if (!json_is_object(j))
		return reader_refuse(r, "%s is not an object", where);
	t->path = mem_str(path);
	r->f->ntargets++;
	if (reader_int(r, j, where, "length", 0, &t->length) == -1)
		return -1;
	hashes = reader_get(r, j, where, "hashes", JSON_OBJECT);
	if (!hashes || get_hashes(r, hashes, where, &t->sha256, &t->has_sha256,
			   t->sha512, &t->has_sha512) == -1)
		return -1;
	t->custom = json_object_get(j, "custom");
	if (t->custom && !json_is_object(t->custom))
		return reader_refuse(
		    r, "\"custom\" of %s is not an object", where);
	return 0;
}

static int
read_targets(struct reader *r, json_t *j)
{
	json_t *targets = reader_get(r, j, "the file", "targets", JSON_OBJECT),
	       *v;
	const char *path;
	size_t n;

	if (!targets)
		return -1;
	n = json_object_size(targets);
	r->f->targets = mem_zero(n ? n : 1, sizeof(*r->f->targets));
	json_object_foreach(
	    targets, path, v) if (read_target(r, path, v) == -1) return -1;
	v = json_object_get(j, "delegations");
	return v ? reader_delegations(r, v) : 0;
}

static int
read_meta_entry(struct reader *r, const char *name, json_t *j)
{
	struct tuf_meta *m = &r->f->meta[r->f->nmeta];
	auto_free char *where = mem_printf("entry \"%.80s\"", name);
	json_t *hashes;

	if (!json_is_object(j))
		return reader_refuse(r, "%s is not an object", where);
	m->name = mem_str(name);
	m->length = -1;
	r->f->nmeta++;
	if (reader_int(r, j, where, "version", 1, &m->version) == -1)
		return -1;
	if (json_object_get(j, "length") &&
	    reader_int(r, j, where, "length", 0, &m->length) == -1)
		return -1;
	hashes = json_object_get(j, "hashes");
	if (!hashes)
		return 0;
	if (!json_is_object(hashes))
		return reader_refuse(
		    r, "\"hashes\" of %s is not an object", where);
	m->has_hashes = true;
	return get_hashes(r, hashes, where, &m->sha256, &m->has_sha256,
	    m->sha512, &m->has_sha512);
}

static int
read_meta(struct reader *r, json_t *j)
{
	json_t *meta = reader_get(r, j, "the file", "meta", JSON_OBJECT), *v;
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
		return reader_refuse(r, "it does not list snapshot.json");
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
			return reader_refuse(r,
			    "spec_version \"%.20s\" is not a "
			    "version",
			    v);
		if (!p[n])
			break;
	}
	if (parts < 2 || parts > 3)
		return reader_refuse(
		    r, "spec_version \"%.20s\" is not a version", v);
	if (strncmp(v, "1.", 2) != 0)
		return reader_refuse(
		    r, "spec_version is \"%.20s\", not 1.x", v);
	return 0;
}

/* What all four types start with. */
static int
read_common(struct reader *r, json_t *j)
{
	json_t *type, *spec, *expires;
	struct err why = ERR_INIT;

	type = reader_get(r, j, "\"signed\"", "_type", JSON_STRING);
	if (!type)
		return -1;
	if (strcmp(json_string_value(type), tuf_type_name(r->f->type)) != 0)
		return reader_refuse(r, "_type is \"%.20s\", not \"%s\"",
		    json_string_value(type), tuf_type_name(r->f->type));
	spec = reader_get(r, j, "\"signed\"", "spec_version", JSON_STRING);
	if (!spec || check_spec(r, json_string_value(spec)) == -1)
		return -1;
	if (reader_int(r, j, "\"signed\"", "version", 1, &r->f->version) == -1)
		return -1;
	expires = reader_get(r, j, "\"signed\"", "expires", JSON_STRING);
	if (!expires)
		return -1;
	if (time_parse(json_string_value(expires), &r->f->expires, &why) == -1)
		return reader_refuse(r,
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
		return reader_refuse(r, "it is not an object");
	j = reader_get(r, whole, "the file", "signed", JSON_OBJECT);
	if (!j)
		return -1;
	r->f->signed_json = json_incref(j);
	if (read_signatures(r, whole) == -1 || read_common(r, j) == -1)
		return -1;
	switch (r->f->type) {
	case TUF_ROOT:
		return reader_root(r, j);
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
		reader_refuse(
		    &r, "%zu bytes, at most %zu are read", n, limits[type]);
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
