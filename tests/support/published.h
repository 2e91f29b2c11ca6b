/*
 * A farm in which a recipe `svc` is an image that holds an output of `lib`, and
 * what came of it, made up: for cmocka tests that link builder/judge.
 */
#ifndef KILN_TEST_PUBLISHED_H
#define KILN_TEST_PUBLISHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/judge/publish.h"
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

#endif
