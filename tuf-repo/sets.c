#include "tuf-repo/sets.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/making.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/setrules.h"

#define CHANNEL "edge"
#define EDGE "sets-edge"

/* --- why not yet ------------------------------------------------------- */

static int
set_waiting(struct repo *r, const char *arch, const char *why, struct err *err)
{
	static const char off[] =
	    "DELETE FROM set_waiting WHERE channel = ?1 AND arch = ?2";
	static const char on[] =
	    "INSERT INTO set_waiting(channel, arch, at, text)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (channel, arch) DO UPDATE"
	    " SET at = excluded.at, text = excluded.text"
	    " WHERE text <> excluded.text";
	auto_stmt struct stmt *q = db_stmt(r->db, why ? on : off);

	stmt_bind_str(q, 1, CHANNEL);
	stmt_bind_str(q, 2, arch);
	if (why) {
		stmt_bind_int(q, 3, r->now);
		stmt_bind_str(q, 4, why);
	}
	return stmt_run(q, err);
}

/* --- the record -------------------------------------------------------- */

static json_t *
record(const struct making *m, int64_t counter)
{
	json_t *o = js_record_new("kiln/set", 1);
	json_t *kernel = json_object();

	js_set_hash(kernel, "vmlinuz", &m->vmlinuz);
	js_set_hash(kernel, "initrd", &m->initrd);
	js_set_str(o, "channel", CHANNEL);
	js_set_str(o, "arch", m->arch);
	js_set_int(o, "counter", counter);
	js_set(o, "kernel", kernel);
	json_object_set(o, "services", m->services);
	js_set(
	    o, "waves", json_pack("[{s:i,s:i}]", "after_h", 0, "percent", 100));
	js_set(o, "window", json_null());
	js_set_str(o, "notes", "");
	return o;
}

/* The newest set of the architecture; counter 0: none.  `bytes` stay empty
 * when it was withdrawn. */
static int
last_set(struct repo *r, const char *arch, int64_t *counter, struct buf *bytes,
    struct err *err)
{
	static const char sql[] = "SELECT s.counter, t.bytes, s.withdrawn_at"
				  " FROM \"set\" s"
				  " JOIN own_target t ON t.digest = s.digest"
				  " WHERE s.channel = ?1 AND s.arch = ?2"
				  " ORDER BY s.counter DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, CHANNEL);
	stmt_bind_str(q, 2, arch);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*counter = rc ? stmt_int(q, 0) : 0;
	if (rc && stmt_null(q, 2))
		buf_str(bytes, stmt_str(q, 1));
	return 0;
}

/* Compares all but the counter, by trying the old one. */
static int
make_if_new(struct repo *r, const struct making *m, bool *made, struct err *err)
{
	auto_buf struct buf old = BUF_INIT;
	auto_buf struct buf same = BUF_INIT;
	auto_buf struct buf bytes = BUF_INIT;
	auto_json json_t *again = NULL, *next = NULL;
	struct hash h;
	int64_t counter;

	if (last_set(r, m->arch, &counter, &old, err) == -1)
		return -1;
	again = record(m, counter);
	next = record(m, counter + 1);
	if (canon_json(again, &same, err) == -1 ||
	    canon_json(next, &bytes, err) == -1)
		return -1;
	if (counter && span_equal(span_buf(&old), span_buf(&same)))
		return 0;
	if (own_target_put(r, &bytes, &h, err) == -1 ||
	    set_note(r, next, &h, err) == -1)
		return -1;
	*made = true;
	repo_event(r, "set-made", m->arch, "set %s/%s %lld with %zu service%s",
	    CHANNEL, m->arch, (long long)counter + 1,
	    json_array_size(m->services),
	    json_array_size(m->services) == 1 ? "" : "s");
	return 0;
}

/* --- a set that may stand no longer ------------------------------------ */

static int
withdraw_set(struct repo *r, const char *arch, int64_t counter, struct err *err)
{
	static const char sql[] =
	    "UPDATE \"set\" SET withdrawn_at = ?4"
	    " WHERE channel = ?1 AND arch = ?2 AND counter = ?3";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, CHANNEL);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	stmt_bind_int(q, 4, r->now);
	if (stmt_run(q, err) == -1)
		return -1;
	repo_event(r, "set-withdrawn", arch,
	    "set %s/%s %lld names what is listed no more", CHANNEL, arch,
	    (long long)counter);
	return 0;
}

/* No set at all is better than one that every router refuses: they stay with
 * what they run. */
static int
withdraw_if_gone(
    struct repo *r, const char *arch, bool *changed, struct err *err)
{
	auto_buf struct buf old = BUF_INIT;
	auto_json json_t *set = NULL;
	int64_t counter;
	struct err why = ERR_INIT;

	if (last_set(r, arch, &counter, &old, err) == -1)
		return -1;
	if (counter == 0 || old.len == 0)
		return 0;
	set = js_record("set", "kiln/set", 1, old.data, old.len, err);
	if (!set)
		return -1;
	if (set_judge(r, set, &why) == 0)
		return 0;
	if (why.cls != ERR_TRUST) {
		*err = why;
		return -1;
	}
	*changed = true;
	return withdraw_set(r, arch, counter, err);
}

static int
make_arch(struct repo *r, const struct tuf_file *targets, const char *arch,
    bool *made, struct err *err)
{
	auto_making struct making m;
	auto_buf struct buf why = BUF_INIT;

	making_init(&m, arch);
	if (making_collect(r, targets, &m, err) == -1)
		return -1;
	if (!making_whole(&m, &why)) {
		if (withdraw_if_gone(r, arch, made, err) == -1)
			return -1;
		return set_waiting(r, arch, why.data, err);
	}
	if (make_if_new(r, &m, made, err) == -1)
		return -1;
	return set_waiting(r, arch, NULL, err);
}

/* --- the role ---------------------------------------------------------- */

static int
edge_targets(struct repo *r, json_t *targets, struct err *err)
{
	static const char sql[] =
	    "SELECT s.arch, s.digest,"
	    " length(CAST(t.bytes AS BLOB))"
	    " FROM \"set\" s JOIN own_target t ON t.digest = s.digest"
	    " WHERE s.channel = ?1 AND s.withdrawn_at IS NULL"
	    " AND s.counter = (SELECT max(counter)"
	    " FROM \"set\" n WHERE n.channel = s.channel AND n.arch = s.arch)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, CHANNEL);
	while ((rc = stmt_step(q, err)) == 1) {
		auto_free char *path =
		    mem_printf("sets/" CHANNEL "/%s.json", stmt_str(q, 0));
		struct hash h;

		if (!stmt_hash(q, 1, &h))
			return err_set(err, ERR_INPUT, "tuf.db: set's digest");
		js_set(targets, path, meta_entry(&h, stmt_int(q, 2), 0));
	}
	return rc;
}

static int
propose_edge(struct repo *r, struct err *err)
{
	auto_json json_t *part = NULL;
	json_t *targets = json_object();
	int64_t newest;

	if (role_newest(r->db, EDGE, false, &newest, err) == -1)
		return -1;
	part =
	    meta_signed(EDGE, newest + 1, rule_expiry(rule_of(EDGE), r->now));
	js_set(part, "targets", targets);
	if (edge_targets(r, targets, err) == -1)
		return -1;
	return collect_propose(r, EDGE, part, err);
}

static int
architectures(struct repo *r, json_t *out, struct err *err)
{
	static const char sql[] =
	    "SELECT DISTINCT arch FROM release ORDER BY arch";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1)
		json_array_append_new(out, json_string(stmt_str(q, 0)));
	return rc;
}

int
sets_make(struct repo *r, const struct tuf_file *targets, struct err *err)
{
	auto_json json_t *archs = json_array();
	bool made = false;

	if (architectures(r, archs, err) == -1)
		return -1;
	if (db_begin(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(archs); i++)
		if (make_arch(r, targets,
			json_string_value(json_array_get(archs, i)), &made,
			err) == -1)
			goto fail;
	if (made && propose_edge(r, err) == -1)
		goto fail;
	return db_commit(r->db, err);
fail:
	db_rollback(r->db);
	return -1;
}
