/* rooms: web web/pages web/api */
/* /api/v1 beside the OpenAPI file that the same server hands out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/dispatch.h"

#define ROUTER_ID \
	"abababababababababababababababababababababababababababababababab"

static json_t *doc;

static json_t *
get_json(const char *path, int status)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	json_t *j;

	if (http_get(&a, path, "") != status)
		fail_msg("%s: %d, not %d", path, a.status, status);
	if (!strstr(http_header(&a, "Content-Type"), "json"))
		fail_msg("%s: %s", path, http_header(&a, "Content-Type"));
	j = js_parse(path, a.body.data, a.body.len, &err);
	if (j == NULL)
		fail_msg("%s: %s", path, err.msg);
	return j;
}

static void
add_router(void)
{
	auto_free char *path = farm_file(&webfarm.farm, "web.db");
	struct err err = ERR_INIT;
	struct db *db =
	    db_open(path, web_migrations, web_migrations_count, &err);

	if (db == NULL)
		webfarm_die("web.db", &err);
	webfarm_sql(db,
	    "INSERT INTO router (id, key, first_at, sequence, seen_at, state,"
	    " cause, channel, arch, agent, counter, timestamp, fleet_group)"
	    " VALUES ('%s', '%s', 1, 1, 1, 'rolled-back', '<b>probe</b>',"
	    " '<i>edge</i>', 'amd64', '0.1.0', 1, 1, 'attic')",
	    ROUTER_ID, ROUTER_ID);
	webfarm_sql(db,
	    "INSERT INTO cost VALUES ('<i>edge</i>', 'amd64', 1, %d, 2097152,"
	    " 1572864, 2, 50, 42)",
	    2);
	db_close(db);
}

static int
setup(void **state)
{
	group_setup(state);
	json_decref(get_json("/healthz", 200)); /* web.db is its owner's */
	add_router();
	doc = get_json("/api/v1/openapi.json", 200);
	return 0;
}

/* What updates cost on the average and at the worst, and who is in which
 * group. */
static void
the_fleet_says_gap_and_bytes_of_updates_and_groups(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	static const char *const said[] = { "1.0 MiB", "1.5 MiB", "25 ms",
		"42 ms", "href=\"/fleet?group=attic\"" };

	(void)state;
	assert_int_equal(http_get(&a, "/fleet", ""), 200);
	assert_well_formed("/fleet", a.body.data);
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		if (strstr(a.body.data, said[i]) == NULL)
			fail_msg("the page does not say %s", said[i]);
	assert_int_equal(http_get(&a, "/fleet?group=attic", ""), 200);
	assert_non_null(strstr(a.body.data, ROUTER_ID));
	assert_int_equal(http_get(&a, "/fleet?group=cellar", ""), 200);
	assert_null(strstr(a.body.data, ROUTER_ID));
}

static int
teardown(void **state)
{
	json_decref(doc);
	return group_teardown(state);
}

/* --- the part of JSON Schema that the file uses ----------------------------*/

static bool
is_type(const json_t *v, const char *t)
{
	return strcmp(t, "object") == 0	   ? json_is_object(v)
	       : strcmp(t, "array") == 0   ? json_is_array(v)
	       : strcmp(t, "string") == 0  ? json_is_string(v)
	       : strcmp(t, "integer") == 0 ? json_is_integer(v)
	       : strcmp(t, "boolean") == 0 ? json_is_boolean(v)
	       : strcmp(t, "null") == 0	   ? json_is_null(v)
					   : false;
}

static void
assert_fits(const char *where, const json_t *v, const json_t *schema)
{
	json_t *type = json_object_get(schema, "type"), *p, *t;
	const char *ref, *key;
	bool fits = false;
	size_t i;

	ref = json_string_value(json_object_get(schema, "$ref"));
	if (ref) {
		assert_string_equal(ref, "#/components/schemas/error");
		assert_fits(where, v,
		    json_object_get(
			json_object_get(
			    json_object_get(doc, "components"), "schemas"),
			"error"));
		return;
	}
	if (json_is_string(type))
		fits = is_type(v, json_string_value(type));
	json_array_foreach(type, i, t) fits |= is_type(v, json_string_value(t));
	if (!fits)
		fail_msg("%s: the type is wrong", where);
	json_array_foreach(json_object_get(schema, "required"), i, t)
	{
		if (!json_object_get(v, json_string_value(t)))
			fail_msg("%s: no %s", where, json_string_value(t));
	}
	json_object_foreach(json_object_get(schema, "properties"), key, p)
	{
		auto_free char *below = mem_printf("%s.%s", where, key);

		if (json_object_get(v, key))
			assert_fits(below, json_object_get(v, key), p);
	}
	p = json_object_get(schema, "items");
	json_array_foreach(v, i, t) if (p) assert_fits(where, t, p);
}

static const json_t *
schema_of(const json_t *op, const char *status)
{
	json_t *r = json_object_get(json_object_get(op, "responses"), status),
	       *content = json_object_get(r, "content");

	assert_int_equal(json_object_size(content), 1);
	return json_object_get(
	    json_object_iter_value(json_object_iter(content)), "schema");
}

/* "{name}" by what the farm of this test has. */
static void
fill(const char *path, bool none, char *out, size_t n)
{
	const char *value = none			? "99999"
			    : strstr(path, "recipes")	? "dns-dhcp"
			    : strstr(path, "artifacts") ? image
			    : strstr(path, "/image/")	? image
			    : strstr(path, "origin")	? image
			    : strstr(path, "routers")	? ROUTER_ID
							: "1";
	size_t at = 0;

	for (; *path && at + 1 < n; path++) {
		if (*path != '{') {
			out[at++] = *path;
			continue;
		}
		at += (size_t)snprintf(out + at, n - at, "%s", value);
		path = strchr(path, '}');
	}
	out[at] = '\0';
}

static bool
is_text(const json_t *op)
{
	return strcmp(json_string_value(
			  json_object_get(schema_of(op, "200"), "type")),
		   "string") == 0;
}

static void
what_is_told_of_an_image_is_served_and_linked(void **state)
{
	static const char *const names[][2] = { { "sbom.spdx.json",
						    "application/spdx+json" },
		{ "sbom.cdx.json",
		    "application/vnd.cyclonedx+json; version=1.5" },
		{ "buildinfo", "text/plain; charset=utf-8" } };
	auto_answer struct answer page = ANSWER_INIT, a = ANSWER_INIT;
	char path[200], link[210];

	(void)state;
	snprintf(path, sizeof(path), "/image/%s", image);
	assert_int_equal(http_get(&page, path, ""), 200);
	assert_non_null(strstr(page.body.data, "SBOM download"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(
		    path, sizeof(path), "/image/%s/%s", image, names[i][0]);
		snprintf(link, sizeof(link), "\"%s\"", path);
		assert_non_null(strstr(page.body.data, link));
		assert_int_equal(http_get(&a, path, ""), 200);
		assert_string_equal(
		    http_header(&a, "Content-Type"), names[i][1]);
	}
	assert_string_equal(a.body.data, "Format: 1.0\n");
	/* Nothing is told of a log, and of an image nothing else. */
	snprintf(path, sizeof(path), "/image/%s/buildinfo", log_hex);
	assert_int_equal(http_get(&a, path, ""), 404);
	snprintf(path, sizeof(path), "/image/%s/x", image);
	assert_int_equal(http_get(&a, path, ""), 404);
}

static void
every_path_answers_as_its_schema_says(void **state)
{
	json_t *paths = json_object_get(doc, "paths"), *ops;
	const char *path;
	int n = 0;

	(void)state;
	json_object_foreach(paths, path, ops)
	{
		const json_t *op = json_object_get(ops, "get");
		char url[300];

		/* Bytes of their own, tested where they are served; this
		 * farm has no roles. */
		if (op == NULL || strstr(path, "/draft") ||
		    strstr(path, "/attempts/") ||
		    strncmp(path, "/tuf/", 5) == 0 ||
		    strncmp(path, "/blob/", 6) == 0 ||
		    strncmp(path, "/attestation/", 13) == 0)
			continue;
		fill(path, false, url, sizeof(url));
		if (!is_text(op)) {
			auto_json json_t *j = get_json(url, 200);

			assert_fits(path, j, schema_of(op, "200"));
		}
		n++;
		if (!strchr(path, '{'))
			continue;
		fill(path, true, url, sizeof(url));
		auto_json json_t *e = get_json(url, 404);

		assert_fits(path, e, schema_of(op, "404"));
	}
	assert_true(n >= 14);
}

/* "{x}" and "*" are both one part, "**" and the last "{x}" the rest. */
static bool
is_pattern_of(const char *path, const char *pattern)
{
	while (*path && *pattern) {
		if (*path == '{' && *pattern == '*') {
			path = strchr(path, '}') + 1;
			pattern += 1 + (pattern[1] == '*');
		} else if (*path++ != *pattern++) {
			return false;
		}
	}
	return *path == *pattern;
}

static bool
is_documented(const struct route *r)
{
	const char *method = strcmp(r->method, "GET") == 0   ? "get"
			     : strcmp(r->method, "PUT") == 0 ? "put"
							     : "post";
	json_t *ops;
	const char *path;

	json_object_foreach(json_object_get(doc, "paths"), path, ops)
	{
		if (is_pattern_of(path, r->pattern) &&
		    json_object_get(ops, method))
			return true;
	}
	return false;
}

/* Pages are for people, and what other servers' clients ask is written down
 * by those servers. */
static void
every_route_for_programs_is_documented(void **state)
{
	static const char *const programs[] = { "/api/", "/healthz", "/metrics",
		"/feed.atom", "/tuf/", "/blob/", "/attestation/", "/hooks/" };
	size_t i, k, n = 0;

	(void)state;
	for (i = 0; dispatch_routes[i].pattern; i++) {
		const struct route *r = &dispatch_routes[i];

		for (k = 0; k < ARRAY_LEN(programs); k++)
			if (strncmp(r->pattern, programs[k],
				strlen(programs[k])) == 0)
				break;
		if (k == ARRAY_LEN(programs))
			continue;
		if (!is_documented(r))
			fail_msg("%s %s", r->method, r->pattern);
		n++;
	}
	assert_true(n >= 30);
}

static void
every_documented_path_is_a_route(void **state)
{
	json_t *ops, *op;
	const char *path, *method;

	(void)state;
	json_object_foreach(json_object_get(doc, "paths"), path, ops)
	{
		json_object_foreach(ops, method, op)
		{
			auto_answer struct answer a = ANSWER_INIT;
			char url[300];

			/* A method that it takes; what it says is tested
			 * where it is made. */
			fill(path, false, url, sizeof(url));
			http_ask(&a,
			    strcmp(method, "get") == 0	 ? "GET"
			    : strcmp(method, "put") == 0 ? "PUT"
							 : "POST",
			    url, "", "{}", 2);
			if (a.status == 405 || a.status == 0 ||
			    strstr(a.body.data, "no such address"))
				fail_msg("%s %s: %d", method, url, a.status);
		}
	}
}

static void
every_query_argument_is_checked(void **state)
{
	json_t *paths = json_object_get(doc, "paths"), *ops, *p;
	const char *path;
	size_t i;
	int n = 0;

	(void)state;
	json_object_foreach(paths, path, ops)
	{
		const json_t *op = json_object_get(ops, "get");
		const json_t *params = json_object_get(op, "parameters");

		json_array_foreach(params, i, p)
		{
			const char *name =
			    json_string_value(json_object_get(p, "name"));
			const char *type = json_string_value(json_object_get(
			    json_object_get(p, "schema"), "type"));
			auto_free char *url = NULL;
			char base[300];

			if (strcmp(json_string_value(json_object_get(p, "in")),
				"query") != 0 ||
			    strcmp(type, "integer") != 0)
				continue;
			fill(path, false, base, sizeof(base));
			url = mem_printf("%s?%s=x", base, name);
			auto_json json_t *e = get_json(url, 400);

			assert_fits(url, e, schema_of(op, "400"));
			n++;
		}
	}
	assert_true(n >= 7);
}

/* Cursors walk all rows once. */
static void
pages_of_one_row_give_all_rows(void **state)
{
	int64_t next = 0, last = INT64_MAX;
	int rows = 0;

	(void)state;
	do {
		auto_free char *url = mem_printf(
		    "/api/v1/builds?limit=1&after=%lld", (long long)next);
		auto_json json_t *j = get_json(url, 200);
		const json_t *items = json_object_get(j, "items");
		int64_t id = json_integer_value(
		    json_object_get(json_array_get(items, 0), "id"));

		assert_int_equal(json_array_size(items), 1);
		assert_true(id < last);
		last = id;
		next = json_integer_value(json_object_get(j, "next"));
		rows++;
	} while (next);
	assert_int_equal(rows, 4);
}

static void
machines_can_look_at_it(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_json json_t *health = get_json("/healthz", 200);

	(void)state;
	assert_true(json_is_true(json_object_get(health, "farm")));
	assert_int_equal(http_get(&a, "/metrics", ""), 200);
	assert_non_null(strstr(a.body.data,
	    "kiln_plans{stage=\"image\",verdict=\"reproduced\"} 1\n"));
	assert_non_null(strstr(a.body.data, "kiln_runs 4\n"));
	assert_non_null(strstr(
	    a.body.data, "channel=\"<i>edge</i>\",state=\"rolled-back\"} 1"));
	assert_int_equal(http_get(&a, "/feed.atom", ""), 200);
	assert_non_null(strstr(a.body.data, "<feed xmlns="));
	assert_non_null(strstr(a.body.data, "&lt;script&gt;"));
	assert_null(strstr(a.body.data, "<script"));
}

static void
what_a_router_says_comes_out_as_text(void **state)
{
	static const char *const where[] = { "/fleet", "/router/" ROUTER_ID,
		"/fleet?state=rolled-back" };
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(where); i++) {
		assert_int_equal(http_get(&a, where[i], ""), 200);
		assert_non_null(strstr(a.body.data, "&lt;b&gt;probe"));
		assert_non_null(strstr(a.body.data, "&lt;i&gt;edge"));
		assert_null(strstr(a.body.data, "<b>probe"));
		assert_null(strstr(a.body.data, "<i>"));
		assert_well_formed(where[i], a.body.data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_fleet_says_gap_and_bytes_of_updates_and_groups),
		cmocka_unit_test(every_path_answers_as_its_schema_says),
		cmocka_unit_test(what_is_told_of_an_image_is_served_and_linked),
		cmocka_unit_test(every_route_for_programs_is_documented),
		cmocka_unit_test(every_documented_path_is_a_route),
		cmocka_unit_test(every_query_argument_is_checked),
		cmocka_unit_test(pages_of_one_row_give_all_rows),
		cmocka_unit_test(machines_can_look_at_it),
		cmocka_unit_test(what_a_router_says_comes_out_as_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
