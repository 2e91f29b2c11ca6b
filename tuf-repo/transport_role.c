/*
 * What the role transport lists, itself or through its bins.  Everything that
 * changes is proposed in one transaction: bins under keys or prefixes that
 * transport no longer gives them would be lost to clients.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/bins.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/transport.h"

#define ROLE "transport"

/* A file that was lost is forgotten, and made again. */
static int
forget(struct repo *r, const char *image, const char *base, struct err *err)
{
	static const char sql[] =
	    "DELETE FROM transport WHERE image = ?1 AND base = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, image);
	stmt_bind_str(q, 2, base);
	return stmt_run(q, err);
}

static int
list_one(struct repo *r, struct stmt *q, json_t *targets, json_t *lost,
    struct err *err)
{
	const char *image = stmt_str(q, 0), *base = stmt_str(q, 1);
	auto_free char *name = *base ? mem_printf("%s.from.%s", image, base)
				     : mem_printf("%s.zst", image);
	auto_free char *path =
	    mem_printf(ROLE "/%s/%s/%s", stmt_str(q, 2), stmt_str(q, 3), name);
	auto_free char *file = mem_printf(ROLE "/%s/%s/%s.%s", stmt_str(q, 2),
	    stmt_str(q, 3), stmt_str(q, 4), name);
	json_t *o, *custom;
	struct hash h;

	if (!stmt_hash(q, 4, &h))
		return err_set(err, ERR_INPUT, "tuf.db: transport's digest");
	if (!file_exists_at(r->targets, file)) {
		json_array_append_new(lost, json_pack("[ss]", image, base));
		return 0;
	}
	o = meta_entry(&h, stmt_int(q, 5), 0);
	custom = json_object();
	js_set_str(custom, "head", stmt_str(q, 7));
	js_set_int(custom, "head_size", stmt_int(q, 6));
	js_set(o, "custom", custom);
	js_set(targets, path, o);
	return 0;
}

/* Of images that routers can be told to run: what stands, and what the newest
 * sets name.  Older ones would only make the role longer. */
static int
wanted(struct repo *r, json_t *targets, struct err *err)
{
	static const char sql[] =
	    "SELECT t.image, t.base, t.service, t.arch, t.sha256, t.size,"
	    " t.head_size, t.head_sha256 FROM transport t"
	    " WHERE t.sha256 IS NOT NULL AND (EXISTS (SELECT 1 FROM"
	    " release r JOIN release_target i ON i.release = r.digest"
	    " WHERE r.service = t.service AND r.current = 1"
	    " AND i.sha256 = t.image) OR EXISTS (SELECT 1 FROM \"set\" s"
	    " JOIN own_target o ON o.digest = s.digest"
	    " WHERE s.arch = t.arch AND s.withdrawn_at IS NULL"
	    " AND s.counter = (SELECT max(counter) FROM \"set\" n"
	    " WHERE n.channel = s.channel AND n.arch = s.arch)"
	    " AND instr(o.bytes, t.image) > 0))";
	auto_json json_t *lost = json_array();
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1)
		if (list_one(r, q, targets, lost, err) == -1)
			return -1;
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(lost); i++) {
		const json_t *o = json_array_get(lost, i);

		if (forget(r, json_string_value(json_array_get(o, 0)),
			json_string_value(json_array_get(o, 1)), err) == -1)
			return -1;
	}
	return 0;
}

/* --- one role file -------------------------------------------------------- */

static json_t *
part_of(const char *role, int64_t version, int64_t expires, json_t *targets,
    json_t *delegations)
{
	json_t *part = meta_signed(role, version, expires);

	json_object_set(part, "targets", targets);
	if (delegations)
		json_object_set(part, "delegations", delegations);
	return part;
}

/* The newest row's version and expiry (0: there is none), and whether these
 * contents are what it signs. */
static int
compare(struct repo *r, const char *role, json_t *targets, json_t *delegations,
    int64_t *version, int64_t *expires, bool *same, struct err *err)
{
	static const char sql[] = "SELECT version, expires, signed FROM role"
				  " WHERE name = ?1 ORDER BY version DESC"
				  " LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_json json_t *part = NULL;
	auto_buf struct buf bytes = BUF_INIT;
	int rc;

	*version = *expires = 0;
	*same = false;
	stmt_bind_str(q, 1, role);
	rc = stmt_step(q, err);
	if (rc <= 0)
		return rc;
	*version = stmt_int(q, 0);
	*expires = stmt_int(q, 1);
	part = part_of(role, *version, *expires, targets, delegations);
	if (canon_json(part, &bytes, err) == -1)
		return -1;
	*same = strcmp(bytes.data, stmt_str(q, 2)) == 0;
	return 0;
}

static int
propose(struct repo *r, const char *role, json_t *targets, json_t *delegations,
    bool anew, struct err *err)
{
	const struct rule *rule = rule_of(role);
	auto_json json_t *part = NULL;
	int64_t version, expires;
	bool same;

	if (compare(r, role, targets, delegations, &version, &expires, &same,
		err) == -1)
		return -1;
	if (same && !anew && expires - r->now > rule->renew)
		return 0;
	part = part_of(
	    role, version + 1, rule_expiry(rule, r->now), targets, delegations);
	return collect_propose(r, role, part, err);
}

/* --- the bins ---------------------------------------------------------------
 */

/* Are these the keys that transport gave its bins so far? */
static bool
same_keys(const struct tuf_file *last, const json_t *delegations)
{
	const json_t *was = json_object_get(last->signed_json, "delegations");
	const json_t *a = json_array_get(json_object_get(was, "roles"), 0);
	const json_t *b =
	    json_array_get(json_object_get(delegations, "roles"), 0);

	return json_equal(json_object_get(was, "keys"),
		   json_object_get(delegations, "keys")) &&
	       json_equal(json_object_get(a, "keyids"),
		   json_object_get(b, "keyids")) &&
	       json_equal(json_object_get(a, "threshold"),
		   json_object_get(b, "threshold"));
}

static int
propose_bins(
    struct repo *r, size_t bins, json_t *targets, bool anew, struct err *err)
{
	auto_json json_t *all = json_array();
	const char *path;
	json_t *t;

	for (size_t i = 0; i < bins; i++)
		json_array_append_new(all, json_object());
	json_object_foreach(targets, path, t)
	    json_object_set(json_array_get(all, bin_of(bins, path)), path, t);
	for (size_t i = 0; i < bins; i++) {
		char name[BIN_NAME];

		bin_name(bins, i, name);
		if (propose(r, name, json_array_get(all, i), NULL, anew, err) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
propose_binned(struct repo *r, size_t bins, const struct tuf_file *last,
    json_t *targets, struct err *err)
{
	auto_tuf struct tuf_file *by = NULL;
	auto_json json_t *none = json_object(), *delegations = NULL;

	if (collect_delegator(r, ROLE, &by, err) == -1)
		return -1;
	delegations = bins_delegations(bins, by, ROLE);
	if (propose(r, ROLE, none, delegations, false, err) == -1)
		return -1;
	return propose_bins(r, bins, targets,
	    last->nroles && !same_keys(last, delegations), err);
}

/* --- all of it --------------------------------------------------------------
 */

/* Signatures that are missing come first: pass.c asks for them. */
static int
waits(struct repo *r, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM role a WHERE (name = ?1 OR name GLOB ?1 || '-*')"
	    " AND file IS NULL AND version = (SELECT max(version) FROM role b"
	    " WHERE b.name = a.name)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, ROLE);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

static int
propose_all(struct repo *r, const struct tuf_file *last, json_t *targets,
    struct err *err)
{
	size_t bins = bins_for(json_object_size(targets));

	if (bins < last->nroles)
		bins = last->nroles; /* what snapshot lists must stay */
	return bins ? propose_binned(r, bins, last, targets, err)
		    : propose(r, ROLE, targets, NULL, false, err);
}

int
transport_propose(struct repo *r, struct err *err)
{
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *targets = json_object();
	bool waiting;

	if (waits(r, &waiting, err) == -1 ||
	    role_load_newest(r->db, ROLE, &last, err) == -1)
		return -1;
	if (!last || waiting)
		return 0;
	if (wanted(r, targets, err) == -1 || db_begin(r->db, err) == -1)
		return -1;
	if (propose_all(r, last, targets, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}
