/* Who may sign what: root's keys and roles, and delegations. */
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_reader.h"

/* A key of a type we do not know stays, unusable: TUF 4.2 lets files carry
 * keys that only others understand. */
static int
read_key(struct reader *r, const char *keyid, json_t *j)
{
	struct tuf_key *k = &r->f->keys[r->f->nkeys];
	json_t *type, *scheme, *val, *pub;

	if (!json_is_object(j))
		return reader_refuse(r, "key %.16s is not an object", keyid);
	type = reader_get(r, j, "a key", "keytype", JSON_STRING);
	if (!type)
		return -1;
	scheme = reader_get(r, j, "a key", "scheme", JSON_STRING);
	if (!scheme)
		return -1;
	val = reader_get(r, j, "a key", "keyval", JSON_OBJECT);
	if (!val)
		return -1;
	pub = json_object_get(val, "public");
	if (!json_is_string(pub)) /* a form of a key that we do not know */
		pub = NULL;
	k->keyid = mem_str(keyid);
	k->public = mem_str(json_string_value(pub));
	r->f->nkeys++;
	k->usable = pub && strcmp(json_string_value(type), "ed25519") == 0 &&
		    strcmp(json_string_value(scheme), "ed25519") == 0 &&
		    hex_decode(k->pub.b, sizeof(k->pub.b),
			json_string_value(pub), json_string_length(pub)) &&
		    sig_public_ok(&k->pub);
	return 0;
}

static int
read_keys(struct reader *r, json_t *j, const char *where)
{
	json_t *keys = reader_get(r, j, where, "keys", JSON_OBJECT), *v;
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
		return reader_refuse(r, "%s is not an object", where);
	if (reader_strings(r, j, where, "keyids", true, &role->keyids,
		&role->nkeyids) == -1)
		return -1;
	return reader_int(r, j, where, "threshold", 1, &role->threshold);
}

static bool
is_top_level(const char *name)
{
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		if (strcmp(name, tuf_type_name(i)) == 0)
			return true;
	return false;
}

int
reader_root(struct reader *r, json_t *j)
{
	json_t *roles;

	if (reader_bool(r, j, "root", "consistent_snapshot", true,
		&r->f->consistent_snapshot) == -1 ||
	    read_keys(r, j, "root") == -1)
		return -1;
	roles = reader_get(r, j, "root", "roles", JSON_OBJECT);
	if (!roles)
		return -1;
	r->f->roles = mem_zero(4, sizeof(*r->f->roles));
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++) {
		const char *name = tuf_type_name(i);
		struct tuf_role *role = &r->f->roles[r->f->nroles++];

		role->name = mem_str(name);
		if (!json_object_get(roles, name))
			return reader_refuse(r, "role \"%s\" is missing", name);
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
			return reader_refuse(r,
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
		return reader_refuse(r, "a delegation is not an object");
	name = reader_get(r, j, "a delegation", "name", JSON_STRING);
	if (!name)
		return -1;
	role->name = mem_str(json_string_value(name));
	r->f->nroles++;
	if (!*role->name || is_top_level(role->name))
		return reader_refuse(
		    r, "a delegation is named \"%s\"", role->name);
	if (json_object_get(seen, role->name))
		return reader_refuse(
		    r, "role \"%.60s\" is delegated twice", role->name);
	if (json_object_set_new(seen, role->name, json_true()) == -1)
		mem_none();
	if (read_signers(r, j, role->name, role) == -1 ||
	    reader_bool(r, j, role->name, "terminating", false,
		&role->terminating) == -1)
		return -1;
	paths = json_object_get(j, "paths");
	prefixes = json_object_get(j, "path_hash_prefixes");
	if (paths == prefixes)
		return reader_refuse(r,
		    "role \"%.60s\" must have exactly one of "
		    "paths and path_hash_prefixes",
		    role->name);
	if (paths)
		return reader_strings(r, j, role->name, "paths", false,
		    &role->paths, &role->npaths);
	if (reader_strings(r, j, role->name, "path_hash_prefixes", false,
		&role->prefixes, &role->nprefixes) == -1)
		return -1;
	return check_prefixes(r, role);
}

int
reader_delegations(struct reader *r, json_t *j)
{
	auto_json json_t *seen = json_object();
	json_t *roles;
	size_t n;

	if (!json_is_object(j))
		return reader_refuse(r, "\"delegations\" is not an object");
	if (read_keys(r, j, "delegations") == -1)
		return -1;
	roles = reader_get(r, j, "delegations", "roles", JSON_ARRAY);
	if (!roles)
		return -1;
	n = json_array_size(roles);
	r->f->roles = mem_zero(n ? n : 1, sizeof(*r->f->roles));
	for (size_t i = 0; i < n; i++)
		if (read_delegation(r, json_array_get(roles, i), seen) == -1)
			return -1;
	return 0;
}
