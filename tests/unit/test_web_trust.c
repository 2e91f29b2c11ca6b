/* rooms: web web/pages web/api */
/* Who may confirm what, and what each has confirmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"

static const char *
hex(char digit)
{
	static char text[16][HASH_HEX];
	static size_t n;
	char *h = text[n++ % ARRAY_LEN(text)];

	memset(h, digit, HASH_HEX - 1);
	h[HASH_HEX - 1] = '\0';
	return h;
}

static void
role(const char *name, int version, int published, const char *text)
{
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO role (name, version, made_at, expires, signed, file,"
	    " digest, published_at) VALUES ('%s', %d, 1, 9999999999, '%s',"
	    " '{\"signatures\":[]}', NULL, nullif(%d, 0))",
	    name, version, text, published);
}

static void
confirms(char public, const char *name, int version)
{
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO signature (name, version, key, sig, at) VALUES"
	    " ('%s', %d, '%s', '%s%s', %d)",
	    name, version, hex(public), hex('0'), hex('0'), 100 + version);
}

static int
setup(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = NULL;
	struct err err = ERR_INIT;
	struct db *db;

	(void)state;
	webfarm_make(true);
	/* Key ids a, b, c of the public keys 1, 2, 3. */
	auto_free char *targets = mem_printf(
	    "{\"delegations\":{\"keys\":{"
	    "\"%s\":{\"keyval\":{\"public\":\"%s\"}},"
	    "\"%s\":{\"keyval\":{\"public\":\"%s\"}},"
	    "\"%s\":{\"keyval\":{\"public\":\"%s\"}}},\"roles\":["
	    "{\"name\":\"svc-dns\",\"keyids\":[\"%s\",\"%s\",\"%s\"],"
	    "\"threshold\":2},"
	    "{\"name\":\"sets-edge\",\"keyids\":[\"%s\"],\"threshold\":1}]}}",
	    hex('a'), hex('1'), hex('b'), hex('2'), hex('c'), hex('3'),
	    hex('a'), hex('b'), hex('c'), hex('a'));

	role("targets", 1, 1, targets);
	role("svc-dns", 1, 1, "{}");
	role("svc-dns", 2, 1, "{}");
	role("svc-dns", 3, 0, "{}"); /* waits still */
	role("sets-edge", 1, 1, "{}");
	confirms('1', "svc-dns", 1);
	confirms('1', "svc-dns", 2);
	confirms('1', "svc-dns", 3);
	confirms('2', "svc-dns", 1);
	confirms('1', "sets-edge", 1);
	webfarm_child_start();
	if (http_get(&a, "/healthz", "") != 200)
		return -1;
	path = farm_file(&webfarm.farm, "web.db");
	db = db_open(path, web_migrations, web_migrations_count, &err);
	if (db == NULL)
		return -1;
	webfarm_sql(db,
	    "INSERT INTO refused_signature (role, key, at, text) VALUES"
	    " ('svc-dns', '%s', 7, 'another <b>image</b>')",
	    hex('3'));
	db_close(db);
	return 0;
}

static void
each_party_stands_there_with_what_it_confirmed(void **state)
{
	static const struct {
		char id;
		int version, confirmed;
		const char *refused;
	} want[] = { { 'a', 2, 2, "" }, { 'b', 1, 1, "" },
		{ 'c', 0, 0, "another <b>image</b>" } };
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	const json_t *rows, *r;
	size_t i;

	(void)state;
	assert_int_equal(http_get(&a, "/api/v1/trust", ""), 200);
	auto_json json_t *j = js_parse("trust", a.body.data, a.body.len, &err);

	rows = json_object_get(j, "rebuilders");
	assert_int_equal(json_array_size(rows), ARRAY_LEN(want));
	json_array_foreach(rows, i, r)
	{
		const char *id = json_string_value(json_object_get(r, "keyid"));

		assert_int_equal(id[0], want[i].id);
		assert_string_equal(
		    json_string_value(json_object_get(r, "service")), "dns");
		assert_int_equal(
		    json_integer_value(json_object_get(r, "newest")), 2);
		assert_int_equal(
		    json_integer_value(json_object_get(r, "version")),
		    want[i].version);
		assert_int_equal(
		    json_integer_value(json_object_get(r, "confirmed")),
		    want[i].confirmed);
		assert_string_equal(
		    json_string_value(json_object_get(r, "refused")),
		    want[i].refused);
	}
}

static void
the_page_says_the_same(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(http_get(&a, "/trust", ""), 200);
	assert_well_formed("/trust", a.body.data);
	assert_non_null(strstr(a.body.data, "version 2, the newest"));
	assert_non_null(strstr(a.body.data, "version 1 of 2"));
	assert_non_null(strstr(a.body.data, "nothing yet"));
	assert_non_null(strstr(a.body.data, "another &lt;b&gt;image"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    each_party_stands_there_with_what_it_confirmed),
		cmocka_unit_test(the_page_says_the_same),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
