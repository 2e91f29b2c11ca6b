/* rooms: web web/pages web/api */
/* What was measured and proven: on the image's page, over time, and in one
 * table of all services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/model.h"

static int
setup(void **state)
{
	static const char other[] =
	    "INSERT INTO recipe (name, kind, summary, tree, loaded_at) VALUES"
	    " ('bare', 'image', '', '%s', 1);"
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('%s', 'bare', 'image', '%s', 1);"
	    "INSERT INTO run (id, plan, lane, state, queued_at) VALUES (9,"
	    " '%s', 'A', 'succeeded', 1);"
	    "INSERT INTO output (run, name, digest, size) VALUES (9, 'image',"
	    " '%s', 3);"
	    "INSERT INTO current (recipe, stage, plan) VALUES ('bare',"
	    " 'image', '%s')";
	static const char text[] =
	    "{\"files\":[{\"path\":\"/x\",\"from\":\"recipe:x\"}]}";
	char hex[HASH_HEX], bytes[HASH_HEX];

	(void)state;
	webfarm_make(true);
	rows();
	webfarm_put(text, sizeof(text) - 1, hex);
	webfarm_put("abc", 3, bytes);
	webfarm_sql(webfarm.farm_db, other, hex, hex, hex, hex, bytes, hex);
	webfarm_child_start();
	return 0;
}

static void
says(const char *path, const char *const *words)
{
	auto_answer struct answer a = ANSWER_INIT;

	assert_int_equal(http_get(&a, path, ""), 200);
	assert_well_formed(path, a.body.data);
	for (; *words; words++)
		if (!strstr(a.body.data, *words))
			fail_msg("%s does not say \"%s\"", path, *words);
	assert_null(strstr(a.body.data, "<script>bad"));
	assert_null(strstr(a.body.data, "<b>unbound"));
	assert_null(strstr(a.body.data, "<i>dhcp.sh"));
}

static void
an_image_says_when_it_answers_and_what_it_needs(void **state)
{
	static const char *const words[] = { "2.2 s", "under tcg of amd64",
		"40 of 48 MiB", "1 of 2 by", "1 failed", "&lt;script&gt;bad",
		"a lease", "&lt;b&gt;unbound", "first.sh", "4.0 MiB", " budget",
		NULL };
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "/image/%s", image);
	says(path, words);
}

static void
an_image_that_nobody_measured_says_so(void **state)
{
	static const char *const words[] = { "Nobody has measured it", NULL };
	char path[100], hex[HASH_HEX];
	struct hash h;

	(void)state;
	hash_bytes(&h, "abc", 3);
	hash_hex(&h, hex);
	snprintf(path, sizeof(path), "/image/%s", hex);
	says(path, words);
}

static void
all_services_stand_in_one_table(void **state)
{
	static const char *const words[] = { "1 of 2 are measured.",
		"not measured yet", "2.2 s", "1 of 2 by", "&lt;b&gt;unbound",
		"href=\"/recipe/bare\"", "href=\"/recipe/dns-dhcp\"", NULL };
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	const json_t *all, *one;

	(void)state;
	says("/proofs", words);
	assert_int_equal(http_get(&a, "/api/v1/proofs", ""), 200);
	auto_json json_t *j = js_parse("proofs", a.body.data, a.body.len, &err);

	assert_non_null(j);
	all = json_object_get(j, "services");
	assert_int_equal(json_array_size(all), 2);
	one = json_array_get(all, 0);
	assert_string_equal(m_str(one, "recipe"), "bare");
	assert_true(json_is_null(json_object_get(one, "answer_ms")));
	one = json_array_get(all, 1);
	assert_string_equal(m_str(one, "recipe"), "dns-dhcp");
	assert_int_equal(m_int(one, "answer_ms"), 2249);
	assert_int_equal(m_int(one, "least"), 41943040);
	assert_int_equal(m_int(one, "image_max"), 4194304);
	assert_int_equal(m_int(m_first(one, "parts"), "bytes"), 7);
}

static void
a_recipe_shows_what_its_images_took_over_time(void **state)
{
	static const char *const words[] = { "Time to the first answer",
		"Memory", NULL };

	(void)state;
	says("/recipe/dns-dhcp", words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_image_says_when_it_answers_and_what_it_needs),
		cmocka_unit_test(an_image_that_nobody_measured_says_so),
		cmocka_unit_test(all_services_stand_in_one_table),
		cmocka_unit_test(a_recipe_shows_what_its_images_took_over_time),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
