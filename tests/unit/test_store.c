/* wrap: renameat fsync linkat */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/store.h"
#include "tests/support/failing.h"
#include "tests/support/scratch.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_PATH "ba/" ABC

static struct store *st;

static int
setup(void **state)
{
	struct err e = ERR_INIT;
	auto_fd int fd = -1;

	fail_fsync = fail_rename = fail_link = 0;
	link_errno = ENOSPC;
	if (scratch_setup(state) == -1)
		return -1;
	fd = dir_make_at(scratch.fd, "store", 0755, &e);
	st = fd == -1 ? NULL : store_open(fd, &e);
	return st ? 0 : -1;
}

static int
teardown(void **state)
{
	store_free(st);
	return scratch_teardown(state);
}

static struct hash
abc(void)
{
	struct hash h;

	assert_true(hash_parse(&h, ABC));
	return h;
}

static void
put_abc(void)
{
	struct err e = ERR_INIT;
	struct hash h, want = abc();

	if (store_put_bytes(st, "abc", 3, &h, &e) == -1)
		fail_msg("%s", e.msg);
	assert_true(hash_equal(&h, &want));
}

static int
source(const char *text)
{
	struct err e = ERR_INIT;
	int fd = file_open_at(
	    scratch.fd, "src", O_RDWR | O_CREAT | O_TRUNC, 0644, &e);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text), &e), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
flip_a_bit(void)
{
	auto_fd int fd = -1;

	assert_int_equal(fchmodat(scratch.fd, "store/" ABC_PATH, 0644, 0), 0);
	fd = openat(scratch.fd, "store/" ABC_PATH, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "c", 1, 1), 1);
}

/* Neither in the store nor half of it under a hidden name. */
static void
store_is_empty(void)
{
	auto_fd int fd = openat(scratch.fd, "store", O_RDONLY | O_DIRECTORY);
	struct hash h = abc();
	auto_dir DIR *d = NULL;
	struct dirent *e;

	assert_false(store_has(st, &h));
	d = fdopendir(take_fd(&fd));
	while ((e = readdir(d)))
		assert_true(strcmp(e->d_name, ".") == 0 ||
			    strcmp(e->d_name, "..") == 0 ||
			    strcmp(e->d_name, "ba") == 0);
}

static void
an_artifact_lies_under_its_digest_and_is_read_only(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct hash h = abc();
	char path[STORE_PATH];
	auto_fd int fd = -1;
	struct stat s;

	(void)state;
	put_abc();
	store_path(&h, path);
	assert_string_equal(path, ABC_PATH);
	assert_int_equal(fstatat(scratch.fd, "store/" ABC_PATH, &s, 0), 0);
	assert_int_equal(s.st_mode, S_IFREG | 0444);
	assert_int_equal(s.st_nlink, 1);
	assert_true(store_has(st, &h));
	assert_int_equal(store_verify(st, &h, &e), 0);
	assert_int_equal(store_get(st, &h, &fd, &e), 0);
	assert_int_equal(fd_read_all(fd, 10, &b, &e), 0);
	assert_string_equal(b.data, "abc");
	assert_int_equal(store_read(st, &h, 3, &b, &e), 0);
	assert_string_equal(b.data, "abcabc");
}

static void
putting_twice_is_putting_once(void **state)
{
	struct err e = ERR_INIT;
	auto_fd int src = -1;
	struct stat a, b;
	struct hash h;
	int64_t size;

	(void)state;
	put_abc();
	assert_int_equal(fstatat(scratch.fd, "store/" ABC_PATH, &a, 0), 0);
	src = source("xabc");
	assert_int_equal(lseek(src, 1, SEEK_SET), 1);
	assert_int_equal(store_put(st, src, &h, &size, &e), 0);
	assert_int_equal(size, 3);
	assert_int_equal(fstatat(scratch.fd, "store/" ABC_PATH, &b, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void
what_is_not_there_is_missing(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct hash h = abc();
	int fd = -7;

	(void)state;
	assert_int_equal(store_get(st, &h, &fd, &e), -1);
	assert_int_equal(fd, -7);
	assert_int_equal(e.cls, ERR_MISSING);
	assert_string_equal(e.msg, "artifact " ABC " is not in the store");
	assert_int_equal(store_verify(st, &h, &e), -1);
	assert_int_equal(store_read(st, &h, 10, &b, &e), -1);
	assert_int_equal(store_link(st, &h, scratch.fd, "x", &e), -1);
	assert_int_equal(e.cls, ERR_MISSING);
}

static void
other_bytes_than_promised_are_refused(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();
	auto_fd int wrong = source("abd"), longer = -1, shorter = -1,
		    right = -1;

	(void)state;
	assert_int_equal(store_put_expected(st, wrong, &h, 3, &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_non_null(strstr(e.msg, "instead of " ABC));
	longer = source("abcd");
	assert_int_equal(store_put_expected(st, longer, &h, 3, &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	shorter = source("ab");
	assert_int_equal(store_put_expected(st, shorter, &h, 3, &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_non_null(strstr(e.msg, "2 bytes instead of 3"));
	store_is_empty();
	right = source("abc");
	assert_int_equal(store_put_expected(st, right, &h, -1, &e), 0);
	assert_int_equal(lseek(right, 0, SEEK_SET), 0);
	assert_int_equal(store_put_expected(st, right, &h, 3, &e), 0);
}

static void
a_flipped_bit_is_found(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct hash h = abc();

	(void)state;
	put_abc();
	flip_a_bit();
	assert_int_equal(store_verify(st, &h, &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_string_equal(e.msg,
	    "artifact " ABC " is damaged: its bytes have another digest");
	err_clear(&e);
	assert_int_equal(store_read(st, &h, 10, &b, &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_int_equal(b.len, 0);
}

static void
putting_again_mends_what_was_damaged(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();
	struct stat s;

	(void)state;
	put_abc();
	flip_a_bit();
	fail_rename = 1;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	assert_int_equal(store_verify(st, &h, &e), -1);
	put_abc();
	assert_int_equal(store_verify(st, &h, &e), 0);
	assert_int_equal(fstatat(scratch.fd, "store/" ABC_PATH, &s, 0), 0);
	assert_int_equal(s.st_mode & 07777, 0444);
}

static void
the_store_keeps_its_state_when_sync_or_link_fails(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();

	(void)state;
	/* Of the new shard's parent, of the file, of the shard. */
	fail_fsync = 1;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	store_is_empty();
	fail_fsync = 1;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "Input/output error"));
	store_is_empty();
	fail_link = 1;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	assert_string_equal(err_cause(&e), "no-space");
	store_is_empty();
	/* The name may be there, but success was not claimed. */
	fail_fsync = 2;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	assert_int_equal(store_verify(st, &h, &e), 0);
	/* Whoever finds it there syncs the folder all the same. */
	fail_fsync = 1;
	assert_int_equal(store_put_bytes(st, "abc", 3, NULL, &e), -1);
	put_abc();
}

static void
an_artifact_is_named_elsewhere_by_a_link(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();
	struct stat s;

	(void)state;
	put_abc();
	assert_int_equal(mkdirat(scratch.fd, "images", 0755), 0);
	assert_int_equal(store_link(st, &h, scratch.fd, "images/x", &e), 0);
	assert_int_equal(store_link(st, &h, scratch.fd, "images/x", &e), 0);
	assert_int_equal(fstatat(scratch.fd, "images/x", &s, 0), 0);
	assert_int_equal(s.st_nlink, 2);
}

static void
where_links_are_refused_a_copy_is_made_and_checked(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();
	struct stat s;

	(void)state;
	put_abc();
	link_errno = EPERM;
	fail_link = 1;
	assert_int_equal(store_link(st, &h, scratch.fd, "x", &e), 0);
	assert_int_equal(fstatat(scratch.fd, "x", &s, 0), 0);
	assert_int_equal(s.st_nlink, 1);
	assert_int_equal(s.st_mode & 07777, 0444);
	flip_a_bit();
	link_errno = EXDEV;
	fail_link = 1;
	assert_int_equal(store_link(st, &h, scratch.fd, "y", &e), -1);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_false(file_exists_at(scratch.fd, "y"));
}

static void
a_name_with_other_content_is_not_taken(void **state)
{
	struct err e = ERR_INIT;
	struct hash h = abc();

	(void)state;
	put_abc();
	assert_int_equal(file_write_at(scratch.fd, "x", "abd", 3, 0644, &e), 0);
	assert_int_equal(store_link(st, &h, scratch.fd, "x", &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	link_errno = EPERM;
	fail_link = 1;
	assert_int_equal(store_link(st, &h, scratch.fd, "x", &e), -1);
	assert_string_equal(
	    e.msg, "name artifact x: x is there already, with other content");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_artifact_lies_under_its_digest_and_is_read_only),
		T(putting_twice_is_putting_once),
		T(what_is_not_there_is_missing),
		T(other_bytes_than_promised_are_refused),
		T(a_flipped_bit_is_found),
		T(putting_again_mends_what_was_damaged),
		T(the_store_keeps_its_state_when_sync_or_link_fails),
		T(an_artifact_is_named_elsewhere_by_a_link),
		T(where_links_are_refused_a_copy_is_made_and_checked),
		T(a_name_with_other_content_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
