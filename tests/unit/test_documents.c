/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What is told of a release: SBOMs and buildinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/own.h"
#include "tests/support/published.h"

static json_t *
told(uint8_t artifact, const char *format, struct buf *text)
{
	static const char sql[] =
	    "SELECT digest FROM document WHERE subject = ?1 AND format = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct hash subject = { { artifact } }, h;

	buf_clear(text);
	stmt_bind_hash(q, 1, &subject);
	stmt_bind_str(q, 2, format);
	if (stmt_step(q, &err) != 1)
		return NULL;
	assert_true(stmt_hash(q, 0, &h));
	assert_int_equal(store_read(st, &h, 1 << 20, text, &err), 0);
	return strcmp(format, "buildinfo") == 0
		   ? NULL
		   : js_parse(format, text->data, text->len, &err);
}

static json_t *
with(const json_t *list, const char *key, const char *value)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *s = json_string_value(json_object_get(one, key));

		if (s && strcmp(s, value) == 0)
			return one;
	}
	fail_msg("nothing has %s %s", key, value);
	return NULL;
}

static void
an_sbom_lists_what_each_build_in_the_image_was_made_with(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *spdx = NULL, *cdx = NULL;
	const json_t *packages, *components, *on;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	spdx = told(1, "spdx", &text);
	packages = json_object_get(spdx, "packages");
	assert_int_equal(json_array_size(packages), 4);
	with(packages, "name", "erofs-utils");
	with(packages, "name", "gcc"); /* that lib was compiled with */
	with(packages, "name", "lib/lib");
	assert_non_null(strstr(text.data,
	    "pkg:deb/debian/erofs-utils@1%3A1.5%2Bx-1~b?arch=amd64"));
	assert_non_null(strstr(text.data,
	    "{\"relatedSpdxElement\":\"SPDXRef-output-1\",\"relationshipType\":"
	    "\"CONTAINS\",\"spdxElementId\":\"SPDXRef-image-0\"}"));
	cdx = told(1, "cyclonedx", &text);
	components = json_object_get(cdx, "components");
	assert_int_equal(json_array_size(components), 4);
	assert_string_equal(json_string_value(json_object_get(
				with(components, "name", "lib/lib"), "scope")),
	    "required");
	assert_string_equal(json_string_value(json_object_get(
				with(components, "name", "gcc"), "scope")),
	    "excluded");
	on = json_object_get(
	    with(json_object_get(cdx, "dependencies"), "ref", "output-1"),
	    "dependsOn");
	assert_int_equal(json_array_size(on), 1);
}

static void
a_buildinfo_is_of_the_plan_that_left_the_bytes(void **state)
{
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	told(1, "buildinfo", &text);
	assert_non_null(strstr(text.data, "\nVersion: 1:1.5+x-1~b\n"));
	assert_non_null(
	    strstr(text.data, "Depends:\n erofs-utils (= 1:1.5+x-1~b)\nEnv"));
	told(5, "buildinfo", &text);
	assert_non_null(strstr(text.data, "Source: lib\nBinary: lib\n"));
	assert_non_null(strstr(text.data, "Depends:\n gcc (= 4:12.2)\nEnv"));
	assert_non_null(strstr(text.data, " SOURCE_DATE_EPOCH=\"1577836800\""));
}

static void
what_is_told_stays_and_is_told_later_of_older_releases(void **state)
{
	auto_buf struct buf first = BUF_INIT, text = BUF_INIT;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	json_decref(told(1, "spdx", &first));
	assert_int_equal(db_exec(db, "DELETE FROM document", &err), 0);
	assert_false(published(svc));
	json_decref(told(1, "spdx", &text));
	assert_string_equal(text.data, first.data);
	assert_int_equal(
	    db_exec(db, "DELETE FROM document WHERE format <> 'spdx'", &err),
	    0);
	assert_false(published(svc));
	json_decref(told(1, "cyclonedx", &text));
	assert_true(text.len > 0);
}

static void
set_lock(void)
{
	auto_stmt struct stmt *q = db_stmt(db, "UPDATE plan SET lock = ?1");

	stmt_bind_hash(q, 1, &lock.digest);
	assert_int_equal(stmt_run(q, &err), 0);
}

static void
an_sbom_is_a_function_of_the_packages_alone(void **state)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	auto_plan struct plan *next = NULL;
	struct lock_suite suite = { .name = (char *)"bookworm" };

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	json_decref(told(1, "spdx", &a));
	/* Another day's proof of the same. */
	assert_int_equal(db_exec(db, "DELETE FROM document", &err), 0);
	lock.suites = &suite;
	lock.nsuites = 1;
	assert_int_equal(lock_store(st, &lock, &err), 0);
	set_lock();
	assert_false(published(svc));
	json_decref(told(1, "spdx", &b));
	assert_string_equal(a.data, b.data);
	/* Another package. */
	assert_int_equal(db_exec(db, "DELETE FROM document", &err), 0);
	debs[0].sha256.b[0] = 99;
	assert_int_equal(lock_store(st, &lock, &err), 0);
	next = plan_of("svc", STAGE_IMAGE, 5);
	run_plan(next, "image", 1, 1);
	assert_false(published(next));
	json_decref(told(1, "spdx", &b));
	assert_string_not_equal(a.data, b.data);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_sbom_lists_what_each_build_in_the_image_was_made_with),
		T(a_buildinfo_is_of_the_plan_that_left_the_bytes),
		T(what_is_told_stays_and_is_told_later_of_older_releases),
		T(an_sbom_is_a_function_of_the_packages_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
