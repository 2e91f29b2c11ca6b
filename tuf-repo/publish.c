#include "tuf-repo/publish.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "tuf-repo/check.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/place.h"
#include "tuf-repo/snapshot.h"

/* --- snapshot and timestamp
 * ---------------------------------------------------------- */

static int
propose_online(struct repo *r, const char *role, json_t *meta, struct err *err)
{
	auto_json json_t *part = NULL;
	int64_t newest;
	bool complete;

	if (role_newest(r->db, role, false, &newest, err) == -1)
		return -1;
	part =
	    meta_signed(role, newest + 1, rule_expiry(rule_of(role), r->now));
	meta_set_time(part, "signed_at", r->now);
	json_object_set(part, "meta", meta);
	if (collect_propose(r, role, part, err) == -1 ||
	    collect_sign(r, role, newest + 1, &complete, err) == -1)
		return -1;
	if (!complete)
		return err_set(err, ERR_TRUST,
		    "%s: one signature is not enough for its threshold", role);
	return 0;
}

static bool
ends_soon(const struct repo *r, const struct tuf_file *f, const char *role)
{
	return f->expires - r->now <= rule_of(role)->renew;
}

int
publish_snapshot(struct repo *r, struct err *err)
{
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *meta = NULL;
	bool stands;

	if (role_load_newest(r->db, "snapshot", &last, err) == -1 ||
	    !(meta = snapshot_meta(r, last, err)) ||
	    collect_stands(r, "snapshot", &stands, err) == -1)
		return -1;
	if (last && stands && !ends_soon(r, last, "snapshot") &&
	    json_equal(meta, json_object_get(last->signed_json, "meta")))
		return 0;
	return propose_online(r, "snapshot", meta, err);
}

int
publish_timestamp(struct repo *r, bool force, struct err *err)
{
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *meta = json_object();
	bool stands;

	if (snapshot_list(r, "snapshot", meta, err) == -1 ||
	    role_load_newest(r->db, "timestamp", &last, err) == -1 ||
	    collect_stands(r, "timestamp", &stands, err) == -1)
		return -1;
	if (last && stands && !force && !ends_soon(r, last, "timestamp") &&
	    json_equal(meta, json_object_get(last->signed_json, "meta")))
		return 0;
	return propose_online(r, "timestamp", meta, err);
}

/* --- the switch -------------------------------------------------------- */

struct switching {
	struct repo *r;
	struct tuf_file *timestamp, *snapshot, *targets;
	struct buf bytes; /* of timestamp.json */
	int64_t root;
};

static void
switching_release(struct switching *s)
{
	tuf_file_free(s->timestamp);
	tuf_file_free(s->snapshot);
	tuf_file_free(s->targets);
	buf_release(&s->bytes);
}
#define auto_switching __attribute__((cleanup(switching_release)))

static int
already_published(struct repo *r, int64_t version, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM publication WHERE timestamp_version = ?1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_int(q, 1, version);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

static int
load_heads(struct switching *s, int64_t timestamp, struct err *err)
{
	struct db *db = s->r->db;
	const struct tuf_meta *m;

	if (role_load(db, "timestamp", timestamp, &s->timestamp, &s->bytes,
		err) == -1 ||
	    role_load(db, "snapshot", s->timestamp->meta[0].version,
		&s->snapshot, NULL, err) == -1)
		return -1;
	m = tuf_meta_find(s->snapshot, "targets.json");
	if (!m)
		return err_set(
		    err, ERR_TRUST, "snapshot lists no targets.json");
	if (role_load(db, "targets", m->version, &s->targets, NULL, err) == -1)
		return -1;
	return role_newest(db, "root", true, &s->root, err);
}

/* "svc-dns-dhcp.json" -> "svc-dns-dhcp" */
static char *
meta_role(const struct tuf_meta *m)
{
	return mem_strn(m->name, strlen(m->name) - strlen(".json"));
}

/* Then all that it lists was put in its place, and is on record so. */
static int
was_published(struct repo *r, const char *role, int64_t version, bool *yes,
    struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM role WHERE name = ?1 AND version = ?2"
	    " AND published_at IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

static int
place_new(
    struct switching *s, const char *role, int64_t version, struct err *err)
{
	bool there;

	if (was_published(s->r, role, version, &there, err) == -1 ||
	    (!there && place_role(s->r, role, version, err) == -1))
		return err_prefix(err, "publish %s", role);
	return 0;
}

static int
place_all_targets(struct switching *s, struct err *err)
{
	auto_json json_t *folders = json_object();

	for (size_t i = 0; i < s->snapshot->nmeta; i++) {
		const struct tuf_meta *m = &s->snapshot->meta[i];
		auto_free char *role = meta_role(m);
		bool there;

		if (was_published(s->r, role, m->version, &there, err) == -1)
			return -1;
		if (!there &&
		    place_targets(s->r, role, m->version, folders, err) == -1)
			return err_prefix(err, "publish %s", role);
	}
	return place_sync(s->r, folders, err);
}

static int
place_all(struct switching *s, struct err *err)
{
	if (place_all_targets(s, err) == -1)
		return -1;
	for (size_t i = 0; i < s->snapshot->nmeta; i++) {
		const struct tuf_meta *m = &s->snapshot->meta[i];
		auto_free char *role = meta_role(m);

		if (strcmp(role, "targets") != 0 &&
		    place_new(s, role, m->version, err) == -1)
			return -1;
	}
	if (place_new(s, "targets", s->targets->version, err) == -1)
		return -1;
	return place_new(s, "snapshot", s->snapshot->version, err);
}

/* Roots are seen by routers as soon as they have their names. */
static int
place_roots(struct switching *s, struct err *err)
{
	for (int64_t v = 1; v <= s->root; v++)
		if (place_new(s, "root", v, err) == -1)
			return -1;
	return 0;
}

/* Those that are not placed yet are judged as if they were. */
static int
show_roots(struct switching *s, struct source *src, struct err *err)
{
	for (int64_t v = s->root; v > 0; v--) {
		auto_buf struct buf bytes = BUF_INIT;
		auto_tuf struct tuf_file *f = NULL;
		char name[ROLE_FILE_MAX];
		bool there;

		if (was_published(s->r, "root", v, &there, err) == -1)
			return -1;
		if (there)
			return 0;
		if (role_load(s->r->db, "root", v, &f, &bytes, err) == -1)
			return -1;
		role_file("root", v, name);
		source_override(src, name, &bytes);
	}
	return 0;
}

/*
 * Does what is new hold for a router that has only seen the root before?
 * Then it goes first, and at every moment the tree is whole; else (a key is
 * lost) the new root does, and routers wait for the file that follows.
 */
static int
holds_before(struct switching *s, bool *yes, struct err *err)
{
	const struct tuf_file *const heads[] = { s->timestamp, s->snapshot,
		s->targets };
	static const char *const roles[] = { "timestamp", "snapshot",
		"targets" };
	auto_tuf struct tuf_file *root = NULL;
	struct err why = ERR_INIT;
	int64_t v = s->root;
	bool there = false;

	*yes = false;
	for (; v > 0 && !there; v--)
		if (was_published(s->r, "root", v, &there, err) == -1)
			return -1;
	if (!there)
		return 0;
	if (role_load(s->r->db, "root", v + 1, &root, NULL, err) == -1)
		return -1;
	*yes = true;
	for (size_t i = 0; i < ARRAY_LEN(heads) && *yes; i++)
		*yes = tuf_threshold(root, roles[i], heads[i], &why) == 0;
	return 0;
}

static int
name_timestamp(struct switching *s, struct err *err)
{
	if (file_write_at(s->r->metadata, "timestamp.json", s->bytes.data,
		s->bytes.len, 0644, err) == -1)
		return err_prefix(err, "publish timestamp");
	return 0;
}

static int
name_heads(struct switching *s, struct err *err)
{
	bool first;

	if (holds_before(s, &first, err) == -1 ||
	    (first && name_timestamp(s, err) == -1) ||
	    place_roots(s, err) == -1)
		return -1;
	return first ? 0 : name_timestamp(s, err);
}

static int
judge(struct switching *s, struct err *err)
{
	auto_json json_t *first = NULL;
	struct check c = CHECK_INIT;
	struct source src = SOURCE_INIT, before = SOURCE_INIT;
	int rc = -1;

	source_dirs(&src, s->r->metadata, s->r->targets);
	source_dirs(&before, s->r->metadata, s->r->targets);
	source_override(&src, "timestamp.json", &s->bytes);
	c.before = &before;
	c.now = s->r->now;
	c.known = place_known;
	c.known_arg = s->r;
	if (show_roots(s, &src, err) == 0 && check_tree(&c, &src, err) == 0) {
		first = json_incref(json_array_get(c.findings, 0));
		rc = !first ? 0
			    : err_set(err, ERR_TRUST, "not published: %s: %s",
				  json_string_value(
				      json_object_get(first, "where")),
				  json_string_value(
				      json_object_get(first, "text")));
	}
	check_release(&c);
	source_release(&src);
	source_release(&before);
	return rc;
}

/* --- what is published, on record -------------------------------------- */

static int
mark_role(struct repo *r, const char *role, int64_t version, struct err *err)
{
	static const char sql[] =
	    "UPDATE role SET published_at = ?3"
	    " WHERE name = ?1 AND version = ?2 AND published_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	stmt_bind_int(q, 3, r->now);
	return stmt_run(q, err);
}

static int
mark_releases(
    struct repo *r, const char *service, int64_t version, struct err *err)
{
	static const char sql[] =
	    "UPDATE release SET published_at = ?3"
	    " WHERE service = ?1 AND serial <= ?2 AND published_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, service);
	stmt_bind_int(q, 2, version);
	stmt_bind_int(q, 3, r->now);
	return stmt_run(q, err);
}

static int
mark_target(struct repo *r, const struct tuf_target *t, struct err *err)
{
	static const char placed[] =
	    "INSERT INTO placed(path, digest, at)"
	    " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
	static const char set[] = "UPDATE \"set\" SET published_at = ?2"
				  " WHERE digest = ?1 AND published_at IS NULL";
	auto_stmt struct stmt *p = db_stmt(r->db, placed);
	auto_stmt struct stmt *s = db_stmt(r->db, set);

	stmt_bind_str(p, 1, t->path);
	stmt_bind_hash(p, 2, &t->sha256);
	stmt_bind_int(p, 3, r->now);
	stmt_bind_hash(s, 1, &t->sha256);
	stmt_bind_int(s, 2, r->now);
	if (stmt_run(p, err) == -1)
		return -1;
	return stmt_run(s, err);
}

static int
mark_meta(struct repo *r, const struct tuf_meta *m, struct err *err)
{
	auto_free char *role = meta_role(m);
	auto_tuf struct tuf_file *f = NULL;
	bool done;

	if (was_published(r, role, m->version, &done, err) == -1)
		return -1;
	if (done)
		return 0;
	if (role_load(r->db, role, m->version, &f, NULL, err) == -1 ||
	    mark_role(r, role, m->version, err) == -1)
		return -1;
	for (size_t i = 0; i < f->ntargets; i++)
		if (mark_target(r, &f->targets[i], err) == -1)
			return -1;
	if (role_service(role))
		return mark_releases(r, role_service(role), m->version, err);
	return 0;
}

static int
insert_publication(struct switching *s, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO publication(at,"
	    " timestamp_version, snapshot_version, targets_version,"
	    " root_version) VALUES (?1, ?2, ?3, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(s->r->db, sql);

	stmt_bind_int(q, 1, s->r->now);
	stmt_bind_int(q, 2, s->timestamp->version);
	stmt_bind_int(q, 3, s->snapshot->version);
	stmt_bind_int(q, 4, s->targets->version);
	stmt_bind_int(q, 5, s->root);
	return stmt_run(q, err);
}

static int
mark_all(struct switching *s, struct err *err)
{
	struct repo *r = s->r;

	if (db_begin(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < s->snapshot->nmeta; i++)
		if (mark_meta(r, &s->snapshot->meta[i], err) == -1)
			goto fail;
	for (int64_t v = 1; v <= s->root; v++)
		if (mark_role(r, "root", v, err) == -1)
			goto fail;
	if (mark_role(r, "snapshot", s->snapshot->version, err) == -1 ||
	    mark_role(r, "timestamp", s->timestamp->version, err) == -1 ||
	    insert_publication(s, err) == -1)
		goto fail;
	return db_commit(r->db, err);
fail:
	db_rollback(r->db);
	return -1;
}

int
publish_switch(struct repo *r, bool *switched, struct err *err)
{
	auto_switching struct switching s = { .r = r, .bytes = BUF_INIT };
	int64_t newest;
	bool done;

	*switched = false;
	if (role_newest(r->db, "timestamp", true, &newest, err) == -1)
		return -1;
	if (newest == 0)
		return 0;
	if (already_published(r, newest, &done, err) == -1)
		return -1;
	if (done)
		return 0;
	if (load_heads(&s, newest, err) == -1 || place_all(&s, err) == -1 ||
	    judge(&s, err) == -1 || name_heads(&s, err) == -1 ||
	    mark_all(&s, err) == -1)
		return -1;
	*switched = true;
	return 0;
}
