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

/* May two roles have the same key?  All services have the rebuilders', and
 * bins that of the role whose list they share. */
static bool
may_share(const char *a, const char *b)
{
	const struct rule *x = rule_of(a), *y = rule_of(b);

	return strcmp(a, b) == 0 || (x && y && strcmp(x->key, y->key) == 0);
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
check_delegation(struct check *c, const char *by, const struct tuf_role *d)
{
	const struct rule *rule = rule_of(d->name);

	if (tuf_role_find(tuf_root(c->trust), d->name))
		check_find(
		    c, by, "it delegates to a top-level role: %s", d->name);
	if (only_digits(d->name))
		check_find(c, by, "role name %s is a number", d->name);
	if (d->npaths == 0 && d->nprefixes == 0)
		check_find(c, by, "%s covers nothing", d->name);
	for (size_t i = 0; i < d->npaths; i++)
		if (strpbrk(d->paths[i], "[]{}!\\") ||
		    strstr(d->paths[i], "**"))
			check_find(c, by,
			    "%s: clients read the pattern %s differently",
			    d->name, d->paths[i]);
	if (!rule || rule->top)
		check_note(c, by, "%s is no role of kiln's", d->name);
	else if (strcmp(role_parent(d->name), by) != 0)
		check_find(c, by, "%s is not its to delegate", d->name);
	else if (rule->terminating && !d->terminating)
		check_find(c, by, "%s is not terminating", d->name);
	if (role_service(d->name) && d->threshold < 2)
		check_note(c, d->name,
		    "by 1 party: one key makes an image"
		    " acceptable");
}

/* tuf_read takes a missing `terminating` as false; not every client does. */
static void
check_terminating(struct check *c, const char *by, const json_t *roles)
{
	for (size_t i = 0; i < json_array_size(roles); i++)
		if (!json_is_boolean(json_object_get(
			json_array_get(roles, i), "terminating")))
			check_find(c, by,
			    "delegation %zu does not say whether it is"
			    " terminating",
			    i + 1);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Does `next` begin where `last` ends: "0f" and "1", "1f" and "200"? */
static bool
follows(const char *last, const char *next)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(last);
	char end;

	while (n > 0 && last[n - 1] == 'f')
		n--;
	if (n == 0)
		return false; /* nothing comes after "ff" */
	end = strchr(digits, last[n - 1])[1];
	if (strncmp(last, next, n - 1) != 0 || next[n - 1] != end)
		return false;
	return strspn(next + n, "0") == strlen(next + n);
}

/* Every path once: sorted, each prefix begins where the one before it ends. */
static bool
covers_once(const char **v, size_t n)
{
	const char *last = v[n - 1];

	if (strspn(v[0], "0") != strlen(v[0]) ||
	    strspn(last, "f") != strlen(last))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!follows(v[i - 1], v[i]))
			return false;
	return true;
}

static void
check_bins(struct check *c, const char *by, const struct tuf_file *f)
{
	auto_free const char **v = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < f->nroles; i++)
		for (size_t k = 0; k < f->roles[i].nprefixes; k++) {
			MEM_GROW(v, n, cap);
			v[n++] = f->roles[i].prefixes[k];
		}
	if (n == 0)
		return;
	qsort(v, n, sizeof(*v), by_text);
	if (!covers_once(v, n))
		check_find(c, by,
		    "its hash bins do not cover every path exactly once");
}

void
check_delegation_rules(
    struct check *c, const char *by, const struct tuf_file *f)
{
	const struct tuf_file *targets = tuf_role(c->trust, "targets");
	const json_t *d = json_object_get(f->signed_json, "delegations");

	check_keys(c, by, f);
	check_distinct(c, tuf_root(c->trust), f);
	check_distinct(c, f, f);
	if (f != targets)
		check_distinct(c, targets, f);
	check_terminating(c, by, json_object_get(d, "roles"));
	check_bins(c, by, f);
	if (json_object_get(d, "succinct_roles"))
		check_find(c, by, "succinct_roles are not for every client");
	for (size_t i = 0; i < f->nroles; i++)
		check_delegation(c, by, &f->roles[i]);
}

void
check_targets_rules(struct check *c, const struct tuf_file *targets)
{
	check_json(c, "targets", targets);
	if (targets->ntargets)
		check_find(c, "targets", "it lists targets itself");
	if (json_is_true(json_object_get(targets->signed_json, "demo")))
		check_note(c, "targets",
		    "a demonstration: routers refuse it unless told otherwise");
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

/* "HASH.name" is for the file in the tree; clients would ask for
 * "HASH.HASH.name". */
static bool
is_prefixed(const struct tuf_target *t)
{
	const char *slash = strrchr(t->path, '/');
	char hex[HASH_HEX];

	hash_hex(&t->sha256, hex);
	return strncmp(slash ? slash + 1 : t->path, hex, 64) == 0 &&
	       (slash ? slash + 1 : t->path)[64] == '.';
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
		if (is_prefixed(&f->targets[i]))
			check_find(c, role, "%s: named with its prefix",
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
