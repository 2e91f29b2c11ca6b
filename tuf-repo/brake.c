#include "tuf-repo/brake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"

#define BRAKE "brake"

/* --- ordering one ------------------------------------------------------ */

bool
brake_reason_ok(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return n > 0 && n <= BRAKE_REASON_MAX;
}

static json_t *
record(const struct brake_order *o, const char *arch, int64_t counter,
    int64_t until)
{
	json_t *b = js_record_new("kiln/brake", 1);

	js_set_str(b, "channel", o->channel);
	js_set_str(b, "arch", arch);
	js_set_int(b, "counter", counter);
	meta_set_time(b, "until", until);
	js_set_str(b, "reason", o->reason);
	return b;
}

/* When it was first stopped, or now. */
static int
first_stop(struct repo *r, const char *channel, const char *arch,
    int64_t counter, int64_t *at, struct err *err)
{
	static const char sql[] =
	    "SELECT first_at FROM brake"
	    " WHERE channel = ?1 AND arch = ?2 AND counter = ?3";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*at = rc ? stmt_int(q, 0) : r->now;
	return 0;
}

static int
file_brake(struct repo *r, const struct brake_order *o, const char *arch,
    int64_t counter, int64_t first, int64_t until, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO brake(channel, arch, counter, first_at, until, reason,"
	    " by, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	    " ON CONFLICT (channel, arch, counter) DO UPDATE SET"
	    " until = excluded.until, reason = excluded.reason,"
	    " by = excluded.by, digest = excluded.digest, lifted_at = NULL,"
	    " statement = NULL";
	auto_json json_t *b = record(o, arch, counter, until);
	auto_buf struct buf bytes = BUF_INIT;
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	struct hash h;

	if (canon_json(b, &bytes, err) == -1 ||
	    own_target_put(r, &bytes, &h, err) == -1)
		return -1;
	stmt_bind_str(q, 1, o->channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	stmt_bind_int(q, 4, first);
	stmt_bind_int(q, 5, until);
	stmt_bind_str(q, 6, o->reason);
	stmt_bind_str(q, 7, o->by);
	stmt_bind_hash(q, 8, &h);
	return stmt_run(q, err);
}

static int
order_arch(struct repo *r, const struct brake_order *o, const char *arch,
    int64_t counter, struct err *err)
{
	int64_t first, until;

	if (first_stop(r, o->channel, arch, counter, &first, err) == -1)
		return -1;
	until = r->now + (o->seconds ? o->seconds : BRAKE_LONGEST);
	if (until > first + BRAKE_LONGEST)
		until = first + BRAKE_LONGEST;
	if (until <= r->now)
		return err_set(err, ERR_INPUT,
		    "set %s/%s %lld was stopped for its 14 days already;"
		    " withdraw its images or promote another set",
		    o->channel, arch, (long long)counter);
	if (file_brake(r, o, arch, counter, first, until, err) == -1)
		return -1;
	repo_event(r, "halted", o->channel, "set %s/%s %lld by %s: %s",
	    o->channel, arch, (long long)counter, o->by, o->reason);
	return 0;
}

/* {arch: newest counter}, of sets that routers may have. */
static int
published(
    struct repo *r, const struct brake_order *o, json_t *out, struct err *err)
{
	static const char sql[] =
	    "SELECT arch, max(counter) FROM published_set WHERE channel = ?1"
	    " AND (?2 IS NULL OR arch = ?2) AND (?3 = 0 OR counter = ?3)"
	    " GROUP BY arch";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, o->channel);
	stmt_bind_str(q, 2, o->arch);
	stmt_bind_int(q, 3, o->counter);
	while ((rc = stmt_step(q, err)) == 1)
		js_set_int(out, stmt_str(q, 0), stmt_int(q, 1));
	return rc;
}

int
brake_order(
    struct repo *r, const struct brake_order *o, size_t *n, struct err *err)
{
	auto_json json_t *archs = json_object();
	const char *arch;
	json_t *counter;

	if (!brake_reason_ok(o->reason))
		return err_set(err, ERR_INPUT,
		    "the reason must be 1 to %d characters of plain ASCII",
		    BRAKE_REASON_MAX);
	if (o->seconds < 0 || o->seconds > BRAKE_LONGEST)
		return err_set(err, ERR_INPUT,
		    "a brake holds for 14 days less an hour at most");
	if (published(r, o, archs, err) == -1)
		return -1;
	if (json_object_size(archs) == 0)
		return err_set(err, ERR_INPUT,
		    "there is no such published set in channel %s", o->channel);
	if (db_begin(r->db, err) == -1)
		return -1;
	json_object_foreach(archs, arch, counter)
	{
		if (order_arch(r, o, arch, json_integer_value(counter), err) ==
		    -1) {
			db_rollback(r->db);
			return -1;
		}
	}
	*n = json_object_size(archs);
	return db_commit(r->db, err);
}

int
brake_stands(struct repo *r, const char *channel, const char *arch,
    int64_t counter, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM brake WHERE channel = ?1 AND arch = ?2"
	    " AND counter = ?3 AND until > ?4 AND lifted_at IS NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	stmt_bind_int(q, 4, r->now);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* --- the role ---------------------------------------------------------- */

/* One name for each channel and architecture: of several stopped sets the
 * newest, which is the one that routers are offered. */
static int
wanted(struct repo *r, json_t *targets, struct err *err)
{
	static const char sql[] =
	    "SELECT b.channel, b.arch, b.digest, length(CAST(t.bytes AS BLOB))"
	    " FROM brake b JOIN own_target t ON t.digest = b.digest"
	    " WHERE b.until > ?1 AND b.lifted_at IS NULL"
	    " AND b.counter = (SELECT max(counter) FROM brake n"
	    " WHERE n.channel = b.channel AND n.arch = b.arch"
	    " AND n.until > ?1 AND n.lifted_at IS NULL)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_int(q, 1, r->now);
	while ((rc = stmt_step(q, err)) == 1) {
		auto_free char *path = mem_printf(
		    BRAKE "/%s/%s.json", stmt_str(q, 0), stmt_str(q, 1));
		struct hash h;

		if (!stmt_hash(q, 2, &h))
			return err_set(
			    err, ERR_INPUT, "tuf.db: brake's digest");
		js_set(targets, path, meta_entry(&h, stmt_int(q, 3), 0));
	}
	return rc;
}

/* A version whose signature never came is signed first. */
static int
finish_last(struct repo *r, int64_t *newest, struct err *err)
{
	int64_t whole;
	bool complete;

	if (role_newest(r->db, BRAKE, false, newest, err) == -1 ||
	    role_newest(r->db, BRAKE, true, &whole, err) == -1)
		return -1;
	if (whole == *newest)
		return 0;
	return collect_sign(r, BRAKE, *newest, &complete, err);
}

int
brakes_make(struct repo *r, bool *made, struct err *err)
{
	auto_tuf struct tuf_file *last = NULL;
	auto_json json_t *part = NULL, *targets = json_object();
	int64_t newest;
	bool complete;

	*made = false;
	if (wanted(r, targets, err) == -1 ||
	    finish_last(r, &newest, err) == -1 ||
	    role_load_newest(r->db, BRAKE, &last, err) == -1)
		return -1;
	if (json_equal(targets,
		last ? json_object_get(last->signed_json, "targets") : NULL) ||
	    (!last && json_object_size(targets) == 0))
		return 0;
	part =
	    meta_signed(BRAKE, newest + 1, rule_expiry(rule_of(BRAKE), r->now));
	json_object_set(part, "targets", targets);
	if (collect_propose(r, BRAKE, part, err) == -1 ||
	    collect_sign(r, BRAKE, newest + 1, &complete, err) == -1)
		return -1;
	*made = complete;
	return 0;
}

/* --- taking one off ---------------------------------------------------- */

int
resume_draft(struct repo *r, const char *channel, const char *arch,
    struct buf *out, struct err *err)
{
	static const char sql[] =
	    "SELECT arch, counter FROM brake WHERE channel = ?1"
	    " AND (?2 IS NULL OR arch = ?2) AND until > ?3"
	    " AND lifted_at IS NULL ORDER BY arch, counter";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_json json_t *o = js_record_new("kiln/resume", 1);
	json_t *sets = json_array();
	int rc;

	js_set_str(o, "channel", channel);
	meta_set_time(o, "at", r->now);
	js_set(o, "sets", sets);
	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, r->now);
	while ((rc = stmt_step(q, err)) == 1) {
		json_t *s = json_object();

		js_set_str(s, "arch", stmt_str(q, 0));
		js_set_int(s, "counter", stmt_int(q, 1));
		json_array_append_new(sets, s);
	}
	if (rc == -1)
		return -1;
	if (json_array_size(sets) == 0)
		return err_set(err, ERR_INPUT,
		    "nothing is stopped in channel %s", channel);
	return canon_json(o, out, err);
}

static int
get_signature(
    const json_t *o, struct hash *keyid, struct sig *sig, struct err *err)
{
	const char *hex;

	if (js_hash("signature", o, "keyid", keyid, err) == -1 ||
	    js_str("signature", o, "sig", &hex, err) == -1)
		return -1;
	if (!hex_decode(sig->b, sizeof(sig->b), hex, strlen(hex)))
		return err_set(err, ERR_INPUT, "signature: not 64 bytes");
	return 0;
}

/* Distinct keys of the role; each public key counts once. */
static int
good_signatures(const struct tuf_file *targets, const struct tuf_role *d,
    const json_t *list, const struct buf *bytes, int64_t *n, struct err *err)
{
	auto_free bool *counted = mem_zero(d->nkeyids + 1, sizeof(bool));

	*n = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct hash id;
		struct sig sig;
		char hex[HASH_HEX];

		if (get_signature(json_array_get(list, i), &id, &sig, err) ==
		    -1)
			return -1;
		hash_hex(&id, hex);
		for (size_t k = 0; k < d->nkeyids; k++) {
			const struct tuf_key *key =
			    tuf_key_find(targets, d->keyids[k]);

			if (counted[k] || !key || !key->usable ||
			    strcmp(d->keyids[k], hex) != 0 ||
			    !sig_verify(
				&key->pub, bytes->data, bytes->len, &sig))
				continue;
			counted[k] = true;
			(*n)++;
		}
	}
	return 0;
}

static int
check_statement(struct repo *r, const json_t *file, struct err *err)
{
	auto_tuf struct tuf_file *targets = NULL;
	auto_buf struct buf bytes = BUF_INIT;
	const struct tuf_role *d;
	json_t *list, *part;
	int64_t n;

	if (js_array("resume", file, "signatures", &list, err) == -1 ||
	    js_object("resume", file, "signed", &part, err) == -1 ||
	    canon_json(part, &bytes, err) == -1 ||
	    collect_delegator(r, "sets-stable", &targets, err) == -1)
		return -1;
	d = tuf_role_find(targets, "sets-stable");
	if (!d)
		return err_set(err, ERR_TRUST, "there is no release key");
	if (good_signatures(targets, d, list, &bytes, &n, err) == -1)
		return -1;
	if (n < d->threshold)
		return err_set(err, ERR_TRUST,
		    "resume: %lld of %lld signatures by release keys",
		    (long long)n, (long long)d->threshold);
	return 0;
}

static int
lift(struct repo *r, const char *channel, const json_t *set,
    const char *statement, int64_t at, struct err *err)
{
	/* One made before the brake says nothing about it. */
	static const char sql[] =
	    "UPDATE brake SET lifted_at = ?4, statement = ?5"
	    " WHERE channel = ?1 AND arch = ?2 AND counter = ?3"
	    " AND lifted_at IS NULL AND first_at <= ?6";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	const char *arch;
	int64_t counter;

	if (js_str("set", set, "arch", &arch, err) == -1 ||
	    js_int("set", set, "counter", 1, JS_INT_MAX, &counter, err) == -1)
		return -1;
	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	stmt_bind_int(q, 3, counter);
	stmt_bind_int(q, 4, r->now);
	stmt_bind_str(q, 5, statement);
	stmt_bind_int(q, 6, at);
	if (stmt_run(q, err) == -1)
		return -1;
	repo_event(r, "resumed", channel, "set %s/%s %lld", channel, arch,
	    (long long)counter);
	return 0;
}

/* An old statement lifts nothing that was stopped since. */
static int
check_fresh(struct repo *r, const char *when, int64_t *at, struct err *err)
{
	if (time_parse(when, at, err) == -1)
		return -1;
	if (*at < r->now - DAY || *at > r->now + DAY)
		return err_set(err, ERR_TRUST,
		    "resume: it was signed for %s, not for today", when);
	return 0;
}

int
resume_accept(struct repo *r, const void *p, size_t len, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "channel", "at",
		"sets", NULL };
	auto_json json_t *file = js_parse("resume", p, len, err);
	auto_free char *statement = mem_strn(p, len);
	json_t *part, *sets;
	const char *kind, *channel, *when;
	int64_t at;

	if (!file || check_statement(r, file, err) == -1)
		return -1;
	part = json_object_get(file, "signed");
	if (js_only("resume", part, keys, err) == -1 ||
	    js_str("resume", part, "kind", &kind, err) == -1 ||
	    js_str("resume", part, "channel", &channel, err) == -1 ||
	    js_str("resume", part, "at", &when, err) == -1 ||
	    js_array("resume", part, "sets", &sets, err) == -1 ||
	    check_fresh(r, when, &at, err) == -1)
		return -1;
	if (strcmp(kind, "kiln/resume") != 0)
		return err_set(err, ERR_INPUT, "resume: it is a %s", kind);
	if (db_begin(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(sets); i++)
		if (lift(r, channel, json_array_get(sets, i), statement, at,
			err) == -1)
			goto fail;
	if (asked_done(r, "resume", channel, err) == -1)
		goto fail;
	return db_commit(r->db, err);
fail:
	db_rollback(r->db);
	return -1;
}
