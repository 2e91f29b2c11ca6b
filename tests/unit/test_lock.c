/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/* What a lock holds, and what no lock is made of. */
#include "tests/support/archive/lock_hello.h"

static void
lock_names_the_closure_and_every_byte_is_there(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	size_t base = 0;

	(void)state;
	while (lock_base[base])
		base++;
	assert_int_equal(l->build.n, base + 2);		  /* cc, libc-dev */
	assert_int_equal(l->image.n, base + 1);		  /* writer */
	assert_null(lock_package_find(&l->build, "doc")); /* Recommends */
	assert_int_equal(lock_package_find(&l->build, "cc")->size, 8);
	assert_string_equal(
	    lock_package_find(&l->build, "cc")->version, "1:4.2-3");
	assert_string_equal(lock_package_find(&l->build, "cc")->path,
	    "pool/main/c/cc/cc_4.2-3_amd64.deb");
	assert_int_equal(lock_complete(parts.store, l, &parts.err), 0);
	assert_int_equal(l->nsuites, 2);
	assert_int_equal(l->suites[0].nindexes, 2);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock WHERE recipe ="
				   " 'hello' AND origin = 'archive'"),
	    1);
	assert_int_equal(
	    parts_ask("SELECT count(*) FROM progress WHERE what = 'fetch' AND"
		      " subject = 'hello' AND unit = 'B' AND done = total AND"
		      " ended_at IS NOT NULL"),
	    1);
}

static void
highest_version_over_all_suites_wins(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	const struct lock_package *dev =
	    lock_package_find(&l->build, "libc-dev");

	(void)state;
	assert_string_equal(dev->version, "2.36+deb1");
	assert_string_equal(dev->suite, "bookworm-security");
	assert_int_equal(l->sources.n, 1);
	/* 10 is more than 9, whatever strcmp says. */
	assert_string_equal(l->sources.v[0].version, "1.0-10");
	assert_string_equal(l->sources.v[0].suite, "bookworm-security");
}

static void
same_request_and_archive_give_the_same_lock_without_a_request(void **state)
{
	struct hash one, two;
	auto_lock struct lock *a = must_make(&one);
	auto_lock struct lock *b = NULL;

	(void)state;
	fake_count_reset();
	b = must_make(&two);
	assert_true(hash_equal(&one, &two));
	assert_int_equal(fake_count("/"), 0);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 1);
	assert_non_null(a);
}

static void
change_that_does_not_touch_the_recipe_keeps_its_lock(void **state)
{
	struct hash one, two;
	auto_lock struct lock *a = must_make(&one);
	auto_lock struct lock *b = NULL;

	(void)state;
	fake_package(&security, "unrelated", "1", NULL, "unrelated");
	fake_publish(&security);
	assert_int_equal(hello_poll(), 0);
	b = must_make(&two);
	assert_true(hash_equal(&one, &two));
	assert_non_null(a);
}

static void
new_version_gives_a_new_lock_and_fetches_only_it(void **state)
{
	struct hash one, two;
	auto_lock struct lock *a = must_make(&one);
	auto_lock struct lock *b = NULL;

	(void)state;
	fake_package(&security, "libc-dev", "2.36+deb2", NULL, "dev again");
	fake_publish(&security);
	assert_int_equal(hello_poll(), 0);
	fake_count_reset();
	b = must_make(&two);
	assert_false(hash_equal(&one, &two));
	assert_int_equal(fake_count("/pool/"), 1);
	assert_int_equal(fake_count("libc-dev_2.36%2bdeb2"), 0);
	assert_int_equal(fake_count("libc-dev_2.36+deb2_amd64.deb"), 1);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 2);
	assert_non_null(a);
}

static void
recipe_decides_where_a_dependency_leaves_a_choice(void **state)
{
	struct hash h;
	struct lock_request rq = request();
	const char *const want[] = { "script" };
	auto_lock struct lock *l = NULL;

	(void)state;
	rq.build = want;
	assert_int_equal(make(&rq, &h), 0);
	l = lock_load(parts.store, &h, &parts.err);
	/* mawk is of the base, so that gawk is not needed. */
	assert_null(lock_package_find(&l->build, "gawk"));
}

static void
consulted_holds_closure_choices_and_requests(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < l->consulted.n; i++)
		found += strcmp(l->consulted.v[i], "cc") == 0 ||
			 strcmp(l->consulted.v[i], "libc-dev") == 0 ||
			 strcmp(l->consulted.v[i], "writer") == 0;
	assert_int_equal(found, 3);
}

/* What a machine would hold that its installer made, and nothing that is only
 * recommended or optional. */
static void
a_whole_debian_is_kept_beside_the_lock(void **state)
{
	struct hash h;

	(void)state;
	fake_package(&bookworm, "hello", "1.0-9",
	    "Depends: libhello\nInstalled-Size: 100\n", "h");
	fake_package(&bookworm, "libhello", "2", "Installed-Size: 20\n", "l");
	fake_package(&bookworm, "init", "1",
	    "Priority: important\nInstalled-Size: 3000\n", "old");
	fake_package(&security, "init", "1+deb1",
	    "Priority: important\nRecommends: game\n"
	    "Installed-Size: 3001\n",
	    "new");
	fake_package(&bookworm, "login", "4",
	    "Installed-Size: 7\nPriority: required\n", "login");
	fake_package(&bookworm, "game", "3",
	    "Priority: optional\nInstalled-Size: 99999\n", "g");
	fake_publish(&bookworm);
	fake_publish(&security);
	assert_int_equal(hello_poll(), 0);
	lock_free(must_make(&h));
	/* hello, libhello, init, login; writer, which says no size. */
	assert_int_equal(parts_ask("SELECT packages FROM stock"), 5);
	assert_int_equal(
	    parts_ask("SELECT bytes FROM stock JOIN lock ON digest = lock"),
	    1024 * (100 + 20 + 3001 + 7));
	assert_int_equal(
	    parts_ask("SELECT instr(list, 'init 1+deb1 ' || 3001 * 1024)"
		      " > 0 FROM stock"),
	    1);
	/* The same lock by solving again: what was written stays. */
	assert_int_equal(parts_ask("SELECT count(*) FROM stock"), 1);
}

/* Packages that exclude each other are no reason to have no lock. */
static void
an_archive_without_a_whole_debian_gives_locks(void **state)
{
	struct hash h;

	(void)state;
	fake_package(&bookworm, "init", "1",
	    "Priority: important\nConflicts: login\n", "i");
	fake_package(&bookworm, "login", "4", "Priority: required\n", "l");
	fake_publish(&bookworm);
	assert_int_equal(hello_poll(), 0);
	lock_free(must_make(&h));
	assert_int_equal(parts_ask("SELECT count(*) FROM stock"), 0);
}

static void
package_that_no_suite_has_is_named(void **state)
{
	struct lock_request rq = request();
	const char *const want[] = { "cc", "no-such-thing" };

	(void)state;
	rq.build = want;
	rq.nbuild = 2;
	must_fail(&rq, ERR_INPUT,
	    "recipe hello: package no-such-thing is in none of the suites "
	    "bookworm, bookworm-security");
}

static void
virtual_name_is_told_apart(void **state)
{
	struct lock_request rq = request();
	const char *const want[] = { "awk" };

	(void)state;
	rq.build = want;
	must_fail(&rq, ERR_INPUT, "only a virtual name");
	assert_non_null(strstr(parts.err.msg, "gawk"));
}

static void
source_that_no_suite_has_is_named(void **state)
{
	struct lock_request rq = request();
	const char *const want[] = { "goodbye" };

	(void)state;
	rq.sources = want;
	must_fail(&rq, ERR_INPUT, "source package goodbye is in none of");
}

static void
dependency_that_cannot_be_is_explained(void **state)
{
	struct lock_request rq = request();
	const char *const want[] = { "broken" };

	(void)state;
	fake_package(&bookworm, "broken", "1", "Depends: cc (>= 2:99)\n", "b");
	fake_publish(&bookworm);
	assert_int_equal(hello_poll(), 0);
	rq.build = want;
	must_fail(&rq, ERR_INPUT, "broken");
	assert_non_null(strstr(parts.err.msg, "cc >= 2:99"));
}

static void
flipped_bit_in_a_package_is_refused_and_not_kept(void **state)
{
	struct lock_request rq = request();
	unsigned before = parts_stored();

	(void)state;
	for (size_t i = 0; lock_base[i]; i++) {
		auto_free char *path =
		    mem_printf("debian/pool/main/%c/%s/%s_1_amd64.deb",
			*lock_base[i], lock_base[i], lock_base[i]);
		auto_free char *bytes = mem_str(lock_base[i]);

		bytes[0] ^= 1;
		fake_damage(path, bytes);
	}
	must_fail(&rq, ERR_TRUST, "base-files");
	assert_int_equal(parts_stored(), before);
}

static void
longer_package_is_refused(void **state)
{
	struct lock_request rq = request();

	(void)state;
	fake_damage("debian/pool/main/b/base-files/base-files_1_amd64.deb",
	    "base-files and more");
	assert_int_equal(make(&rq, &(struct hash){ 0 }), -1);
	assert_non_null(strstr(parts.err.msg, "base-files"));
}

static void
file_that_is_listed_and_not_there_is_named(void **state)
{
	struct lock_request rq = request();

	(void)state;
	fake_remove("debian/pool/main/h/hello/hello_1.1.tar");
	must_fail(&rq, ERR_MISSING,
	    "suite bookworm-security lists pool/main/h/hello/hello_1.1.tar, "
	    "but the archive does not have it");
}

static void
suite_that_was_never_polled_is_missing(void **state)
{
	struct lock_request rq = request();
	const char *const other[] = { "bookworm-updates" };

	(void)state;
	rq.suites = other;
	rq.nsuites = 1;
	must_fail(&rq, ERR_MISSING, "was never read");
}

static void
lock_survives_its_own_text(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = lock_json(l);
	struct lock *again;

	(void)state;
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	again = lock_parse("it", text.data, text.len, &parts.err);
	assert_non_null(again);
	assert_true(hash_equal(&again->digest, &h));
	lock_free(again);
	/* Anything else is refused: an unknown key, another order, a blank. */
	json_object_set_new(j, "extra", json_integer(1));
	buf_clear(&text);
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	assert_null(lock_parse("it", text.data, text.len, &parts.err));
	json_object_del(j, "extra");
	json_array_append(json_object_get(j, "build"),
	    json_array_get(json_object_get(j, "build"), 0));
	buf_clear(&text);
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	assert_null(lock_parse("it", text.data, text.len, &parts.err));
	assert_non_null(strstr(parts.err.msg, "twice or out of order"));
	json_array_remove(json_object_get(j, "build"),
	    json_array_size(json_object_get(j, "build")) - 1);
	buf_clear(&text);
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	buf_char(&text, ' ');
	assert_null(lock_parse("it", text.data, text.len, &parts.err));
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, hello_setup, suites_teardown)
	const struct CMUnitTest tests[] = {
		T(lock_names_the_closure_and_every_byte_is_there),
		T(highest_version_over_all_suites_wins),
		T(same_request_and_archive_give_the_same_lock_without_a_request),
		T(change_that_does_not_touch_the_recipe_keeps_its_lock),
		T(new_version_gives_a_new_lock_and_fetches_only_it),
		T(recipe_decides_where_a_dependency_leaves_a_choice),
		T(consulted_holds_closure_choices_and_requests),
		T(a_whole_debian_is_kept_beside_the_lock),
		T(an_archive_without_a_whole_debian_gives_locks),
		T(package_that_no_suite_has_is_named),
		T(virtual_name_is_told_apart),
		T(source_that_no_suite_has_is_named),
		T(dependency_that_cannot_be_is_explained),
		T(flipped_bit_in_a_package_is_refused_and_not_kept),
		T(longer_package_is_refused),
		T(file_that_is_listed_and_not_there_is_named),
		T(suite_that_was_never_polled_is_missing),
		T(lock_survives_its_own_text),
	};

	return suites_main(argc, argv, tests);
}
