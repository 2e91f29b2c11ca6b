#include "tuf-repo/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"

#define BINNED "transport"

int
snapshot_list(struct repo *r, const char *role, json_t *meta, struct err *err)
{
	static const char sql[] =
	    "SELECT version, digest,"
	    " length(CAST(file AS BLOB)) FROM role WHERE name = ?1"
	    " AND file IS NOT NULL ORDER BY version DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_free char *name = mem_printf("%s.json", role);
	struct hash h;
	int rc;

	stmt_bind_str(q, 1, role);
	rc = stmt_step(q, err);
	if (rc <= 0)
		return rc;
	if (!stmt_hash(q, 1, &h))
		return err_set(err, ERR_INPUT, "tuf.db: digest of %s", role);
	js_set(meta, name, meta_entry(&h, stmt_int(q, 2), stmt_int(q, 0)));
	return 0;
}

/*
 * A role and its bins are one thing: a target that moved from one bin to
 * another is lost to clients if only one of both is published.  So long as
 * one of them waits for its signature, all stay as they were.
 */
static int
list_bins(
    struct repo *r, const struct tuf_file *last, json_t *meta, struct err *err)
{
	auto_json json_t *now = json_object();
	auto_tuf struct tuf_file *by = NULL;
	const json_t *was =
	    last ? json_object_get(last->signed_json, "meta") : NULL;
	bool ready = true;
	const char *name;
	json_t *v;

	if (role_load_newest(r->db, BINNED, &by, err) == -1)
		return -1;
	for (size_t i = 0; by && i < by->nroles; i++) {
		int64_t newest, whole;

		if (role_newest(
			r->db, by->roles[i].name, false, &newest, err) == -1 ||
		    role_newest(r->db, by->roles[i].name, true, &whole, err) ==
			-1 ||
		    snapshot_list(r, by->roles[i].name, now, err) == -1)
			return -1;
		ready &= whole && newest == whole;
	}
	if (ready || !was) {
		json_object_update(meta, now);
		return 0;
	}
	json_object_foreach((json_t *)was, name,
	    v) if (strncmp(name, BINNED, strlen(BINNED)) == 0)
	    json_object_set(meta, name, v);
	return 0;
}

/*
 * New targets may leave a service under its threshold until other parties have
 * signed it again: clients would lose it.  So long the last snapshot's content
 * is kept alive as it is (tuf.md, checklist 6, "Revocation").  Other roles are
 * signed by one party, with the targets or right after them; if one of those
 * does not stand, the check before the switch says why.
 */
static int
services_stand(struct repo *r, json_t *meta, bool *yes, struct err *err)
{
	const char *name;
	json_t *v;

	*yes = true;
	json_object_foreach(meta, name, v)
	{
		auto_free char *role =
		    mem_strn(name, strlen(name) - strlen(".json"));
		bool stands = true;

		if (role_service(role) &&
		    collect_stands(r, role, &stands, err) == -1)
			return -1;
		*yes &= stands;
	}
	return 0;
}

json_t *
snapshot_meta(struct repo *r, const struct tuf_file *last, struct err *err)
{
	auto_tuf struct tuf_file *targets = NULL;
	auto_json json_t *meta = json_object();
	bool ready;

	if (collect_delegator(r, "brake", &targets, err) == -1 ||
	    snapshot_list(r, "targets", meta, err) == -1)
		return NULL;
	for (size_t i = 0; i < targets->nroles; i++)
		if (snapshot_list(r, targets->roles[i].name, meta, err) == -1)
			return NULL;
	if (list_bins(r, last, meta, err) == -1 ||
	    services_stand(r, meta, &ready, err) == -1)
		return NULL;
	if (!ready && last)
		return json_incref(json_object_get(last->signed_json, "meta"));
	return take_ptr(&meta);
}
