/* rooms: web web/pages web/api */
/* An image beside another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"

static char one[HASH_HEX], two[HASH_HEX], file_a[HASH_HEX], file_b[HASH_HEX];

/* An image of these files, all of the recipe's own. */
static void
add_image(int id, const char *recipe, const char *bytes, const char *files,
    const char *tree, char hex[HASH_HEX])
{
	static const char lock_text[] =
	    "{\"build\":[{\"sha256\":\"a\",\"size\":100},{\"sha256\":\"b\","
	    "\"size\":23}],\"image\":[{\"sha256\":\"b\",\"size\":23}]}";
	char digest[HASH_HEX], lock[HASH_HEX];
	auto_free char *text =
	    mem_printf("{\"files\":[%s],\"tree\":[%s],\"recipe\":\"%s\"}",
		files, tree, recipe);

	webfarm_put(text, strlen(text), digest);
	webfarm_put(lock_text, strlen(lock_text), lock);
	webfarm_put(bytes, strlen(bytes), hex);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('%s', '%s', 'image', '%s', 1);"
	    "INSERT INTO run (id, plan, lane, state, queued_at) VALUES"
	    " (%d, '%s', 'A', 'succeeded', 1);"
	    "INSERT INTO output (run, name, digest, size) VALUES"
	    " (%d, 'image', '%s', %zu)",
	    digest, recipe, lock, id, digest, id, hex, strlen(bytes));
}

static int
setup(void **state)
{
	(void)state;
	webfarm_make(true);
	webfarm_put("aaaa", 4, file_a);
	webfarm_put("bbbbbbb", 7, file_b);
	auto_free char *t1 = mem_printf(
	    "{\"path\":\"a\",\"sha256\":\"%s\"},{\"path\":\"b\",\"sha256\":"
	    "\"%s\"}",
	    file_a, file_b);
	auto_free char *t2 = mem_printf(
	    "{\"path\":\"a\",\"sha256\":\"%s\"},{\"path\":\"b\",\"sha256\":"
	    "\"%s\"}",
	    file_a, file_a);

	add_image(1, "one", "image one, quite long",
	    "{\"path\":\"/a\",\"from\":\"recipe:a\"},"
	    "{\"path\":\"/b\",\"from\":\"recipe:b\"}",
	    t1, one);
	add_image(2, "two", "image two",
	    "{\"path\":\"/a\",\"from\":\"recipe:a\"},"
	    "{\"path\":\"/<i>c\",\"from\":\"recipe:b\"}",
	    t2, two);
	webfarm_child_start();
	return 0;
}

static void
an_image_is_shown_beside_another_file_by_file(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *page = mem_printf("/image/%s?with=%s", one, two);
	auto_free char *api =
	    mem_printf("/api/v1/artifacts/%s?with=%s", one, two);
	struct err err = ERR_INIT;
	json_t *rows, *r;
	size_t i;

	(void)state;
	assert_int_equal(http_get(&a, page, ""), 200);
	assert_well_formed(page, a.body.data);
	assert_non_null(strstr(a.body.data, "Beside two, "));
	assert_non_null(strstr(a.body.data, "&lt;i&gt;c"));
	assert_null(strstr(a.body.data, "<i>c"));
	/* Each package once, in bytes. */
	assert_non_null(strstr(a.body.data, "2 packages of "));
	assert_int_equal(http_get(&a, api, ""), 200);
	auto_json json_t *j = js_parse("image", a.body.data, a.body.len, &err);

	assert_non_null(j);
	rows = json_object_get(json_object_get(j, "with"), "rows");
	assert_int_equal(json_array_size(rows), 3);
	json_array_foreach(rows, i, r)
	{
		static const struct {
			const char *path;
			int here, there, same;
		} want[] = { { "/a", 4, 4, 1 }, { "/b", 7, -1, 0 },
			{ "/<i>c", -1, 4, 0 } };

		assert_string_equal(
		    json_string_value(json_object_get(r, "path")),
		    want[i].path);
		assert_int_equal(json_integer_value(json_object_get(r, "here")),
		    want[i].here);
		assert_int_equal(
		    json_integer_value(json_object_get(r, "there")),
		    want[i].there);
		assert_int_equal(
		    json_is_true(json_object_get(r, "same")), want[i].same);
	}
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(j, "debian"), "bytes")),
	    123);
}

static void
what_is_no_image_is_refused(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *bad = mem_printf("/image/%s?with=x", one);
	auto_free char *none = mem_printf("/image/%s?with=%s", one, file_a);

	(void)state;
	assert_int_equal(http_get(&a, bad, ""), 400);
	assert_int_equal(http_get(&a, none, ""), 404);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_shown_beside_another_file_by_file),
		cmocka_unit_test(what_is_no_image_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
