#include "tuf-repo/change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tuf-repo/metadata.h"

#define ACCEPTED "accepted.json" /* a request whose files are being written */

void
change_init(struct change *c, int64_t now)
{
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < PART_COUNT; i++)
		buf_init(&c->current[i]);
	c->time = now;
}

void
change_release(struct change *c)
{
	for (int i = 0; i < PART_COUNT; i++) {
		buf_release(&c->current[i]);
		tuf_file_free(c->now[i]);
		json_decref(c->next[i]);
	}
	change_init(c, 0);
}

/* --- keys/offline ------------------------------------------------------ */

static int
write_parts(int offline, const struct request *q, struct err *err)
{
	/* Versioned names first: they are what is handed over. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < PART_COUNT; i++) {
			auto_buf struct buf file = BUF_INIT;
			auto_free char *name = NULL;

			if (!q->next[i])
				continue;
			name = round ? mem_printf("%s.json", part_roles[i])
				     : mem_printf("%lld.%s.json",
					   (long long)q->next[i]->version,
					   part_roles[i]);
			if (request_file(q, (enum part)i, &file, err) == -1 ||
			    file_write_at(offline, name, file.data, file.len,
				0444, err) == -1)
				return -1;
		}
	}
	if (file_remove_at(offline, ACCEPTED, err) == -1)
		return -1;
	return dir_sync(offline, err);
}

int
change_keep(int offline, const struct request *q, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	request_text(q, &text);
	if (file_write_at(offline, ACCEPTED, text.data, text.len, 0444, err) ==
		-1 ||
	    write_parts(offline, q, err) == -1)
		return err_prefix(err, "keys/offline");
	return 0;
}

static int
finish_keeping(int offline, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct request q;
	int rc;

	if (!file_exists_at(offline, ACCEPTED))
		return 0;
	request_init(&q);
	rc = file_read_at(offline, ACCEPTED, REQUEST_MAX, &text, err);
	if (rc == 0)
		rc = request_read(&q, text.data, text.len, err);
	if (rc == 0)
		rc = write_parts(offline, &q, err);
	request_release(&q);
	return rc;
}

int
change_load(struct change *c, int offline, struct err *err)
{
	static const size_t limits[PART_COUNT] = { TUF_ROOT_MAX,
		TUF_TARGETS_MAX, TUF_TARGETS_MAX };

	if (finish_keeping(offline, err) == -1)
		return err_prefix(err, "keys/offline");
	for (int i = 0; i < PART_COUNT; i++) {
		auto_free char *name = mem_printf("%s.json", part_roles[i]);

		if (file_read_at(
			offline, name, limits[i], &c->current[i], err) == -1 ||
		    !(c->now[i] =
			    tuf_read(i == PART_ROOT ? TUF_ROOT : TUF_TARGETS,
				part_roles[i], c->current[i].data,
				c->current[i].len, err)))
			return err_prefix(err, "keys/offline");
	}
	return 0;
}

/* --- drafts ------------------------------------------------------------ */

static json_t *
touch(struct change *c, enum part p)
{
	const struct rule *rule = rule_of(part_roles[p]);

	if (c->next[p])
		return c->next[p];
	c->next[p] = json_deep_copy(c->now[p]->signed_json);
	js_set_int(c->next[p], "version", c->now[p]->version + 1);
	meta_set_time(c->next[p], "expires", rule_expiry(rule, c->time));
	return c->next[p];
}

void
change_renew(struct change *c, enum part p)
{
	(void)touch(c, p);
}

bool
change_any(const struct change *c)
{
	return c->next[0] || c->next[1] || c->next[2];
}

const struct tuf_file *
change_delegator(const struct change *c, const char *role)
{
	const struct rule *r = rule_of(role);

	return c->now[r && r->top ? PART_ROOT : PART_TARGETS];
}

bool
change_lists(const struct change *c, const struct sig_public *pub)
{
	for (int i = PART_ROOT; i <= PART_TARGETS; i++)
		for (size_t k = 0; k < c->now[i]->nkeys; k++)
			if (c->now[i]->keys[k].usable &&
			    memcmp(c->now[i]->keys[k].pub.b, pub->b,
				sizeof(pub->b)) == 0)
				return true;
	return false;
}

/* The role's entry and the keys beside it, in the draft. */
static int
find_role(struct change *c, const char *role, json_t **entry, json_t **keys,
    struct err *err)
{
	const struct rule *r = rule_of(role);
	json_t *d = NULL, *list;

	*entry = *keys = NULL;
	if (r && r->top) {
		d = touch(c, PART_ROOT);
		*entry = json_object_get(json_object_get(d, "roles"), role);
	} else if (r) {
		d = json_object_get(touch(c, PART_TARGETS), "delegations");
		list = json_object_get(d, "roles");
		for (size_t i = 0; i < json_array_size(list); i++) {
			json_t *o = json_array_get(list, i);
			const char *name =
			    json_string_value(json_object_get(o, "name"));

			if (name && strcmp(name, role) == 0)
				*entry = o;
		}
	}
	if (!*entry)
		return err_set(err, ERR_INPUT, "%s is no role here", role);
	*keys = json_object_get(d, "keys");
	return 0;
}

static ssize_t
find_keyid(const json_t *ids, const char *start, struct err *err)
{
	ssize_t at = -1;

	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *id = json_string_value(json_array_get(ids, i));

		if (strncmp(id, start, strlen(start)) != 0)
			continue;
		if (at != -1)
			return err_set(err, ERR_INPUT,
			    "more than one key begins with %s", start);
		at = (ssize_t)i;
	}
	if (at == -1)
		return err_set(
		    err, ERR_INPUT, "no key of the role begins with %s", start);
	return at;
}

static int
swap_keys(
    json_t *ids, json_t *keys, const struct key_change *k, struct err *err)
{
	for (size_t i = 0; i < k->nremove; i++) {
		ssize_t at = find_keyid(ids, k->remove[i], err);

		if (at == -1)
			return -1;
		json_array_remove(ids, (size_t)at);
	}
	for (size_t i = 0; i < k->nadd; i++) {
		char id[HASH_HEX];

		tuf_keyid(&k->add[i], id);
		for (size_t j = 0; j < json_array_size(ids); j++)
			if (strcmp(json_string_value(json_array_get(ids, j)),
				id) == 0)
				return err_set(err, ERR_INPUT,
				    "the role has that key already");
		js_set(keys, id, tuf_key_json(&k->add[i]));
		json_array_append_new(ids, json_string(id));
	}
	return 0;
}

/* Keys that no role names any more go out of the file. */
static void
sweep_keys(json_t *roles, json_t *keys)
{
	auto_json json_t *used = json_object();
	const char *id;
	json_t *v;
	void *next;

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const json_t *ids =
		    json_object_get(json_array_get(roles, i), "keyids");

		for (size_t j = 0; j < json_array_size(ids); j++)
			js_set_bool(used,
			    json_string_value(json_array_get(ids, j)), true);
	}
	json_object_foreach_safe(keys, next, id, v)
	{
		if (!json_object_get(used, id))
			json_object_del(keys, id);
	}
}

static void
sweep(struct change *c)
{
	auto_json json_t *four = json_array();
	json_t *d, *v;
	const char *name;

	if (c->next[PART_ROOT]) {
		d = json_object_get(c->next[PART_ROOT], "roles");
		json_object_foreach(d, name, v) json_array_append(four, v);
		sweep_keys(four, json_object_get(c->next[PART_ROOT], "keys"));
	}
	if (c->next[PART_TARGETS]) {
		d = json_object_get(c->next[PART_TARGETS], "delegations");
		sweep_keys(
		    json_object_get(d, "roles"), json_object_get(d, "keys"));
	}
}

int
change_keys(struct change *c, const char *role, const struct key_change *k,
    struct err *err)
{
	json_t *entry, *keys, *ids;
	int64_t threshold;

	if (find_role(c, role, &entry, &keys, err) == -1)
		return -1;
	ids = json_object_get(entry, "keyids");
	threshold = json_integer_value(json_object_get(entry, "threshold"));
	if (k->nadd + k->nremove == 0 &&
	    (k->threshold == 0 || k->threshold == threshold))
		return err_set(err, ERR_INPUT, "%s: nothing changes", role);
	if (swap_keys(ids, keys, k, err) == -1)
		return err_prefix(err, "%s", role);
	if (k->threshold)
		threshold = k->threshold;
	js_set_int(entry, "threshold", threshold);
	if ((size_t)threshold > json_array_size(ids))
		return err_set(err, ERR_INPUT,
		    "%s: %lld must sign, but it would have %zu keys: add one"
		    " first",
		    role, (long long)threshold, json_array_size(ids));
	sweep(c);
	return 0;
}

/* Services stand before all other roles. */
static size_t
first_other(const json_t *roles)
{
	size_t i = 0;

	while (i < json_array_size(roles) &&
	       role_service(json_string_value(
		   json_object_get(json_array_get(roles, i), "name"))))
		i++;
	return i;
}

void
change_add_service(
    struct change *c, const char *service, const struct sig_public *pub)
{
	auto_free char *role = mem_printf("svc-%s", service);
	json_t *d, *roles;

	if (tuf_role_find(c->now[PART_TARGETS], role))
		return;
	d = json_object_get(touch(c, PART_TARGETS), "delegations");
	roles = json_object_get(d, "roles");
	json_array_insert_new(roles, first_other(roles),
	    meta_delegation(role, pub, 1, 1, json_object_get(d, "keys")));
}

/* --- what must be signed with it --------------------------------------- */

/* Does the present file of `p` stand under its delegator's draft? */
static int
still_stands(
    struct change *c, enum part by, enum part p, bool *yes, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT, whole = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	struct err why = ERR_INIT;

	*yes = true;
	if (!c->next[by])
		return 0;
	if (canon_json(c->next[by], &bytes, err) == -1 ||
	    meta_file(bytes.data, bytes.len, NULL, 0, &whole, err) == -1 ||
	    !(f = tuf_read(by == PART_ROOT ? TUF_ROOT : TUF_TARGETS,
		  part_roles[by], whole.data, whole.len, err)))
		return -1;
	*yes = tuf_threshold(f, part_roles[p], c->now[p], &why) == 0;
	return 0;
}

int
change_request(struct change *c, struct request *q, struct err *err)
{
	bool yes;

	assert(change_any(c));
	if (still_stands(c, PART_ROOT, PART_TARGETS, &yes, err) == -1)
		return -1;
	if (!yes)
		change_renew(c, PART_TARGETS);
	if (still_stands(c, PART_TARGETS, PART_STABLE, &yes, err) == -1)
		return -1;
	if (!yes)
		change_renew(c, PART_STABLE);
	return request_make(q, c->current, c->next, c->time, err);
}
