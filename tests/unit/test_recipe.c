/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/plan/recipe_tree.h"
#include "tests/support/recipe_folder.h"

static void
the_whole_format_is_read(void **state)
{
	const struct recipe *r;

	(void)state;
	put("other/lib.c", "x");
	recipe("other", "outputs: [lib, bin]\n");
	put("dns/services", "x");
	put("dns/README.md", "not part of it");
	recipe("dns",
	    "upstream: dnsmasq\n"
	    "clock: 2021-02-03T04:05:06Z\n"
	    "sources: [dnsmasq]\n"
	    "uses:\n  - {recipe: other, outputs: [lib]}\n"
	    "outputs: [dnsmasq, tool]\n"
	    "image:\n"
	    "  packages: [erofs-utils]\n"
	    "  files:\n"
	    "    - {path: /init, from: \"use:other/lib\", mode: \"0755\"}\n"
	    "    - {path: /d, from: \"output:dnsmasq\"}\n"
	    "    - {path: /s, from: \"recipe:services\"}\n"
	    "    - {path: /e, from: \"env:/usr/bin/env\"}\n"
	    "    - {path: /run, from: \"dir:\"}\n"
	    "    - {path: /l, from: \"link:../x\"}\n"
	    "needs: [ntp/2]\nprovides: [dns/1, dhcp/1]\n"
	    "handover: handoff\nmemory: 96MiB\nports: [udp/53]\n"
	    "volumes:\n  - {name: v, path: /var/v, size: 16MiB}\n"
	    "probes:\n"
	    "  - {type: dns, name: router.lan, qtype: A, expect: self}\n"
	    "  - {type: tcp, port: 80}\n"
	    "configure: /etc/kiln/configure\n"
	    "budget: {memory: 1GiB, wall: 5m, log: 2MiB, output: 3MiB, image: "
	    "2MiB}\n");
	load();
	assert_string_equal(error_of("dns"), "");
	r = recipes_find(&all, "dns");
	assert_int_equal(r->clock, 1612325106);
	assert_string_equal(r->upstream, "dnsmasq");
	assert_true(r->has_build && r->has_image && recipe_is_service(r));
	assert_int_equal(r->nfiles, 6);
	assert_int_equal(r->files[0].type, FROM_USE);
	assert_string_equal(r->files[0].what, "other/lib");
	assert_string_equal(r->files[1].mode, "0644");
	assert_string_equal(r->files[4].mode, "0755");
	assert_int_equal(r->memory, 96 << 20);
	assert_int_equal(r->budget.wall, 300);
	assert_int_equal(r->budget.output, 3 << 20);
	assert_int_equal(r->budget.image, 2 << 20);
	assert_string_equal(r->handover, "handoff");
	assert_int_equal(r->ntree, 3); /* build.sh recipe.yaml services */
	assert_string_equal(r->tree[0].path, "build.sh");
	assert_string_equal(r->tree[2].path, "services");

	json_t *p = recipe_probes(r), *v = recipe_volumes(r);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(p, 0), "expect")),
	    "self");
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(p, 1), "port")),
	    80);
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(v, 0), "size")),
	    16 << 20);
	json_decref(p);
	json_decref(v);
	/* other comes before dns, which uses it. */
	assert_string_equal(all.v[all.order[0]].name, "other");
}

static void
a_wrong_key_is_named_with_file_line_and_column(void **state)
{
	(void)state;
	held("outputz: [a]\n", "one/recipe.yaml:7:1: unknown key \"outputz\"");
	held("kind: sauce\n", "recipe.yaml:6:7: kind");
	held("clock: yesterday\n", "clock");
	held("budget: {memory: 1MiB}\n", "memory");
	held("name: one\n", "recipe.yaml");
}

static void
meaning_is_checked(void **state)
{
	(void)state;
	held("outputs: [a, a]\n", "comes twice");
	held("outputs: [../a]\n", "\"../a\" is not allowed here");
	held("outputs: []\n", "needs outputs");
	held("build: {packages: [gcc], script: other.sh}\n",
	    "no file \"other.sh\"");
	held("build: {packages: [\"gcc;rm\"], script: build.sh}\n",
	    "not allowed here");
	held("needs: [dns]\n", "\"dns\" is not allowed here");
	held("ports: [udp/70000]\n", "not allowed here");
	held("kind: repack\n", "builds nothing");
	held("probes: [{type: tcp}]\n", "needs port");
	held("probes: [{type: dns}]\n", "needs name");
	held("probes: [{type: tcp, port: 1, name: x}]\n",
	    "not for a probe of type tcp");
	held("probes: [{type: dhcp, port: 67}]\n",
	    "not for a probe of type dhcp");
	held("probes: [{type: http}]\n", "a http probe needs port");
	held("probes: [{type: http, port: 80, path: x}]\n",
	    "does not begin with /");
	held("probes: [{type: smtp, port: 25}]\n", "mqtt");
	held("probes: [{type: program}]\n", "needs name");
	held("probes: [{type: program, name: Is_well}]\n", "lower-case");
	held("probes: [{type: program, name: well}]\n", "no /etc/kiln/probes");
	held("probes: [{type: program, name: well, port: 1}]\n",
	    "not for a probe of type program");
	held("clock: 1970-01-01T00:00:00Z\n", "before 1980");
	held("kind: kernel\n", "a kernel needs image");
	held("uses: [{recipe: two, outputs: [x]}]\n", "no recipe \"two\"");
	held("uses: [{recipe: one, outputs: [out]}]\n", "cannot use itself");
	recipe("two", "");
	held("uses: [{recipe: two, outputs: [x]}]\n", "no output of two");
	held("configure: etc/x\n", "not an absolute path");
}

static void
volumes_are_those_a_router_can_give(void **state)
{
#define KEEPS(v) "handover: handoff\nvolumes: [" v "]\n"
	(void)state;
	held("volumes: [{name: v, path: /v, size: 1MiB}]\n",
	    "handoff or exclusive");
	held("handover: parallel\nvolumes: [{name: v, path: /v, size: 1MiB}]\n",
	    "handoff or exclusive");
	held(KEEPS("{name: v, path: v, size: 1MiB}"), "not an absolute path");
	held(KEEPS("{name: root, path: /v, size: 1MiB}"), "another disk");
	held(KEEPS("{name: config, path: /v, size: 1MiB}"), "another disk");
	held(KEEPS("{name: v, path: /v, size: 1048577}"), "4 KiB");
	held(KEEPS("{name: v, path: /v, size: 64KiB}"), "size");
	held(KEEPS("{name: v, path: /v, size: 17GiB}"), "size");
	held(KEEPS("{name: v, path: /v, size: 1MiB},"
		   " {name: v, path: /w, size: 1MiB}"),
	    "has this name");
	held(KEEPS("{name: a-name-beyond-20-bytes, path: /v, size: 1MiB}"),
	    "name");
}

static void
an_agent_is_published_as_it_was_built(void **state)
{
	const struct recipe *r;

	(void)state;
	recipe("one", "kind: agent\nmemory: 16MiB\n");
	load();
	r = recipes_find(&all, "one");
	assert_string_equal(error_of("one"), "");
	assert_true(recipe_is_service(r));
	assert_false(r->has_image);
	assert_string_equal(recipe_service(r), "kiln-agent");
	held("kind: agent\n", "needs memory");
	held("kind: agent\nmemory: 16MiB\noutputs: [a, b]\n",
	    "an agent has one output");
	held("kind: agent\nmemory: 16MiB\n"
	     "image: {files: [{path: /a, from: \"dir:\"}]}\n",
	    "no image");
}

static void
a_unikernel_is_published_as_it_was_built(void **state)
{
	const struct recipe *r;

	(void)state;
	recipe("one", "kind: solo5\nmemory: 16MiB\nconfig: {domain: name}\n");
	load();
	r = recipes_find(&all, "one");
	assert_string_equal(error_of("one"), "");
	assert_true(recipe_is_service(r));
	assert_false(r->has_image);
	assert_string_equal(recipe_service(r), "one");
	held("kind: solo5\n", "needs memory");
	held("kind: solo5\nmemory: 16MiB\noutputs: [a, b]\n",
	    "a unikernel has one output");
	held("kind: solo5\nmemory: 16MiB\nhandover: handoff\n",
	    "cannot hand its state over");
	held("kind: solo5\nmemory: 16MiB\nconfigure: /bin/x\n",
	    "runs no program");
	held("kind: solo5\nmemory: 16MiB\n"
	     "probes: [{type: program, name: well}]\n",
	    "has no /etc/kiln/probes");
}

static void
what_has_to_be_laid_there_holds_a_recipe(void **state)
{
	(void)state;
	held("build: {packages: [gcc], script: build.sh, files: [big.tar]}\n",
	    "no file \"big.tar\"");
	assert_true(recipes_find(&all, "one")->lacking);
	held("build: {packages: [gcc], script: build.sh, files: [big.tar]}\n"
	     "clock: 1970-01-01T00:00:00Z\n",
	    "before 1980");
	assert_false(recipes_find(&all, "one")->lacking);
	put("one/big.tar", "x");
	recipe("one",
	    "build: {packages: [gcc], script: build.sh, files: [big.tar]}\n");
	load();
	assert_string_equal(error_of("one"), "");
	assert_false(recipes_find(&all, "one")->lacking);
}

static void
image_files_are_checked(void **state)
{
	static const struct {
		const char *entry, *text;
	} t[] = {
		{ "{path: init, from: \"dir:\"}", "not an absolute path" },
		{ "{path: /a b, from: \"dir:\"}", "not an absolute path" },
		{ "{path: /../a, from: \"dir:\"}", "not an absolute path" },
		{ "{path: /a, from: \"output:x\"}", "none of this recipe's" },
		{ "{path: /a, from: \"use:x/y\"}", "not listed under uses" },
		{ "{path: /a, from: \"env:bin/sh\"}", "not an absolute path" },
		{ "{path: /a, from: \"env:/../sh\"}", "not an absolute path" },
		{ "{path: /a, from: \"recipe:x\"}", "no file \"x\"" },
		{ "{path: /a, from: \"what:x\"}", "is not output:NAME" },
		{ "{path: /a, from: \"link:a b\"}", "cannot be a link" },
		{ "{path: /a, from: \"dir:\", mode: \"4755\"}", "is not" },
		{ "{path: /a, from: \"dir:x\"}", "stands alone" },
		{ "{path: /a, from: \"dir:\"}, {path: /a, from: \"dir:\"}",
		    "comes twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf struct buf b = BUF_INIT;

		buf_printf(
		    &b, "memory: 64MiB\nimage: {files: [%s]}\n", t[i].entry);
		held(b.data, t[i].text);
	}
	held("image: {files: [{path: /a, from: \"dir:\"}]}\n", "needs memory");
	held("memory: 64MiB\nimage: {machine: pc, files: []}\n",
	    "only for a recipe of kind kernel");
}

static void
only_plain_files_may_lie_beside(void **state)
{
	(void)state;
	recipe("one", "");
	assert_int_equal(symlinkat("/etc/passwd", scratch.fd, "one/link"), 0);
	load();
	assert_non_null(strstr(error_of("one"), "not a regular file"));
	unlinkat(scratch.fd, "one/link", 0);
	put("one/with blank", "x");
	load();
	assert_non_null(strstr(error_of("one"), "a name may only hold"));
}

static void
one_bad_recipe_holds_only_itself_and_its_users(void **state)
{
	(void)state;
	recipe("a", "wrong: 1\n");
	recipe("b", "uses: [{recipe: a, outputs: [out]}]\n");
	recipe("c", "uses: [{recipe: b, outputs: [out]}]\n");
	recipe("d", "");
	load();
	assert_true(recipes_find(&all, "a")->own_error);
	assert_string_equal(error_of("b"), "waits for a, which is held");
	assert_string_equal(error_of("c"), "waits for b, which is held");
	assert_false(recipes_find(&all, "c")->own_error);
	assert_string_equal(error_of("d"), "");
}

static void
a_cycle_is_refused_and_named(void **state)
{
	(void)state;
	recipe("x", "uses: [{recipe: z, outputs: [out]}]\n");
	recipe("y", "uses: [{recipe: x, outputs: [out]}]\n");
	recipe("z", "uses: [{recipe: y, outputs: [out]}]\n");
	recipe("user", "uses: [{recipe: y, outputs: [out]}]\n");
	recipe("free", "");
	load();
	assert_non_null(strstr(error_of("x"), "x -> z -> y -> x"));
	assert_non_null(strstr(error_of("y"), "x -> z -> y -> x"));
	assert_non_null(strstr(error_of("z"), "x -> z -> y -> x"));
	assert_string_equal(error_of("user"), "waits for y, which is held");
	assert_string_equal(error_of("free"), "");
}

static void
sources_are_names_repositories_and_files(void **state)
{
	const struct recipe *r;

	(void)state;
	recipe("one",
	    "sources:\n  - dnsmasq\n"
	    "  - {git: 'https://h.example/a/thing.git', ref: v1.0}\n"
	    "  - {git: 'file:///srv/x', name: other,"
	    " commit: 0123456789012345678901234567890123456789}\n"
	    "  - {url: 'https://h.example/x-1.tar.gz', mirrors:"
	    " ['http://m.example/x-1.tar.gz'], sha256: "
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	    "}\n");
	load();
	assert_string_equal(error_of("one"), "");
	r = &all.v[0];
	assert_int_equal(r->sources.n, 1);
	assert_int_equal(r->ngit, 2);
	assert_string_equal(r->git[0].name, "thing");
	assert_string_equal(r->git[0].ref, "v1.0");
	assert_string_equal(r->git[1].name, "other");
	assert_int_equal(strlen(r->git[1].ref), 40);
	assert_int_equal(r->nfetched, 1);
	assert_string_equal(r->fetched[0].file, "x-1.tar.gz");
	assert_int_equal(r->fetched[0].nurls, 2);
	held("sources: [{ref: x}]\n", "or has git or url");
	held("sources: [{git: 'ssh://h/x', ref: x}]\n",
	    "no address of http, https or file");
	held("sources: [{git: 'https://u:p@h/x', ref: x}]\n",
	    "without a password in it");
	held("sources: [{git: 'https://h/x'}]\n", "either ref or commit");
	held("sources: [{git: 'https://h/x', ref: a..b}]\n",
	    "not the name of a branch or tag");
	held("sources: [{git: 'https://h/x', commit: abc}]\n",
	    "not 40 lower-case hex digits");
	held("sources: [{git: 'https://h/x', ref: a, sha256: b}]\n",
	    "sha256: not for a source by git");
	held("sources: [{url: 'https://h/x'}]\n", "needs sha256");
	held("sources:\n  - {git: 'https://h/x', ref: a}\n"
	     "  - {git: 'https://g/x', ref: a}\n",
	    "a source called x comes twice");
	held(
	    "sources: [{git: 'https://h/', ref: a}]\n", "no name can be taken");
}

static void
a_name_in_two_folders_is_held_and_both_are_named(void **state)
{
	struct recipe_folder v[2] = { { -1, "https://h/a 01" },
		{ -1, "https://h/b 02" } };
	static const char good[] =
	    "name: one\nkind: source\nsummary: s\nsuites: [bookworm]\n"
	    "build: {packages: [gcc], script: build.sh}\noutputs: [out]\n";

	(void)state;
	put("a/one/build.sh", "true\n");
	put("a/one/recipe.yaml", good);
	put("b/one/recipe.yaml", good);
	put("b/two/recipe.yaml", "x");
	v[0].dirfd = openat(scratch.fd, "a", O_RDONLY | O_DIRECTORY);
	v[1].dirfd = openat(scratch.fd, "b", O_RDONLY | O_DIRECTORY);
	recipes_release(&all);
	assert_int_equal(recipes_load_from(v, 2, NULL, NULL, &all, &err), 0);
	close(v[0].dirfd);
	close(v[1].dirfd);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[1].origin, "https://h/b 02");
	assert_string_equal(error_of("one"),
	    "the recipe one is in https://h/a 01 and in https://h/b 02");
}

static void
the_tree_digest_changes_with_content_and_x_bit_only(void **state)
{
	struct hash first;

	(void)state;
	recipe("one", "");
	load();
	first = all.v[0].tree_digest;
	put("one/README.md", "words");
	recipe("one", "");
	load();
	assert_true(hash_equal(&first, &all.v[0].tree_digest));
	assert_int_equal(fchmodat(scratch.fd, "one/build.sh", 0755, 0), 0);
	load();
	assert_false(hash_equal(&first, &all.v[0].tree_digest));
	assert_int_equal(fchmodat(scratch.fd, "one/build.sh", 0600, 0), 0);
	load();
	assert_true(hash_equal(&first, &all.v[0].tree_digest));
	put("one/build.sh", "false\n");
	load();
	assert_false(hash_equal(&first, &all.v[0].tree_digest));
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, recipes_teardown)
	const struct CMUnitTest tests[] = {
		T(the_whole_format_is_read),
		T(a_wrong_key_is_named_with_file_line_and_column),
		T(meaning_is_checked),
		T(volumes_are_those_a_router_can_give),
		T(an_agent_is_published_as_it_was_built),
		T(a_unikernel_is_published_as_it_was_built),
		T(what_has_to_be_laid_there_holds_a_recipe),
		T(image_files_are_checked),
		T(only_plain_files_may_lie_beside),
		T(one_bad_recipe_holds_only_itself_and_its_users),
		T(a_cycle_is_refused_and_named),
		T(a_name_in_two_folders_is_held_and_both_are_named),
		T(sources_are_names_repositories_and_files),
		T(the_tree_digest_changes_with_content_and_x_bit_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
