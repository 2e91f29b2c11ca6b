/* rooms: web web/pages web/api */
/* The bytes that albatross-client and mollymawk send, and what they read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/api/compat.h"

static char uuid[COMPAT_UUID];

static int
setup(void **state)
{
	group_setup(state);
	/* 8 and 4 digits as they are, then a version and a variant. */
	compat_uuid(plan, uuid);
	return 0;
}

/* http-lwt-client: no Accept, a host without port, a length of nothing. */
static void
albatross(struct answer *a, const char *path, const char *host)
{
	auto_free char *ask = mem_printf(
	    "GET %s HTTP/1.1\r\nuser-agent: http-lwt-client/0.3.2\r\n"
	    "host: %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
	    path, host);
	int fd = http_connect();

	answer_release(a);
	http_write(fd, ask, strlen(ask));
	http_read(fd, a);
	close(fd);
}

static const char *
place(const struct answer *a)
{
	return http_header(a, "Location");
}

/* Its own rule: "", "job", NAME, "build", UUID and nothing else. */
static void
assert_location(const struct answer *a)
{
	auto_free char *want = mem_printf("/job/dns-dhcp/build/%s", uuid);

	assert_string_equal(place(a), want);
}

static void
a_uuid_is_one_and_stays(void **state)
{
	(void)state;
	assert_int_equal(strlen(uuid), 36);
	assert_memory_equal(uuid, plan, 8);
	assert_int_equal(uuid[14], '8');
	assert_non_null(strchr("89ab", uuid[19]));
	assert_true(compat_is_uuid(uuid));
	assert_false(compat_is_uuid(""));
	assert_false(compat_is_uuid("12"));
	assert_false(compat_is_uuid("1234567g-0000-8000-8000-000000000000"));
}

static void
an_update_finds_hash_latest_and_bytes(void **state)
{
	static const char *const hosts[] = { "builds.example.org", "x:99999",
		"[::1]", "a b", "" };
	auto_free char *hash = mem_printf("/hash?sha256=%s", image);
	auto_free char *binary =
	    mem_printf("/job/dns-dhcp/build/%s/main-binary", uuid);
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(hosts); i++) {
		auto_free char *file = NULL;

		albatross(&a, hash, hosts[i]);
		assert_int_equal(a.status, 302);
		assert_location(&a);
		albatross(&a, "/job/dns-dhcp/build/latest", hosts[i]);
		assert_int_equal(a.status, 307);
		assert_location(&a);
		albatross(&a, "/job/dns-dhcp/build/latest/", hosts[i]);
		assert_int_equal(a.status, 307);
		assert_location(&a);
		albatross(&a, binary, hosts[i]);
		assert_int_equal(a.status, 302);
		file = mem_str(place(&a));
		assert_int_equal(file[0], '/');
		albatross(&a, file, hosts[i]);
		assert_int_equal(a.status, 200);
		assert_string_equal(a.body.data, "0123456789");
	}
}

static void
persistent_links_keep_their_rest(void **state)
{
	auto_free char *want =
	    mem_printf("/job/dns-dhcp/build/%s/main-binary", uuid);
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	albatross(&a, "/job/dns-dhcp/build/latest/main-binary", "h");
	assert_int_equal(a.status, 307);
	assert_string_equal(place(&a), want);
}

static void
what_is_not_there_is_404_and_uploads_are_405(void **state)
{
	static const char *const none[] = { "/job/none/build/latest",
		"/job/dns-dhcp/build/01234567-0123-8123-8123-0123456789ab",
		"/job/dns-dhcp/build/x", "/job/dns-dhcp/build/1",
		"/hash?sha256=00000000000000000000000000000000000000000000000"
		"00000000000000000" };
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(none); i++) {
		albatross(&a, none[i], "h");
		if (a.status != 404)
			fail_msg("%s: %d", none[i], a.status);
	}
	albatross(&a, "/hash", "h");
	assert_int_equal(a.status, 400);
	http_ask(&a, "POST", "/upload", "", "x", 1);
	assert_int_equal(a.status, 405);
	http_ask(&a, "POST", "/job/a/platform/b/upload", "", "x", 1);
	assert_int_equal(a.status, 405);
}

static void
an_artifact_has_their_kind_of_etag(void **state)
{
	auto_free char *file =
	    mem_printf("/job/x/build/%s/f/bin/dns-dhcp.img", uuid);
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *have = NULL;

	(void)state;
	assert_int_equal(http_get(&a, file, ""), 200);
	assert_int_equal(strlen(http_header(&a, "ETag")), 44);
	have = mem_printf("If-None-Match: %s\r\n", http_header(&a, "ETag"));
	assert_int_equal(http_get(&a, file, have), 304);
	file[strlen(file) - 1] = 'x';
	assert_int_equal(http_get(&a, file, ""), 404);
}

/* --- mollymawk -------------------------------------------------------------*/

static json_t *
ask_json(const char *path)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	json_t *j;

	assert_int_equal(
	    http_get(&a, path, "Accept: application/json\r\n"), 200);
	assert_string_equal(
	    http_header(&a, "Content-Type"), "application/json");
	j = js_parse(path, a.body.data, a.body.len, &err);
	if (j == NULL)
		fail_msg("%s: %s", path, err.msg);
	return j;
}

static void
json_has_every_member_a_strict_reader_wants(void **state)
{
	static const char *const build[] = { "job", "uuid", "platform",
		"start_time", "finish_time" };
	static const char *const opam[] = { "opam_diff", "version_diff",
		"only_in_left", "only_in_right" };
	auto_free char *one = mem_printf("/job/dns-dhcp/build/%s", uuid);
	auto_free char *two = mem_printf("/compare/%s/%s", uuid, uuid);
	auto_json json_t *jobs = ask_json("/all-builds");
	auto_json json_t *root = ask_json("/");
	auto_json json_t *job = ask_json("/job/dns-dhcp");
	auto_json json_t *b = ask_json(one);
	auto_json json_t *c = ask_json(two);
	const json_t *j, *o = json_object_get(c, "opam_diff");
	size_t i;

	(void)state;
	assert_true(json_equal(jobs, root));
	json_array_foreach(json_object_get(jobs, "jobs"), i, j)
	    assert_true(json_is_string(json_object_get(j, "synopsis")));
	assert_true(i > 0);
	for (i = 0; i < ARRAY_LEN(build); i++)
		assert_true(json_is_string(json_object_get(b, build[i])));
	assert_true(json_is_true(json_object_get(b, "main_binary")));
	j = json_object_get(
	    json_array_get(json_object_get(job, "builds"), 0), "main_binary");
	assert_string_equal(
	    json_string_value(json_object_get(j, "sha256")), image);
	for (i = 0; i < ARRAY_LEN(opam); i++)
		assert_true(json_is_array(json_object_get(o, opam[i])));
	assert_true(json_is_object(json_object_get(o, "duniverse_diff")));
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(c, "left"), "main_binary_size")),
	    10);
}

static void
second_plan(int at, const char *stands)
{
	webfarm_sql(webfarm.farm_db,
	    "UPDATE plan SET made_at = %d WHERE digest LIKE 'eeee%%';"
	    "UPDATE plan SET verdict = 'reproduced' WHERE digest LIKE"
	    " 'eeee%%';"
	    "UPDATE current SET plan = '%s' WHERE recipe = 'dns-dhcp'",
	    at, stands);
}

/* Checklist d and e: whoever asks by hash is told the build that "latest" is,
 * or each update would be one of the same bytes, for ever. */
static void
several_builds_of_one_image_are_found_as_the_latest(void **state)
{
	auto_free char *hash = mem_printf("/hash?sha256=%s", image);
	char other[HASH_HEX], other_uuid[COMPAT_UUID];
	const char *stands[] = { plan, other };
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	memset(other, 'e', HASH_HEX - 1);
	other[HASH_HEX - 1] = '\0';
	compat_uuid(other, other_uuid);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('%s', 'dns-dhcp', 'image', '%s', 5);"
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at,"
	    " finished_at) VALUES (30, '%s', 'A', 'succeeded', 1, 1, 2);"
	    "INSERT INTO output (run, name, digest, size) VALUES (30,"
	    " 'image', '%s', 10)",
	    other, plan, other, image);
	/* Older and newer than the other, and standing or not. */
	for (int i = 0; i < 4; i++) {
		const char *want = stands[i % 2];
		auto_free char *place_of = mem_printf("/job/dns-dhcp/build/%s",
		    want == other ? other_uuid : uuid);

		second_plan(i / 2 ? 9 : 0, want);
		albatross(&a, hash, "h");
		assert_int_equal(a.status, 302);
		assert_string_equal(place(&a), place_of);
		albatross(&a, "/job/dns-dhcp/build/latest", "h");
		assert_int_equal(a.status, 307);
		assert_string_equal(place(&a), place_of);
	}
	/* One build for each image that differs. */
	auto_json json_t *job = ask_json("/job/dns-dhcp");

	assert_int_equal(json_array_size(json_object_get(job, "builds")), 1);
	second_plan(0, plan);
	webfarm_sql(webfarm.farm_db,
	    "UPDATE plan SET verdict = NULL WHERE digest = '%s'", other);
}

static void
a_star_is_no_json(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *one = mem_printf("/job/dns-dhcp/build/%s", uuid);

	(void)state;
	http_get(&a, "/", "Accept: */*\r\n");
	assert_non_null(strstr(a.body.data, "<!doctype html>"));
	http_get(&a, "/", "Accept: text/html, application/jsonx\r\n");
	assert_non_null(strstr(a.body.data, "<!doctype html>"));
	http_get(&a, "/", "Accept: text/html, application/json;q=0.5\r\n");
	assert_non_null(strstr(a.body.data, "jobs_by_section"));
	assert_int_equal(http_get(&a, one, "Accept: */*\r\n"), 302);
	assert_string_equal(place(&a), "/build/1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uuid_is_one_and_stays),
		cmocka_unit_test(an_update_finds_hash_latest_and_bytes),
		cmocka_unit_test(persistent_links_keep_their_rest),
		cmocka_unit_test(what_is_not_there_is_404_and_uploads_are_405),
		cmocka_unit_test(an_artifact_has_their_kind_of_etag),
		cmocka_unit_test(json_has_every_member_a_strict_reader_wants),
		cmocka_unit_test(
		    several_builds_of_one_image_are_found_as_the_latest),
		cmocka_unit_test(a_star_is_no_json),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
