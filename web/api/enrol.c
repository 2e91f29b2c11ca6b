/*
 * A device comes with a token: {"enrol":{"kind":"kiln/enrol","v":1,"router",
 * "token"},"key","sig"}, the signature by the key whose digest is the router.
 * And what operators do about devices, for programs.
 */
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/api/device.h"
#include "web/fleet.h"

static int
take(struct req *req, const json_t *j, json_t *out, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "router", "token",
		NULL };
	auto_buf struct buf canonical = BUF_INIT;
	struct device_word w;
	const char *kind, *token;
	int64_t v;

	if (device_read("enrol", j, &w, &canonical, err) == -1 ||
	    js_only("enrol", w.record, keys, err) == -1 ||
	    js_str("enrol", w.record, "kind", &kind, err) == -1 ||
	    js_int("enrol", w.record, "v", 1, 1, &v, err) == -1 ||
	    js_str("enrol", w.record, "token", &token, err) == -1)
		return -1;
	if (strcmp(kind, "kiln/enrol") != 0)
		return err_set(
		    err, ERR_INPUT, "enrol: the kind is not kiln/enrol");
	if (fleet_enrol(req->web->web, token, w.router, w.key, err) == -1)
		return -1;
	js_set_str(out, "router", w.router);
	js_set_str(out, "standing", "accepted");
	return 0;
}

/* Parses, does, answers. */
static void
reply_of(struct req *req, struct reply *re, const char *what,
    int (*fn)(struct req *, const json_t *, json_t *, struct err *))
{
	struct err err = ERR_INIT;
	auto_json json_t *j =
	    js_parse(what, req->body.data, req->body.len, &err);
	auto_json json_t *out = json_object();

	if (j == NULL || fn(req, j, out, &err) == -1) {
		reply_error(
		    req, re, reply_status(&err), err_cause(&err), err.msg);
		return;
	}
	req->web->written++;
	reply_json(re, out);
}

void
api_enrol(struct req *req, struct reply *re)
{
	reply_of(req, re, "enrol", take);
}

/* --- operators
 * --------------------------------------------------------------*/

static int
make_token(struct req *req, const json_t *j, json_t *out, struct err *err)
{
	static const char *const keys[] = { "group", "lifetime", NULL };
	const char *group = "", *life = NULL;
	int64_t lifetime = FLEET_TOKEN_S;
	char secret[SECRET_TEXT];

	if (js_only("token", j, keys, err) == -1 ||
	    (json_object_get(j, "group") &&
		js_str("token", j, "group", &group, err) == -1) ||
	    (json_object_get(j, "lifetime") &&
		js_str("token", j, "lifetime", &life, err) == -1) ||
	    (life && num_duration(life, &lifetime, err) == -1) ||
	    fleet_token(req->web->web, req->who.name, group, lifetime, secret,
		err) == -1)
		return -1;
	js_set_str(out, "token", secret);
	js_set_int(out, "ends_at", time_now() + lifetime);
	return 0;
}

void
api_fleet_token(struct req *req, struct reply *re)
{
	reply_of(req, re, "token", make_token);
}

static int
set_standing(struct req *req, const json_t *j, json_t *out, struct err *err)
{
	static const char *const keys[] = { "standing", "why", NULL };
	const char *standing, *why;

	if (js_only("device", j, keys, err) == -1 ||
	    js_str("device", j, "standing", &standing, err) == -1 ||
	    js_str("device", j, "why", &why, err) == -1 ||
	    fleet_set(req->web->web, req->part[0], standing, req->who.name, why,
		err) == -1)
		return -1;
	js_set_str(out, "router", req->part[0]);
	js_set_str(out, "standing", standing);
	return 0;
}

void
api_router(struct req *req, struct reply *re)
{
	reply_of(req, re, "device", set_standing);
}
