/* rooms: web web/pages web/api */
/* What a set says of itself: made from the locks of what it names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"

#define LETTERS 64

/* 64 times the same hex digit. */
static const char *
hex(char digit)
{
	static char text[4][HASH_HEX];
	static size_t n;
	char *h = text[n++ % ARRAY_LEN(text)];

	memset(h, digit, LETTERS);
	h[LETTERS] = '\0';
	return h;
}

/* A release of the service: its lock, plan, image, all named by a digit. */
static void
release(char digit, const char *version, int at)
{
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO lock (digest, recipe, made_at, origin, request, event)"
	    " VALUES ('%s', 'dns', %d, 'archive', '%s', %d);",
	    hex(digit), at, hex(digit), at);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('%s', 'dns', 'image', '%s', %d);",
	    hex(digit), hex(digit), at);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO release (digest, service, arch, plan, made_at) VALUES"
	    " ('%s', 'dns', 'amd64', '%s', %d)",
	    hex(digit), hex(digit), at);
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO release (digest, service, arch, version, type, plan,"
	    " serial, current, at) VALUES ('%s', 'dns', 'amd64', '%s', 'vm',"
	    " '%s', %d, 0, %d);",
	    hex(digit), version, hex(digit), at, at);
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO release_target (release, sha256) VALUES"
	    " ('%s', '%s')",
	    hex(digit), hex(digit));
}

static void
lock_changed(int event, const char *part, const char *package, const char *old,
    const char *new, int security)
{
	webfarm_sql(webfarm.farm_db,
	    "INSERT OR IGNORE INTO event (id, at, kind, subject, text) VALUES"
	    " (%d, %d, 'lock-changed', 'dns', 'x')",
	    event, event);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO lock_change (event, recipe, part, package, old, new,"
	    " suite, security) VALUES (%d, 'dns', '%s', '%s', %s, %s,"
	    " 'bookworm', %d)",
	    event, part, package, old, new, security);
}

static void
set(int counter, char digit)
{
	char name = (char)('a' + counter);
	auto_free char *text = mem_printf(
	    "{\"services\":[{\"service\":\"dns\",\"image\":\"%s\"}]}",
	    hex(digit));

	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES"
	    " ('%s', '%s', 1)",
	    hex(name), text);
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO \"set\" (channel, arch, counter, digest, made_at,"
	    " published_at) VALUES ('edge', 'amd64', %d, '%s', 1, %d)",
	    counter, hex(name), counter);
}

static int
setup(void **state)
{
	(void)state;
	webfarm_make(true);
	lock_changed(10, "image", "older", "'1'", "'2'", 1);
	lock_changed(20, "image", "zlib", "'1.0'", "'1.1'", 0);
	lock_changed(20, "build", "gcc", "'12'", "'13'", 0);
	lock_changed(20, "image", "round", "'5'", "'6'", 0);
	lock_changed(30, "image", "zlib", "'1.1'", "'1.1+deb1'", 1);
	lock_changed(30, "image", "round", "'6'", "'5'", 0);
	lock_changed(30, "image", "gone", "'7'", "NULL", 0);
	lock_changed(40, "image", "later", "'1'", "'2'", 1);
	release('1', "2.0", 10);
	release('2', "2.0", 20);
	release('3', "2.1", 30);
	set(1, '1');
	set(2, '3'); /* the second release never stood in one */
	webfarm_child_start();
	return 0;
}

static const json_t *
find(const json_t *rows, const char *package)
{
	const json_t *r;
	size_t i;

	json_array_foreach(rows, i, r)
	{
		if (strcmp(package,
			json_string_value(json_object_get(r, "package"))) == 0)
			return r;
	}
	return NULL;
}

static void
assert_versions(const json_t *row, const char *old, const char *new)
{
	const char *n = json_string_value(json_object_get(row, "new"));

	assert_non_null(row);
	assert_string_equal(
	    json_string_value(json_object_get(row, "old")), old);
	if (new)
		assert_string_equal(n, new);
	else
		assert_null(n);
}

static void
a_set_says_what_all_locks_since_the_last_one_changed(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	const json_t *note, *changes, *security;

	(void)state;
	assert_int_equal(http_get(&a, "/api/v1/releases", ""), 200);
	auto_json json_t *j =
	    js_parse("releases", a.body.data, a.body.len, &err);

	assert_non_null(j);
	note = json_array_get(
	    json_object_get(
		json_array_get(json_object_get(j, "sets"), 0), "notes"),
	    0);
	assert_string_equal(
	    json_string_value(json_object_get(note, "old_version")), "2.0");
	assert_string_equal(
	    json_string_value(json_object_get(note, "new_version")), "2.1");
	changes = json_object_get(note, "changes");
	security = json_object_get(note, "security");
	/* zlib, gcc, gone; what went there and back again is no change, what
	 * stood in the set before or comes later is none of this one. */
	assert_int_equal(json_array_size(changes), 3);
	assert_versions(find(changes, "zlib"), "1.0", "1.1+deb1");
	assert_versions(find(changes, "gcc"), "12", "13");
	assert_versions(find(changes, "gone"), "7", NULL);
	assert_int_equal(json_array_size(security), 1);
	assert_versions(find(security, "zlib"), "1.0", "1.1+deb1");
}

static void
its_page_says_the_same(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(http_get(&a, "/releases", ""), 200);
	assert_well_formed("/releases", a.body.data);
	assert_non_null(strstr(a.body.data, "security: zlib 1.1+deb1"));
	assert_non_null(strstr(a.body.data, "3 changes of its inputs"));
	assert_non_null(strstr(a.body.data, "<code>gone</code>"));
	assert_null(strstr(a.body.data, "security: older"));
	assert_null(strstr(a.body.data, "security: later"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_set_says_what_all_locks_since_the_last_one_changed),
		cmocka_unit_test(its_page_says_the_same),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
