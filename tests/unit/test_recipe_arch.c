/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* Recipes for more architectures than the machine's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/plan/arch.h"
#include "lib/mem.h"
#include "tests/support/recipe_folder.h"

/* "amd64" and "arm64", in the order that this machine gives them. */
static const char *own, *other;

static void
load_both(void)
{
	struct recipe_folder folder = { scratch.fd, NULL };
	struct strs more = { &other, 1 };

	own = arch_own(&err);
	assert_non_null(own);
	other = strcmp(own, "arm64") == 0 ? "amd64" : "arm64";
	recipes_release(&all);
	assert_int_equal(
	    recipes_load_from(&folder, 1, &more, NULL, &all, &err), 0);
}

static const struct recipe *
other_of(const char *name)
{
	auto_free char *full = mem_printf("%s.%s", name, other);

	return recipes_find(&all, full);
}

static void
a_recipe_of_two_architectures_is_two_where_both_are_asked_for(void **state)
{
	const struct recipe *r;

	(void)state;
	recipe("tool", "arch: [amd64, arm64]\n"
		       "build: {packages: [gcc, 'linux-{arch}'],"
		       " script: build.sh, cross: {amd64: [cross-gcc,"
		       " 'libc-dev:amd64'], arm64: [cross-gcc,"
		       " 'libc-dev:arm64']}}\n");
	recipe("shared", "arch: [all]\n");
	recipe("one", "arch: [amd64, arm64]\n"
		      "build: {packages: [gcc], script: build.sh,"
		      " cross: {amd64: [], arm64: []}}\n"
		      "uses:\n  - {recipe: tool, outputs: [out]}\n"
		      "  - {recipe: shared, outputs: [out]}\n"
		      "image: {packages: [dash, nft], files: [{path:"
		      " '/usr/lib/{triplet}/x', from: 'env:{loader}'}]}\n"
		      "memory: 64MiB\n");
	load();
	assert_int_equal(all.n, 3);
	load_both();
	assert_int_equal(all.n, 5);
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].error)
			fail_msg("%s", all.v[i].error);
	r = recipes_find(&all, "one");
	assert_string_equal(r->arch, own);
	assert_null(r->on);
	assert_string_equal(r->uses[0].from, "tool");
	assert_string_equal(r->packages[STAGE_IMAGE].v[1], "nft");
	r = other_of("one");
	assert_non_null(r);
	assert_string_equal(r->arch, other);
	assert_string_equal(r->on, own);
	assert_string_equal(recipe_service(r), "one");
	assert_string_equal(r->uses[0].recipe, "tool");
	assert_string_equal(r->uses[0].from, other_of("tool")->name);
	assert_string_equal(r->uses[1].from, "shared");
	/* The assembler is the machine's, what it puts together is not. */
	assert_string_equal(r->packages[STAGE_IMAGE].v[0], "dash");
	assert_string_equal(
	    strchr(r->packages[STAGE_IMAGE].v[1], ':') + 1, other);
	assert_string_equal(r->files[0].what, arch_loader(other));
	assert_non_null(strstr(r->files[0].path, arch_triplet(other)));
	r = other_of("tool");
	assert_int_equal(r->packages[STAGE_BUILD].n, 4);
	assert_true(strncmp(r->packages[STAGE_BUILD].v[1], "linux-", 6) == 0);
	assert_string_equal(
	    strchr(r->packages[STAGE_BUILD].v[1], ':') + 1, other);
}

static void
what_is_of_one_other_architecture_comes_only_when_it_is_asked_for(void **state)
{
	const struct recipe *r;

	(void)state;
	load_both();
	{
		auto_free char *more =
		    mem_printf("arch: [%s]\nbuild: {packages: [gcc], script:"
			       " build.sh, cross: {%s: [cross-gcc]}}\n",
			other, other);

		recipe("one", more);
	}
	load();
	assert_int_equal(all.n, 0);
	load_both();
	assert_int_equal(all.n, 1);
	r = recipes_find(&all, "one");
	assert_non_null(r);
	assert_string_equal(r->arch, other);
	assert_string_equal(r->on, own);
}

static void
what_another_architecture_lacks_is_said(void **state)
{
	static const char plain[] = "arch: [amd64, arm64]\n"
				    "build: {packages: [gcc], script: build.sh,"
				    " cross: {amd64: [], arm64: []}}\n";

	(void)state;
	recipe("tool", "");
	recipe("one", "arch: [amd64, arm64]\n");
	load_both();
	assert_string_equal(error_of("one"), "");
	assert_non_null(other_of("one"));
	assert_non_null(strstr(other_of("one")->error,
	    "cross: names no packages that compile for"));
	{
		auto_free char *more = mem_printf(
		    "%suses: [{recipe: tool, outputs: [out]}]\n", plain);

		recipe("one", more);
	}
	load_both();
	assert_string_equal(error_of("one"), "");
	assert_non_null(
	    strstr(other_of("one")->error, "tool is not built for"));
	recipe("two", plain);
	{
		auto_free char *name = mem_printf("two.%s", other);

		recipe(name, "");
	}
	load_both();
	assert_non_null(
	    strstr(other_of("two")->error, "two recipes are called"));
	held("arch: [sparc]\n", "\"sparc\" is not allowed here");
	held("arch: [all, amd64]\n", "stands alone");
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, recipes_teardown)
	const struct CMUnitTest tests[] = {
		T(a_recipe_of_two_architectures_is_two_where_both_are_asked_for),
		T(what_is_of_one_other_architecture_comes_only_when_it_is_asked_for),
		T(what_another_architecture_lacks_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
