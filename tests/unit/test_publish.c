/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What may be published, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/judge/publish.h"
#include "builder/judge/terms.h"
#include "builder/judge/verdict.h"
#include "builder/plan/ledger.h"
#include "builder/schema.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static const char lib_yaml[] =
    "name: lib\nkind: source\nsummary: s\nsuites: [bookworm]\n"
    "build: {packages: [gcc], script: build.sh}\noutputs: [lib]\n";
static const char svc_yaml[] =
    "name: svc\nkind: image\nsummary: s\nsuites: [bookworm]\n"
    "upstream: erofs-utils\nmemory: 64MiB\n"
    "uses: [{recipe: lib, outputs: [lib]}]\n"
    "image:\n  packages: [erofs-utils]\n  files:\n"
    "    - {path: /lib, from: \"use:lib/lib\"}\n";

static struct recipes all;
static struct store *st;
static struct db *db;
static struct err err;
static struct hash policy = { { 7 } };
static struct lock_package debs[1], gcc[1];
static struct lock lock;
static struct plan *lib, *svc;

static void
put(const char *path, const char *text)
{
	assert_int_equal(
	    file_write_at(scratch.fd, path, text, strlen(text), 0644, &err), 0);
}

static struct recipe *
load(const char *svc_text)
{
	put("r/lib/recipe.yaml", lib_yaml);
	put("r/lib/build.sh", "true\n");
	put("r/svc/recipe.yaml", svc_text);
	recipes_release(&all);
	auto_fd int dir = dir_open_at(scratch.fd, "r", &err);
	assert_int_equal(recipes_load(dir, NULL, &all, &err), 0);
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].error)
			fail_msg("%s", all.v[i].error);
	return recipes_find(&all, "svc");
}

static struct plan *
plan_of(const char *recipe, enum recipe_stage stage, uint8_t used)
{
	struct plan_use use = { "lib", "lib", { { used } } };
	struct plan *p = plan_make(recipes_find(&all, recipe), stage, &lock,
	    &use, stage == STAGE_IMAGE ? 1 : 0, &policy, &err);
	struct hash h;

	if (!p)
		fail_msg("%s", err.msg);
	assert_int_equal(
	    store_put_bytes(st, p->text.data, p->text.len, &h, &err), 0);
	assert_int_equal(ledger_plan(db, recipe, p, &lock.digest, 0, &err), 0);
	return p;
}

static int
setup(void **state)
{
	auto_free char *path = NULL;

	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755) ||
	    mkdirat(scratch.fd, "r", 0755) ||
	    mkdirat(scratch.fd, "r/lib", 0755) ||
	    mkdirat(scratch.fd, "r/svc", 0755))
		return -1;
	auto_fd int dir = dir_open_at(scratch.fd, "s", &err);
	st = store_open(dir, &err);
	path = mem_printf("%s/farm.db", scratch.path);
	db = db_open(path, farm_migrations, farm_migrations_count, &err);
	if (!st || !db)
		return -1;
	debs[0] = (struct lock_package){ .name = (char *)"erofs-utils",
		.version = (char *)"1:1.5+x-1~b",
		.arch = (char *)"amd64",
		.sha256 = { { 3 } },
		.path = (char *)"pool/e/erofs-utils_1.5.deb",
		.suite = (char *)"bookworm" };
	gcc[0] = (struct lock_package){ .name = (char *)"gcc",
		.version = (char *)"4:12.2",
		.arch = (char *)"amd64",
		.sha256 = { { 4 } },
		.path = (char *)"pool/g/gcc.deb",
		.suite = (char *)"bookworm" };
	lock = (struct lock){ .recipe = (char *)"svc",
		.arch = (char *)"amd64",
		.build = { gcc, 1, 1 },
		.image = { debs, 1, 1 } };
	load(svc_yaml);
	if (lock_store(st, &lock, &err) == -1)
		return -1;
	lib = plan_of("lib", STAGE_BUILD, 0);
	svc = plan_of("svc", STAGE_IMAGE, 5);
	return 0;
}

static int
teardown(void **state)
{
	plan_free(lib);
	plan_free(svc);
	lib = svc = NULL;
	recipes_release(&all);
	store_free(st);
	db_close(db);
	return scratch_teardown(state);
}

/* Both lanes, and a verdict; B's digest may be another. */
static void
run_plan(const struct plan *p, const char *output, uint8_t a, uint8_t b)
{
	struct verdict_run runs[2];
	enum verdict v;
	struct hash digest;
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *record = NULL;

	for (int i = 0; i < 2; i++) {
		struct ledger_end e = { .succeeded = true };
		auto_json json_t *one = json_object();
		json_t *j = js_record_new("kiln/run", 1), *list = json_array();
		char lane[2] = { (char)('A' + i), '\0' };

		e.outputs = mem_zero(1, sizeof(*e.outputs));
		e.noutputs = 1;
		e.outputs[0].name = output;
		e.outputs[0].sha256.b[0] = i ? b : a;
		js_set_hash(j, "plan", &p->digest);
		js_set_str(j, "lane", lane);
		js_set_str(j, "builder", "farm");
		js_set_str(j, "outcome", "succeeded");
		js_set(j, "variations", json_array());
		js_set_str(one, "name", output);
		js_set_hash(one, "sha256", &e.outputs[0].sha256);
		js_set_int(one, "size", 100);
		json_array_append(list, one);
		js_set(j, "outputs", list);
		runs[i].record = j;
		assert_int_equal(canon_hash(j, &runs[i].digest, &err), 0);
		assert_int_equal(
		    ledger_queue(db, &p->digest, lane[0], &e.id, &err), 0);
		assert_int_equal(ledger_end(db, &e, &err), 0);
		free(e.outputs);
	}
	record = verdict_make(&p->digest, runs, 2, &v, &err);
	json_decref(runs[0].record);
	json_decref(runs[1].record);
	assert_int_equal(canon_json(record, &text, &err), 0);
	assert_int_equal(
	    store_put_bytes(st, text.data, text.len, &digest, &err), 0);
	assert_int_equal(
	    ledger_judged(db, &p->digest, verdict_name(v), &digest, &err), 0);
}

static bool
published_by(const char *recipe, const struct plan *p)
{
	bool made = false;

	if (publish_release(db, st, recipes_find(&all, recipe), &lock, p, 0,
		&made, &err) == -1)
		fail_msg("%s", err.msg);
	return made;
}

static bool
published(const struct plan *p)
{
	return published_by("svc", p);
}

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

/* --- what is told of it
 * ------------------------------------------------------*/

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
		T(an_sbom_lists_what_each_build_in_the_image_was_made_with),
		T(a_buildinfo_is_of_the_plan_that_left_the_bytes),
		T(what_is_told_stays_and_is_told_later_of_older_releases),
		T(an_sbom_is_a_function_of_the_packages_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
