/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "builder/inputs/lock_json.h"
#include "builder/inputs/lock_tar.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "tests/support/archive/fake_archive.h"
#include "tests/support/archive/farm_parts.h"

static struct fake_suite bookworm, security;
static const char *const suites[] = { "bookworm", "bookworm-security" };
static char keys[256];

static int
group_setup(void **state)
{
	(void)state;
	snprintf(keys, sizeof(keys), "/tmp/kiln-keys-XXXXXX");
	if (!mkdtemp(keys) || chmod(keys, 0755) == -1)
		return -1;
	return fake_start(keys);
}

static int
group_teardown(void **state)
{
	(void)state;
	fake_stop();
	snprintf(scratch.path, sizeof(scratch.path), "%s", keys);
	scratch.fd = -1;
	return scratch_teardown(state);
}

static int
poll_all(void)
{
	struct archive_news news;

	parts.err = (struct err)ERR_INIT;
	return archive_poll(&parts.archive, suites, ARRAY_LEN(suites), "amd64",
	    0, &news, &parts.err);
}

static int
add_sources(void)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		if (apt_sources_add(&parts.sources, fake_uri(), suites[i],
			fake_keyring(), &parts.err) == -1)
			return -1;
	return 0;
}

static int
setup(void **state)
{
	if (scratch_setup(state) == -1 || parts_open() == -1 ||
	    add_sources() == -1)
		return -1;
	fake_suite_init(&bookworm, "bookworm");
	fake_suite_init(&security, "bookworm-security");
	fake_base(&bookworm, lock_base);
	fake_package(&bookworm, "cc", "1:4.2-3", "Depends: libc-dev (>= 2)\n",
	    "compiler");
	fake_package(&bookworm, "libc-dev", "2.36", "Recommends: doc\n", "dev");
	fake_package(&bookworm, "doc", "1", NULL, "doc");
	fake_package(&bookworm, "gawk", "9", "Provides: awk\n", "gawk");
	fake_package(&bookworm, "script", "1", "Depends: gawk | mawk\n", "s");
	fake_package(&bookworm, "writer", "1", NULL, "writer");
	fake_package(&security, "libc-dev", "2.36+deb1", NULL, "dev, mended");
	fake_source(&bookworm, "hello", "1.0-9", "hello_1.0.tar", "old source");
	fake_source(&security, "hello", "1.0-10", "hello_1.1.tar", "source");
	fake_publish(&bookworm);
	fake_publish(&security);
	if (poll_all() == -1)
		return -1;
	fake_count_reset();
	return 0;
}

static int
teardown(void **state)
{
	fake_suite_release(&bookworm);
	fake_suite_release(&security);
	parts_close();
	return scratch_teardown(state);
}

static const char *const build[] = { "cc" };
static const char *const image[] = { "writer" };
static const char *const sources[] = { "hello" };

static struct lock_request
request(void)
{
	return (struct lock_request){
		.recipe = "hello",
		.arch = "amd64",
		.suites = suites,
		.nsuites = ARRAY_LEN(suites),
		.build = build,
		.nbuild = 1,
		.image = image,
		.nimage = 1,
		.sources = sources,
		.nsources = 1,
	};
}

static int
make(const struct lock_request *rq, struct hash *h)
{
	parts.err = (struct err)ERR_INIT;
	return lock_make(&parts.archive, rq, 0, h, &parts.err);
}

static struct lock *
must_make(struct hash *h)
{
	struct lock_request rq = request();
	struct lock *l;

	if (make(&rq, h) == -1)
		fail_msg("%s", parts.err.msg);
	l = lock_load(parts.store, h, &parts.err);
	if (!l)
		fail_msg("%s", parts.err.msg);
	return l;
}

static void
must_fail(const struct lock_request *rq, enum err_class cls, const char *part)
{
	struct hash h;

	assert_int_equal(make(rq, &h), -1);
	if (parts.err.cls != cls || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 0);
}

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
	assert_int_equal(poll_all(), 0);
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
	assert_int_equal(poll_all(), 0);
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
	assert_int_equal(poll_all(), 0);
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

static int
new_farm(void)
{
	struct err err = ERR_INIT;

	parts_close();
	if (tree_remove_at(scratch.fd, "store", &err) == -1 ||
	    tree_remove_at(scratch.fd, "work", &err) == -1 ||
	    unlinkat(scratch.fd, "farm.db", 0) == -1)
		return -1;
	unlinkat(scratch.fd, "farm.db-wal", 0);
	unlinkat(scratch.fd, "farm.db-shm", 0);
	if (parts_open() == -1)
		return -1;
	return add_sources();
}

static int
export_to(const char *name, const struct lock *l)
{
	auto_fd int fd = openat(
	    scratch.fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return lock_tar_write(parts.store, l, fd, &parts.err);
}

static int
import_from(const char *name)
{
	auto_fd int fd = openat(scratch.fd, name, O_RDONLY | O_CLOEXEC);
	auto_lock struct lock *l = NULL;

	parts.err = (struct err)ERR_INIT;
	l = lock_tar_read(parts.store, fd, parts.work, &parts.err);
	if (!l)
		return -1;
	return lock_accept(&parts.archive, l, &parts.err);
}

static void
exported_lock_is_the_same_file_each_time(void **state)
{
	struct hash h, one, two;
	int64_t size;
	auto_lock struct lock *l = must_make(&h);

	(void)state;
	assert_int_equal(export_to("a.tar", l), 0);
	assert_int_equal(export_to("b.tar", l), 0);
	for (int i = 0; i < 2; i++) {
		auto_fd int fd =
		    openat(scratch.fd, i ? "a.tar" : "b.tar", O_RDONLY);

		assert_int_equal(
		    hash_fd(fd, i ? &one : &two, &size, &parts.err), 0);
	}
	assert_true(hash_equal(&one, &two));
}

static void
imported_lock_holds_until_the_archive_changes(void **state)
{
	struct hash h, again;
	auto_lock struct lock *l = must_make(&h);
	struct lock_request rq = request();

	(void)state;
	assert_int_equal(export_to("lock.tar", l), 0);
	/* By the time the other farm gets it, the archive has moved on. */
	fake_package(&security, "libc-dev", "2.36+deb2", NULL, "dev again");
	fake_publish(&security);
	assert_int_equal(new_farm(), 0);
	assert_int_equal(poll_all(), 0);
	if (import_from("lock.tar") == -1)
		fail_msg("%s", parts.err.msg);
	fake_count_reset();
	assert_int_equal(make(&rq, &again), 0);
	assert_true(hash_equal(&h, &again));
	assert_int_equal(fake_count("/"), 0);
	sleep(1); /* rows count seconds */
	fake_package(&security, "libc-dev", "2.36+deb3", NULL, "dev thrice");
	fake_publish(&security);
	assert_int_equal(poll_all(), 0);
	assert_int_equal(make(&rq, &again), 0);
	assert_false(hash_equal(&h, &again));
}

static void
imported_lock_that_gives_less_is_not_taken(void **state)
{
	struct hash h, again;
	auto_lock struct lock *l = must_make(&h);
	struct lock_request rq = request();
	const char *const more[] = { "cc", "gawk" };

	(void)state;
	assert_int_equal(export_to("lock.tar", l), 0);
	assert_int_equal(new_farm(), 0);
	assert_int_equal(poll_all(), 0);
	assert_int_equal(import_from("lock.tar"), 0);
	rq.build = more;
	rq.nbuild = 2;
	assert_int_equal(make(&rq, &again), 0);
	assert_false(hash_equal(&h, &again));
}

/* A tar whose lock says something that its proof does not. */
static void
import_altered(void (*alter)(struct lock *), const char *part)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);

	alter(l);
	if (export_to("lock.tar", l) == -1 || new_farm() == -1)
		fail_msg("%s", parts.err.msg);
	assert_int_equal(import_from("lock.tar"), -1);
	if (parts.err.cls != ERR_TRUST || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 0);
}

static void
swap_bytes(struct lock *l)
{
	struct lock_package *p = &l->build.v[0];

	p->size = 4;
	if (store_put_bytes(parts.store, "evil", 4, &p->sha256, &parts.err))
		fail_msg("%s", parts.err.msg);
}

static void
swap_version(struct lock *l)
{
	free(l->sources.v[0].version);
	l->sources.v[0].version = mem_str("1.0-11");
}

static void
swap_index(struct lock *l)
{
	if (store_put_bytes(parts.store, "index", 5,
		&l->suites[0].indexes[0].sha256, &parts.err))
		fail_msg("%s", parts.err.msg);
}

static void
swap_suites(struct lock *l)
{
	struct hash h = l->suites[0].inrelease;

	l->suites[0].inrelease = l->suites[1].inrelease;
	l->suites[1].inrelease = h;
}

static void
import_refuses_a_package_that_no_index_lists(void **state)
{
	(void)state;
	import_altered(swap_bytes, "does not list package");
}

static void
import_refuses_a_source_that_no_index_lists(void **state)
{
	(void)state;
	import_altered(swap_version, "does not list source hello 1.0-11");
}

static void
import_refuses_an_index_that_no_inrelease_lists(void **state)
{
	(void)state;
	import_altered(swap_index, "does not list");
}

static void
import_refuses_the_inrelease_of_another_suite(void **state)
{
	(void)state;
	import_altered(swap_suites, "its InRelease is that of");
}

static void
import_refuses_damaged_and_cut_files(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	auto_buf struct buf tar = BUF_INIT;
	char *at;

	(void)state;
	assert_int_equal(export_to("lock.tar", l), 0);
	assert_int_equal(new_farm(), 0);
	assert_int_equal(
	    file_read_at(scratch.fd, "lock.tar", 1 << 24, &tar, &parts.err), 0);
	assert_int_equal(file_write_at(scratch.fd, "cut.tar", tar.data,
			     tar.len / 2, 0600, &parts.err),
	    0);
	assert_int_equal(import_from("cut.tar"), -1);
	at = memmem(tar.data, tar.len, "dev, mended", 11);
	assert_non_null(at);
	*at ^= 1;
	assert_int_equal(file_write_at(scratch.fd, "bad.tar", tar.data, tar.len,
			     0600, &parts.err),
	    0);
	assert_int_equal(import_from("bad.tar"), -1);
	assert_int_equal(parts.err.cls, ERR_TRUST);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 0);
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lock_names_the_closure_and_every_byte_is_there),
		T(highest_version_over_all_suites_wins),
		T(same_request_and_archive_give_the_same_lock_without_a_request),
		T(change_that_does_not_touch_the_recipe_keeps_its_lock),
		T(new_version_gives_a_new_lock_and_fetches_only_it),
		T(recipe_decides_where_a_dependency_leaves_a_choice),
		T(consulted_holds_closure_choices_and_requests),
		T(package_that_no_suite_has_is_named),
		T(virtual_name_is_told_apart),
		T(source_that_no_suite_has_is_named),
		T(dependency_that_cannot_be_is_explained),
		T(flipped_bit_in_a_package_is_refused_and_not_kept),
		T(longer_package_is_refused),
		T(file_that_is_listed_and_not_there_is_named),
		T(suite_that_was_never_polled_is_missing),
		T(lock_survives_its_own_text),
		T(exported_lock_is_the_same_file_each_time),
		T(imported_lock_holds_until_the_archive_changes),
		T(imported_lock_that_gives_less_is_not_taken),
		T(import_refuses_a_package_that_no_index_lists),
		T(import_refuses_a_source_that_no_index_lists),
		T(import_refuses_an_index_that_no_inrelease_lists),
		T(import_refuses_the_inrelease_of_another_suite),
		T(import_refuses_damaged_and_cut_files),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
