#include "tuf-repo/pass.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/alarm.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/attest.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/consider.h"
#include "tuf-repo/handin.h"
#include "tuf-repo/logbook.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/publish.h"
#include "tuf-repo/service.h"
#include "tuf-repo/sets.h"
#include "tuf-repo/threshold.h"
#include "tuf-repo/transport.h"

/*
 * A role that cannot be signed is held, and the others go on: one service
 * must not delay its neighbours.  What concerns the machine stops the pass.
 */
static int
hold(struct repo *r, const char *role, struct err *err)
{
	if (err->cls != ERR_TRUST && err->cls != ERR_INPUT &&
	    err->cls != ERR_MISSING)
		return -1;
	log_err("role-held", err);
	repo_event(r, "role-held", role, "%s", err->msg);
	err_clear(err);
	return 0;
}

/* --- what was begun ---------------------------------------------------- */

/* Rows without a file: we were killed before the signature came, or other
 * rebuilders have not signed yet.  Asking again gives the same signature. */
static int
sign_role(struct repo *r, const char *role, int64_t version, struct err *err)
{
	bool complete;

	if (collect_sign(r, role, version, &complete, err) == -1)
		return hold(r, role, err);
	return 0;
}

static int
list_open(struct repo *r, json_t *out, struct err *err)
{
	static const char sql[] =
	    "SELECT name, version FROM role a"
	    " WHERE file IS NULL AND version = (SELECT max(version) FROM role b"
	    " WHERE b.name = a.name) ORDER BY name";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1) {
		json_t *o = json_object();

		js_set_str(o, "role", stmt_str(q, 0));
		js_set_int(o, "version", stmt_int(q, 1));
		json_array_append_new(out, o);
	}
	return rc;
}

static int
resume(struct repo *r, struct err *err)
{
	auto_json json_t *open = json_array();

	if (list_open(r, open, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(open); i++) {
		const json_t *o = json_array_get(open, i);

		if (sign_role(r, json_string_value(json_object_get(o, "role")),
			json_integer_value(json_object_get(o, "version")),
			err) == -1)
			return -1;
	}
	return 0;
}

/* --- roles that are ours to sign --------------------------------------- */

static int
propose_and_sign(
    struct repo *r, const char *role, json_t *part, struct err *err)
{
	int64_t version = json_integer_value(json_object_get(part, "version"));

	if (collect_propose(r, role, part, err) == -1)
		return -1;
	return sign_role(r, role, version, err);
}

/* Every delegated role is there from the start, empty: a search that meets
 * one that is missing ends without an answer (TUF 5.6.7). */
static int
first_version(struct repo *r, const char *role, struct err *err)
{
	int64_t expires = rule_expiry(rule_of(role), r->now);
	auto_json json_t *part = NULL;

	if (role_service(role)) {
		part = service_product(role, NULL, 1, expires, 1, NULL, 0);
	} else {
		part = meta_signed(role, 1, expires);
		js_set(part, "targets", json_object());
	}
	return propose_and_sign(r, role, part, err);
}

static int
renew(struct repo *r, const char *role, struct err *err)
{
	const struct rule *rule = rule_of(role);
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *part = NULL;
	int64_t newest;
	bool stands;

	if (role_load_newest(r->db, role, &last, err) == -1 ||
	    role_newest(r->db, role, false, &newest, err) == -1 ||
	    collect_stands(r, role, &stands, err) == -1)
		return -1;
	/* A key was rotated: sign again what it leaves under its threshold. */
	if (!last || last->version != newest ||
	    (stands && last->expires - r->now > rule->renew))
		return 0;
	part = json_deep_copy(last->signed_json);
	js_set_int(part, "version", newest + 1);
	meta_set_time(part, "expires", rule_expiry(rule, r->now));
	return propose_and_sign(r, role, part, err);
}

static int
keep_roles(struct repo *r, const struct tuf_file *targets, struct err *err)
{
	for (size_t i = 0; i < targets->nroles; i++) {
		const char *role = targets->roles[i].name;
		const struct rule *rule = rule_of(role);
		int64_t newest;

		if (!rule || !rule->online)
			continue;
		if (role_newest(r->db, role, false, &newest, err) == -1)
			return -1;
		if ((newest ? renew(r, role, err)
			    : first_version(r, role, err)) == -1)
			return -1;
	}
	return 0;
}

/* --- services ---------------------------------------------------------- */

static int
withdraw_current(
    struct repo *r, const char *service, int64_t min, struct err *err)
{
	static const char sql[] =
	    "UPDATE release SET current = 0"
	    " WHERE service = ?1 AND current = 1 AND serial < ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, service);
	stmt_bind_int(q, 2, min);
	return stmt_run(q, err);
}

/* The serial under which a listed release stands. */
static int64_t
listed_serial(const struct tuf_file *f, const struct release *rel)
{
	char path[TARGET_PATH_MAX];

	release_path(rel, 0, path);
	return target_serial(tuf_target_find(f, path));
}

/* The newest row, complete or not: what is proposed already is not proposed
 * again while other rebuilders' signatures are awaited. */
static int
load_proposed(
    struct repo *r, const char *role, struct tuf_file **f, struct err *err)
{
	static const char sql[] = "SELECT signed FROM role WHERE name = ?1"
				  " ORDER BY version DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf draft = BUF_INIT;
	const char *text;
	int rc;

	stmt_bind_str(q, 1, role);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*f = NULL;
	if (rc == 0)
		return 0;
	text = stmt_str(q, 0);
	if (meta_file(text, strlen(text), NULL, 0, &draft, err) == -1)
		return -1;
	*f = tuf_read(TUF_TARGETS, role, draft.data, draft.len, err);
	return *f ? 0 : -1;
}

static int
record_choice(struct repo *r, const struct choice *ch,
    const struct tuf_file *last, int64_t next, struct err *err)
{
	for (size_t i = 0; i < ch->n; i++) {
		const struct release *rel = &ch->list[i];
		int64_t serial = last && service_lists(last, rel)
				     ? listed_serial(last, rel)
				     : next;

		if (consider_record(r, rel, serial, err) == -1)
			return -1;
	}
	return 0;
}

/* What is in a version that waits and in no file yet is proposed anew with the
 * next, or not at all: nothing that others do not sign may hold up what comes
 * after it. */
static int
propose_service(struct repo *r, const char *role, const struct choice *ch,
    const struct tuf_file *base, int64_t next, int64_t min, struct err *err)
{
	auto_free const struct release **fresh =
	    mem_zero(ch->n + 1, sizeof(struct release *));
	auto_json json_t *part = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ch->n; i++)
		if (!base || !service_lists(base, &ch->list[i]))
			fresh[n++] = &ch->list[i];
	part = service_product(role, base, next,
	    rule_expiry(rule_of(role), r->now), min, fresh, n);
	if (collect_propose(r, role, part, err) == -1)
		return -1;
	if (withdraw_current(r, role_service(role), min, err) == -1)
		return -1;
	return record_choice(r, ch, base, next, err);
}

static int
list_service(struct repo *r, const char *role, struct choice *ch,
    const struct tuf_file *last, struct err *err)
{
	auto_tuf struct tuf_file *base = NULL; /* the newest that is a file */
	int64_t min, next = last ? last->version + 1 : 1;
	bool propose = false;
	int rc;

	if (withdrawn_below(r, role_service(role), &min, err) == -1 ||
	    role_load_newest(r->db, role, &base, err) == -1)
		return -1;
	for (size_t i = 0; i < ch->n; i++)
		propose |= !last || !service_lists(last, &ch->list[i]);
	propose |= last && service_min_serial(last) != min;
	if (db_begin(r->db, err) == -1)
		return -1;
	/* Without anything new the choice may still have gone back. */
	rc = propose ? propose_service(r, role, ch, base, next, min, err)
		     : record_choice(r, ch, last, 0, err);
	if (rc == 0 && db_commit(r->db, err) == 0)
		return propose ? sign_role(r, role, next, err) : 0;
	db_rollback(r->db);
	return -1;
}

static int
serve_service(struct repo *r, const char *role, struct err *err)
{
	auto_tuf struct tuf_file *last = NULL;
	struct choice ch = { NULL, 0, 0 };
	int rc = -1;

	if (load_proposed(r, role, &last, err) == 0 &&
	    consider_service(r, role, last, &ch, err) == 0)
		rc = list_service(r, role, &ch, last, err);
	choice_release(&ch);
	return rc;
}

static int
serve_services(struct repo *r, const struct tuf_file *targets, struct err *err)
{
	for (size_t i = 0; i < targets->nroles; i++)
		if (role_service(targets->roles[i].name) &&
		    serve_service(r, targets->roles[i].name, err) == -1)
			return err_prefix(err, "%s", targets->roles[i].name);
	return consider_strangers(r, targets, err);
}

/* --- the pass ---------------------------------------------------------- */

static int
finished_cycle(struct repo *r, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT coalesce(max(id), 0) FROM cycle"
				  " WHERE finished_at IS NOT NULL";

	*id = 0;
	if (!r->farm)
		return 0;
	auto_stmt struct stmt *q = db_stmt(r->farm, sql);
	if (stmt_step(q, err) == -1)
		return -1;
	*id = stmt_int(q, 0);
	return 0;
}

/* Requests up to this one are served by this pass; 0: none wait. */
static int
newest_request(struct repo *r, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT coalesce(max(id), 0) FROM request"
				  " WHERE served_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	if (stmt_step(q, err) == -1)
		return -1;
	*id = stmt_int(q, 0);
	return 0;
}

static int
served_request(struct repo *r, int64_t id, struct err *err)
{
	static const char sql[] = "UPDATE request SET served_at = ?1"
				  " WHERE served_at IS NULL AND id <= ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	if (id == 0)
		return 0;
	stmt_bind_int(q, 1, r->now);
	stmt_bind_int(q, 2, id);
	return stmt_run(q, err);
}

static int
note_cycle(struct repo *r, int64_t cycle, struct err *err)
{
	int64_t had;

	if (state_get(r->db, "served_cycle", &had, err) == -1)
		return -1;
	return had == cycle ? 0 : state_set(r->db, "served_cycle", cycle, err);
}

static int
prepare(struct repo *r, const struct tuf_file *targets, struct err *err)
{
	if (handin_take(r, err) == -1 || resume(r, err) == -1 ||
	    keep_roles(r, targets, err) == -1 ||
	    serve_services(r, targets, err) == -1 ||
	    sets_make(r, targets, err) == -1 || transport_propose(r, err) == -1)
		return -1;
	return resume(r, err); /* sets-edge */
}

/* A stop waits for nothing else: it is published before any other work.  In a
 * tree that nobody takes, since other roles have ended, it goes out with them:
 * signing those is the rest of this pass. */
static int
stop_first(struct repo *r, bool *switched, struct err *err)
{
	bool made = false;

	if (asked_take(r, err) == -1 || threshold_check(r, err) == -1)
		return -1;
	if (brakes_make(r, &made, err) == -1)
		return hold(r, "brake", err);
	if (!made)
		return 0;
	if (publish_snapshot(r, err) == -1 ||
	    publish_timestamp(r, false, err) == -1 ||
	    publish_switch(r, switched, err) == -1)
		return hold(r, "brake", err);
	return 0;
}

static int
run(struct repo *r, const struct tuf_file *targets, struct pass *p,
    struct err *err)
{
	bool stopped = false;
	int64_t request;

	if (finished_cycle(r, &p->cycle, err) == -1 ||
	    newest_request(r, &request, err) == -1 ||
	    stop_first(r, &stopped, err) == -1 ||
	    prepare(r, targets, err) == -1 || publish_snapshot(r, err) == -1 ||
	    publish_timestamp(r, p->refresh || request, err) == -1 ||
	    publish_switch(r, &p->switched, err) == -1 ||
	    served_request(r, request, err) == -1)
		return -1;
	p->switched |= stopped;
	if (r->farm && note_cycle(r, p->cycle, err) == -1)
		return -1;
	/* Nothing that is published waits for what is said of runs. */
	return attest_sign(r, err) == -1 ? -1 : logbook_extend(r, err);
}

/* A pass that failed is the more reason to say what ends. */
int
pass_run(struct repo *r, struct pass *p, struct err *err)
{
	auto_tuf struct tuf_file *targets = NULL;
	struct err ignore = ERR_INIT;

	p->switched = false;
	if (collect_delegator(r, "brake", &targets, err) == -1)
		return -1;
	if (run(r, targets, p, err) == 0)
		return alarms_note(r, targets, err);
	if (alarms_note(r, targets, &ignore) == -1)
		log_err("alarms", &ignore);
	return -1;
}
