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

#define OTHERS_ROOTS 256 /* python-tuf and tuf-js, in one run */

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
	json_decref(c->walked);
	tuf_trust_free(c->trust);
}

int
check_find_err(struct check *c, const char *where, struct err *err)
{
	if (err->cls == ERR_BUSY || err->cls == ERR_SYSTEM)
		return -1;
	check_find(c, where, "%s", err->msg);
	err_clear(err);
	return 0;
}

/* Longer than design.md has it: who freezes routers gains that much. */
static void
check_lifetime(struct check *c, const char *name, const struct tuf_file *f)
{
	const struct rule *rule = rule_of(name);
	int64_t left = f->expires - c->now;

	if (!rule)
		return;
	if (left > rule->lifetime + 2 * DAY)
		check_find(c, name, "it lives longer than %lld days",
		    (long long)(rule->lifetime / DAY));
	if (rule_alarming(rule, left))
		check_note(
		    c, name, "it ends in %lld days", (long long)(left / DAY));
}

void
check_add_role(struct check *c, const char *name,
    const struct tuf_file *delegator, const struct tuf_file *f, size_t length)
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
	check_lifetime(c, name, f);
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
	int i;

	if (first_root(c, &length, err) == -1)
		return -1;
	for (i = 0; more && i < TUF_ROOTS_MAX; i++)
		if (next_root(c, &more, &length, err) == -1)
			return -1;
	root = tuf_root(c->trust);
	check_add_role(c, "root", root, root, length);
	check_root_rules(c, root);
	if (i > OTHERS_ROOTS)
		check_find(c, "root",
		    "%d roots after the trusted one: other clients follow %d",
		    i - 1, OTHERS_ROOTS);
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
		    check_find_err(c, name, err) == -1)
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
	check_add_role(c, "timestamp", tuf_root(c->trust), f, bytes.len);
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
	check_add_role(c, "snapshot", tuf_root(c->trust), f, bytes.len);
	for (size_t i = 0; i < f->nmeta; i++)
		if (f->meta[i].length < 0 || !f->meta[i].has_sha256)
			check_find(c, "snapshot",
			    "it gives no length and SHA-256 of %s",
			    f->meta[i].name);
	return 0;
}

int
check_tree(struct check *c, struct source *src, struct err *err)
{
	const char *where = "root";
	int64_t seen;

	c->findings = json_array();
	c->notes = json_array();
	c->roles = json_array();
	c->walked = json_object();
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
	return check_delegations(c, err);
stop:
	/* A client stops here as well. */
	return check_find_err(c, where, err);
}
