/* wrap: openat renameat fsync linkat */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "tests/support/failing.h"
#include "tests/support/scratch.h"

static bool no_tmpfile;

int __real_openat(int, const char *, int, ...);
int __wrap_openat(int, const char *, int, ...);

int
__wrap_openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_openat(dirfd, path, flags, mode);
}

static int
setup(void **state)
{
	fail_fsync = fail_rename = fail_link = 0;
	no_tmpfile = false;
	return scratch_setup(state);
}

static void
put(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	if (file_write_at(scratch.fd, path, text, strlen(text), 0644, &e) == -1)
		fail_msg("%s", e.msg);
}

static void
holds(const char *path, const char *text)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	if (file_read_at(scratch.fd, path, 1000, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(b.data, text);
}

static int
count_entries(void)
{
	auto_dir DIR *d = opendir(scratch.path);
	int n = -2;

	while (readdir(d))
		n++;
	return n;
}

static void
names_outside_the_allow_list_are_refused(void **state)
{
	static const char *const good[] = { "a", "a.b", "A-Z_09+~.x", "0", "_",
		"+", "~" };
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "a/b",
		"/", "a b", "a\n", "a:b", "a*", "ä", "a\\b", "a%2e" };
	char name[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(name_ok(bad[i]));
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_true(name_ok(name));
	name[255] = 'a';
	name[256] = '\0';
	assert_false(name_ok(name));
}

static void
paths_that_could_leave_their_folder_are_refused(void **state)
{
	static const char *const good[] = { "a", "a/b", "a.d/b-c/d_e" };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", "../a",
		"a/..", "a/../b", "./a", "a/.b", "a/-b", "a/b c" };
	char path[5000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(path_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(path_ok(bad[i]));
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'a';
	path[4999] = '\0';
	assert_false(path_ok(path));
}

static void
open_beneath_refuses_escape(void **state)
{
	static const char *const bad[] = { "../etc/passwd", "/etc/passwd",
		"sub/../../x", "out/passwd", "link", "up/x" };
	struct err e = ERR_INIT;

	(void)state;
	mkdirat(scratch.fd, "sub", 0755);
	put("sub/x", "in");
	assert_int_equal(symlinkat("/etc", scratch.fd, "out"), 0);
	assert_int_equal(symlinkat("sub/x", scratch.fd, "link"), 0);
	assert_int_equal(symlinkat("sub", scratch.fd, "up"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf struct buf b = BUF_INIT;

		assert_int_equal(
		    file_open_at(scratch.fd, bad[i], O_RDONLY, 0, &e), -1);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_int_equal(
		    file_read_at(scratch.fd, bad[i], 100, &b, &e), -1);
		assert_int_equal(
		    file_write_at(scratch.fd,
			bad[i][0] == 'l' ? "out/x" : bad[i], "x", 1, 0644, &e),
		    -1);
		assert_false(file_exists_at(scratch.fd, bad[i]));
	}
	holds("sub/../sub/x", "in");
	/* Written over, a link is replaced and not followed. */
	put("link", "new");
	holds("sub/x", "in");
	holds("link", "new");
}

static void
making_folders_does_not_follow_links_or_leave(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	umask(077);
	fd = dir_make_at(scratch.fd, "a/b//c", 0755, &e);
	umask(022);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fstatat(scratch.fd, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	fd = dir_make_at(scratch.fd, "a/b/c", 0700, &e);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(dir_make_at(scratch.fd, "../x", 0755, &e), -1);
	assert_int_equal(dir_make_at(scratch.fd, "/tmp/x", 0755, &e), -1);
	assert_int_equal(symlinkat("a", scratch.fd, "l"), 0);
	assert_int_equal(dir_make_at(scratch.fd, "l/d", 0755, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	put("file", "");
	assert_int_equal(dir_make_at(scratch.fd, "file/d", 0755, &e), -1);
}

static void
a_file_beyond_its_limit_is_bad_input(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	put("f", "12345");
	buf_str(&b, "before ");
	assert_int_equal(file_read_at(scratch.fd, "f", 4, &b, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_string_equal(e.msg, "f: longer than the 4 bytes allowed");
	assert_string_equal(b.data, "before ");
	assert_int_equal(file_read_at(scratch.fd, "f", 5, &b, &e), 0);
	assert_string_equal(b.data, "before 12345");
	assert_int_equal(file_read_at(scratch.fd, "none", 5, &b, &e), -1);
	assert_int_equal(e.cls, ERR_MISSING);
	assert_int_equal(mkfifoat(scratch.fd, "fifo", 0644), 0);
	assert_int_equal(file_read_at(scratch.fd, "fifo", 5, &b, &e), -1);
	assert_string_equal(e.msg, "read fifo: not a regular file");
	assert_int_equal(file_read_at(scratch.fd, ".", 5, &b, &e), -1);
}

static void
a_large_file_is_read_whole(void **state)
{
	auto_buf struct buf b = BUF_INIT, again = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < 300000; i++)
		buf_char(&b, (char)i);
	assert_int_equal(
	    file_write_at(scratch.fd, "f", b.data, b.len, 0600, &e), 0);
	assert_int_equal(file_read_at(scratch.fd, "f", 1 << 20, &again, &e), 0);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.data, b.data, b.len);
}

static void
a_mode_is_exact_whatever_the_umask(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	umask(077);
	assert_int_equal(file_write_at(scratch.fd, "f", "x", 1, 0644, &e), 0);
	umask(022);
	assert_int_equal(fstatat(scratch.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
write_fails(const char *cause)
{
	struct err e = ERR_INIT;

	assert_int_equal(
	    file_write_at(scratch.fd, "f", "new", 3, 0644, &e), -1);
	assert_int_equal(e.cls, ERR_SYSTEM);
	assert_non_null(strstr(e.msg, cause));
	holds("f", "old");
	/* Nothing is left behind either. */
	assert_int_equal(count_entries(), 1);
}

static void
a_failed_write_keeps_the_old_file(void **state)
{
	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		no_tmpfile = hidden;
		put("f", "old");
		fail_fsync = 1;
		write_fails("write f: sync f: Input/output error");
		fail_rename = 1;
		write_fails("write f: rename f: No space left on device");
		if (!hidden) {
			fail_link = 1;
			write_fails("write f: link f: No space left");
		}
	}
}

static void
a_failed_sync_of_the_folder_is_told(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	put("f", "old");
	fail_fsync = 2;
	assert_int_equal(
	    file_write_at(scratch.fd, "f", "new", 3, 0644, &e), -1);
	assert_string_equal(e.msg, "write f: sync folder: Input/output error");
	/* Whole in any case, and no temporary stays. */
	holds("f", "new");
	assert_int_equal(count_entries(), 1);
}

static void
linking_onto_a_name_keeps_what_is_there(void **state)
{
	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		auto_tmp struct tmp t = TMP_INIT;
		struct err e = ERR_INIT;

		no_tmpfile = hidden;
		put("f", "old");
		assert_int_equal(tmp_open(&t, scratch.fd, 0444, &e), 0);
		assert_int_equal(t.name[0] != 0, hidden);
		assert_int_equal(fd_write_all(t.fd, "new", 3, &e), 0);
		assert_int_equal(tmp_link(&t, "f", &e), 0);
		assert_int_equal(t.fd, -1);
		holds("f", "old");
		assert_int_equal(count_entries(), 1);
	}
}

static void
a_linked_temporary_is_there_and_a_released_one_is_not(void **state)
{
	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		struct tmp t = TMP_INIT;
		struct err e = ERR_INIT;
		struct stat st;

		no_tmpfile = hidden;
		assert_int_equal(tmp_open(&t, scratch.fd, 0444, &e), 0);
		assert_int_equal(fd_write_all(t.fd, "new", 3, &e), 0);
		tmp_release(&t);
		assert_int_equal(count_entries(), 0);
		assert_int_equal(tmp_open(&t, scratch.fd, 0444, &e), 0);
		assert_int_equal(fd_write_all(t.fd, "new", 3, &e), 0);
		assert_int_equal(tmp_link(&t, "f", &e), 0);
		tmp_release(&t);
		holds("f", "new");
		assert_int_equal(count_entries(), 1);
		assert_int_equal(fstatat(scratch.fd, "f", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0444);
		assert_int_equal(st.st_nlink, 1);
		assert_int_equal(unlinkat(scratch.fd, "f", 0), 0);
	}
}

static void
a_failed_link_leaves_nothing(void **state)
{
	struct tmp t = TMP_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tmp_open(&t, scratch.fd, 0444, &e), 0);
	fail_link = 1;
	assert_int_equal(tmp_link(&t, "f", &e), -1);
	fail_fsync = 1;
	assert_int_equal(tmp_link(&t, "f", &e), -1);
	tmp_release(&t);
	assert_int_equal(count_entries(), 0);
}

static void
only_old_leftovers_are_swept(void **state)
{
	const struct timespec old[2] = { { time(NULL) - 90000, 0 },
		{ time(NULL) - 90000, 0 } };
	struct err e = ERR_INIT;

	(void)state;
	put(".tmp-new", "");
	put(".tmp-old", "");
	put("old", "");
	mkdirat(scratch.fd, ".tmp-folder", 0755);
	utimensat(scratch.fd, ".tmp-old", old, 0);
	utimensat(scratch.fd, ".tmp-folder", old, 0);
	utimensat(scratch.fd, "old", old, 0);
	assert_int_equal(tmp_sweep(scratch.fd, &e), 0);
	assert_true(file_exists_at(scratch.fd, ".tmp-new"));
	assert_false(file_exists_at(scratch.fd, ".tmp-old"));
	assert_true(file_exists_at(scratch.fd, ".tmp-folder"));
	assert_true(file_exists_at(scratch.fd, "old"));
}

static void
removing_what_is_not_there_is_success(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	put("f", "");
	assert_int_equal(file_remove_at(scratch.fd, "f", &e), 0);
	assert_int_equal(file_remove_at(scratch.fd, "f", &e), 0);
	assert_int_equal(file_remove_at(scratch.fd, "none/f", &e), 0);
	assert_int_equal(file_remove_at(scratch.fd, "../f", &e), -1);
	mkdirat(scratch.fd, "d", 0755);
	assert_int_equal(file_remove_at(scratch.fd, "d", &e), -1);
}

static void
a_lock_names_the_pid_that_has_it_and_dies_with_it(void **state)
{
	char want[60];
	struct err e = ERR_INIT;
	int ready[2], status, fd;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (lock_file_at(scratch.fd, "lock", &e) == -1)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], want, 1), 1);
	assert_int_equal(lock_file_at(scratch.fd, "lock", &e), -1);
	assert_int_equal(e.cls, ERR_BUSY);
	snprintf(want, sizeof(want), "lock: locked by process %d", (int)pid);
	assert_string_equal(e.msg, want);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fd = lock_file_at(scratch.fd, "lock", &e);
	assert_true(fd >= 0);
	snprintf(want, sizeof(want), "%d\n", (int)getpid());
	holds("lock", want);
	close(fd);
	close(ready[0]);
}

static size_t
listed(DIR *d)
{
	const struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	return n;
}

/* Of one folder, each from its first entry. */
static void
two_that_list_a_folder_do_not_disturb_each_other(void **state)
{
	struct err e = ERR_INIT;
	auto_fd int sub = dir_make_at(scratch.fd, "sub", 0755, &e);
	auto_dir DIR *a = NULL, *b = NULL, *c = NULL;

	(void)state;
	assert_int_not_equal(sub, -1);
	put("sub/one", "1");
	put("sub/two", "2");
	a = dir_list_at(scratch.fd, "sub", &e);
	b = dir_list_at(sub, ".", &e);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(listed(a), 2);
	assert_int_equal(listed(b), 2);
	c = dir_list_at(sub, ".", &e);
	assert_int_equal(listed(c), 2);
}

static void
what_is_no_folder_below_is_not_listed(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	put("file", "1");
	assert_int_equal(symlinkat("/", scratch.fd, "out"), 0);
	assert_null(dir_list_at(scratch.fd, "none", &e));
	assert_int_equal(e.cls, ERR_MISSING);
	err_clear(&e);
	assert_null(dir_list_at(scratch.fd, "file", &e));
	err_clear(&e);
	assert_null(dir_list_at(scratch.fd, "out", &e));
	assert_int_equal(e.cls, ERR_INPUT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_outside_the_allow_list_are_refused),
		T(paths_that_could_leave_their_folder_are_refused),
		T(open_beneath_refuses_escape),
		T(making_folders_does_not_follow_links_or_leave),
		T(a_file_beyond_its_limit_is_bad_input),
		T(a_large_file_is_read_whole),
		T(a_mode_is_exact_whatever_the_umask),
		T(a_failed_write_keeps_the_old_file),
		T(a_failed_sync_of_the_folder_is_told),
		T(linking_onto_a_name_keeps_what_is_there),
		T(a_linked_temporary_is_there_and_a_released_one_is_not),
		T(a_failed_link_leaves_nothing),
		T(only_old_leftovers_are_swept),
		T(removing_what_is_not_there_is_success),
		T(a_lock_names_the_pid_that_has_it_and_dies_with_it),
		T(two_that_list_a_folder_do_not_disturb_each_other),
		T(what_is_no_folder_below_is_not_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
