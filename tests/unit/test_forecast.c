/* rooms: builder/schema.c builder/inputs builder/plan builder/bake
 * builder/cli/forecast.c */
/* kiln plan: what a new version of a package would build again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/bake/policy.h"
#include "builder/cli/forecast.h"
#include "builder/plan/arch.h"
#include "builder/schema.h"
#include "lib/mem.h"
#include "tests/support/recipe_folder.h"

static struct forecast f;
/* Of all packages of recipes for the machine's own architecture, and of those
 * for another. */
static const char *native, *foreign;

static int
setup(void **state)
{
	f = (struct forecast)FORECAST_INIT;
	native = foreign = "1";
	return scratch_setup(state);
}

static int
teardown(void **state)
{
	forecast_release(&f);
	return recipes_teardown(state);
}

/* Not this machine's. */
static const char *
other(void)
{
	const char *own = arch_own(&err);

	assert_non_null(own);
	return strcmp(own, "arm64") == 0 ? "amd64" : "arm64";
}

/* NAME for that list of architectures, which `cross` packages compile for the
 * other one, and what it uses or "". */
static void
for_archs(
    const char *name, const char *archs, const char *cross, const char *uses)
{
	auto_free char *own = mem_str(arch_own(&err));
	auto_free char *more = mem_printf("arch: [%s]\nbuild: {packages: [gcc],"
					  " script: build.sh, cross: {%s: [],"
					  " %s: [%s]}}\n%s%s%s",
	    archs, own, other(), cross, *uses ? "uses: [{recipe: " : "", uses,
	    *uses ? ", outputs: [out]}]\n" : "");

	recipe(name, more);
}

static void sql(const char *fmt, ...) KILN_PRINTF(1, 2);
static void
sql(const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (db_exec(f.db, text.data, &err) == -1)
		fail_msg("%s: %s", text.data, err.msg);
}

static struct lock *
lock_of(const struct recipe *r)
{
	const struct strs *l = &r->packages[STAGE_BUILD];
	struct lock *k = mem_zero(1, sizeof(*k));

	k->recipe = mem_str(r->name);
	k->arch = mem_str(r->arch);
	k->build.v = mem_zero(l->n, sizeof(*k->build.v));
	for (size_t i = 0; i < l->n; i++)
		k->build.v[k->build.n++] = (struct lock_package){
			.name = mem_str(l->v[i]),
			.version = mem_str(r->on ? foreign : native),
			.arch = mem_str(r->on ? r->on : r->arch),
			.path = mem_printf("pool/main/%s/x.deb", l->v[i]),
			.suite = mem_str("bookworm"),
		};
	if (lock_store(f.store, k, &err) == -1)
		fail_msg("%s", err.msg);
	return k;
}

/* Its build, by outputs that nobody looks at. */
static void
stands(const struct recipe *r)
{
	auto_lock struct lock *lock = lock_of(r);
	auto_plan struct plan *p = NULL;
	char plan[HASH_HEX], locked[HASH_HEX];
	struct plan_use use = { .output = "out" };
	struct hash policy;

	if (r->error)
		fail_msg("%s: %s", r->name, r->error);
	if (r->nuses)
		use.recipe = r->uses[0].recipe;
	policy_digest(&policy);
	p = plan_make(r, STAGE_BUILD, lock, &use, r->nuses, &policy, &err);
	if (!p)
		fail_msg("%s", err.msg);
	if (store_put_bytes(
		f.store, p->text.data, p->text.len, &p->digest, &err) == -1)
		fail_msg("%s", err.msg);
	hash_hex(&p->digest, plan);
	hash_hex(&lock->digest, locked);
	sql("INSERT INTO recipe (name, kind, summary, tree, lock, loaded_at)"
	    " VALUES ('%s', 'source', 's', '%064d', '%s', 1);"
	    "INSERT OR IGNORE INTO plan (digest, recipe, stage, lock, made_at,"
	    " verdict) VALUES ('%s', '%s', 'build', '%s', 1, 'reproduced');"
	    "INSERT INTO current (recipe, stage, plan)"
	    " VALUES ('%s', 'build', '%s')",
	    r->name, 0, locked, plan, r->name, locked, r->name, plan);
}

/* The farm of these recipes, for all architectures they name. */
static void
farm(void)
{
	struct recipe_folder folder = { scratch.fd, NULL };
	const char *arch = other();
	struct strs more = { &arch, 1 };
	auto_free char *db = mem_printf("%s/farm.db", scratch.path);
	auto_fd int dir = dir_make_at(scratch.fd, "store", 0755, &err);

	f.db = db_open(db, farm_migrations, farm_migrations_count, &err);
	f.store = store_open(dir, &err);
	if (!f.db || !f.store ||
	    recipes_load_from(&folder, 1, &more, NULL, &all, &err) == -1)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < all.n; i++)
		stands(&all.v[i]);
}

static void
bump(const char *name, const char *version)
{
	if (forecast_bump(&f, name, version, &err) == -1)
		fail_msg("%s", err.msg);
}

/* NAME, for the other architecture if `arch`; "" if it stays. */
static const char *
why(const char *name, bool arch)
{
	auto_free char *full =
	    arch ? mem_printf("%s.%s", name, other()) : mem_str(name);

	for (size_t i = 0; i < f.n; i++)
		if (strcmp(f.v[i].recipe, full) == 0)
			return f.v[i].why ? f.v[i].why : "";
	fail_msg("no plan of %s stands", full);
	return NULL;
}

static void
those_that_use_what_is_built_again_follow_it(void **state)
{
	(void)state;
	recipe("one", "build: {packages: [gcc, grep], script: build.sh}\n");
	recipe("two", "uses: [{recipe: one, outputs: [out]}]\n");
	recipe("three", "uses: [{recipe: two, outputs: [out]}]\n");
	recipe("apart", "");
	farm();
	bump("grep", "99");
	assert_string_equal(why("one", false), "grep 1 → 99");
	assert_string_equal(why("two", false), "uses out of one");
	assert_string_equal(why("three", false), "uses out of two");
	assert_string_equal(why("apart", false), "");
	assert_true(f.v[1].certain && !f.v[3].certain);
}

static void
what_is_only_for_another_architecture_is_used_by_its_plain_name(void **state)
{
	(void)state;
	for_archs("tool", other(), "grep", "");
	for_archs("user", other(), "sed", "tool");
	farm();
	assert_int_equal(all.n, 2);
	bump("grep", "99");
	assert_string_equal(why("tool", false), "grep 1 → 99");
	assert_string_equal(why("user", false), "uses out of tool");
}

static void
of_both_architectures_each_uses_its_own(void **state)
{
	(void)state;
	for_archs("tool", "amd64, arm64", "grep", "");
	for_archs("user", "amd64, arm64", "sed", "tool");
	farm();
	assert_int_equal(all.n, 4);
	bump("grep", "99");
	assert_string_equal(why("tool", true), "grep 1 → 99");
	assert_non_null(strstr(why("user", true), "uses out of tool."));
	assert_string_equal(why("tool", false), "");
	assert_string_equal(why("user", false), "");
}

static void
a_native_recipe_does_not_stand_for_the_other_of_its_name(void **state)
{
	(void)state;
	for_archs("tool", "amd64, arm64", "", "");
	for_archs("user", "amd64, arm64", "", "tool");
	foreign = "99";
	farm();
	bump("gcc", "99");
	assert_string_equal(why("tool", false), "gcc 1 → 99");
	assert_string_equal(why("user", false), "gcc 1 → 99");
	assert_string_equal(why("tool", true), "");
	assert_string_equal(why("user", true), "");
}

static void
what_is_the_same_for_all_is_used_by_each_architecture(void **state)
{
	(void)state;
	recipe("shared", "arch: [all]\n"
			 "build: {packages: [grep], script: build.sh}\n");
	for_archs("user", "amd64, arm64", "sed", "shared");
	farm();
	assert_int_equal(all.n, 3);
	bump("grep", "99");
	assert_string_equal(why("user", false), "uses out of shared");
	assert_string_equal(why("user", true), "uses out of shared");
}

static void
a_package_that_no_lock_has_is_refused(void **state)
{
	(void)state;
	recipe("one", "");
	farm();
	assert_int_equal(forecast_bump(&f, "no-such", "1", &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(those_that_use_what_is_built_again_follow_it),
		TEST(
		    what_is_only_for_another_architecture_is_used_by_its_plain_name),
		TEST(of_both_architectures_each_uses_its_own),
		TEST(a_native_recipe_does_not_stand_for_the_other_of_its_name),
		TEST(what_is_the_same_for_all_is_used_by_each_architecture),
		TEST(a_package_that_no_lock_has_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
