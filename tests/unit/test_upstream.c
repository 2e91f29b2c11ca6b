/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/inputs/lock_change.h"
#include "builder/inputs/lock_json.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "tests/support/archive/fake_archive.h"
#include "tests/support/archive/farm_parts.h"
#include "tests/support/gitrepo.h"

static struct fake_suite bookworm;
static const char *const suites[] = { "bookworm" };
static const char *const build[] = { "cc" };
static char keys[256];
static struct upstream_git wanted;
static struct upstream_file file;
static const char *urls[3];
static char *good_url, *gone_url, *wrong_url;

static int
group_setup(void **state)
{
	(void)state;
	snprintf(keys, sizeof(keys), "/tmp/kiln-keys-XXXXXX");
	if (!mkdtemp(keys) || chmod(keys, 0755) == -1 || fake_start(keys) == -1)
		return -1;
	good_url = mem_printf("%sfiles/thing-1.tar", fake_uri());
	gone_url = mem_printf("%sfiles/gone-1.tar", fake_uri());
	wrong_url = mem_printf("%sfiles/wrong-1.tar", fake_uri());
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	free(good_url);
	free(gone_url);
	free(wrong_url);
	fake_stop();
	snprintf(scratch.path, sizeof(scratch.path), "%s", keys);
	scratch.fd = -1;
	return scratch_teardown(state);
}

static int
poll_archive(void)
{
	struct archive_news news;

	return archive_poll(
	    &parts.archive, suites, 1, "amd64", 0, &news, &parts.err);
}

static int
setup(void **state)
{
	auto_free char *repo = NULL, *files = NULL;

	if (scratch_setup(state) == -1 || parts_open() == -1 ||
	    fchmod(scratch.fd, 0755) == -1 ||
	    apt_sources_add(&parts.sources, fake_uri(), "bookworm",
		fake_keyring(), &parts.err) == -1)
		return -1;
	repo = mem_printf("%s/thing.git", scratch.path);
	gitrepo_make(repo);
	files = mem_printf("%s/debian/files", fake_root());
	(void)mkdir(files, 0755);
	fake_suite_init(&bookworm, "bookworm");
	fake_base(&bookworm, lock_base);
	fake_package(&bookworm, "cc", "1", NULL, "compiler");
	fake_publish(&bookworm);
	fake_damage("debian/files/thing-1.tar", "the thing");
	fake_damage("debian/files/wrong-1.tar", "another thing");
	wanted = (struct upstream_git){ "thing", gitrepo.url, "main" };
	urls[0] = good_url;
	file = (struct upstream_file){ "thing-1.tar", urls, 1, { { 0 } } };
	hash_bytes(&file.sha256, "the thing", 9);
	fake_count_reset();
	return poll_archive();
}

static int
teardown(void **state)
{
	fake_suite_release(&bookworm);
	gitrepo_drop();
	parts_close();
	return scratch_teardown(state);
}

static struct lock_request
request(const char *recipe, bool with_git, bool with_file)
{
	return (struct lock_request){ .recipe = recipe,
		.arch = "amd64",
		.suites = suites,
		.nsuites = 1,
		.build = build,
		.nbuild = 1,
		.git = &wanted,
		.ngit = with_git,
		.files = &file,
		.nfiles = with_file };
}

static int
make(const struct lock_request *rq, struct hash *h)
{
	err_clear(&parts.err);
	return lock_make(&parts.archive, rq, 0, h, &parts.err);
}

static struct lock *
must_make(const struct lock_request *rq, struct hash *h)
{
	struct lock *l;

	if (make(rq, h) == -1)
		fail_msg("%s", parts.err.msg);
	l = lock_load(parts.store, h, &parts.err);
	if (!l || lock_complete(parts.store, l, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	return l;
}

static void
must_refuse(const struct lock_request *rq, enum err_class cls, const char *part)
{
	struct hash h;

	assert_int_equal(make(rq, &h), -1);
	if (parts.err.cls != cls || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
}

static struct upstream_news
poll_git(void)
{
	struct upstream_news news;

	err_clear(&parts.err);
	if (upstream_poll(&parts.archive, &wanted, 1, 0, &news, &parts.err) ==
	    -1)
		fail_msg("%s", parts.err.msg);
	return news;
}

/* --- git ----------------------------------------------------------------- */

static void
lock_pins_commit_tree_and_tar(void **state)
{
	git_oid id = gitrepo_simple("refs/heads/main", "one");
	struct lock_request rq = request("a", true, false);
	auto_lock struct lock *l = NULL;
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	char hex[41];
	struct hash h;

	(void)state;
	l = must_make(&rq, &h);
	git_oid_tostr(hex, sizeof(hex), &id);
	assert_int_equal(l->git.n, 1);
	assert_string_equal(l->git.v[0].file, "thing.tar");
	assert_string_equal(l->git.v[0].url, gitrepo.url);
	assert_string_equal(l->git.v[0].ref, "main");
	assert_string_equal(l->git.v[0].commit, hex);
	assert_true(store_has(parts.store, &l->git.v[0].sha256));
	j = lock_json(l);
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	assert_non_null(strstr(text.data, "\"v\":2"));
}

static void
moved_ref_makes_a_new_lock_only_for_who_consults_it(void **state)
{
	struct lock_request with = request("a", true, false);
	struct lock_request without = request("b", false, false);
	struct hash a1, a2, b1, b2;
	struct lock_changes changes = { 0 };
	auto_lock struct lock *one = NULL, *two = NULL;

	(void)state;
	(void)gitrepo_simple("refs/heads/main", "one");
	assert_int_equal(poll_git().changed, 1);
	one = must_make(&with, &a1);
	lock_free(must_make(&without, &b1));
	assert_int_equal(poll_git().changed, 0);
	(void)gitrepo_simple("refs/heads/main", "two");
	assert_int_equal(poll_git().changed, 1);
	parts.archive.solved = parts.archive.kept = 0;
	two = must_make(&with, &a2);
	lock_free(must_make(&without, &b2));
	assert_false(hash_equal(&a1, &a2));
	assert_true(hash_equal(&b1, &b2));
	assert_int_equal(parts.archive.solved, 1);
	assert_int_equal(parts.archive.kept, 1);
	lock_diff(one, two, &changes);
	assert_int_equal(changes.n, 1);
	assert_string_equal(changes.v[0].part, "source");
	assert_string_equal(changes.v[0].name, "thing.tar");
	assert_string_equal(changes.v[0].old, one->git.v[0].commit);
	lock_changes_release(&changes);
	assert_int_equal(parts_ask("SELECT count(*) FROM event WHERE kind ="
				   " 'git-changed'"),
	    2);
}

static void
ref_that_moves_back_brings_the_old_lock_back(void **state)
{
	struct lock_request rq = request("a", true, false);
	git_oid one = gitrepo_simple("refs/heads/main", "one");
	struct hash h1, h2, h3;

	(void)state;
	lock_free(must_make(&rq, &h1));
	(void)gitrepo_simple("refs/heads/main", "two");
	assert_int_equal(poll_git().changed, 1);
	lock_free(must_make(&rq, &h2));
	gitrepo_ref("refs/heads/main", &one);
	assert_int_equal(poll_git().changed, 1);
	lock_free(must_make(&rq, &h3));
	assert_true(hash_equal(&h1, &h3));
	assert_false(hash_equal(&h1, &h2));
}

static void
lost_ref_or_repository_keeps_the_lock_and_tells_once(void **state)
{
	static const char told[] =
	    "SELECT count(*) FROM event WHERE kind = 'git-refused'";
	struct lock_request rq = request("a", true, false);
	struct hash h1, h2;

	(void)state;
	(void)gitrepo_simple("refs/heads/main", "one");
	lock_free(must_make(&rq, &h1));
	git_must(
	    git_reference_remove(gitrepo.repo, "refs/heads/main"), "remove");
	assert_int_equal(poll_git().failed, 1);
	assert_int_equal(poll_git().failed, 1);
	assert_int_equal(parts_ask(told), 1);
	lock_free(must_make(&rq, &h2));
	assert_true(hash_equal(&h1, &h2));
}

static void
what_was_never_seen_holds_the_recipe_with_its_cause(void **state)
{
	struct lock_request rq = request("a", true, false);

	(void)state;
	must_refuse(&rq, ERR_MISSING, "recipe a: git file://");
	must_refuse(&rq, ERR_MISSING, "main: the repository has no such ref");
	(void)gitrepo_simple("refs/heads/main", "one");
	parts.archive.offline = true;
	must_refuse(&rq, ERR_MISSING, "no such ref");
	wanted.ref = "other";
	must_refuse(&rq, ERR_MISSING, "the farm is offline");
}

static void
lost_mirror_and_lost_tar_come_back_as_they_were(void **state)
{
	struct lock_request rq = request("a", true, false);
	auto_lock struct lock *l = NULL;
	struct hash h1, h2;
	char path[STORE_PATH];
	auto_free char *tar = NULL;

	(void)state;
	(void)gitrepo_simple("refs/heads/main", "one");
	l = must_make(&rq, &h1);
	store_path(&l->git.v[0].sha256, path);
	tar = mem_printf("store/%s", path);
	assert_int_equal(file_remove_at(scratch.fd, tar, &parts.err), 0);
	assert_int_equal(tree_remove_at(scratch.fd, "git", &parts.err), 0);
	assert_int_equal(mkdirat(scratch.fd, "git", 0755), 0);
	close(parts.git);
	parts.git = parts.archive.gitdir =
	    dir_open_at(scratch.fd, "git", &parts.err);
	if (role_walls())
		assert_int_equal(
		    fchown(parts.git, role_uid(ROLE_GIT), role_gid(ROLE_GIT)),
		    0);
	lock_free(must_make(&rq, &h2));
	assert_true(hash_equal(&h1, &h2));
}

/* --- files --------------------------------------------------------------- */

static void
file_is_fetched_once_and_stands_in_the_lock(void **state)
{
	struct lock_request rq = request("a", false, true);
	auto_lock struct lock *l = NULL;
	struct hash h;

	(void)state;
	l = must_make(&rq, &h);
	assert_int_equal(l->files.n, 1);
	assert_string_equal(l->files.v[0].file, "thing-1.tar");
	assert_string_equal(l->files.v[0].url, good_url);
	assert_int_equal(l->files.v[0].size, 9);
	assert_int_equal(fake_count("thing-1"), 1);
	lock_free(must_make(&rq, &h));
	assert_int_equal(fake_count("thing-1"), 1);
}

static void
wrong_bytes_are_refused_by_their_digest(void **state)
{
	struct lock_request rq = request("a", false, true);

	(void)state;
	urls[0] = wrong_url;
	must_refuse(&rq, ERR_TRUST, "recipe a: source thing-1.tar: ");
	assert_non_null(strstr(parts.err.msg, "wrong-1.tar"));
	assert_false(store_has(parts.store, &file.sha256));
}

static void
mirrors_are_tried_in_order(void **state)
{
	struct lock_request rq = request("a", false, true);
	auto_lock struct lock *l = NULL;
	struct hash h;

	(void)state;
	urls[0] = gone_url;
	must_refuse(&rq, ERR_MISSING, "the server answers 404");
	urls[1] = wrong_url;
	file.nurls = 2;
	must_refuse(&rq, ERR_TRUST, "none of 2 addresses has it");
	urls[2] = good_url;
	file.nurls = 3;
	fake_count_reset();
	l = must_make(&rq, &h);
	assert_int_equal(fake_count("gone-1"), 1);
	assert_int_equal(fake_count("wrong-1"), 1);
	assert_int_equal(fake_count("thing-1"), 1);
	assert_string_equal(l->files.v[0].url, gone_url); /* its home */
}

static void
file_in_the_store_needs_no_network(void **state)
{
	struct lock_request rq = request("a", false, true);
	struct hash h;

	(void)state;
	parts.archive.offline = true;
	must_refuse(&rq, ERR_MISSING, "and the farm is offline");
	assert_int_equal(
	    store_put_bytes(parts.store, "the thing", 9, &h, &parts.err), 0);
	lock_free(must_make(&rq, &h));
	assert_int_equal(fake_count("thing-1"), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		CASE(lock_pins_commit_tree_and_tar),
		CASE(moved_ref_makes_a_new_lock_only_for_who_consults_it),
		CASE(ref_that_moves_back_brings_the_old_lock_back),
		CASE(lost_ref_or_repository_keeps_the_lock_and_tells_once),
		CASE(what_was_never_seen_holds_the_recipe_with_its_cause),
		CASE(lost_mirror_and_lost_tar_come_back_as_they_were),
		CASE(file_is_fetched_once_and_stands_in_the_lock),
		CASE(wrong_bytes_are_refused_by_their_digest),
		CASE(mirrors_are_tried_in_order),
		CASE(file_in_the_store_needs_no_network),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
