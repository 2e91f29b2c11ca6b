/* rooms: web web/pages web/api */
/* An image beside another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "tests/support/webrows.h"

static char one[HASH_HEX], two[HASH_HEX], three[HASH_HEX];
static char file_a[HASH_HEX], file_b[HASH_HEX];

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

/* An image of files of two packages, as they lie unpacked. */
static void
add_of_packages(void)
{
	static const char files[] =
	    "{\"path\":\"/x\",\"from\":\"env:/bin/x\"},"
	    "{\"path\":\"/libx\",\"from\":\"env:/usr/lib/libx.so.1\"},"
	    "{\"path\":\"/none\",\"from\":\"env:/usr/lib/none\"},"
	    "{\"path\":\"/out\",\"from\":\"env:/usr/lib/out\"},"
	    "{\"path\":\"/loop\",\"from\":\"env:/usr/lib/loop\"}";
	char deb[2][HASH_HEX], plan_hex[HASH_HEX], lock[HASH_HEX];
	static const char lock_text[] = "{\"build\":[],\"image\":[]}";

	webfarm_put("deb 1", 5, deb[0]);
	webfarm_put("deb 2", 5, deb[1]);
	auto_free char *bin = mem_printf("env/deb/%s/root/usr/bin", deb[0]);
	auto_free char *lib1 = mem_printf("env/deb/%s/root/usr/lib", deb[0]);
	auto_free char *lib2 = mem_printf("env/deb/%s/root/usr/lib", deb[1]);
	auto_free char *text = mem_printf(
	    "{\"files\":[%s],\"tree\":[],\"recipe\":\"three\",\"packages\":"
	    "[{\"name\":\"px\",\"sha256\":\"%s\"},{\"name\":\"plib\","
	    "\"sha256\":\"%s\"}]}",
	    files, deb[0], deb[1]);

	webfarm_file(bin, "x", "12345", 5);
	webfarm_file(lib1, "some", "1", 1);
	webfarm_file(lib2, "libx.so.1.2", "1234567", 7);
	auto_fd int at =
	    dir_make_at(webfarm.farm.dirfd, lib1, 0755, &(struct err)ERR_INIT);

	assert_int_equal(symlinkat("/lib/libx.so.1.2", at, "libx.so.1"), 0);
	assert_int_equal(symlinkat("../../../../../../x", at, "out"), 0);
	assert_int_equal(symlinkat("loop", at, "loop"), 0);
	webfarm_put(text, strlen(text), plan_hex);
	webfarm_put(lock_text, strlen(lock_text), lock);
	webfarm_put("image three, all of packages", 28, three);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('%s', 'three', 'image', '%s', 1);"
	    "INSERT INTO run (id, plan, lane, state, queued_at) VALUES"
	    " (3, '%s', 'A', 'succeeded', 1);"
	    "INSERT INTO output (run, name, digest, size) VALUES"
	    " (3, 'image', '%s', 28);",
	    plan_hex, lock, plan_hex, three);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO stock (lock, packages, bytes, list) VALUES"
	    " ('%s', 3, 2828, 'small 2 800\n<i>x</i> 3 28\nbig 1 2000\n')",
	    lock);
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
	add_of_packages();
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
files_of_packages_say_which_and_how_large(void **state)
{
	static const struct {
		const char *origin;
		int size;
	} want[] = { { "px", 5 }, { "plib", 7 }, { "Debian packages", -1 },
		{ "Debian packages", -1 }, { "Debian packages", -1 } };
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *page = mem_printf("/image/%s", three);
	auto_free char *api = mem_printf("/api/v1/artifacts/%s", three);
	struct err err = ERR_INIT;
	const json_t *files, *f;
	size_t i;

	(void)state;
	assert_int_equal(http_get(&a, api, ""), 200);
	auto_json json_t *j = js_parse("image", a.body.data, a.body.len, &err);

	assert_non_null(j);
	files = json_object_get(j, "files");
	assert_int_equal(json_array_size(files), ARRAY_LEN(want));
	json_array_foreach(files, i, f)
	{
		assert_string_equal(
		    json_string_value(json_object_get(f, "origin")),
		    want[i].origin);
		assert_int_equal(json_integer_value(json_object_get(f, "size")),
		    want[i].size);
	}
	assert_int_equal(http_get(&a, page, ""), 200);
	assert_well_formed(page, a.body.data);
	assert_non_null(strstr(a.body.data, "<b>plib</b> 1 file, "));
	assert_non_null(strstr(a.body.data, "/libx: 7 B (plib)"));
}

static void
an_image_is_shown_beside_a_whole_debian(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *page = mem_printf("/image/%s", three);
	auto_free char *api = mem_printf("/api/v1/artifacts/%s", three);
	auto_free char *other = mem_printf("/image/%s", two);
	struct err err = ERR_INIT;
	const json_t *list;

	(void)state;
	assert_int_equal(http_get(&a, page, ""), 200);
	assert_non_null(strstr(a.body.data, "3 packages and "));
	assert_non_null(strstr(a.body.data, "1 byte of 101."));
	assert_non_null(strstr(a.body.data, "<title>image: 28 B ("));
	assert_non_null(strstr(a.body.data, "&lt;i&gt;x&lt;/i&gt;: 28 B (3)"));
	assert_null(strstr(a.body.data, "<i>x"));
	assert_int_equal(http_get(&a, api, ""), 200);
	auto_json json_t *j = js_parse("image", a.body.data, a.body.len, &err);

	assert_non_null(j);
	list = json_object_get(json_object_get(j, "stock"), "list");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 0), "name")),
	    "big");
	/* Where nothing is known nothing is said. */
	assert_int_equal(http_get(&a, other, ""), 200);
	assert_null(strstr(a.body.data, "whole Debian"));
}

/* Two files of the fuzz target's corpus, as artifacts of the store. */
static void
a_unikernel_is_shown_with_its_devices_and_tender(void **state)
{
	static const struct {
		const char *file, *says[3];
	} cases[] = {
		{ "spt",
		    { "unikernel for solo5-spt, ABI 1",
			"service (NET_BASIC), storage (BLOCK_BASIC)", NULL } },
		{ "hvt-bare",
		    { "unikernel for solo5-hvt, ABI 2", NULL, NULL } },
		{ "no-abi", { "no ABI note of Solo5", NULL, NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *from =
		    mem_printf("tests/fuzz/corpus/solo5/%s", cases[i].file);
		auto_buf struct buf bytes = BUF_INIT;
		struct err err = ERR_INIT;
		char hex[HASH_HEX];

		assert_int_equal(file_read(from, 4096, &bytes, &err), 0);
		webfarm_put(bytes.data, bytes.len, hex);
		auto_free char *path = mem_printf("/image/%s", hex);
		auto_answer struct answer a = ANSWER_INIT;

		assert_int_equal(http_get(&a, path, ""), 200);
		assert_well_formed(path, a.body.data);
		for (size_t k = 0; cases[i].says[k]; k++)
			if (!strstr(a.body.data, cases[i].says[k]))
				fail_msg("%s: no \"%s\"", cases[i].file,
				    cases[i].says[k]);
	}
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
		cmocka_unit_test(files_of_packages_say_which_and_how_large),
		cmocka_unit_test(an_image_is_shown_beside_a_whole_debian),
		cmocka_unit_test(
		    a_unikernel_is_shown_with_its_devices_and_tender),
		cmocka_unit_test(what_is_no_image_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, group_teardown);
}
