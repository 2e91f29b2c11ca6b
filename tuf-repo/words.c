#include "tuf-repo/words.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"

struct words {
	const struct tuf_file *old, *next;
	struct buf *out;
};

static bool
has(char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], s) == 0)
			return true;
	return false;
}

static void
say_key(struct buf *out, const struct tuf_file *f, const char *keyid)
{
	const struct tuf_key *k = tuf_key_find(f, keyid);

	char hex[KEY_HEX];

	buf_printf(out, "key %.*s", KEYID_SHOWN, keyid);
	if (!k || !k->usable)
		return;
	hex_encode(hex, k->pub.b, sizeof(k->pub.b));
	buf_printf(out, " (public %s)", hex);
}

/* A keyid is a mere name: behind the same one another key may stand. */
static bool
kept(const struct tuf_file *af, const struct tuf_role *b,
    const struct tuf_file *bf, const char *keyid)
{
	const struct tuf_key *x = tuf_key_find(af, keyid);
	const struct tuf_key *y = bf ? tuf_key_find(bf, keyid) : NULL;

	return b && has(b->keyids, b->nkeyids, keyid) && x && y &&
	       x->usable == y->usable &&
	       memcmp(x->pub.b, y->pub.b, sizeof(x->pub.b)) == 0;
}

/* One side's keys that the other lacks. */
static void
say_keys(struct buf *out, const char *what, const struct tuf_role *a,
    const struct tuf_file *af, const struct tuf_role *b,
    const struct tuf_file *bf)
{
	for (size_t i = 0; a && i < a->nkeyids; i++) {
		if (kept(af, b, bf, a->keyids[i]))
			continue;
		buf_printf(out, "  %s: %s ", a->name, what);
		say_key(out, af, a->keyids[i]);
		buf_char(out, '\n');
	}
}

static void
say_paths(struct buf *out, const struct tuf_role *r)
{
	for (size_t i = 0; i < r->npaths; i++)
		buf_printf(out, " %s", r->paths[i]);
	for (size_t i = 0; i < r->nprefixes; i++)
		buf_printf(out, " hash:%s", r->prefixes[i]);
}

static bool
same_list(char *const *a, size_t na, char *const *b, size_t nb)
{
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static void
say_role(struct words *w, const struct tuf_role *a, const struct tuf_role *b)
{
	say_keys(w->out, "takes in", b, w->next, a, w->old);
	say_keys(w->out, "drops", a, w->old, b, w->next);
	if (a->threshold != b->threshold)
		buf_printf(w->out, "  %s: %lld must sign instead of %lld\n",
		    b->name, (long long)b->threshold, (long long)a->threshold);
	if (a->terminating != b->terminating)
		buf_printf(w->out, "  %s: is %sterminating now\n", b->name,
		    b->terminating ? "" : "not ");
	if (!same_list(a->paths, a->npaths, b->paths, b->npaths) ||
	    !same_list(a->prefixes, a->nprefixes, b->prefixes, b->nprefixes)) {
		buf_printf(w->out, "  %s: answers for", b->name);
		say_paths(w->out, b);
		buf_str(w->out, " instead of");
		say_paths(w->out, a);
		buf_char(w->out, '\n');
	}
}

static void
say_roles(struct words *w)
{
	for (size_t i = 0; w->old && i < w->old->nroles; i++)
		if (!tuf_role_find(w->next, w->old->roles[i].name))
			buf_printf(w->out, "  %s: is no role any more\n",
			    w->old->roles[i].name);
	for (size_t i = 0; i < w->next->nroles; i++) {
		const struct tuf_role *b = &w->next->roles[i];
		const struct tuf_role *a =
		    w->old ? tuf_role_find(w->old, b->name) : NULL;

		if (a) {
			say_role(w, a, b);
			continue;
		}
		buf_printf(w->out,
		    "  %s: a new role, %lld of %zu must sign,%s answers for",
		    b->name, (long long)b->threshold, b->nkeyids,
		    b->terminating ? " terminating," : "");
		say_paths(w->out, b);
		buf_char(w->out, '\n');
		say_keys(w->out, "takes in", b, w->next, NULL, NULL);
	}
}

static void
say_target(struct buf *out, const char *what, const struct tuf_target *t)
{
	char hex[HASH_HEX];

	hash_hex(&t->sha256, hex);
	buf_printf(out, "  %s %s: %lld bytes, sha256 %s\n", what, t->path,
	    (long long)t->length, hex);
}

static void
say_targets(struct words *w)
{
	for (size_t i = 0; w->old && i < w->old->ntargets; i++)
		if (!tuf_target_find(w->next, w->old->targets[i].path))
			say_target(w->out, "drops", &w->old->targets[i]);
	for (size_t i = 0; i < w->next->ntargets; i++) {
		const struct tuf_target *b = &w->next->targets[i];
		const struct tuf_target *a =
		    w->old ? tuf_target_find(w->old, b->path) : NULL;

		if (!a)
			say_target(w->out, "lists", b);
		else if (a->length != b->length ||
			 !hash_equal(&a->sha256, &b->sha256) ||
			 !json_equal(a->custom ? a->custom : json_null(),
			     b->custom ? b->custom : json_null()))
			say_target(w->out, "changes", b);
	}
}

/* What has no words above: any other member, and a reordering of roles. */
static void
say_others(struct words *w)
{
	static const char *const told[] = { "version", "expires", "keys",
		"roles", "delegations", "targets" };
	const char *key;
	json_t *v, *was;

	json_object_foreach(w->next->signed_json, key, v)
	{
		auto_buf struct buf text = BUF_INIT;

		was = w->old ? json_object_get(w->old->signed_json, key) : NULL;
		if (has((char *const *)told, ARRAY_LEN(told), key) ||
		    (was && json_equal(was, v)))
			continue;
		js_text(v, false, &text);
		buf_printf(w->out, "  %s: %s\n", key, text.data);
	}
	if (!w->old)
		return;
	json_object_foreach(w->old->signed_json, key, v)
	{
		if (!json_object_get(w->next->signed_json, key))
			buf_printf(w->out, "  %s: is gone\n", key);
	}
	for (size_t i = 0, at = 0; i < w->next->nroles; i++) {
		size_t j = at;

		if (!tuf_role_find(w->old, w->next->roles[i].name))
			continue;
		while (j < w->old->nroles && strcmp(w->old->roles[j].name,
						 w->next->roles[i].name) != 0)
			j++;
		if (j == w->old->nroles) {
			buf_str(w->out,
			    "  the roles are searched in another order\n");
			return;
		}
		at = j + 1;
	}
}

void
words_difference(const char *role, const struct tuf_file *old,
    const struct tuf_file *next, struct buf *out)
{
	struct words w = { old, next, out };
	char until[TIME_TEXT], was[TIME_TEXT];

	time_text(next->expires, until);
	if (old) {
		time_text(old->expires, was);
		buf_printf(out, "%s: version %lld after %lld, until %s", role,
		    (long long)next->version, (long long)old->version, until);
		if (strcmp(until, was) == 0)
			buf_str(out, " as before\n");
		else
			buf_printf(out, " instead of %s\n", was);
	} else {
		buf_printf(out, "%s: version %lld, the first, until %s\n", role,
		    (long long)next->version, until);
	}
	{
		size_t before = out->len;

		say_roles(&w);
		say_targets(&w);
		say_others(&w);
		if (out->len == before)
			buf_str(out, "  nothing else changes\n");
	}
}
