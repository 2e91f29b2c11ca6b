#include "tuf-repo/threshold.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/wave.h"
#include "tuf-repo/brake.h"

#define BY "threshold"

struct offered {
	char channel[65], arch[65];
	int64_t counter, at;
	struct hash digest;
	json_t *waves; /* owned; NULL: all at once */
};

struct count {
	int64_t due; /* … and said that they run it, or went back */
	int64_t bad;
	char cause[65]; /* of one of them */
};

/* --- who was due ---------------------------------------------------------- */

static bool
is_due(const struct repo *r, const struct offered *o, const char *router)
{
	struct err ignored = ERR_INIT;
	struct hash device;
	int64_t after;

	if (!hash_parse(&device, router) ||
	    wave_after(o->waves, wave_place(&device, &o->digest), &after,
		&ignored) == -1 ||
	    after == WAVE_NEVER)
		return false;
	/* It counts from when it saw the set first: not before this. */
	return o->at + after <= r->now;
}

/* --- who went back -------------------------------------------------------- */

static bool
is_signed(
    const char *router, const char *key, const char *body, const char *sig_hex)
{
	struct sig_public pub;
	struct hash id, claimed;
	struct sig sig;

	if (!hex_decode(pub.b, sizeof(pub.b), key, strlen(key)) ||
	    !hex_decode(sig.b, sizeof(sig.b), sig_hex, strlen(sig_hex)) ||
	    !hash_parse(&claimed, router))
		return false;
	hash_bytes(&id, pub.b, sizeof(pub.b));
	return hash_equal(&id, &claimed) &&
	       sig_verify(&pub, body, strlen(body), &sig);
}

/* Does this report say that the router went back from this set, and not
 * because its owner wanted? */
static bool
says_back(const struct offered *o, const char *router, const char *body,
    char cause[65])
{
	static const char *const own[] = { "owner", "stopped", "state" };
	struct err ignored = ERR_INIT;
	auto_json json_t *j =
	    js_record("report", "kiln/report", 2, body, strlen(body), &ignored);
	const json_t *set = json_object_get(j, "set");
	const char *who, *state, *why;
	struct hash digest;

	if (j == NULL || js_str("report", j, "router", &who, &ignored) == -1 ||
	    js_str("report", j, "state", &state, &ignored) == -1 ||
	    js_str("report", j, "cause", &why, &ignored) == -1 ||
	    js_hash("set", set, "sha256", &digest, &ignored) == -1 ||
	    strcmp(who, router) != 0 || strcmp(state, "rolled-back") != 0 ||
	    !hash_equal(&digest, &o->digest))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(own[i], why) == 0)
			return false;
	/* It is shown, and goes into a signed reason of plain ASCII. */
	snprintf(cause, 65, "%.64s", brake_reason_ok(why) ? why : "unclear");
	return true;
}

static int
count_back(const struct repo *r, const struct offered *o, struct count *c,
    struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, r.key, p.body, p.sig FROM router r JOIN report p ON"
	    " p.router = r.id AND p.sequence = r.sequence WHERE r.set_sha = ?1"
	    " AND r.standing = 'accepted' AND r.state = 'rolled-back'"
	    " AND p.sig IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(r->web, sql);
	int got;

	stmt_bind_hash(q, 1, &o->digest);
	while ((got = stmt_step(q, err)) == 1) {
		const char *id = stmt_str(q, 0), *body = stmt_str(q, 2);
		char cause[65];

		if (!is_due(r, o, id) ||
		    !is_signed(id, stmt_str(q, 1), body, stmt_str(q, 3)) ||
		    !says_back(o, id, body, cause))
			continue;
		memcpy(c->cause, cause, sizeof(c->cause));
		c->bad++;
		c->due++;
	}
	return got;
}

static int
count_good(const struct repo *r, const struct offered *o, struct count *c,
    struct err *err)
{
	static const char sql[] =
	    "SELECT id FROM router WHERE set_sha = ?1 AND standing ="
	    " 'accepted' AND state = 'committed'";
	auto_stmt struct stmt *q = db_stmt(r->web, sql);
	int got;

	stmt_bind_hash(q, 1, &o->digest);
	while ((got = stmt_step(q, err)) == 1)
		c->due += is_due(r, o, stmt_str(q, 0));
	return got;
}

/* --- which sets ----------------------------------------------------------- */

/* The newest of each, unless it was stopped before. */
static const char newest_sql[] =
    "SELECT s.channel, s.arch, s.counter, s.digest, s.at, t.bytes"
    " FROM (SELECT channel, arch, max(counter) AS counter, digest, at"
    "  FROM published_set GROUP BY channel, arch) s"
    " JOIN own_target t ON t.digest = s.digest"
    " WHERE NOT EXISTS (SELECT 1 FROM brake b WHERE b.channel = s.channel"
    "  AND b.arch = s.arch AND b.counter = s.counter)"
    " ORDER BY s.channel, s.arch LIMIT 1 OFFSET ?1";

/* 1: *o is the n-th, 0: there are no more. */
static int
nth(struct repo *r, int64_t n, struct offered *o, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(r->db, newest_sql);
	auto_json json_t *set = NULL;
	const char *text;
	int got;

	stmt_bind_int(q, 1, n);
	if ((got = stmt_step(q, err)) != 1)
		return got;
	snprintf(o->channel, sizeof(o->channel), "%s", stmt_str(q, 0));
	snprintf(o->arch, sizeof(o->arch), "%s", stmt_str(q, 1));
	o->counter = stmt_int(q, 2);
	o->at = stmt_int(q, 4);
	text = stmt_str(q, 5);
	if (!stmt_hash(q, 3, &o->digest))
		return err_set(err, ERR_INPUT, "tuf.db: a set's digest");
	set = js_parse("set", text, strlen(text), err);
	if (set == NULL)
		return -1;
	o->waves = json_incref(json_object_get(set, "waves"));
	return 1;
}

static int
order(struct repo *r, const struct offered *o, const struct count *c,
    struct err *err)
{
	auto_buf struct buf reason = BUF_INIT;
	struct brake_order b = { .channel = o->channel,
		.arch = o->arch,
		.counter = o->counter,
		.by = BY };
	size_t n;

	buf_printf(&reason, "%lld of %lld routers that were due went back (%s)",
	    (long long)c->bad, (long long)c->due, c->cause);
	b.reason = reason.data;
	log_event(LOG_LEVEL_WARN, "threshold", "set=%s/%s/%lld text=\"%s\"",
	    o->channel, o->arch, (long long)o->counter, reason.data);
	return brake_order(r, &b, &n, err);
}

static int
judge(struct repo *r, const struct offered *o, bool *stopped, struct err *err)
{
	struct count c = { 0 };

	*stopped = false;
	if (count_back(r, o, &c, err) == -1)
		return err_prefix(err, "web.db");
	if (c.bad < r->stop_least)
		return 0;
	if (count_good(r, o, &c, err) == -1)
		return err_prefix(err, "web.db");
	if (c.bad * 100 < c.due * r->stop_percent)
		return 0;
	*stopped = true;
	return order(r, o, &c, err);
}

int
threshold_check(struct repo *r, struct err *err)
{
	int64_t n = 0;

	if (r->web == NULL || r->stop_percent == 0)
		return 0;
	for (;;) {
		struct offered o = { .waves = NULL };
		bool stopped = false;
		int got = nth(r, n, &o, err);

		if (got == 1 && judge(r, &o, &stopped, err) == -1)
			got = -1;
		json_decref(o.waves);
		if (got != 1)
			return got;
		/* One that was stopped is in the list no more. */
		n += !stopped;
	}
}
