/* rooms: web web/pages web/api */
/* From a package to the one promotion that mends the fleet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/account.h"

#define ORIGIN "Origin: http://x\r\n"

static char old_image[HASH_HEX], new_image[HASH_HEX], kernel[HASH_HEX];
static struct err err;

/* An artifact and its SBOM. */
static void
add_image(const char *bytes, const char *package, const char *version,
    char hex[HASH_HEX])
{
	char sbom[HASH_HEX];
	auto_free char *text =
	    mem_printf("{\"packages\":[{\"name\":\"x\"},{\"name\":\"%s\","
		       "\"versionInfo\":\"%s\"}]}",
		package, version);

	webfarm_put(bytes, strlen(bytes), hex);
	webfarm_put(text, strlen(text), sbom);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO document (subject, format, digest) VALUES ('%s',"
	    " 'spdx', '%s')",
	    hex, sbom);
}

static void
add_set(const char *channel, int counter, const char *dns)
{
	char hex[HASH_HEX];
	auto_free char *text = mem_printf(
	    "{\"channel\":\"%s\",\"counter\":%d,\"kernel\":{\"vmlinuz\":"
	    "\"%s\",\"initrd\":\"%s\"},\"services\":[{\"service\":\"dns\","
	    "\"kind\":\"vm\",\"image\":\"%s\"}]}",
	    channel, counter, kernel, kernel, dns);
	struct hash h;

	hash_bytes(&h, text, strlen(text));
	hash_hex(&h, hex);
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES ('%s',"
	    " '%s', 1); INSERT INTO \"set\" (channel, arch, counter, digest,"
	    " made_at, published_at) VALUES ('%s', 'amd64', %d, '%s', 1, 1)",
	    hex, text, channel, counter, hex);
}

static void
add_release(
    const char *service, const char *digest, int current, const char *image_hex)
{
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO release (digest, service, arch, version, type, plan,"
	    " serial, current, at, published_at) VALUES ('%s', '%s', 'amd64',"
	    " '1', 'vm', '%s', 1, %d, 1, 1); INSERT INTO release_target"
	    " (release, sha256) VALUES ('%s', '%s')",
	    digest, service, digest, current, digest, image_hex);
}

static int
setup(void **state)
{
	(void)state;
	webfarm_make(true);
	add_image("old image", "libc++", "1.0-1", old_image);
	add_image("new image", "libc++", "1.0-1+deb12u1", new_image);
	add_image("kernel", "linux", "6.1", kernel);
	add_release("dns", old_image, 0, old_image);
	add_release("dns", new_image, 1, new_image);
	add_release("kernel", kernel, 1, kernel);
	add_set("edge", 4, new_image);
	add_set("stable", 2, old_image);
	webfarm_child_start();
	return 0;
}

/* The set of that channel in the answer, borrowed of *whole. */
static const json_t *
flaw(const char *package, const char *channel, json_t **whole)
{
	auto_free char *path = mem_printf("/api/v1/flaw?package=%s", package);
	auto_answer struct answer a = ANSWER_INIT;
	const json_t *s;
	size_t i;

	assert_int_equal(http_get(&a, path, ""), 200);
	*whole = js_parse("flaw", a.body.data, a.body.len, &err);
	assert_non_null(*whole);
	json_array_foreach(json_object_get(*whole, "sets"), i, s)
	{
		if (strcmp(json_string_value(json_object_get(s, "channel")),
			channel) == 0)
			return s;
	}
	fail_msg("no set of %s", channel);
	return NULL;
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void
a_set_that_is_behind_names_the_channel_that_mends_it(void **state)
{
	auto_json json_t *all = NULL, *more = NULL, *none = NULL;
	const json_t *s, *one;

	(void)state;
	s = flaw("libc%2B%2B", "stable", &all);
	assert_string_equal(text(s, "from"), "edge");
	assert_int_equal(json_integer_value(json_object_get(s, "behind")), 1);
	one = json_array_get(json_object_get(s, "services"), 0);
	assert_string_equal(text(one, "service"), "dns");
	assert_string_equal(text(one, "newest"), new_image);
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(one, "versions"), 0)),
	    "1.0-1");
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(one, "newest_versions"), 0)),
	    "1.0-1+deb12u1");
	s = flaw("libc%2B%2B", "edge", &more);
	assert_string_equal(text(s, "from"), "");
	assert_string_equal(
	    text(s, "why"), "it holds what the newest images hold");
	s = flaw("no-such", "stable", &none);
	assert_string_equal(text(s, "why"), "it does not hold this package");
}

static void
one_button_asks_for_it(void **state)
{
	static const char start[] = "name=\"csrf\" value=\"";
	auto_free char *path = farm_file(&webfarm.farm, "web.db");
	auto_db struct db *db = NULL;
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *headers = NULL, *body = NULL;
	const char *set, *at;

	(void)state;
	http_get(&a, "/healthz", "");
	db = db_open(path, web_migrations, web_migrations_count, &err);
	assert_non_null(db);
	assert_int_equal(
	    account_set(db, "ada", RANK_OPERATOR, "correct horse", &err), 0);
	http_get(&a, "/flaw?package=libc%2B%2B", "");
	assert_well_formed("/flaw", a.body.data);
	assert_null(strstr(a.body.data, "method=\"post\""));
	http_ask(&a, "POST", "/login", ORIGIN,
	    "name=ada&password=correct+horse", 31);
	set = http_header(&a, "Set-Cookie");
	headers =
	    mem_printf("Cookie: %.*s\r\n" ORIGIN, (int)strcspn(set, ";"), set);
	http_get(&a, "/flaw?package=libc%2B%2B", headers);
	assert_well_formed("/flaw", a.body.data);
	at = strstr(a.body.data, start);
	assert_non_null(at);
	assert_non_null(strstr(a.body.data, "Ask for stable, from edge"));
	body = mem_printf("csrf=%.64s&kind=promote&channel=stable&from=edge",
	    at + strlen(start));
	http_ask(&a, "POST", "/operate", headers, body, strlen(body));
	assert_int_equal(a.status, 303);
	{
		auto_stmt struct stmt *q =
		    db_stmt(db, "SELECT kind || ' ' || argument FROM request");

		assert_int_equal(stmt_step(q, &err), 1);
		assert_string_equal(stmt_str(q, 0),
		    "promote {\"channel\":\"stable\",\"from\":\"edge\"}");
	}
}

static void
what_is_no_package_is_refused_as_text(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(http_get(&a, "/flaw?package=%3Cscript%3E", ""), 400);
	assert_null(strstr(a.body.data, "<script>"));
	assert_int_equal(http_get(&a, "/flaw?package=", ""), 400);
	assert_int_equal(http_get(&a, "/flaw", ""), 200);
	assert_well_formed("/flaw", a.body.data);
}

/* Until its newest image is in a set of another channel there is no act. */
static void
without_a_set_that_has_it_nothing_is_asked(void **state)
{
	auto_json json_t *all = NULL;
	const json_t *s;

	(void)state;
	add_set("edge", 5, old_image);
	s = flaw("libc%2B%2B", "stable", &all);
	assert_string_equal(text(s, "from"), "");
	assert_string_equal(
	    text(s, "why"), "no other channel offers the newest images yet");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_set_that_is_behind_names_the_channel_that_mends_it),
		cmocka_unit_test(one_button_asks_for_it),
		cmocka_unit_test(what_is_no_package_is_refused_as_text),
		cmocka_unit_test(without_a_set_that_has_it_nothing_is_asked),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
