/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/* A lock as a file of its own: taken out of one farm, into another. */
#include "builder/inputs/lock_tar.h"
#include "tests/support/archive/lock_hello.h"

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
	return suites_add_sources();
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
	assert_int_equal(hello_poll(), 0);
	if (import_from("lock.tar") == -1)
		fail_msg("%s", parts.err.msg);
	fake_count_reset();
	assert_int_equal(make(&rq, &again), 0);
	assert_true(hash_equal(&h, &again));
	assert_int_equal(fake_count("/"), 0);
	sleep(1); /* rows count seconds */
	fake_package(&security, "libc-dev", "2.36+deb3", NULL, "dev thrice");
	fake_publish(&security);
	assert_int_equal(hello_poll(), 0);
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
	assert_int_equal(hello_poll(), 0);
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
#define T(f) cmocka_unit_test_setup_teardown(f, hello_setup, suites_teardown)
	const struct CMUnitTest tests[] = {
		T(exported_lock_is_the_same_file_each_time),
		T(imported_lock_holds_until_the_archive_changes),
		T(imported_lock_that_gives_less_is_not_taken),
		T(import_refuses_a_package_that_no_index_lists),
		T(import_refuses_a_source_that_no_index_lists),
		T(import_refuses_an_index_that_no_inrelease_lists),
		T(import_refuses_the_inrelease_of_another_suite),
		T(import_refuses_damaged_and_cut_files),
	};

	return suites_main(argc, argv, tests);
}
