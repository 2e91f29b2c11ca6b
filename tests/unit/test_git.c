/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>

#include "builder/inputs/git.h"
#include "tests/support/archive/farm_parts.h"
#include "tests/support/gitrepo.h"

static struct git git;

static int
setup(void **state)
{
	auto_free char *path = NULL;

	if (scratch_setup(state) == -1 || parts_open() == -1)
		return -1;
	/* The git worker has a uid of its own. */
	if (fchmod(scratch.fd, 0755) == -1)
		return -1;
	path = mem_printf("%s/repo.git", scratch.path);
	gitrepo_make(path);
	git = (struct git){ &parts.workers.git, parts.git };
	return 0;
}

static int
teardown(void **state)
{
	gitrepo_drop();
	parts_close();
	return scratch_teardown(state);
}

static int
try_look(const char *ref, struct git_seen *seen)
{
	struct git_look l = { .url = gitrepo.url, .ref = ref };

	err_clear(&parts.err);
	return git_look(&git, &l, seen, &parts.err);
}

static void
must_look(const char *ref, const git_oid *commit, struct git_seen *seen)
{
	char hex[GIT_ID];

	if (try_look(ref, seen) == -1)
		fail_msg("%s", parts.err.msg);
	git_oid_tostr(hex, sizeof(hex), commit);
	assert_string_equal(seen->commit, hex);
}

static void
must_fail(int r, enum err_class cls, const char *part)
{
	assert_int_equal(r, -1);
	if (parts.err.cls != cls || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
}

/* Into memory; -1: it was refused. */
static int
try_tar(const git_oid *commit, int64_t limit, struct buf *out)
{
	auto_fd int fd = memfd_create("tar", MFD_CLOEXEC);
	char hex[GIT_ID];

	git_oid_tostr(hex, sizeof(hex), commit);
	err_clear(&parts.err);
	if (git_tar(&git, gitrepo.url, hex, "hello", limit, fd, &parts.err) ==
	    -1)
		return -1;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, 64 << 20, out, &parts.err), 0);
	return 0;
}

/* A commit of one tree, looked at: ready to be exported. */
static git_oid
seen_commit(const struct gitrepo_entry *v, size_t n)
{
	git_oid tree = gitrepo_tree(v, n), id = gitrepo_commit(&tree, "x");
	struct git_seen seen;

	gitrepo_ref("refs/heads/main", &id);
	must_look("main", &id, &seen);
	return id;
}

/* --- refs ---------------------------------------------------------------- */

static void
branches_tags_full_names_and_head_are_found(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/main", "one");
	git_oid tag = gitrepo_simple("refs/tags/v1", "tagged");
	struct git_seen seen;

	(void)state;
	git_must(
	    git_repository_set_head(gitrepo.repo, "refs/heads/main"), "head");
	must_look("main", &id, &seen);
	assert_true(seen.received > 0);
	must_look("refs/heads/main", &id, &seen);
	must_look("HEAD", &id, &seen);
	must_look("v1", &tag, &seen);
}

static void
annotated_tag_ends_in_its_commit(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/main", "one"), tag;
	git_signature *who;
	git_object *target;
	struct git_seen seen;

	(void)state;
	git_must(git_signature_new(&who, "A", "a@example.org", 1500000000, 0),
	    "signature");
	git_must(
	    git_object_lookup(&target, gitrepo.repo, &id, GIT_OBJECT_COMMIT),
	    "commit");
	git_must(
	    git_tag_create(&tag, gitrepo.repo, "v2", target, who, "two", 0),
	    "tag");
	git_object_free(target);
	git_signature_free(who);
	must_look("v2", &id, &seen);
}

static void
what_is_there_is_not_received_again(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/main", "one");
	struct git_seen seen;

	(void)state;
	must_look("main", &id, &seen);
	must_look("main", &id, &seen);
	assert_int_equal(seen.received, 0);
}

static void
forced_and_renamed_refs_are_followed(void **state)
{
	git_oid one = gitrepo_simple("refs/heads/main", "one"), two;
	struct git_seen seen;

	(void)state;
	must_look("main", &one, &seen);
	two = gitrepo_simple("refs/heads/main", "two"); /* no descendant */
	must_look("main", &two, &seen);
	gitrepo_ref("refs/heads/main", &one); /* and back */
	must_look("main", &one, &seen);
	git_must(
	    git_reference_remove(gitrepo.repo, "refs/heads/main"), "remove");
	two = gitrepo_simple("refs/heads/main/new", "a folder now");
	must_look("main/new", &two, &seen);
}

static void
commit_is_found_below_any_branch_and_never_asked_for_again(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/side", "one");
	char hex[GIT_ID];
	struct git_seen seen;

	(void)state;
	git_oid_tostr(hex, sizeof(hex), &id);
	must_look(hex, &id, &seen);
	assert_int_equal(tree_remove_at(scratch.fd, "repo.git", &parts.err), 0);
	must_look(hex, &id, &seen);
}

static void
what_is_missing_is_named_in_a_sentence(void **state)
{
	struct git_look l = { .url = "file:///nowhere/at/all", .ref = "main" };
	struct git_seen seen;

	(void)state;
	(void)gitrepo_simple("refs/heads/main", "one");
	must_fail(try_look("trunk", &seen), ERR_MISSING,
	    "trunk: the repository has no such ref");
	must_fail(try_look("0123456789012345678901234567890123456789", &seen),
	    ERR_MISSING, "no branch and no tag of the repository holds");
	must_fail(git_look(&git, &l, &seen, &parts.err), ERR_MISSING,
	    "file:///nowhere/at/all main: connect: ");
	l.url = "http://127.0.0.1:9/x";
	must_fail(git_look(&git, &l, &seen, &parts.err), ERR_BUSY,
	    "http://127.0.0.1:9/x");
}

static void
addresses_and_refs_that_are_none_are_refused(void **state)
{
	static const char *const urls[] = { "ssh://h/x", "git://h/x", "/x",
		"file://h/x", "https://u:p@h/x", "http://h/x y", "https://",
		"ext::sh -c true" };
	static const char *const refs[] = { "", "-x", "a..b", "a b", "a//b",
		".a", "a/.b", "a.lock", "a/", "a:b", "a^{}" };
	static const char *const good[] = { "main", "v1.0-rc+2", "a/b",
		"refs/heads/x", "HEAD" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		assert_false(git_url_ok(urls[i]));
	for (size_t i = 0; i < ARRAY_LEN(refs); i++)
		assert_false(git_ref_ok(refs[i]));
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(git_ref_ok(good[i]));
	assert_true(git_url_ok("https://h.example/a.git"));
	assert_true(git_url_ok("file:///srv/a.git"));
}

static void
killed_fetch_leaves_no_half_mirror(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/main", "one");
	auto_free char *path = NULL, *mark = NULL;
	char hex[HASH_HEX];
	struct git_seen seen;
	struct hash h;

	(void)state;
	must_look("main", &id, &seen);
	hash_bytes(&h, gitrepo.url, strlen(gitrepo.url));
	hash_hex(&h, hex);
	path = mem_printf("git/%s.git/objects", hex);
	mark = mem_printf("%s/git/%s.git.fetching", scratch.path, hex);
	/* As a kill in the middle leaves it. */
	assert_int_equal(tree_remove_at(scratch.fd, path, &parts.err), 0);
	assert_int_equal(file_write_at(parts.git, strrchr(mark, '/') + 1, "", 0,
			     0644, &parts.err),
	    0);
	must_look("main", &id, &seen);
	assert_true(seen.received > 0);
	assert_int_equal(access(mark, F_OK), -1);
}

static void
repository_above_the_limit_is_refused_and_the_next_is_served(void **state)
{
	struct git_look l = {
		.url = gitrepo.url, .ref = "main", .limit = 65536
	};
	auto_free char *large = mem_zero(1, 300001);
	git_oid small;
	struct git_seen seen;

	(void)state;
	for (uint32_t i = 0, x = 1; i < 300000; i++)
		large[i] =
		    (char)('!' + ((x = x * 1664525 + 1013904223) >> 25) % 90);
	(void)gitrepo_simple("refs/heads/main", large);
	err_clear(&parts.err);
	must_fail(git_look(&git, &l, &seen, &parts.err), ERR_INPUT,
	    "larger than the 65536 bytes allowed");
	small = gitrepo_simple("refs/heads/small", "small");
	must_look("small", &small, &seen);
}

/* --- trees --------------------------------------------------------------- */

static void
tar_is_the_same_bytes_again_and_has_neither_time_nor_owner(void **state)
{
	struct gitrepo_entry sub[] = { { "deep", 0100755,
	    gitrepo_blob("#!/bin/sh\n") } };
	struct gitrepo_entry v[] = {
		{ "a", 0100644, gitrepo_blob("A") },
		{ "link", 0120000, gitrepo_blob("sub/deep") },
		{ "sub", 040000, gitrepo_tree(sub, 1) },
	};
	git_oid one = seen_commit(v, 3), tree = gitrepo_tree(v, 3);
	git_oid two = gitrepo_commit(&tree, "another day");
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	static const char want[] = "hello/ 40755 1577836800 0\n"
				   "hello/a 100644 1577836800 0\n"
				   "hello/link 120777 1577836800 0 sub/deep\n"
				   "hello/sub/ 40755 1577836800 0\n"
				   "hello/sub/deep 100755 1577836800 0\n";
	auto_buf struct buf got = BUF_INIT;
	struct archive *r = archive_read_new();
	struct archive_entry *e;
	struct git_seen seen;

	(void)state;
	assert_int_equal(try_tar(&one, 0, &a), 0);
	gitrepo_ref("refs/heads/main", &two);
	must_look("main", &two, &seen);
	assert_int_equal(try_tar(&two, 0, &b), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(archive_read_support_format_tar(r), ARCHIVE_OK);
	assert_int_equal(
	    archive_read_open_memory(r, a.data, a.len), ARCHIVE_OK);
	while (archive_read_next_header(r, &e) == ARCHIVE_OK)
		buf_printf(&got, "%s %o %lld %lld%s%s\n",
		    archive_entry_pathname(e), archive_entry_mode(e),
		    (long long)archive_entry_mtime(e),
		    (long long)archive_entry_uid(e),
		    archive_entry_symlink(e) ? " " : "",
		    archive_entry_symlink(e) ? archive_entry_symlink(e) : "");
	archive_read_free(r);
	assert_string_equal(got.data, want);
}

static void
links_stay_in_the_tree(void **state)
{
	static const struct {
		const char *target;
		bool ok;
	} cases[] = {
		{ "x", true },
		{ "../x", true },
		{ "../../x", true },
		{ "./x/y", true },
		{ "/etc/passwd", false },
		{ "../../../x", false },
		/* Through another link this may be anywhere. */
		{ "x/../../../..", false },
		{ "x/..", false },
		{ "..", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct gitrepo_entry l = { "l", 0120000,
			gitrepo_blob(cases[i].target) };
		struct gitrepo_entry b = { "b", 040000, gitrepo_tree(&l, 1) };
		struct gitrepo_entry a = { "a", 040000, gitrepo_tree(&b, 1) };
		git_oid id = seen_commit(&a, 1);
		auto_buf struct buf tar = BUF_INIT;
		int r = try_tar(&id, 0, &tar);

		if (cases[i].ok && r == -1)
			fail_msg("%s: %s", cases[i].target, parts.err.msg);
		if (!cases[i].ok)
			must_fail(r, ERR_INPUT,
			    "a/b/l is a symbolic link that leads out");
	}
}

static void
submodules_odd_names_and_large_trees_are_refused(void **state)
{
	static const char *const names[] = { "..", ".", ".git", ".GIT", "a/b",
		"a\nb" };
	auto_buf struct buf tar = BUF_INIT;
	git_oid id = gitrepo_blob("0123456789");
	struct gitrepo_entry e = { "lib", 0160000, id };

	(void)state;
	id = seen_commit(&e, 1);
	must_fail(try_tar(&id, 0, &tar), ERR_INPUT, "/lib is a submodule");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		e = (struct gitrepo_entry){ names[i], 0100644,
			gitrepo_blob("x") };
		id = seen_commit(&e, 1);
		must_fail(try_tar(&id, 0, &tar), ERR_INPUT, "");
	}
	e = (struct gitrepo_entry){ "ok", 0100644, gitrepo_blob("0123456789") };
	id = seen_commit(&e, 1);
	must_fail(
	    try_tar(&id, 9, &tar), ERR_INPUT, "more than the 9 bytes allowed");
	assert_int_equal(try_tar(&id, 10, &tar), 0);
	for (int i = 0; i < 70; i++)
		e = (struct gitrepo_entry){ "d", 040000, gitrepo_tree(&e, 1) };
	id = seen_commit(&e, 1);
	must_fail(try_tar(&id, 0, &tar), ERR_INPUT, "deeper than the 64");
}

static void
folder_is_checked_out_and_the_one_before_is_removed(void **state)
{
	struct gitrepo_entry f = { "recipe.yaml", 0100644,
		gitrepo_blob("one") };
	struct gitrepo_entry r = { "hello", 040000, gitrepo_tree(&f, 1) };
	struct gitrepo_entry top = { "recipes", 040000, gitrepo_tree(&r, 1) };
	auto_buf struct buf text = BUF_INIT;
	auto_free char *file = NULL;
	char one[GIT_CHECKOUT_MAX], two[GIT_CHECKOUT_MAX], hex[GIT_ID];
	git_oid id = seen_commit(&top, 1);

	(void)state;
	git_oid_tostr(hex, sizeof(hex), &id);
	if (git_checkout(&git, gitrepo.url, hex, "recipes", one, &parts.err) ==
	    -1)
		fail_msg("%s", parts.err.msg);
	file = mem_printf("%s/hello/recipe.yaml", one);
	assert_int_equal(
	    file_read_at(parts.git, file, 100, &text, &parts.err), 0);
	assert_string_equal(text.data, "one");
	must_fail(
	    git_checkout(&git, gitrepo.url, hex, "nowhere", two, &parts.err),
	    ERR_MISSING, "no folder nowhere");
	f.id = gitrepo_blob("two");
	r.id = gitrepo_tree(&f, 1);
	top.id = gitrepo_tree(&r, 1);
	id = seen_commit(&top, 1);
	git_oid_tostr(hex, sizeof(hex), &id);
	assert_int_equal(
	    git_checkout(&git, gitrepo.url, hex, "recipes", two, &parts.err),
	    0);
	assert_true(file_exists_at(parts.git, two));
	assert_false(file_exists_at(parts.git, one));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		CASE(branches_tags_full_names_and_head_are_found),
		CASE(annotated_tag_ends_in_its_commit),
		CASE(what_is_there_is_not_received_again),
		CASE(forced_and_renamed_refs_are_followed),
		CASE(
		    commit_is_found_below_any_branch_and_never_asked_for_again),
		CASE(what_is_missing_is_named_in_a_sentence),
		CASE(addresses_and_refs_that_are_none_are_refused),
		CASE(killed_fetch_leaves_no_half_mirror),
		CASE(
		    repository_above_the_limit_is_refused_and_the_next_is_served),
		CASE(
		    tar_is_the_same_bytes_again_and_has_neither_time_nor_owner),
		CASE(links_stay_in_the_tree),
		CASE(submodules_odd_names_and_large_trees_are_refused),
		CASE(folder_is_checked_out_and_the_one_before_is_removed),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
