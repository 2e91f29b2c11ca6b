/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What may be published, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "builder/judge/terms.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/published.h"

static json_t *
newest(void)
{
	static const char sql[] =
	    "SELECT digest FROM release ORDER BY rowid DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_buf struct buf b = BUF_INIT;
	struct hash h;

	assert_int_equal(stmt_step(q, &err), 1);
	assert_true(stmt_hash(q, 0, &h));
	assert_int_equal(store_read(st, &h, 1 << 20, &b, &err), 0);
	return js_record("release", "kiln/release", 1, b.data, b.len, &err);
}

static void
an_image_without_a_verdict_is_not_published(void **state)
{
	(void)state;
	run_plan(lib, "lib", 5, 5);
	assert_false(published(svc));
}

static void
an_image_that_differs_is_not_published(void **state)
{
	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 2);
	assert_false(published(svc));
}

static void
an_image_that_holds_something_not_reproduced_is_not_published(void **state)
{
	(void)state;
	run_plan(svc, "image", 1, 1);
	assert_false(published(svc)); /* nobody ran lib */
	run_plan(lib, "lib", 5, 6);
	assert_false(published(svc)); /* … and then it differed */
}

static void
the_output_it_holds_must_be_the_reproduced_one(void **state)
{
	(void)state;
	run_plan(svc, "image", 1, 1);
	run_plan(lib, "lib", 8, 8); /* the image holds 5 */
	assert_false(published(svc));
}

static void
what_is_reproduced_all_the_way_is_published_once(void **state)
{
	auto_json json_t *j = NULL;
	const json_t *t, *custom;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	assert_false(published(svc));
	j = newest();
	assert_string_equal(
	    json_string_value(json_object_get(j, "version")), "1:1.5+x-1~b");
	t = json_array_get(json_object_get(j, "targets"), 0);
	assert_int_equal(json_integer_value(json_object_get(t, "size")), 100);
	custom = json_object_get(t, "custom");
	assert_string_equal(
	    json_string_value(json_object_get(custom, "type")), "vm");
	assert_int_equal(
	    json_integer_value(json_object_get(custom, "memory")), 64 << 20);
}

static void
another_sbom_alone_is_no_release_and_another_probe_is(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	auto_plan struct plan *next = NULL;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	/* A tool changed, the image did not. */
	debs[0].sha256.b[4] = 1;
	assert_int_equal(lock_store(st, &lock, &err), 0);
	next = plan_of("svc", STAGE_IMAGE, 5);
	assert_false(hash_equal(&next->digest, &svc->digest));
	run_plan(next, "image", 1, 1);
	assert_false(published(next));
	buf_printf(&b, "%sprobes: [{type: tcp, port: 80}]\n", svc_yaml);
	load(b.data);
	assert_true(published(next));
}

static int64_t
count(const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static void
what_stood_before_is_told_once_when_it_comes_back(void **state)
{
	auto_plan struct plan *next = NULL;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	assert_true(published(svc));
	debs[0].sha256.b[4] = 1;
	assert_int_equal(lock_store(st, &lock, &err), 0);
	next = plan_of("svc", STAGE_IMAGE, 5);
	run_plan(next, "image", 2, 2);
	assert_true(published(next));
	debs[0].sha256.b[4] = 0;
	assert_int_equal(lock_store(st, &lock, &err), 0);
	assert_int_equal(ledger_plan(db, "svc", svc, &lock.digest, 0, &err), 0);
	assert_true(published(svc));
	assert_false(published(svc));
	assert_int_equal(count("SELECT count(*) FROM event WHERE kind ="
			       " 'release-made'"),
	    3);
}

/* Each as the service kiln-agent. */
static struct plan *
agent_of(const char *name, uint8_t output)
{
	auto_free char *dir = mem_printf("r/%s", name);
	auto_free char *yaml = mem_printf("%s/recipe.yaml", dir);
	auto_free char *script = mem_printf("%s/build.sh", dir);
	auto_free char *text =
	    mem_printf("name: %s\nkind: agent\nsummary: s\n"
		       "suites: [bookworm]\nmemory: 16MiB\noutputs: [agent]\n"
		       "build: {packages: [gcc], script: build.sh}\n"
		       "upstream: gcc\n",
		name);
	struct plan *p;

	assert_int_equal(mkdirat(scratch.fd, dir, 0755), 0);
	put(yaml, text);
	put(script, name);
	load(svc_yaml);
	p = plan_of(name, STAGE_BUILD, 0);
	run_plan(p, "agent", output, output);
	return p;
}

static void
two_recipes_of_one_service_are_each_told_once(void **state)
{
	auto_plan struct plan *one = agent_of("one", 1), *two = NULL;

	(void)state;
	assert_true(published_by("one", one));
	two = agent_of("two", 2);
	assert_true(recipe_same_service(
	    recipes_find(&all, "one"), recipes_find(&all, "two")));
	assert_false(recipe_same_service(
	    recipes_find(&all, "one"), recipes_find(&all, "svc")));
	for (int i = 0; i < 2; i++) {
		assert_false(published_by("one", one));
		assert_int_equal(published_by("two", two), i == 0);
	}
	assert_int_equal(count("SELECT count(*) FROM event WHERE kind ="
			       " 'release-made'"),
	    2);
}

/* The fuzz target's corpus has one, and files that are none. */
static json_t *
unikernel_terms(const char *file)
{
	static const char yaml[] =
	    "name: svc\nkind: solo5\nsummary: s\nsuites: [bookworm]\n"
	    "memory: 16MiB\noutputs: [svc]\n"
	    "build: {packages: [gcc], script: recipe.yaml}\n";
	auto_free char *from = mem_printf("tests/fuzz/corpus/solo5/%s", file);
	auto_buf struct buf bytes = BUF_INIT;
	auto_json json_t *outputs = json_array();
	json_t *one = json_object();
	struct hash h;

	assert_int_equal(file_read(from, 4096, &bytes, &err), 0);
	assert_int_equal(
	    store_put_bytes(st, bytes.data, bytes.len, &h, &err), 0);
	js_set_str(one, "name", "svc");
	js_set_hash(one, "sha256", &h);
	js_set_int(one, "size", (int64_t)bytes.len);
	json_array_append_new(outputs, one);
	return terms_targets(load(yaml), st, outputs, "1", &err);
}

static void
a_unikernel_s_release_says_what_its_notes_say(void **state)
{
	auto_json json_t *targets = unikernel_terms("spt");
	const json_t *custom =
	    json_object_get(json_array_get(targets, 0), "custom");

	(void)state;
	assert_string_equal(
	    json_string_value(json_object_get(custom, "type")), "solo5");
	assert_string_equal(json_string_value(json_object_get(custom, "solo5")),
	    "spt 1 net:service block:storage");
	assert_string_equal(
	    json_string_value(json_object_get(custom, "handover")), "parallel");
}

static void
what_is_no_unikernel_is_not_published_as_one(void **state)
{
	(void)state;
	assert_null(unikernel_terms("text"));
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(err.msg, "recipe svc: no ELF file");
	err_clear(&err);
	assert_null(unikernel_terms("no-abi"));
	assert_string_equal(err.msg, "recipe svc: no ABI note of Solo5");
}

static void
a_version_nobody_has_is_an_error_of_the_recipe(void **state)
{
	static const char yaml[] =
	    "name: svc\nkind: image\nsummary: s\nsuites: [bookworm]\n"
	    "upstream: nobody\nmemory: 64MiB\n"
	    "uses: [{recipe: lib, outputs: [lib]}]\n"
	    "image:\n  packages: [erofs-utils]\n  files:\n"
	    "    - {path: /lib, from: \"use:lib/lib\"}\n";
	bool made;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	run_plan(svc, "image", 1, 1);
	load(yaml);
	assert_int_equal(publish_release(db, st, recipes_find(&all, "svc"),
			     &lock, svc, 0, &made, &err),
	    -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "upstream"));
}

/* The compiler is in the lock of what svc uses, and there alone. */
static void
a_version_is_found_in_the_lock_of_what_is_used(void **state)
{
	static const char yaml[] =
	    "name: svc\nkind: image\nsummary: s\nsuites: [bookworm]\n"
	    "upstream: gcc\nmemory: 64MiB\n"
	    "uses: [{recipe: lib, outputs: [lib]}]\n"
	    "image:\n  packages: [erofs-utils]\n  files:\n"
	    "    - {path: /lib, from: \"use:lib/lib\"}\n";
	auto_plan struct plan *next = NULL;
	auto_json json_t *j = NULL;

	(void)state;
	run_plan(lib, "lib", 5, 5);
	gcc[0].name = (char *)"other";
	assert_int_equal(lock_store(st, &lock, &err), 0);
	load(yaml);
	next = plan_of("svc", STAGE_IMAGE, 5);
	run_plan(next, "image", 1, 1);
	assert_true(published(next));
	j = newest();
	assert_string_equal(
	    json_string_value(json_object_get(j, "version")), "4:12.2");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_image_without_a_verdict_is_not_published),
		T(a_unikernel_s_release_says_what_its_notes_say),
		T(what_is_no_unikernel_is_not_published_as_one),
		T(an_image_that_differs_is_not_published),
		T(an_image_that_holds_something_not_reproduced_is_not_published),
		T(the_output_it_holds_must_be_the_reproduced_one),
		T(what_is_reproduced_all_the_way_is_published_once),
		T(another_sbom_alone_is_no_release_and_another_probe_is),
		T(what_stood_before_is_told_once_when_it_comes_back),
		T(two_recipes_of_one_service_are_each_told_once),
		T(a_version_nobody_has_is_an_error_of_the_recipe),
		T(a_version_is_found_in_the_lock_of_what_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
