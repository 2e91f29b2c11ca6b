/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/bake/policy.h"
#include "builder/plan/ledger.h"
#include "builder/plan/plan.h"
#include "builder/plan/why.h"
#include "builder/schema.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static const char yaml[] =
    "name: one\nkind: source\nsummary: s\nsuites: [bookworm]\n"
    "build: {packages: [gcc], script: build.sh}\noutputs: [b, a]\n"
    "memory: 64MiB\n"
    "image:\n  packages: [erofs-utils]\n  files:\n"
    "    - {path: /z, from: \"recipe:file\"}\n"
    "    - {path: /a, from: \"output:a\", mode: \"0755\"}\n";

static struct recipes all;
static struct recipe *r;
static struct err err;
static struct hash policy = { { 7 } };
static struct lock_package build_debs[2], image_debs[1];
static struct lock_source sources[1];
static struct lock lock;

static void
put(const char *path, const char *text)
{
	assert_int_equal(
	    file_write_at(scratch.fd, path, text, strlen(text), 0644, &err), 0);
}

static void
load(const char *text)
{
	put("one/recipe.yaml", text);
	recipes_release(&all);
	assert_int_equal(recipes_load(scratch.fd, NULL, &all, &err), 0);
	r = &all.v[0];
	if (r->error)
		fail_msg("%s", r->error);
}

static int
setup(void **state)
{
	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "one", 0755))
		return -1;
	put("one/build.sh", "true\n");
	put("one/file", "f");
	load(yaml);
	build_debs[0] = (struct lock_package){ .name = (char *)"gcc",
		.version = (char *)"1",
		.sha256 = { { 1 } } };
	build_debs[1] = (struct lock_package){ .name = (char *)"make",
		.version = (char *)"2",
		.sha256 = { { 2 } } };
	image_debs[0] = (struct lock_package){ .name = (char *)"erofs-utils",
		.version = (char *)"3",
		.sha256 = { { 3 } } };
	sources[0] = (struct lock_source){ .name = (char *)"src",
		.file = (char *)"src.tar.xz",
		.sha256 = { { 4 } } };
	lock = (struct lock){ .digest = { { 9 } },
		.recipe = (char *)"one",
		.arch = (char *)"amd64",
		.build = { build_debs, 2, 2 },
		.image = { image_debs, 1, 1 },
		.sources = { sources, 1, 1 } };
	return 0;
}

static int
teardown(void **state)
{
	recipes_release(&all);
	return scratch_teardown(state);
}

static struct plan *
make(enum recipe_stage stage)
{
	static const struct plan_use uses[] = { { "one", "b", { { 6 } } },
		{ "one", "a", { { 5 } } } };
	struct plan *p = plan_make(
	    r, stage, &lock, uses, stage == STAGE_IMAGE ? 2 : 0, &policy, &err);

	if (!p)
		fail_msg("%s", err.msg);
	return p;
}

static void
a_plan_holds_all_inputs_in_canonical_order(void **state)
{
	auto_plan struct plan *b = make(STAGE_BUILD), *i = make(STAGE_IMAGE);

	(void)state;
	assert_string_equal(b->outputs[0], "a");
	assert_string_equal(b->outputs[1], "b");
	assert_int_equal(b->npackages, 2);
	assert_int_equal(b->nsources, 1);
	assert_int_equal(b->clock, 1577836800);
	assert_string_equal(b->script, "build.sh");
	/* recipe.yaml is not seen inside. */
	assert_int_equal(b->ntree, 2);
	assert_string_equal(b->tree[0].path, "build.sh");
	assert_memory_equal(b->text.data, "{\"arch\":\"amd64\",\"clock\"", 22);

	assert_int_equal(i->noutputs, 1);
	assert_string_equal(i->outputs[0], "image");
	assert_string_equal(i->files[0].path, "/a");
	assert_string_equal(i->uses[0].output, "a");
	assert_string_equal(i->packages[0].name, "erofs-utils");
	/* Only the files it holds. */
	assert_int_equal(i->ntree, 1);
	assert_string_equal(i->tree[0].path, "file");
}

static void
the_same_inputs_are_the_same_job(void **state)
{
	auto_plan struct plan *a = make(STAGE_BUILD), *b = make(STAGE_BUILD);

	(void)state;
	assert_true(hash_equal(&a->digest, &b->digest));
	/* What is outside a plan: the proof, versions, the lock's digest. */
	lock.digest.b[0] = 77;
	build_debs[0].version = (char *)"99";
	auto_plan struct plan *c = make(STAGE_BUILD);
	assert_true(hash_equal(&a->digest, &c->digest));
}

static void
words_in_recipe_yaml_build_nothing_again(void **state)
{
	auto_plan struct plan *a = make(STAGE_BUILD), *ai = make(STAGE_IMAGE);
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	buf_printf(&b, "%sprobes: [{type: tcp, port: 80}]\n", yaml);
	load(b.data);
	auto_plan struct plan *c = make(STAGE_BUILD), *ci = make(STAGE_IMAGE);
	assert_true(hash_equal(&a->digest, &c->digest));
	assert_true(hash_equal(&ai->digest, &ci->digest));
}

static void
every_input_changes_the_digest(void **state)
{
	auto_plan struct plan *a = make(STAGE_BUILD), *ai = make(STAGE_IMAGE);
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	build_debs[1].sha256.b[5] = 1;
	auto_plan struct plan *p = make(STAGE_BUILD);
	assert_false(hash_equal(&a->digest, &p->digest));
	/* … of the build alone: the image's environment is another. */
	auto_plan struct plan *pi = make(STAGE_IMAGE);
	assert_true(hash_equal(&ai->digest, &pi->digest));

	sources[0].sha256.b[5] = 1;
	auto_plan struct plan *s = make(STAGE_BUILD);
	assert_false(hash_equal(&p->digest, &s->digest));

	policy.b[3] = 1;
	auto_plan struct plan *o = make(STAGE_BUILD);
	assert_false(hash_equal(&s->digest, &o->digest));

	buf_printf(&b, "%sclock: 2022-01-01T00:00:00Z\n", yaml);
	load(b.data);
	auto_plan struct plan *c = make(STAGE_BUILD);
	assert_false(hash_equal(&o->digest, &c->digest));

	put("one/build.sh", "false\n");
	load(b.data);
	auto_plan struct plan *t = make(STAGE_BUILD), *ti = make(STAGE_IMAGE);
	assert_false(hash_equal(&c->digest, &t->digest));
	put("one/file", "other");
	load(b.data);
	auto_plan struct plan *u = make(STAGE_IMAGE);
	assert_false(hash_equal(&ti->digest, &u->digest));
}

static void
a_plan_is_read_back_and_anything_else_refused(void **state)
{
	auto_plan struct plan *a = make(STAGE_IMAGE);
	auto_plan struct plan *b =
	    plan_parse("p", a->text.data, a->text.len, &err);
	static const struct {
		const char *old, *new, *text;
	} t[] = {
		{ "\"v\":2", "\"v\":4", "v" },
		{ "\"v\":2", "\"v\":3", "on" },
		{ "\"outputs\"", "\"on\":\"amd64\",\"outputs\"", "on" },
		{ "\"v\":2", "\"v\":1", "recipe" },
		{ "\"arch\"", "\"aroh\"", "" },
		{ "\"stage\":\"image\"", "\"stage\":\"other\"", "stage" },
		{ "\"path\":\"file\"", "\"path\":\"../e\"", "plain name" },
		{ "\"output\":\"a\"", "\"output\":\"/\"", "plain name" },
		{ "\"mode\":\"0755\"", "\"mode\":\"075\\n\"", "" },
		{ "\"recipe:file\"", "\"recipe fi e\"", "entry" },
		{ "{\"arch\"", "{ \"arch\"", "canonical" },
	};

	(void)state;
	assert_non_null(b);
	assert_true(hash_equal(&a->digest, &b->digest));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *at = strstr(a->text.data, t[i].old);
		auto_buf struct buf bad = BUF_INIT;

		assert_non_null(at);
		buf_add(&bad, a->text.data, (size_t)(at - a->text.data));
		buf_str(&bad, t[i].new);
		buf_str(&bad, at + strlen(t[i].old));
		assert_null(plan_parse("p", bad.data, bad.len, &err));
		assert_int_equal(err.cls, ERR_INPUT);
		if (!strstr(err.msg, t[i].text))
			fail_msg("\"%s\" lacks \"%s\"", err.msg, t[i].text);
	}
}

/* What runs the build is said, and the order that an environment has: the
 * machine's own packages first. */
static void
a_plan_for_another_architecture_says_where_it_runs(void **state)
{
	auto_plan struct plan *own = make(STAGE_BUILD), *p = NULL, *read = NULL;

	(void)state;
	r->on = "amd64";
	lock.arch = (char *)"arm64";
	build_debs[0].name = (char *)"gcc:arm64";
	p = make(STAGE_BUILD);
	assert_string_equal(p->arch, "arm64");
	assert_string_equal(p->on, "amd64");
	assert_null(own->on);
	assert_int_equal(p->npackages, 2);
	assert_string_equal(p->packages[0].name, "make");
	assert_string_equal(p->packages[1].name, "gcc:arm64");
	assert_non_null(strstr(p->text.data, "\"v\":3"));
	read = plan_parse("p", p->text.data, p->text.len, &err);
	assert_non_null(read);
	assert_string_equal(read->on, "amd64");
}

static void
recipes_that_ask_for_the_same_have_one_plan(void **state)
{
	static const struct plan_use uses[] = { { "two", "b", { { 6 } } },
		{ "two", "a", { { 5 } } } };
	auto_plan struct plan *one = make(STAGE_IMAGE), *two = NULL;

	(void)state;
	/* The same recipe by another name, whose outputs are its own. */
	r->name[0] = 't', r->name[1] = 'w', r->name[2] = 'o';
	two = plan_make(r, STAGE_IMAGE, &lock, uses, 2, &policy, &err);
	memcpy(r->name, "one", 3);
	assert_non_null(two);
	assert_true(hash_equal(&one->digest, &two->digest));
	assert_string_equal(two->uses[0].recipe, two->own);
}

static void
golden_plans_are_read_to_the_same_bytes(void **state)
{
	static const char *const files[] = { "tests/golden/plan.json",
		"tests/golden/plan-image.json" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_buf struct buf b = BUF_INIT;
		auto_plan struct plan *p = NULL;

		assert_int_equal(file_read(files[i], 1 << 20, &b, &err), 0);
		while (b.len && b.data[b.len - 1] == '\n')
			b.data[--b.len] = '\0';
		p = plan_parse(files[i], b.data, b.len, &err);
		if (!p)
			fail_msg("%s", err.msg);
		assert_int_equal(p->stage, i == 0 ? STAGE_BUILD : STAGE_IMAGE);
	}
}

static void
why_now_names_what_is_new(void **state)
{
	auto_plan struct plan *a = make(STAGE_BUILD);
	auto_buf struct buf first = BUF_INIT, next = BUF_INIT, none = BUF_INIT;

	(void)state;
	plan_why(NULL, a, NULL, &first);
	assert_string_equal(first.data, "its first plan");
	build_debs[0].sha256.b[9] = 1;
	put("one/build.sh", "false\n");
	load(yaml);
	auto_plan struct plan *b = make(STAGE_BUILD);
	plan_why(a, b, NULL, &next);
	assert_string_equal(
	    next.data, "packages: gcc; the recipe's files: build.sh");
	plan_why(b, b, NULL, &none);
	assert_string_equal(none.data, "nothing");
}

static void
the_policy_is_stable_and_holds_the_script(void **state)
{
	struct hash a, b;
	struct span s = policy_assemble();
	auto_buf struct buf file = BUF_INIT;

	(void)state;
	policy_digest(&a);
	policy_digest(&b);
	assert_true(hash_equal(&a, &b));
	assert_int_equal(
	    file_read("builder/policy/assemble.sh", 1 << 20, &file, &err), 0);
	assert_int_equal(s.n, file.len);
	assert_memory_equal(s.p, file.data, s.n);
}

/* --- the ledger ---------------------------------------------------------- */

static struct db *
open_db(void)
{
	auto_free char *path = mem_printf("%s/farm.db", scratch.path);
	struct db *db =
	    db_open(path, farm_migrations, farm_migrations_count, &err);

	if (!db)
		fail_msg("%s", err.msg);
	return db;
}

static int64_t
end_run(struct db *db, const struct plan *p, char lane, uint8_t output)
{
	struct ledger_end e = {
		.succeeded = true, .finished = 5, .wall_ms = 1234
	};

	e.outputs = mem_zero(1, sizeof(*e.outputs));
	e.noutputs = 1;
	e.outputs[0].name = "a";
	e.outputs[0].sha256.b[0] = output;
	e.record.b[0] = (uint8_t)lane;
	assert_int_equal(ledger_queue(db, &p->digest, lane, &e.id, &err), 0);
	assert_int_equal(ledger_start(db, e.id, &p->digest, &err), 0);
	assert_int_equal(ledger_end(db, &e, &err), 0);
	free(e.outputs);
	return e.id;
}

static void
the_ledger_gives_outputs_of_reproduced_plans_only(void **state)
{
	auto_db struct db *db = open_db();
	auto_plan struct plan *p = make(STAGE_BUILD);
	struct hash h, record = { { 1 } };
	enum run_state s;
	char verdict[16];
	int64_t id;

	(void)state;
	assert_int_equal(ledger_output(db, "one", "a", &h, verdict, &err), 0);
	assert_string_equal(verdict, "");
	assert_int_equal(ledger_plan(db, "one", p, &lock.digest, 0, &err), 0);
	assert_int_equal(ledger_plan(db, "one", p, &lock.digest, 0, &err), 0);
	id = end_run(db, p, 'A', 42);
	assert_int_equal(ledger_output(db, "one", "a", &h, verdict, &err), 0);
	assert_int_equal(ledger_run(db, &p->digest, 'A', &s, &id, &h, &err), 0);
	assert_int_equal(s, RUN_SUCCEEDED);
	assert_int_equal(h.b[0], 'A');
	assert_int_equal(ledger_run(db, &p->digest, 'B', &s, &id, &h, &err), 0);
	assert_int_equal(s, RUN_NONE);
	assert_int_equal(
	    ledger_judged(db, &p->digest, "reproduced", &record, &err), 0);
	assert_int_equal(ledger_output(db, "one", "a", &h, verdict, &err), 1);
	assert_int_equal(h.b[0], 42);
	assert_int_equal(
	    ledger_output(db, "one", "nothing", &h, verdict, &err), 0);
	/* The first verdict stays. */
	assert_int_equal(
	    ledger_judged(db, &p->digest, "differs", &record, &err), 0);
	assert_int_equal(ledger_verdict(db, &p->digest, verdict, &err), 0);
	assert_string_equal(verdict, "reproduced");
	assert_int_equal(ledger_estimate(db, "one", STAGE_BUILD, 'A'), 1234);
	assert_int_equal(ledger_estimate(db, "one", STAGE_IMAGE, 'A'), -1);
}

static void
what_ran_when_we_were_killed_is_lost_and_queued_again(void **state)
{
	auto_db struct db *db = open_db();
	auto_plan struct plan *p = make(STAGE_BUILD);
	struct hash h;
	enum run_state s;
	int64_t a, b, n, cycle, since;

	(void)state;
	assert_int_equal(ledger_plan(db, "one", p, &lock.digest, 0, &err), 0);
	assert_int_equal(ledger_queue(db, &p->digest, 'A', &a, &err), 0);
	assert_int_equal(ledger_start(db, a, &p->digest, &err), 0);
	assert_int_equal(ledger_cycle_begin(db, &cycle, &since, &err), 0);
	assert_int_equal(ledger_recover(db, &err), 0);
	assert_int_equal(ledger_run(db, &p->digest, 'A', &s, &b, &h, &err), 0);
	assert_int_equal(s, RUN_NONE);
	/* That was nobody's failure … */
	assert_int_equal(ledger_lost(db, &p->digest, 'A', &n, &err), 0);
	assert_int_equal(n, 0);
	/* … a full disk is waited for … */
	assert_int_equal(ledger_queue(db, &p->digest, 'A', &b, &err), 0);
	assert_int_equal(ledger_lose(db, b, "no-space", "full", &err), 0);
	assert_int_equal(ledger_lost(db, &p->digest, 'A', &n, &err), 0);
	assert_int_equal(n, 0);
	/* … and a sandbox that cannot be built is the machine's. */
	assert_int_equal(ledger_queue(db, &p->digest, 'A', &b, &err), 0);
	assert_int_equal(ledger_lose(db, b, "sandbox", "no", &err), 0);
	assert_int_equal(ledger_lost(db, &p->digest, 'A', &n, &err), 0);
	assert_int_equal(n, 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_plan_holds_all_inputs_in_canonical_order),
		T(the_same_inputs_are_the_same_job),
		T(words_in_recipe_yaml_build_nothing_again),
		T(every_input_changes_the_digest),
		T(a_plan_is_read_back_and_anything_else_refused),
		T(a_plan_for_another_architecture_says_where_it_runs),
		T(recipes_that_ask_for_the_same_have_one_plan),
		T(golden_plans_are_read_to_the_same_bytes),
		T(why_now_names_what_is_new),
		T(the_policy_is_stable_and_holds_the_script),
		T(the_ledger_gives_outputs_of_reproduced_plans_only),
		T(what_ran_when_we_were_killed_is_lost_and_queued_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
