/*
 * A router's report: {"report":{…},"key":"HEX","sig":"HEX128"}.  Taken only
 * if the key signed the canonical report, the key's digest is the router it
 * speaks for, and the sequence is new.
 */
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "web/api/api.h"
#include "web/api/device.h"
#include "web/fleet.h"
#include "web/routers.h"

#define SERVICES 64
#define WORD 64

/* --- the record ------------------------------------------------------------*/

/* Words of ours, shown to people: no text of any length or alphabet. */
static int
word(const char *what, const json_t *j, const char *key, const char **out,
    struct err *err)
{
	const char *s;
	size_t n;

	if (js_str(what, j, key, &s, err) == -1)
		return -1;
	for (n = 0; s[n] > 0x20 && s[n] < 0x7f; n++)
		;
	if (n == 0 || n > WORD || s[n] != '\0')
		return err_set(err, ERR_INPUT,
		    "%s: \"%s\" is not a word of at most %d characters", what,
		    key, WORD);
	if (out)
		*out = s;
	return 0;
}

static bool
is_null(const json_t *j, const char *key)
{
	return json_is_null(json_object_get(j, key));
}

static int
hash_or_null(
    const char *what, const json_t *j, const char *key, struct err *err)
{
	struct hash h;

	return is_null(j, key) ? 0 : js_hash(what, j, key, &h, err);
}

static int
check_services(const char *what, const json_t *r, struct err *err)
{
	static const char *const keys[] = { "service", "image", "state", NULL };
	json_t *list, *s;
	struct hash h;
	size_t i;

	if (js_array(what, r, "services", &list, err) == -1)
		return -1;
	if (json_array_size(list) > SERVICES)
		return err_set(err, ERR_INPUT, "%s: more than %d services",
		    what, SERVICES);
	json_array_foreach(list, i, s)
	{
		if (js_only(what, s, keys, err) == -1 ||
		    word(what, s, "service", NULL, err) == -1 ||
		    js_hash(what, s, "image", &h, err) == -1 ||
		    word(what, s, "state", NULL, err) == -1)
			return -1;
	}
	return 0;
}

/* An object of these keys, or null when no set runs yet. */
static int
part(const char *what, const json_t *r, const char *key,
    const char *const *keys, json_t **out, struct err *err)
{
	*out = NULL;
	if (is_null(r, key))
		return 0;
	if (js_object(what, r, key, out, err) == -1)
		return -1;
	return js_only(what, *out, keys, err);
}

static int
check_parts(const char *what, const json_t *r, struct said *s, struct err *err)
{
	static const char *const set_keys[] = { "counter", "sha256", NULL };
	static const char *const kernel_keys[] = { "vmlinuz", "initrd", NULL };
	static const char *const roles[] = { "root", "timestamp", "snapshot",
		"targets", NULL };
	json_t *set, *kernel, *metadata;
	struct hash h;
	int64_t n;
	size_t i;

	if (part(what, r, "set", set_keys, &set, err) == -1 ||
	    part(what, r, "kernel", kernel_keys, &kernel, err) == -1 ||
	    part(what, r, "metadata", roles, &metadata, err) == -1)
		return -1;
	if (set && (js_int(what, set, "counter", 0, JS_INT_MAX, &s->counter,
			err) == -1 ||
		       js_hash(what, set, "sha256", &h, err) == -1))
		return -1;
	if (set)
		s->set_sha = json_string_value(json_object_get(set, "sha256"));
	s->timestamp =
	    json_integer_value(json_object_get(metadata, "timestamp"));
	if (kernel && (js_hash(what, kernel, "vmlinuz", &h, err) == -1 ||
			  js_hash(what, kernel, "initrd", &h, err) == -1))
		return -1;
	for (i = 0; metadata && roles[i]; i++)
		if (js_int(what, metadata, roles[i], 0, JS_INT_MAX, &n, err) ==
		    -1)
			return -1;
	return 0;
}

/* From version 2 on.  A day without packets, or a terabyte, is no update. */
static int
check_update(const char *what, const json_t *r, int64_t v, struct said *s,
    struct err *err)
{
	static const char *const keys[] = { "bytes", "switch_ms", NULL };
	json_t *u;

	s->bytes = s->gap_ms = -1;
	if (v == 1)
		return json_object_get(r, "update")
			   ? err_set(err, ERR_INPUT,
				 "%s: version 1 has no \"update\"", what)
			   : 0;
	if (js_object(what, r, "update", &u, err) == -1 ||
	    js_only(what, u, keys, err) == -1 ||
	    js_int(what, u, "bytes", 0, INT64_C(1) << 40, &s->bytes, err) == -1)
		return -1;
	return is_null(u, "switch_ms")
		   ? 0
		   : js_int(what, u, "switch_ms", 0, 86400000, &s->gap_ms, err);
}

static int
check_record(const char *what, const json_t *r, struct said *s, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "router", "sequence",
		"previous", "at", "agent", "arch", "channel", "accel", "state",
		"cause", "set", "services", "kernel", "metadata", "update",
		NULL };
	static const char *const states[] = { "committed", "rolled-back",
		"refused", "failed" };
	const char *kind, *at;
	int64_t v, t;
	size_t i;

	if (js_only(what, r, keys, err) == -1 ||
	    js_str(what, r, "kind", &kind, err) == -1)
		return -1;
	if (strcmp(kind, "kiln/report") != 0)
		return err_set(
		    err, ERR_INPUT, "%s: the kind is not kiln/report", what);
	if (js_int(what, r, "v", 1, 2, &v, err) == -1 ||
	    js_str(what, r, "router", &s->router, err) == -1 ||
	    js_int(what, r, "sequence", 1, INT64_C(1) << 52, &s->sequence,
		err) == -1 ||
	    hash_or_null(what, r, "previous", err) == -1 ||
	    js_str(what, r, "at", &at, err) == -1 ||
	    time_parse(at, &t, err) == -1 ||
	    word(what, r, "agent", &s->agent, err) == -1 ||
	    word(what, r, "arch", &s->arch, err) == -1 ||
	    word(what, r, "channel", &s->channel, err) == -1 ||
	    word(what, r, "accel", NULL, err) == -1 ||
	    word(what, r, "state", &s->state, err) == -1 ||
	    (!is_null(r, "cause") &&
		word(what, r, "cause", &s->cause, err) == -1))
		return -1;
	for (i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i], s->state) == 0)
			break;
	if (i == ARRAY_LEN(states))
		return err_set(err, ERR_INPUT,
		    "%s: \"state\" is committed, rolled-back, refused or "
		    "failed",
		    what);
	if (check_services(what, r, err) == -1 ||
	    check_update(what, r, v, s, err) == -1)
		return -1;
	return check_parts(what, r, s, err);
}

/* --- who said it -----------------------------------------------------------*/

static int
check(const json_t *j, struct said *s, struct buf *canonical, struct err *err)
{
	struct device_word w;

	if (device_read("report", j, &w, canonical, err) == -1)
		return -1;
	s->key = w.key;
	s->sig = w.sig;
	s->body = canonical->data;
	s->body_len = canonical->len;
	return check_record("report", w.record, s, err);
}

/* --- keeping it ------------------------------------------------------------*/

/* Did we publish the set that it names?  What anybody may claim counts for
 * nothing. */
static int
is_published(struct req *req, struct said *s, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM published_set WHERE channel = ?1 AND arch = ?2 AND"
	    " counter = ?3 AND digest = ?4";
	int got;

	req_readers(req);
	if (req->web->tuf == NULL || s->set_sha == NULL)
		return 0;
	auto_stmt struct stmt *q = db_stmt(req->web->tuf, sql);

	stmt_bind_str(q, 1, s->channel);
	stmt_bind_str(q, 2, s->arch);
	stmt_bind_int(q, 3, s->counter);
	stmt_bind_str(q, 4, s->set_sha);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	s->published = got == 1;
	return 0;
}

static int
keep(struct req *req, struct said *s, struct err *err)
{
	if (is_published(req, s, err) == -1)
		return -1;
	return routers_said(req->web->web, s, err);
}

void
api_report(struct req *req, struct reply *re)
{
	struct err err = ERR_INIT;
	auto_buf struct buf canonical = BUF_INIT;
	struct said s = { .body = "" };
	auto_json json_t *j =
	    js_parse("report", req->body.data, req->body.len, &err);
	auto_json json_t *ok = json_object();

	if (j == NULL || check(j, &s, &canonical, &err) == -1) {
		reply_error(req, re, err.cls == ERR_TRUST ? 403 : 400,
		    err_cause(&err), err.msg);
	} else if (fleet_may_report(req->web->web, s.router,
		       req->web->enrolled_only, &err) == -1 ||
		   keep(req, &s, &err) == -1) {
		reply_error(
		    req, re, reply_status(&err), err_cause(&err), err.msg);
	} else {
		req->web->written++;
		/* A repeated sequence is answered the same: a router that lost
		 * our answer sends again. */
		js_set_int(ok, "sequence", s.sequence);
		reply_json(re, ok);
	}
}
