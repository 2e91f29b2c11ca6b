#include "tuf-repo/recover.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/check.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/service.h"
#include "tuf-repo/setrules.h"

#define SMALL_TARGET (1 << 20)
#define BRAKE_DAYS (14 * DAY)

struct recovery {
	struct repo *r;
	struct check check;
	struct source src;
};

/* --- the tree, judged --------------------------------------------------- */

/* As of the newest timestamp: a farm that was down for long has let it end,
 * which is no reason to lose what it says. */
static int
as_of(struct recovery *v, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;

	if (source_read(&v->src, "timestamp.json", TUF_TIMESTAMP_MAX, &bytes,
		err) == -1 ||
	    !(f = tuf_read(
		  TUF_TIMESTAMP, "timestamp", bytes.data, bytes.len, err)))
		return -1;
	v->check.now = f->expires - 1 < v->r->now ? f->expires - 1 : v->r->now;
	return 0;
}

static int
judge(struct recovery *v, const struct buf *root, struct err *err)
{
	const json_t *first;

	source_dirs(&v->src, v->r->metadata, v->r->targets);
	if (as_of(v, err) == -1)
		return -1;
	v->check.root = root;
	if (check_tree(&v->check, &v->src, err) == -1)
		return -1;
	first = json_array_get(v->check.findings, 0);
	if (first)
		return err_set(err, ERR_TRUST,
		    "the published tree is not whole: %s: %s",
		    json_string_value(json_object_get(first, "where")),
		    json_string_value(json_object_get(first, "text")));
	return 0;
}

/* --- rows --------------------------------------------------------------- */

/* Not as published: the next publication marks what the role lists. */
static int
insert_role(
    struct repo *r, const char *role, const struct buf *bytes, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO role(name, version, made_at, expires, signed, file,"
	    " digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf part = BUF_INIT;
	auto_tuf struct tuf_file *f =
	    tuf_read(role_type(role), role, bytes->data, bytes->len, err);
	struct hash h;

	if (!f || canon_json(f->signed_json, &part, err) == -1)
		return -1;
	hash_bytes(&h, bytes->data, bytes->len);
	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, f->version);
	stmt_bind_int(q, 3, r->now);
	stmt_bind_int(q, 4, f->expires);
	stmt_bind_text(q, 5, part.data, part.len);
	stmt_bind_text(q, 6, bytes->data, bytes->len);
	stmt_bind_hash(q, 7, &h);
	return stmt_run(q, err);
}

/* From the newest that clients see downwards, as far as the tree keeps it. */
static int
role_versions(
    struct recovery *v, const char *role, int64_t newest, struct err *err)
{
	for (int64_t n = newest; n > 0; n--) {
		auto_buf struct buf bytes = BUF_INIT;
		char name[ROLE_FILE_MAX];

		role_file(role, n, name);
		if (source_read(&v->src, name, TUF_TARGETS_MAX, &bytes, err) ==
		    -1) {
			if (err->cls != ERR_MISSING || n == newest)
				return -1;
			err_clear(err);
			return 0;
		}
		if (insert_role(v->r, role, &bytes, err) == -1)
			return -1;
		if (strcmp(role, "timestamp") == 0)
			return 0;
	}
	return 0;
}

static char *
meta_role(const struct tuf_meta *m)
{
	return mem_strn(m->name, strlen(m->name) - strlen(".json"));
}

static int
all_roles(struct recovery *v, struct err *err)
{
	const struct tuf_file *snapshot = tuf_snapshot(v->check.trust);

	if (role_versions(v, "root", tuf_root(v->check.trust)->version, err) ==
		-1 ||
	    role_versions(v, "snapshot", snapshot->version, err) == -1 ||
	    role_versions(v, "timestamp",
		tuf_timestamp(v->check.trust)->version, err) == -1)
		return -1;
	for (size_t i = 0; i < snapshot->nmeta; i++) {
		auto_free char *role = meta_role(&snapshot->meta[i]);

		if (role_versions(v, role, snapshot->meta[i].version, err) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
publication(struct recovery *v, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO publication(at, timestamp_version, snapshot_version,"
	    " targets_version, root_version) VALUES (?1, ?2, ?3, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(v->r->db, sql);
	const struct tuf_trust *t = v->check.trust;

	stmt_bind_int(q, 1, v->r->now);
	stmt_bind_int(q, 2, tuf_timestamp(t)->version);
	stmt_bind_int(q, 3, tuf_snapshot(t)->version);
	stmt_bind_int(q, 4, tuf_role(t, "targets")->version);
	stmt_bind_int(q, 5, tuf_root(t)->version);
	return stmt_run(q, err);
}

static int
withdrawn(struct recovery *v, const char *role, const struct tuf_file *f,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO withdrawal(service, min_serial, at, reason)"
	    " VALUES (?1, ?2, ?3, 'found in the published tree')";
	auto_stmt struct stmt *q = db_stmt(v->r->db, sql);
	int64_t min = service_min_serial(f);

	if (min <= 1)
		return 0;
	stmt_bind_str(q, 1, role_service(role));
	stmt_bind_int(q, 2, min);
	stmt_bind_int(q, 3, v->r->now);
	return stmt_run(q, err);
}

/* --- sets and brakes: small targets that lie in the tree ---------------- */

static int
note_brake(struct recovery *v, const struct buf *bytes, const struct hash *h,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO brake(channel, arch, counter, first_at, until, reason,"
	    " by, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
	    " 'found in the published tree', ?7)";
	static const char what[] = "brake";
	auto_stmt struct stmt *q = db_stmt(v->r->db, sql);
	auto_json json_t *o =
	    js_record(what, "kiln/brake", 1, bytes->data, bytes->len, err);
	const char *channel, *arch, *until, *reason;
	int64_t counter, end;

	if (!o || js_str(what, o, "channel", &channel, err) == -1 ||
	    js_str(what, o, "arch", &arch, err) == -1 ||
	    js_int(what, o, "counter", 1, JS_INT_MAX, &counter, err) == -1 ||
	    js_str(what, o, "until", &until, err) == -1 ||
	    js_str(what, o, "reason", &reason, err) == -1 ||
	    time_parse(until, &end, err) == -1)
		return -1;
	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	/* When it began is not in the tree; it is not made longer. */
	stmt_bind_int(q, 4, end - BRAKE_DAYS);
	stmt_bind_int(q, 5, end);
	stmt_bind_str(q, 6, reason);
	stmt_bind_hash(q, 7, h);
	return stmt_run(q, err);
}

static int
note_set(struct recovery *v, const struct tuf_target *t,
    const struct buf *bytes, const struct hash *h, struct err *err)
{
	auto_json json_t *set = set_read(t->path, bytes->data, bytes->len, err);

	return set ? set_note(v->r, set, h, err) : -1;
}

static int
small_targets(
    struct recovery *v, const struct tuf_file *f, bool brake, struct err *err)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct tuf_target *t = &f->targets[i];
		auto_free char *name = check_target_name(t);
		auto_buf struct buf bytes = BUF_INIT;
		struct hash h;

		if (source_read_target(
			&v->src, name, SMALL_TARGET, &bytes, err) == -1 ||
		    own_target_put(v->r, &bytes, &h, err) == -1)
			return -1;
		if (!hash_equal(&h, &t->sha256))
			return err_set(err, ERR_TRUST,
			    "%s: its bytes are others", t->path);
		if ((brake ? note_brake(v, &bytes, &h, err)
			   : note_set(v, t, &bytes, &h, err)) == -1)
			return err_prefix(err, "%s", t->path);
	}
	return 0;
}

static int
contents(struct recovery *v, struct err *err)
{
	const struct tuf_file *snapshot = tuf_snapshot(v->check.trust);

	for (size_t i = 0; i < snapshot->nmeta; i++) {
		auto_free char *role = meta_role(&snapshot->meta[i]);
		const struct tuf_file *f = tuf_role(v->check.trust, role);
		int rc = 0;

		if (!f)
			continue;
		if (role_service(role))
			rc = withdrawn(v, role, f, err);
		else if (strncmp(role, "sets-", 5) == 0)
			rc = small_targets(v, f, false, err);
		else if (strcmp(role, "brake") == 0)
			rc = small_targets(v, f, true, err);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* --- above everything that was ever signed ------------------------------ */

static int
sign_above(struct repo *r, const struct floor *fl, struct err *err)
{
	const struct rule *rule = rule_of(fl->role);
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *part = NULL;
	bool complete;

	if (role_load_newest(r->db, fl->role, &last, err) == -1)
		return -1;
	if (!last || !rule->online || last->version >= fl->version)
		return 0;
	part = json_deep_copy(last->signed_json);
	js_set_int(part, "version", fl->version + 1);
	meta_set_time(part, "expires", rule_expiry(rule, r->now));
	if (json_object_get(part, "signed_at"))
		meta_set_time(part, "signed_at", r->now);
	if (collect_propose_above(r, fl->role, part, fl->version, err) == -1)
		return -1;
	return collect_sign(r, fl->role, fl->version + 1, &complete, err);
}

static int
fill(struct recovery *v, struct err *err)
{
	if (db_begin(v->r->db, err) == -1)
		return -1;
	if (all_roles(v, err) == 0 && publication(v, err) == 0 &&
	    contents(v, err) == 0)
		return db_commit(v->r->db, err);
	db_rollback(v->r->db);
	return -1;
}

int
recover_tree(struct repo *r, const struct buf *root, const struct floor *floors,
    size_t n, struct err *err)
{
	struct recovery v = { .r = r, .check = CHECK_INIT, .src = SOURCE_INIT };
	int rc = judge(&v, root, err);

	if (rc == 0)
		rc = fill(&v, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = sign_above(r, &floors[i], err);
	if (rc == 0)
		repo_event(r, "recovered", "tuf.db",
		    "made anew from the published tree");
	check_release(&v.check);
	source_release(&v.src);
	return rc;
}
