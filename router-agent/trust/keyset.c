#include "router-agent/trust/keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define KIND "kiln/agent-keysets"
#define FILE_MAX (64 * 1024)

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sig_public));
}

bool
keyset_of(const struct tuf_file *targets, const char *role, struct hash *out)
{
	const struct tuf_role *r = tuf_role_find(targets, role);
	auto_free struct sig_public *keys = NULL;
	struct hasher h;
	size_t n = 0;

	if (!r)
		return false;
	keys = mem_zero(r->nkeyids + 1, sizeof(*keys));
	for (size_t i = 0; i < r->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(targets, r->keyids[i]);

		if (k && k->usable)
			keys[n++] = k->pub;
	}
	qsort(keys, n, sizeof(*keys), by_bytes);
	hasher_init(&h);
	hasher_field(&h, &r->threshold, sizeof(r->threshold));
	for (size_t i = 0; i < n; i++)
		hasher_field(&h, keys[i].b, sizeof(keys[i].b));
	hasher_end(&h, out);
	return true;
}

static struct keyset *
entry(struct keysets *all, const char *role)
{
	struct keyset *k;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->at[i].role, role) == 0)
			return &all->at[i];
	/* One that the owner took out of the configuration makes room. */
	if (all->n == KEYSET_MAX) {
		memmove(all->at, all->at + 1,
		    (KEYSET_MAX - 1) * sizeof(all->at[0]));
		all->n--;
	}
	k = &all->at[all->n++];
	*k = (struct keyset){ .since = -1 }; /* never seen */
	snprintf(k->role, sizeof(k->role), "%s", role);
	return k;
}

int64_t
keyset_judge(struct keysets *all, const char *role, const struct hash *now_is,
    int64_t now, int64_t hold_s, bool vouched)
{
	struct keyset *k = entry(all, role);
	bool first = k->since == -1;

	if (!first && hash_equal(&k->taken, now_is)) {
		all->changed = all->changed || k->since != 0;
		k->since = 0;
		return now;
	}
	if (!first && (k->since == 0 || !hash_equal(&k->pending, now_is))) {
		k->pending = *now_is;
		k->since = now > 0 ? now : 1;
		all->changed = true;
	}
	/* A clock that stepped back makes nothing wait longer. */
	if (!first && k->since > now) {
		k->since = now > 0 ? now : 1;
		all->changed = true;
	}
	if (!first && !vouched && now < k->since + hold_s)
		return k->since + hold_s;
	k->taken = *now_is;
	k->since = 0;
	all->changed = true;
	return now;
}

/* --- remembering --------------------------------------------------------- */

static int
read_all(const struct buf *text, struct keysets *all, struct err *err)
{
	auto_json json_t *j =
	    js_record(KEYSET_FILE, KIND, 1, text->data, text->len, err);
	json_t *list;

	/* An older agent wrote none. */
	if (!j ||
	    (json_object_get(j, "sum") &&
		canon_sum_holds(KEYSET_FILE, j, err) == -1) ||
	    js_array(KEYSET_FILE, j, "roles", &list, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(list) && i < KEYSET_MAX; i++) {
		const json_t *o = json_array_get(list, i);
		struct keyset *k = &all->at[all->n];
		const char *role;

		if (js_str(KEYSET_FILE, o, "role", &role, err) == -1 ||
		    js_hash(KEYSET_FILE, o, "taken", &k->taken, err) == -1 ||
		    js_hash(KEYSET_FILE, o, "pending", &k->pending, err) ==
			-1 ||
		    js_int(KEYSET_FILE, o, "since", 0, JS_INT_MAX, &k->since,
			err) == -1)
			return -1;
		snprintf(k->role, sizeof(k->role), "%s", role);
		all->n++;
	}
	return 0;
}

void
keysets_load(int dirfd, struct keysets *out)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free struct keysets *got = mem_zero(1, sizeof(*got));
	struct err why = ERR_INIT;

	memset(out, 0, sizeof(*out));
	if (file_read_at(dirfd, KEYSET_FILE, FILE_MAX, &text, &why) == 0 &&
	    read_all(&text, got, &why) == 0)
		*out = *got;
}

int
keysets_save(int dirfd, struct keysets *all, struct err *err)
{
	auto_json json_t *j = NULL;
	auto_buf struct buf text = BUF_INIT;
	json_t *list;

	if (!all->changed)
		return 0;
	j = js_record_new(KIND, 1);
	list = json_array();
	for (size_t i = 0; i < all->n; i++) {
		json_t *o = json_object();

		js_set_str(o, "role", all->at[i].role);
		js_set_hash(o, "taken", &all->at[i].taken);
		js_set_hash(o, "pending", &all->at[i].pending);
		js_set_int(o, "since", all->at[i].since);
		json_array_append_new(list, o);
	}
	js_set(j, "roles", list);
	if (canon_summed(j, &text, err) == -1 ||
	    file_write_at(dirfd, KEYSET_FILE, text.data, text.len, 0600, err) ==
		-1)
		return err_prefix(err, "remember who vouches");
	all->changed = false;
	return 0;
}
