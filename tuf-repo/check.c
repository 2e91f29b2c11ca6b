#include "tuf-repo/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/roles.h"

/* --- findings ---------------------------------------------------------- */

static void
say(json_t *list, const char *where, const char *fmt, va_list ap)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *o = json_object();

	buf_vprintf(&text, fmt, ap);
	js_set_str(o, "where", where);
	js_set_str(o, "text", text.data);
	json_array_append_new(list, o);
}

void
check_find(struct check *c, const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c->findings, where, fmt, ap);
	va_end(ap);
}

void
check_note(struct check *c, const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c->notes, where, fmt, ap);
	va_end(ap);
}

void
check_release(struct check *c)
{
	json_decref(c->findings);
	json_decref(c->notes);
	json_decref(c->roles);
	tuf_trust_free(c->trust);
}

/* Anything but "the source cannot be read just now" is a finding. */
static int
find_err(struct check *c, const char *where, struct err *err)
{
	if (err->cls == ERR_BUSY || err->cls == ERR_SYSTEM)
		return -1;
	check_find(c, where, "%s", err->msg);
	err_clear(err);
	return 0;
}

static void
add_role(struct check *c, const char *name, const struct tuf_file *delegator,
    const struct tuf_file *f, size_t length)
{
	const struct tuf_role *r = tuf_role_find(delegator, name);
	json_t *o = json_object();

	js_set_str(o, "role", name);
	js_set_int(o, "version", f->version);
	meta_set_time(o, "expires", f->expires);
	js_set_int(o, "threshold", r ? r->threshold : 0);
	js_set_int(o, "keys", r ? (int64_t)r->nkeyids : 0);
	js_set_int(
	    o, "signed_by", (int64_t)tuf_keys_signed(delegator, name, f));
	js_set_int(o, "length", (int64_t)length);
	json_array_append_new(c->roles, o);
}

/* --- top-level roles --------------------------------------------------- */

static int
next_root(struct check *c, bool *more, size_t *length, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	char name[ROLE_FILE_MAX];

	role_file("root", tuf_root(c->trust)->version + 1, name);
	*more = false;
	if (source_read(c->src, name, TUF_ROOT_MAX, &bytes, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	if (tuf_accept_root(c->trust, bytes.data, bytes.len, err) == -1)
		return -1;
	*length = bytes.len;
	*more = true;
	return 0;
}

static int
first_root(struct check *c, size_t *length, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	const struct buf *root = c->root;

	if (!root) {
		if (source_read(
			c->src, "1.root.json", TUF_ROOT_MAX, &bytes, err) == -1)
			return -1;
		root = &bytes;
		check_note(c, "root",
		    "trusted as the tree gives it, since no --root was named");
	}
	*length = root->len;
	return tuf_trust_root(c->trust, root->data, root->len, err);
}

static int
check_chain(struct check *c, struct err *err)
{
	const struct tuf_file *root;
	size_t length = 0;
	bool more = true;

	if (first_root(c, &length, err) == -1)
		return -1;
	for (int i = 0; more && i < TUF_ROOTS_MAX; i++)
		if (next_root(c, &more, &length, err) == -1)
			return -1;
	root = tuf_root(c->trust);
	add_role(c, "root", root, root, length);
	check_root_rules(c, root);
	return tuf_root_done(c->trust, err);
}

/* TUF 6: all of them, from the first one on, stay for ever. */
static int
check_all_roots(struct check *c, struct err *err)
{
	for (int64_t v = 1; v < tuf_root(c->trust)->version; v++) {
		auto_buf struct buf bytes = BUF_INIT;
		char name[ROLE_FILE_MAX];

		role_file("root", v, name);
		if (source_read(c->src, name, TUF_ROOT_MAX, &bytes, err) ==
			-1 &&
		    find_err(c, name, err) == -1)
			return -1;
	}
	return 0;
}

/* A client that has followed so far must be able to go on. */
static int
remember_timestamp(struct check *c, int64_t *snapshot, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	bool kept;

	*snapshot = 0;
	if (!c->before)
		return 0;
	if (source_read(c->before, "timestamp.json", TUF_TIMESTAMP_MAX, &bytes,
		err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	/* Signed by keys that a newer root took away: TUF 5.3.11 forgets it. */
	if (tuf_accept_timestamp(
		c->trust, bytes.data, bytes.len, true, &kept, err) == -1) {
		err_clear(err);
		return 0;
	}
	/* trust shows only a final timestamp, and this one is a floor */
	f = tuf_read(TUF_TIMESTAMP, "timestamp", bytes.data, bytes.len, err);
	if (!f)
		return -1;
	*snapshot = f->meta[0].version;
	return 0;
}

static int
remember_snapshot(struct check *c, int64_t version, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	char name[ROLE_FILE_MAX];
	bool final;

	if (!version)
		return 0;
	role_file("snapshot", version, name);
	if (source_read(c->before, name, TUF_SNAPSHOT_MAX, &bytes, err) == -1)
		return -1;
	if (tuf_accept_snapshot(
		c->trust, bytes.data, bytes.len, true, &final, err) == -1)
		err_clear(err);
	return 0;
}

static int
check_timestamp(struct check *c, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	const struct tuf_file *f;
	bool kept;

	if (source_read(c->src, "timestamp.json", TUF_TIMESTAMP_MAX, &bytes,
		err) == -1 ||
	    tuf_accept_timestamp(
		c->trust, bytes.data, bytes.len, false, &kept, err) == -1)
		return -1;
	f = tuf_timestamp(c->trust);
	add_role(c, "timestamp", tuf_root(c->trust), f, bytes.len);
	if (f->nmeta != 1)
		check_find(c, "timestamp", "it lists more than snapshot.json");
	if (f->meta[0].length < 0 || !f->meta[0].has_sha256)
		check_find(c, "timestamp",
		    "it gives no length and SHA-256 of snapshot.json");
	return 0;
}

static int
check_snapshot(struct check *c, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	const struct tuf_file *f;
	char name[ROLE_FILE_MAX];
	bool final;

	role_file("snapshot", tuf_timestamp(c->trust)->meta[0].version, name);
	if (source_read(c->src, name, TUF_SNAPSHOT_MAX, &bytes, err) == -1 ||
	    tuf_accept_snapshot(
		c->trust, bytes.data, bytes.len, false, &final, err) == -1)
		return -1;
	f = tuf_snapshot(c->trust);
	add_role(c, "snapshot", tuf_root(c->trust), f, bytes.len);
	for (size_t i = 0; i < f->nmeta; i++)
		if (f->meta[i].length < 0 || !f->meta[i].has_sha256)
			check_find(c, "snapshot",
			    "it gives no length and SHA-256 of %s",
			    f->meta[i].name);
	return 0;
}

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
	add_role(c, role,
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
		return find_err(c, role, err);
	c->targets++;
	c->target_bytes += size;
	return 0;
}

static int
check_delegated(struct check *c, const char *role, struct err *err)
{
	const struct tuf_file *f;

	if (read_targets_role(c, role, "targets", err) == -1)
		return find_err(c, role, err);
	f = tuf_role(c->trust, role);
	check_role_rules(c, role, f);
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
check_strangers(struct check *c, const struct tuf_file *targets)
{
	const struct tuf_file *s = tuf_snapshot(c->trust);

	for (size_t i = 0; i < s->nmeta; i++) {
		auto_free char *role = mem_strn(
		    s->meta[i].name, strlen(s->meta[i].name) - strlen(".json"));

		if (strcmp(role, "targets") != 0 &&
		    !tuf_role_find(targets, role))
			check_find(c, "snapshot",
			    "it lists %s, to which nothing is delegated", role);
	}
}

static int
check_below(struct check *c, struct err *err)
{
	const struct tuf_file *targets;

	if (read_targets_role(c, "targets", "root", err) == -1)
		return find_err(c, "targets", err);
	targets = tuf_role(c->trust, "targets");
	check_targets_rules(c, tuf_root(c->trust), targets);
	check_strangers(c, targets);
	for (size_t i = 0; i < targets->nroles; i++)
		if (check_delegated(c, targets->roles[i].name, err) == -1)
			return -1;
	for (size_t i = 0; i < targets->nroles; i++)
		if (check_role_targets(c, targets->roles[i].name, err) == -1)
			return -1;
	return check_sets(c, err);
}

int
check_tree(struct check *c, struct source *src, struct err *err)
{
	const char *where = "root";
	int64_t seen;

	c->findings = json_array();
	c->notes = json_array();
	c->roles = json_array();
	c->trust = tuf_trust_new(c->now);
	c->src = src;
	if (check_chain(c, err) == -1 || check_all_roots(c, err) == -1)
		goto stop;
	where = "timestamp";
	if (remember_timestamp(c, &seen, err) == -1 ||
	    check_timestamp(c, err) == -1)
		goto stop;
	where = "snapshot";
	if (remember_snapshot(c, seen, err) == -1 ||
	    check_snapshot(c, err) == -1)
		goto stop;
	return check_below(c, err);
stop:
	/* A client stops here as well. */
	return find_err(c, where, err);
}
