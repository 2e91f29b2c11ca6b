/*
 * Real builds in a small real environment, made of packages this machine has
 * installed.  Fixtures of a group: builds_setup, builds_teardown; of each
 * test: builds_each, builds_after.
 */
#ifndef KILN_TEST_BUILDS_H
#define KILN_TEST_BUILDS_H

#include <sys/stat.h>
#include <unistd.h>

#include "builder/bake/build.h"
#include "builder/bake/env.h"
#include "builder/bake/lane.h"
#include "builder/bake/policy.h"
#include "lib/attr.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "tests/support/debmake.h"
#include "tests/support/scratch.h"

static const char *const installed[] = { "coreutils", "dash", "grep", "libacl1",
	"libattr1", "libc6", "libcap2", "libcrypt1", "libfaketime", "libgmp10",
	"libpcre2-8-0", "libselinux1", "perl-base", "sed", "tar",
	"util-linux" };

static struct store *st;
static struct env env;
static struct env_package packages[ARRAY_LEN(installed)];
static struct build_place place;
static struct cgroups groups;
static struct plan *plan;
static struct build_result result;
static struct err err;
static atomic_bool stop;
static struct limits limits;
static char *text; /* of the log */
static int64_t next_id = 1;

static int KILN_UNUSED
folder(const char *name)
{
	return mkdirat(scratch.fd, name, 0755) == -1
		   ? -1
		   : openat(
			 scratch.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int KILN_UNUSED
builds_setup(void **state)
{
	static char env_path[300], work_path[300];
	struct env_place at;

	if (scratch_setup(state) != 0)
		return -1;
	st = store_open(folder("s"), &err);
	snprintf(env_path, sizeof(env_path), "%s/env", scratch.path);
	snprintf(work_path, sizeof(work_path), "%s/work", scratch.path);
	at = (struct env_place){
		.dirfd = folder("env"), .path = env_path, .store = st
	};
	for (size_t i = 0; i < ARRAY_LEN(installed); i++) {
		packages[i].name = installed[i];
		if (debmake_installed(st, installed[i], &packages[i].sha256) ==
		    -1)
			return -1;
	}
	if (env_make(&at, packages, ARRAY_LEN(installed), &env, &err) == -1) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	cgroups_open(&groups, "", 0, 0);
	place = (struct build_place){ .store = st,
		.cgroups = &groups,
		.workdir = folder("work"),
		.work_path = work_path,
		.logdir = folder("log") };
	return 0;
}

static int KILN_UNUSED
builds_teardown(void **state)
{
	env_release(&env);
	store_free(st);
	cgroups_close(&groups);
	return scratch_teardown(state);
}

static int KILN_UNUSED
builds_each(void **state)
{
	static const struct budget budget = { .memory = (int64_t)1 << 30,
		.wall = 60,
		.log = 1 << 20,
		.output = 1 << 20 };
	int64_t memory;

	(void)state;
	build_limits(&budget, &memory, &limits);
	err_clear(&err);
	stop = false;
	return 0;
}

static int KILN_UNUSED
builds_after(void **state)
{
	struct stat s;

	(void)state;
	plan_free(plan);
	plan = NULL;
	build_result_release(&result);
	result = (struct build_result){ 0 };
	free(text);
	text = NULL;
	/* Nothing stays behind, whatever the build did. */
	return fstat(place.workdir, &s) == 0 && s.st_nlink == 2 ? 0 : -1;
}

static json_t *KILN_UNUSED
digested(const char *key, const char *name, const struct hash *h)
{
	json_t *j = json_object();

	js_set_str(j, key, name);
	js_set_hash(j, "sha256", h);
	return j;
}

/* A plan of one script, one more file, one source, one use. */
static void KILN_UNUSED
make_plan(const char *script, const char *const *outputs)
{
	auto_json json_t *j = js_record_new("kiln/plan", 2);
	json_t *tree = json_array(), *list = json_array(), *one;
	json_t *sources = json_array(), *uses = json_array();
	auto_buf struct buf b = BUF_INIT;
	struct hash h;

	policy_digest(&h);
	js_set_hash(j, "policy", &h);
	js_set_str(j, "stage", "build");
	js_set_str(j, "arch", "amd64");
	js_set_str(j, "clock", "2020-01-01T00:00:00Z");
	js_set_str(j, "script", "build.sh");
	assert_int_equal(
	    store_put_bytes(st, script, strlen(script), &h, &err), 0);
	one = digested("path", "build.sh", &h);
	js_set_bool(one, "x", false);
	json_array_append_new(tree, one);
	assert_int_equal(store_put_bytes(st, "data", 4, &h, &err), 0);
	one = digested("path", "sub/data", &h);
	js_set_bool(one, "x", true);
	json_array_append_new(tree, one);
	json_array_append_new(sources, digested("file", "a.tar.xz", &h));
	one = digested("recipe", "other", &h);
	js_set_str(one, "output", "lib");
	json_array_append_new(uses, one);
	for (; *outputs; outputs++)
		json_array_append_new(list, json_string(*outputs));
	js_set(j, "tree", tree);
	js_set(j, "packages", json_array());
	js_set(j, "sources", sources);
	js_set(j, "uses", uses);
	js_set(j, "outputs", list);
	assert_int_equal(canon_json(j, &b, &err), 0);
	plan_free(plan);
	plan = plan_parse("demo", b.data, b.len, &err);
	if (!plan)
		fail_msg("%s", err.msg);
}

static struct build_order KILN_UNUSED
order_of(char lane)
{
	return (struct build_order){ .id = next_id++,
		.plan = plan,
		.lane = lane,
		.vary = lane == 'A' ? VARY_NONE : VARY_ALL,
		.environment = env.digest,
		.root = env.root,
		.limits = limits,
		.process_memory = (int64_t)1 << 30,
		.stop = &stop };
}

static void KILN_UNUSED
build_in(char lane)
{
	struct build_order o = order_of(lane);
	auto_buf struct buf b = BUF_INIT;

	build_result_release(&result);
	if (build_run(&place, &o, &result, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(store_read(st, &result.log, 4 << 20, &b, &err), 0);
	free(text);
	text = buf_take(&b);
}

static void KILN_UNUSED
build(const char *script)
{
	static const char *const outputs[] = { "a", NULL };

	make_plan(script, outputs);
	build_in('A');
}

static void KILN_UNUSED
fails(const char *script, const char *cause)
{
	build(script);
	assert_false(result.succeeded);
	if (strcmp(result.cause, cause) != 0)
		fail_msg("cause %s (%s), log: %s", result.cause, result.message,
		    text);
	assert_int_equal(result.outputs.n, 0);
	assert_non_null(strstr(text, cause));
}

#endif
