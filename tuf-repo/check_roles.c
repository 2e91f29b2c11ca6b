/* What a repository must keep beyond what clients verify (tuf.md, 6 and 9). */
#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/check.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/service.h"

#define INTEGER_MAX ((INT64_C(1) << 53) - 1)

/* --- JSON that every client reads alike -------------------------------- */

static bool
ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

static const char *
awkward(const json_t *j)
{
	const char *key, *why = NULL;
	json_t *value;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)j, key, value)
		{
			if (!ascii(key))
				return "a key that is not ASCII";
			if ((why = awkward(value)))
				return why;
		}
		return NULL;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(j) && !why; i++)
			why = awkward(json_array_get(j, i));
		return why;
	case JSON_INTEGER:
		if (llabs(json_integer_value(j)) > INTEGER_MAX)
			return "an integer beyond 2^53";
		return NULL;
	case JSON_REAL:
		return "a number that is no integer";
	default:
		return NULL;
	}
}

static void
check_json(struct check *c, const char *role, const struct tuf_file *f)
{
	const char *why = awkward(f->signed_json);

	if (why)
		check_find(c, role, "%s: clients disagree about it", why);
}

/* --- keys -------------------------------------------------------------- */

static void
check_keys(struct check *c, const char *role, const struct tuf_file *f)
{
	for (size_t i = 0; i < f->nkeys; i++)
		if (!f->keys[i].usable)
			check_find(c, role,
			    "key %.16s… is of a kind that"
			    " other clients may refuse",
			    f->keys[i].keyid);
}

/* May two roles have the same key?  All services have the rebuilders'. */
static bool
may_share(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (role_service(a) && role_service(b));
}

static void
check_shared(struct check *c, const struct tuf_file *fa,
    const struct tuf_role *a, const struct tuf_file *fb,
    const struct tuf_role *b)
{
	if (may_share(a->name, b->name))
		return;
	for (size_t i = 0; i < a->nkeyids; i++) {
		const struct tuf_key *x = tuf_key_find(fa, a->keyids[i]);

		for (size_t k = 0; x && k < b->nkeyids; k++) {
			const struct tuf_key *y =
			    tuf_key_find(fb, b->keyids[k]);

			if (y && x->usable && y->usable &&
			    memcmp(x->pub.b, y->pub.b, sizeof(x->pub.b)) == 0)
				check_find(c, a->name,
				    "it has a key in common with %s", b->name);
		}
	}
}

static void
check_distinct(
    struct check *c, const struct tuf_file *fa, const struct tuf_file *fb)
{
	for (size_t i = 0; i < fa->nroles; i++)
		for (size_t k = fa == fb ? i + 1 : 0; k < fb->nroles; k++)
			check_shared(c, fa, &fa->roles[i], fb, &fb->roles[k]);
}

/* --- root and targets -------------------------------------------------- */

static void
note_threshold(struct check *c, const struct tuf_file *root, const char *role)
{
	const struct tuf_role *r = tuf_role_find(root, role);

	if (r && r->threshold < 2)
		check_note(c, role, "one key is enough to sign it");
}

void
check_root_rules(struct check *c, const struct tuf_file *root)
{
	check_json(c, "root", root);
	check_keys(c, "root", root);
	check_distinct(c, root, root);
	if (!root->consistent_snapshot)
		check_find(c, "root", "consistent_snapshot is not true");
	note_threshold(c, root, "root");
	note_threshold(c, root, "targets");
}

static bool
only_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static void
check_delegation(struct check *c, const struct tuf_role *d)
{
	const struct rule *rule = rule_of(d->name);

	if (tuf_role_find(tuf_root(c->trust), d->name))
		check_find(c, "targets", "it delegates to a top-level role: %s",
		    d->name);
	if (only_digits(d->name))
		check_find(c, "targets", "role name %s is a number", d->name);
	if (d->npaths == 0 && d->nprefixes == 0)
		check_find(c, "targets", "%s covers nothing", d->name);
	for (size_t i = 0; i < d->npaths; i++)
		if (strpbrk(d->paths[i], "[]{}!\\") ||
		    strstr(d->paths[i], "**"))
			check_find(c, "targets",
			    "%s: clients read the pattern %s differently",
			    d->name, d->paths[i]);
	if (!rule || rule->top)
		check_note(c, "targets", "%s is no role of kiln's", d->name);
	else if (rule->terminating && !d->terminating)
		check_find(c, "targets", "%s is not terminating", d->name);
	if (role_service(d->name) && d->threshold < 2)
		check_note(c, d->name,
		    "by 1 party: one key makes an image"
		    " acceptable");
}

/* tuf_read takes a missing `terminating` as false; not every client does. */
static void
check_terminating(struct check *c, const struct tuf_file *targets)
{
	const json_t *roles = json_object_get(
	    json_object_get(targets->signed_json, "delegations"), "roles");

	for (size_t i = 0; i < json_array_size(roles); i++)
		if (!json_is_boolean(json_object_get(
			json_array_get(roles, i), "terminating")))
			check_find(c, "targets",
			    "delegation %zu does not say whether it is"
			    " terminating",
			    i + 1);
}

void
check_targets_rules(struct check *c, const struct tuf_file *root,
    const struct tuf_file *targets)
{
	check_json(c, "targets", targets);
	check_keys(c, "targets", targets);
	check_distinct(c, root, targets);
	check_distinct(c, targets, targets);
	check_terminating(c, targets);
	if (targets->ntargets)
		check_find(c, "targets", "it lists targets itself");
	if (json_is_true(json_object_get(targets->signed_json, "demo")))
		check_note(c, "targets",
		    "a demonstration: routers refuse it unless told otherwise");
	for (size_t i = 0; i < targets->nroles; i++)
		check_delegation(c, &targets->roles[i]);
}

/* --- delegated roles --------------------------------------------------- */

static void
check_hashes(struct check *c, const char *role, const struct tuf_file *f)
{
	const json_t *targets = json_object_get(f->signed_json, "targets");
	const char *path, *kind;
	json_t *target, *value;

	json_object_foreach((json_t *)targets, path, target)
	{
		json_object_foreach(
		    json_object_get(target, "hashes"), kind, value)
		{
			if (strcmp(kind, "sha256") != 0 &&
			    strcmp(kind, "sha512") != 0)
				check_find(
				    c, role, "%s: hash of kind %s", path, kind);
		}
	}
}

static void
check_service_target(struct check *c, const char *role,
    const struct tuf_file *f, const struct tuf_target *t)
{
	const char *service =
	    json_string_value(json_object_get(t->custom, "service"));
	const char *end = strrchr(t->path, '/');
	char hex[HASH_HEX];

	hash_hex(&t->sha256, hex);
	if (!service || strcmp(service, role_service(role)) != 0)
		check_find(c, role, "%s: it is not of this service", t->path);
	if (target_serial(t) < service_min_serial(f) ||
	    target_serial(t) > f->version)
		check_find(c, role, "%s: serial out of range", t->path);
	if (!end || strcmp(end + 1, hex) != 0)
		check_find(c, role, "%s: not named by its hash", t->path);
}

void
check_role_rules(struct check *c, const char *role, const struct tuf_file *f)
{
	check_json(c, role, f);
	check_hashes(c, role, f);
	for (size_t i = 0; i < f->ntargets; i++) {
		if (!f->targets[i].has_sha256)
			check_find(
			    c, role, "%s: no SHA-256", f->targets[i].path);
		if (!path_ok(f->targets[i].path))
			check_find(c, role,
			    "%s: clients disagree about such"
			    " a path",
			    f->targets[i].path);
	}
	if (!role_service(role))
		return;
	if (service_min_serial(f) < 1)
		check_find(c, role, "it has no min_serial");
	if (f->expires % DAY != 0)
		check_find(c, role, "it does not expire on a whole day");
	for (size_t i = 0; i < f->ntargets; i++)
		check_service_target(c, role, f, &f->targets[i]);
}
