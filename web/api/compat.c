/*
 * What clients of other build servers ask: `albatross-client update` and
 * mollymawk find an image by its hash, the newest one of its job, the
 * difference of both, and the bytes.  A thin, read-only layer over our own
 * records: a job is a recipe, a build is an image's plan that was reproduced,
 * its UUID is made of the plan's digest.
 *
 * Such clients never decode what a Location says and want no host in it.
 */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/api/api.h"
#include "web/api/compat.h"
#include "web/model.h"
#include "web/tree.h"

/* --- UUIDs -----------------------------------------------------------------*/

/* Version 8 (RFC 9562): 122 bits of the digest. */
void
compat_uuid(const char *plan, char out[COMPAT_UUID])
{
	static const char variant[] = "89ab";
	const char *digits = "0123456789abcdef";
	const char *d = strchr(digits, plan[16]);

	snprintf(out, COMPAT_UUID, "%.8s-%.4s-8%.3s-%c%.3s-%.12s", plan,
	    plan + 8, plan + 13, variant[d ? (d - digits) & 3 : 0], plan + 17,
	    plan + 20);
}

bool
compat_is_uuid(const char *s)
{
	size_t i;

	for (i = 0; i < COMPAT_UUID - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-'
			 : !s[i] || !strchr("0123456789abcdef", s[i]))
			return false;
	}
	return s[i] == '\0';
}

/* --- builds ----------------------------------------------------------------*/

/* One statement with three ends; a build is the plan and its newest run. */
#define BUILD                                                               \
	"SELECT p.digest, p.recipe, r.id, r.started_at, r.finished_at,"     \
	" o.digest, o.size, p.lock, r.log FROM plan p CROSS JOIN run r ON " \
	"r.id ="                                                            \
	" (SELECT max(id) FROM run WHERE plan = p.digest AND state ="       \
	"  'succeeded') CROSS JOIN output o ON o.run = r.id AND o.name = "  \
	"'image'"                                                           \
	" WHERE p.stage = 'image' AND p.verdict = 'reproduced' "
/* The plan that stands for the recipe before any other. */
#define ORDER                                                      \
	" ORDER BY EXISTS (SELECT 1 FROM current c WHERE c.plan =" \
	" p.digest) DESC, p.made_at DESC, p.digest "

static int
take(struct stmt *q, struct compat_build *b, struct err *err)
{
	int got = stmt_step(q, err);

	if (got != 1)
		return got;
	snprintf(b->plan, sizeof(b->plan), "%s", stmt_str(q, 0));
	snprintf(b->job, sizeof(b->job), "%s", stmt_str(q, 1));
	b->run = stmt_int(q, 2);
	b->started = stmt_int(q, 3);
	b->finished = stmt_int(q, 4);
	snprintf(b->image, sizeof(b->image), "%s", stmt_str(q, 5));
	b->size = stmt_int(q, 6);
	snprintf(b->lock, sizeof(b->lock), "%s", stmt_str(q, 7));
	snprintf(
	    b->log, sizeof(b->log), "%s", stmt_str(q, 8) ? stmt_str(q, 8) : "");
	compat_uuid(b->plan, b->uuid);
	return 1;
}

int
compat_by_uuid(
    struct web *w, const char *uuid, struct compat_build *b, struct err *err)
{
	static const char sql[] =
	    BUILD "AND p.digest >= ?1 AND p.digest < ?1 || 'g'";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);
	char prefix[16];
	int got;

	if (!compat_is_uuid(uuid))
		return 0;
	snprintf(prefix, sizeof(prefix), "%.8s%.4s", uuid, uuid + 9);
	stmt_bind_str(q, 1, prefix);
	while ((got = take(q, b, err)) == 1)
		if (strcmp(b->uuid, uuid) == 0)
			return 1;
	return got;
}

static int
latest(struct web *w, const char *job, struct compat_build *b, struct err *err)
{
	static const char now[] =
	    BUILD "AND p.digest = (SELECT plan FROM current WHERE recipe = ?1"
		  " AND stage = 'image')";
	static const char newest[] =
	    BUILD "AND p.recipe = ?1 ORDER BY p.made_at DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(w->farm, now);
	auto_stmt struct stmt *n = db_stmt(w->farm, newest);
	int got;

	stmt_bind_str(q, 1, job);
	if ((got = take(q, b, err)) != 0)
		return got;
	stmt_bind_str(n, 1, job);
	return take(n, b, err);
}

static int
by_hash(struct web *w, const char *hex, struct compat_build *b, struct err *err)
{
	static const char sql[] =
	    /* Some files are in every build: its newest are looked at, and
	     * what stands now. */
	    BUILD "AND p.digest IN (SELECT r2.plan FROM (SELECT run FROM"
		  "  output WHERE digest = ?1 ORDER BY run DESC LIMIT 500) o2"
		  "  JOIN run r2 ON r2.id = o2.run UNION SELECT r3.plan FROM"
		  "  current c CROSS JOIN run r3 ON r3.plan = c.plan CROSS"
		  "  JOIN output o3 ON o3.run = r3.id AND o3.digest = ?1 WHERE"
		  "  c.stage = 'image')" ORDER "LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);

	stmt_bind_str(q, 1, hex);
	return take(q, b, err);
}

/* --- replies ---------------------------------------------------------------*/

bool
compat_wants_json(const struct req *req)
{
	const char *a =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Accept");
	static const char type[] = "application/json";

	/* Exactly this type in the list; its parameters do not matter. */
	while (a && *a) {
		a += strspn(a, " \t,");
		if (strncasecmp(a, type, strlen(type)) == 0 &&
		    strchr(" \t,;", a[strlen(type)]))
			return true;
		a = strchr(a, ',');
	}
	return false;
}

static void go(struct reply *re, unsigned status, const char *fmt, ...)
    KILN_PRINTF(3, 4);
static void
go(struct reply *re, unsigned status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(re->place, sizeof(re->place), fmt, ap);
	va_end(ap);
	re->location = re->place;
	re->status = status;
}

static bool
missing(struct req *req, struct reply *re, int got, const struct err *err)
{
	if (got == 1)
		return false;
	if (got == 0)
		reply_error(req, re, 404, "missing", "no such build");
	else
		reply_error(req, re, 503, err_cause(err), err->msg);
	return true;
}

static bool
ready(struct req *req, struct reply *re)
{
	req_readers(req);
	if (req->web->farm)
		return true;
	reply_error(req, re, 503, "unavailable",
	    "kiln-builder has not made its database yet");
	return false;
}

/* GET /hash?sha256=HEX */
void
compat_hash(struct req *req, struct reply *re)
{
	const char *hex = req_arg(req, "sha256");
	struct compat_build b;
	struct err err = ERR_INIT;
	struct hash h;

	if (!ready(req, re))
		return;
	if (hex == NULL || !hash_parse(&h, hex)) {
		reply_error(req, re, 400, "bad-input",
		    "sha256: 64 lower-case hex digits are meant");
		return;
	}
	if (!missing(req, re, by_hash(req->web, hex, &b, &err), &err))
		go(re, 302, "/job/%s/build/%s", b.job, b.uuid);
}

/* GET /job/NAME/build/latest and /job/NAME/build/latest/REST */
void
compat_latest(struct req *req, struct reply *re)
{
	struct compat_build b;
	struct err err = ERR_INIT;

	if (!ready(req, re) ||
	    missing(req, re, latest(req->web, req->part[0], &b, &err), &err))
		return;
	go(re, 307, "/job/%s/build/%s%s%s", b.job, b.uuid,
	    req->part[1][0] ? "/" : "", req->part[1]);
}

static bool
find(struct req *req, struct reply *re, struct compat_build *b)
{
	struct err err = ERR_INIT;

	/* The job of the address is not checked against the build's. */
	return ready(req, re) &&
	       !missing(req, re,
		   compat_by_uuid(req->web, req->part[1], b, &err), &err);
}

json_t *
compat_build_json(struct web *w, const struct compat_build *b)
{
	auto_json json_t *plan = model_record(w, b->plan);
	json_t *j = json_object();
	char at[TIME_TEXT];

	js_set_str(j, "job", b->job);
	js_set_str(j, "uuid", b->uuid);
	js_set_str(j, "platform", m_str(plan, "arch"));
	time_text(b->started, at);
	js_set_str(j, "start_time", at);
	time_text(b->finished, at);
	js_set_str(j, "finish_time", at);
	js_set_bool(j, "main_binary", true);
	return j;
}

/* GET /job/NAME/build/UUID */
void
compat_build(struct req *req, struct reply *re)
{
	struct compat_build b;

	if (!find(req, re, &b))
		return;
	if (compat_wants_json(req)) {
		auto_json json_t *j = compat_build_json(req->web, &b);

		reply_json(re, j);
	} else {
		go(re, 302, "/build/%lld", (long long)b.run);
	}
}

/* GET …/main-binary */
void
compat_main_binary(struct req *req, struct reply *re)
{
	struct compat_build b;

	if (find(req, re, &b))
		go(re, 302, "/job/%s/build/%s/f/bin/%s.img", b.job, b.uuid,
		    b.job);
}

/* GET …/f/PATH: the image alone is an artifact of such a build. */
void
compat_file(struct req *req, struct reply *re)
{
	struct compat_build b;
	auto_free char *name = NULL;
	struct hash h;

	if (!find(req, re, &b))
		return;
	name = mem_printf("bin/%s.img", b.job);
	if (strcmp(name, req->part[2]) != 0) {
		reply_error(req, re, 404, "missing", "no such artifact");
		return;
	}
	snprintf(req->part[0], sizeof(req->part[0]), "%s", b.image);
	tree_blob(req, re);
	if (re->fd == -1 || !hash_parse(&h, b.image))
		return;
	/* The digest's bytes in base64, without quotes. */
	sodium_bin2base64(re->etag, sizeof(re->etag), h.b, sizeof(h.b),
	    sodium_base64_VARIANT_ORIGINAL);
	re->bare_etag = true;
}

/* GET …/console and …/script */
void
compat_console(struct req *req, struct reply *re)
{
	struct compat_build b;

	if (!find(req, re, &b))
		return;
	snprintf(req->part[0], sizeof(req->part[0]), "%s", b.log);
	tree_blob(req, re);
	if (re->fd != -1)
		re->type = "text/plain; charset=utf-8";
}

void
compat_script(struct req *req, struct reply *re)
{
	struct compat_build b;

	if (!find(req, re, &b))
		return;
	snprintf(req->part[0], sizeof(req->part[0]), "%s", b.plan);
	tree_blob(req, re);
	if (re->fd != -1)
		re->type = "text/plain; charset=utf-8";
}

/* --- lists -----------------------------------------------------------------*/

/* GET / and /all-builds as JSON: a missing synopsis would fail a whole
 * catalogue. */
void
compat_jobs(struct req *req, struct reply *re)
{
	static const char sql[] =
	    "SELECT name, summary, kind FROM recipe r WHERE EXISTS (SELECT 1"
	    " FROM plan p WHERE p.recipe = r.name AND p.stage = 'image' AND"
	    " p.verdict = 'reproduced') ORDER BY name";
	auto_json json_t *out = json_object();
	json_t *jobs = json_array(), *sections = json_object();
	struct err err = ERR_INIT;
	int got;

	js_set(out, "jobs", jobs);
	js_set(out, "jobs_by_section", sections);
	if (!ready(req, re))
		return;
	auto_stmt struct stmt *q = db_stmt(req->web->farm, sql);

	while ((got = stmt_step(q, &err)) == 1) {
		json_t *job = json_object();
		json_t *list = json_object_get(sections, stmt_str(q, 2));

		js_set_str(job, "name", stmt_str(q, 0));
		js_set_str(job, "synopsis", stmt_str(q, 1));
		if (list == NULL) {
			list = json_array();
			js_set(sections, stmt_str(q, 2), list);
		}
		json_array_append(list, job);
		json_array_append_new(jobs, job);
	}
	if (got == -1)
		reply_error(req, re, 503, err_cause(&err), err.msg);
	else
		reply_json(re, out);
}

void
compat_all_builds(struct req *req, struct reply *re)
{
	if (compat_wants_json(req))
		compat_jobs(req, re);
	else
		go(re, 302, "/recipes");
}

void
compat_failed_builds(struct req *req, struct reply *re)
{
	(void)req;
	go(re, 302, "/builds?state=failed");
}

/* Rows of plan, image and its size; each image once. */
static int
add_builds(json_t *builds, json_t *seen, const char *job, struct db *db,
    const char *sql, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_free char *name = mem_printf("bin/%s.img", job);
	int got;

	stmt_bind_str(q, 1, job);
	while ((got = stmt_step(q, err)) == 1) {
		const char *image = stmt_str(q, 1);
		char uuid[COMPAT_UUID];
		json_t *one, *binary;

		if (json_object_get(seen, image))
			continue;
		js_set_bool(seen, image, true);
		compat_uuid(stmt_str(q, 0), uuid);
		one = json_object();
		binary = json_object();
		js_set_str(one, "uuid", uuid);
		js_set_str(binary, "filename", name);
		js_set_str(binary, "sha256", image);
		js_set_int(binary, "size", stmt_int(q, 2));
		js_set(one, "main_binary", binary);
		json_array_append_new(builds, one);
	}
	return got;
}

/* GET /job/NAME: a build for each image that differs, what stands before all
 * others. */
void
compat_job(struct req *req, struct reply *re)
{
	static const char now[] =
	    "SELECT x.plan, x.image, x.image_size FROM current c JOIN plan p ON"
	    " p.digest = c.plan JOIN product x ON x.recipe = p.recipe AND"
	    " x.stage = p.stage AND x.made_at = p.made_at AND x.plan ="
	    " p.digest WHERE c.recipe = ?1 AND c.stage = 'image' AND x.image"
	    " IS NOT NULL";
	static const char before[] =
	    "SELECT plan, image, image_size FROM product WHERE recipe = ?1 AND"
	    " stage = 'image' AND image IS NOT NULL ORDER BY made_at DESC,"
	    " plan LIMIT 200";
	auto_json json_t *out = json_object(), *seen = json_object();
	json_t *builds = json_array();
	const char *job = req->part[0];
	struct db *db;
	struct err err = ERR_INIT;

	js_set(out, "builds", builds);
	if (!ready(req, re))
		return;
	if (!compat_wants_json(req)) {
		go(re, 302, "/recipe/%s", job);
		return;
	}
	db = req->web->farm;
	if (add_builds(builds, seen, job, db, now, &err) == -1 ||
	    add_builds(builds, seen, job, db, before, &err) == -1)
		reply_error(req, re, 503, err_cause(&err), err.msg);
	else if (json_array_size(builds) == 0)
		reply_error(req, re, 404, "missing", "no such job");
	else
		reply_json(re, out);
}

void
compat_robots(struct req *req, struct reply *re)
{
	(void)req;
	buf_str(&re->body, "User-agent: *\nDisallow: /blob/\n"
			   "Disallow: /tuf/\nDisallow: /compare/\n"
			   "Disallow: /job/\nDisallow: /events\n"
			   "Disallow: /find\n");
	re->type = "text/plain; charset=utf-8";
}
