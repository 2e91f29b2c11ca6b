/*
 * Every role below targets, level by level: read as a client reads it, judged
 * by the rules, and each of its targets looked for and looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/check.h"
#include "tuf-repo/roles.h"

static int
read_targets_role(
    struct check *c, const char *role, const char *parent, struct err *err)
{
	auto_free char *listed = mem_printf("%s.json", role);
	const struct tuf_meta *m =
	    tuf_meta_find(tuf_snapshot(c->trust), listed);
	auto_buf struct buf bytes = BUF_INIT;
	char name[ROLE_FILE_MAX];

	if (!m)
		return err_set(
		    err, ERR_TRUST, "snapshot does not list %s", listed);
	role_file(role, m->version, name);
	if (source_read(c->src, name, TUF_TARGETS_MAX, &bytes, err) == -1 ||
	    tuf_accept_targets(
		c->trust, role, parent, bytes.data, bytes.len, err) == -1)
		return -1;
	check_add_role(c, role,
	    strcmp(parent, "root") == 0 ? tuf_root(c->trust)
					: tuf_role(c->trust, parent),
	    tuf_role(c->trust, role), bytes.len);
	return 0;
}

/* --- delegated roles and targets --------------------------------------- */

static int
no_need(void *arg, const char *role, const char *parent, struct err *err)
{
	(void)arg;
	(void)parent;
	return err_set(
	    err, ERR_TRUST, "the search needs %s, which is not good", role);
}

/* Would a client find it, here and in no role that is asked before? */
static void
check_found(struct check *c, const char *role, const struct tuf_target *t)
{
	const struct tuf_target *found;
	struct err err = ERR_INIT;
	const char *where;

	if (tuf_find(c->trust, t->path, no_need, NULL, &found, &where, &err) ==
	    -1)
		check_find(c, role, "%s: %s", t->path, err.msg);
	else if (!found)
		check_find(c, role, "%s: no client finds it", t->path);
	else if (strcmp(where, role) != 0)
		check_find(
		    c, role, "%s: clients find it in %s", t->path, where);
}

char *
check_target_name(const struct tuf_target *t)
{
	const char *slash = strrchr(t->path, '/');
	size_t n = slash ? (size_t)(slash + 1 - t->path) : 0;
	char hex[HASH_HEX];

	hash_hex(&t->sha256, hex);
	return mem_printf("%.*s%s.%s", (int)n, t->path, hex, t->path + n);
}

static int
check_bytes(struct check *c, const char *role, const struct tuf_target *t,
    struct err *err)
{
	auto_free char *path = check_target_name(t);
	struct hash h = t->sha256;
	int64_t size;
	int rc;

	if (c->known && c->known(c->known_arg, t))
		rc = source_size(c->src, path, t->length, &size, err);
	else
		rc = source_hash(c->src, path, t->length, &h, &size, err);
	if (rc == 0)
		rc = tuf_target_check(t, size, &h, NULL, err);
	if (rc == -1)
		return check_find_err(c, role, err);
	c->targets++;
	c->target_bytes += size;
	return 0;
}

/* --- the walk ---------------------------------------------------------------
 */

/* Accepted under somebody else: this delegator's keys must sign it, too. */
static int
check_again(
    struct check *c, const char *role, const char *parent, struct err *err)
{
	if (!tuf_role(c->trust, role) ||
	    tuf_role_for(c->trust, role, parent, err))
		return 0;
	return check_find_err(c, role, err);
}

static int
check_delegated(
    struct check *c, const char *role, const char *parent, struct err *err)
{
	if (json_object_get(c->walked, role))
		return check_again(c, role, parent, err);
	js_set_str(c->walked, role, parent);
	if (read_targets_role(c, role, parent, err) == -1)
		return check_find_err(c, role, err);
	check_role_rules(c, role, tuf_role(c->trust, role));
	return 0;
}

/* Level by level; snapshot lists every role, so there is an end to them. */
static int
walk(struct check *c, struct err *err)
{
	auto_json json_t *queue = json_array();

	json_array_append_new(queue, json_string("targets"));
	for (size_t at = 0; at < json_array_size(queue); at++) {
		const char *parent =
		    json_string_value(json_array_get(queue, at));
		const struct tuf_file *f = tuf_role(c->trust, parent);

		if (!f)
			continue;
		check_delegation_rules(c, parent, f);
		for (size_t i = 0; i < f->nroles; i++) {
			const char *role = f->roles[i].name;
			bool first = !json_object_get(c->walked, role);

			if (check_delegated(c, role, parent, err) == -1)
				return -1;
			if (first)
				json_array_append_new(queue, json_string(role));
		}
	}
	return 0;
}

static int
check_role_targets(struct check *c, const char *role, struct err *err)
{
	const struct tuf_file *f = tuf_role(c->trust, role);

	for (size_t i = 0; f && i < f->ntargets; i++) {
		check_found(c, role, &f->targets[i]);
		if (check_bytes(c, role, &f->targets[i], err) == -1)
			return -1;
	}
	return 0;
}

static void
check_strangers(struct check *c)
{
	const struct tuf_file *s = tuf_snapshot(c->trust);

	for (size_t i = 0; i < s->nmeta; i++) {
		auto_free char *role = mem_strn(
		    s->meta[i].name, strlen(s->meta[i].name) - strlen(".json"));

		if (strcmp(role, "targets") != 0 &&
		    !json_object_get(c->walked, role))
			check_find(c, "snapshot",
			    "it lists %s, to which nothing is delegated", role);
	}
}

int
check_delegations(struct check *c, struct err *err)
{
	const char *role;
	json_t *parent;

	if (read_targets_role(c, "targets", "root", err) == -1)
		return check_find_err(c, "targets", err);
	check_targets_rules(c, tuf_role(c->trust, "targets"));
	if (walk(c, err) == -1)
		return -1;
	check_strangers(c);
	json_object_foreach(c->walked, role, parent)
	{
		if (check_role_targets(c, role, err) == -1)
			return -1;
	}
	return check_sets(c, err);
}
