/*
 * GET /api/v1/origin/HEX or /api/v1/origin/N: all that has to be built to
 * have an artifact, or the outputs of a build, from packages and sources
 * alone.  The bytes it names are at /blob/HEX.
 */
#include "lib/origin.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/num.h"
#include "web/api/api.h"

void
api_origin(struct req *req, struct reply *re)
{
	struct web *w = req->web;
	struct err err = ERR_INIT;
	auto_json json_t *j = NULL;
	struct hash h;
	int64_t run;

	req_readers(req);
	if (!w->farm) {
		reply_error(req, re, 503, "busy", "nothing was built yet");
		return;
	}
	if (hash_parse(&h, req->part[0]))
		j = origin_of_digest(w->farm, w->store, &h, &err);
	else if (num_int(req->part[0], 1, INT64_MAX, &run, &err) == 0)
		j = origin_of_run(w->farm, w->store, run, &err);
	else
		err_set(&err, ERR_MISSING,
		    "an artifact is named by 64 lower-case hex digits, a "
		    "build by its number");
	if (j)
		reply_json(re, j);
	else if (err.cls == ERR_MISSING)
		reply_error(req, re, 404, "missing", err.msg);
	else
		reply_error(req, re, 500, "system", err.msg);
	/* A later build may have given the same. */
	re->cache = "no-cache";
}
