#include "web/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "web/api/api.h"
#include "web/api/compat.h"
#include "web/asset.h"
#include "web/frame.h"
#include "web/guard.h"
#include "web/live.h"
#include "web/pages/pages.h"
#include "web/request.h"
#include "web/route.h"
#include "web/tree.h"
#include "web/upload.h"

/* Nobody uploads here: a POST meets 405, a GET nothing. */
static void
no_upload(struct req *req, struct reply *re)
{
	reply_error(req, re, 404, "missing", "no such address");
}

#define GET(p, f)                                          \
	{                                                  \
		.method = "GET", .pattern = (p), .fn = (f) \
	}
#define OPEN(p, f)                                                       \
	{                                                                \
		.method = "GET", .pattern = (p), .fn = (f), .open = true \
	}
/* By whom it is meant to be, it proves in its own way: a signature, a secret.
 */
#define SIGNED(p, f)                                                      \
	{                                                                 \
		.method = "POST", .pattern = (p), .fn = (f), .open = true \
	}
#define POST(p, f, n)                                                    \
	{                                                                \
		.method = "POST", .pattern = (p), .fn = (f), .need = (n) \
	}

const struct route dispatch_routes[] = {
	GET("/", page_now),
	GET("/recipes", page_recipes),
	GET("/proofs", page_proofs),
	GET("/recipe/*", page_recipe),
	GET("/builds", page_builds),
	GET("/build/*", page_build),
	GET("/build/*/log", page_log),
	GET("/nodes", page_exec),
	GET("/releases", page_releases),
	GET("/exposure", page_exposure),
	GET("/trust", page_trust),
	GET("/fleet", page_fleet),
	GET("/router/*", page_router),
	GET("/image/*", page_image),
	GET("/image/*/*", api_document),
	GET("/compare/*/*", compat_compare),
	GET("/find", page_find),
	GET("/routers", page_fleet),
	GET("/build/*/log/events", log_events),
	GET("/events", live_changes),
	GET("/api/v1/now", page_now),
	GET("/api/v1/recipes", page_recipes),
	GET("/api/v1/proofs", page_proofs),
	GET("/api/v1/recipes/*", page_recipe),
	GET("/api/v1/builds", page_builds),
	GET("/api/v1/builds/*", page_build),
	GET("/api/v1/builds/*/log", page_log),
	GET("/api/v1/compare/*/*", page_compare),
	GET("/api/v1/artifacts/*", page_image),
	GET("/api/v1/nodes", page_exec),
	GET("/api/v1/releases", page_releases),
	GET("/api/v1/routers", page_fleet),
	GET("/api/v1/routers/*", page_router),
	GET("/api/v1/exposure", page_exposure),
	GET("/api/v1/trust", page_trust),
	GET("/api/v1/find", page_find),
	GET("/api/v1/origin/*", api_origin),
	OPEN("/api/v1/openapi.json", asset_openapi),
	OPEN("/healthz", api_healthz),
	GET("/metrics", api_metrics),
	GET("/feed.atom", api_feed),
	GET("/all-builds", compat_all_builds),
	GET("/failed-builds", compat_failed_builds),
	GET("/job/*", compat_job),
	GET("/job/*/failed", compat_job),
	GET("/job/*/build/latest", compat_latest),
	GET("/job/*/build/latest/**", compat_latest),
	GET("/job/*/build/*", compat_build),
	GET("/job/*/build/*/main-binary", compat_main_binary),
	GET("/job/*/build/*/f/**", compat_file),
	GET("/job/*/build/*/console", compat_console),
	GET("/job/*/build/*/script", compat_script),
	GET("/hash", compat_hash),
	OPEN("/robots.txt", compat_robots),
	GET("/upload", no_upload),
	GET("/job/*/platform/*/upload", no_upload),
	OPEN("/login", page_login),
	{ .method = "POST",
	    .pattern = "/login",
	    .fn = post_login,
	    .from_page = true,
	    .open = true },
	POST("/logout", post_logout, RANK_VIEWER),
	{ .method = "GET",
	    .pattern = "/operate",
	    .fn = page_operate,
	    .need = RANK_OPERATOR },
	POST("/operate", post_operate, RANK_OPERATOR),
	POST("/api/v1/requests", api_request, RANK_OPERATOR),
	OPEN("/static/*", asset_reply),
	OPEN("/tuf/metadata/**", tree_metadata),
	OPEN("/tuf/targets/**", tree_target),
	OPEN("/tuf/log/**", tree_log),
	GET("/blob/*", tree_blob),
	GET("/attestation/*", api_attestation),
	OPEN("/api/v1/drafts", api_drafts),
	OPEN("/api/v1/draft/*", api_draft),
	SIGNED("/api/v1/signature", api_signature),
	SIGNED("/api/v1/attestation", api_statement),
	SIGNED("/api/v1/report", api_report),
	SIGNED("/api/v1/enrol", api_enrol),
	POST("/api/v1/enrolments", api_fleet_token, RANK_OPERATOR),
	POST("/api/v1/routers/*", api_router, RANK_OPERATOR),
	GET("/devices", page_devices),
	GET("/flaw", page_flaw),
	GET("/api/v1/flaw", page_flaw),
	POST("/device", post_devices, RANK_OPERATOR),
	GET("/api/v1/devices", page_devices),
	SIGNED("/hooks/*", api_hook),
	OPEN("/api/v1/attempts/*/blob/*", api_attempt_blob),
	{ .method = "PUT",
	    .pattern = "/api/v1/attempts/*/blob/*",
	    .fn = api_upload,
	    .open = true },
	SIGNED("/api/v1/attempts/*/handin", api_handin),
	{ 0 },
};

const char *
req_arg(const struct req *r, const char *name)
{
	return MHD_lookup_connection_value(r->con, MHD_GET_ARGUMENT_KIND, name);
}

bool
req_https(const struct req *r)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(r->con, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return i && i->tls_session;
}

/* --- databases -------------------------------------------------------------*/

/* An owner that has not made or migrated it yet: ask again later. */
static void
open_reader(struct web *w, const char *name, int64_t schema, struct db **db)
{
	auto_free char *path = NULL;
	struct err err = ERR_INIT;

	if (*db)
		return;
	path = mem_printf("%s/%s", w->path, name);
	*db = db_open_reader_of(path, schema, &err);
	/* Of a database of gigabytes: what each page looks at again. */
	if (*db && db_exec(*db, "PRAGMA cache_size = -32768", &err) == -1)
		log_err("reader", &err);
	if (*db == NULL && err.cls == ERR_BUSY)
		log_info("waiting", "db=%s msg=\"%s\"", name, err.msg);
	else if (*db == NULL)
		log_debug("reader", "db=%s msg=\"%s\"", name, err.msg);
}

void
web_readers(struct web *w)
{
	open_reader(w, "farm.db", FARM_SCHEMA, &w->farm);
	open_reader(w, "tuf.db", TUF_SCHEMA, &w->tuf);
}

void
req_readers(struct req *r)
{
	web_readers(r->web);
}

/* --- replies of any handler ------------------------------------------------*/

void
reply_json(struct reply *re, const json_t *j)
{
	js_text(j, true, &re->body);
	buf_char(&re->body, '\n');
	re->type = "application/json";
}

void
reply_error(struct req *req, struct reply *re, unsigned status, const char *cls,
    const char *message)
{
	const char *accept =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Accept");

	buf_clear(&re->body);
	own_close(&re->fd);
	re->fd = -1;
	re->status = status;
	re->etag[0] = '\0';
	re->cache = NULL;
	if (req->json || strcmp(req->method, "POST") == 0 || accept == NULL ||
	    strstr(accept, "text/html") == NULL) {
		auto_json json_t *j = json_object();
		json_t *e = json_object();

		js_set_str(e, "class", cls);
		js_set_str(e, "message", message);
		js_set(j, "error", e);
		reply_json(re, j);
		return;
	}
	page_message(&re->body, status == 404 ? "Not here" : "Error", message);
	re->type = "text/html; charset=utf-8";
}

void
reply_go(struct reply *re, const char *where)
{
	snprintf(re->place, sizeof(re->place), "%s", where);
	re->location = re->place;
	re->status = 303;
}

unsigned
reply_status(const struct err *err)
{
	switch (err->cls) {
	case ERR_INPUT:
		return 400;
	case ERR_TRUST:
		return 403;
	case ERR_MISSING:
		return 404;
	default:
		return 503;
	}
}

/* --- the way there ---------------------------------------------------------*/

static bool
cut_json(char *s)
{
	size_t n = strlen(s);

	if (n < 6 || s[n - 6] == '/' || strcmp(s + n - 5, ".json") != 0)
		return false;
	s[n - 5] = '\0';
	return true;
}

/* Clients of other servers may end an address of theirs with a slash. */
static void
cut_slash(char *s)
{
	static const char *const theirs[] = { "/job/", "/hash/", "/compare/",
		"/all-builds/", "/failed-builds/" };
	size_t i, n = strlen(s);

	for (i = 0; i < ARRAY_LEN(theirs); i++)
		if (n > 1 && s[n - 1] == '/' &&
		    strncmp(s, theirs[i], strlen(theirs[i])) == 0)
			s[n - 1] = '\0';
}

static const struct route jobs = GET("/", compat_jobs);

/* The page's own handler for "/builds.json" is that of "/builds". */
static const struct route *
find(struct req *req, char *path, const char **allow)
{
	const struct route *r;

	*allow = NULL;
	cut_slash(path);
	req->path = path;
	req->json = strncmp(path, "/api/v1/", 8) == 0;
	/* Clients of other servers ask for the catalogue at "/". */
	if (strcmp(path, "/") == 0 && strcmp(req->method, "GET") == 0 &&
	    compat_wants_json(req))
		return &jobs;
	r = route_find(dispatch_routes, req, allow);
	if (r == NULL && *allow == NULL && cut_json(path)) {
		/* "/index.json" is "/". */
		if (strcmp(path, "/index") == 0)
			req->path = "/";
		req->json = true;
		return route_find(dispatch_routes, req, allow);
	}
	/* "/recipe/x.json": the star took the suffix along. */
	if (r &&
	    (r->fn == page_recipe || r->fn == page_build ||
		r->fn == page_router || r->fn == page_image) &&
	    cut_json(req->part[0]))
		req->json = true;
	if (r && (r->fn == page_compare || r->fn == compat_compare) &&
	    cut_json(req->part[1]))
		req->json = true;
	return r;
}

void
dispatch(struct req *req, struct reply *re)
{
	const struct route *r;
	/* Cut below, and gone when this returns. */
	auto_free char *path = mem_str(req->path);

	r = find(req, path, &re->allow);
	if (r)
		re->allow = NULL;
	if (r == NULL && re->allow)
		reply_error(req, re, 405, "method",
		    "this address does not take that method");
	else if (r == NULL)
		reply_error(req, re, 404, "missing", "no such address");
	else if (req->too_long)
		reply_error(req, re, 413, "too-large",
		    "a request body is at most 64 KiB");
	else if (guard(req, re, r))
		r->fn(req, re);
	req->path = "";
}
