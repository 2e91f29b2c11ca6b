#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "tests/support/scratch.h"

static void
folder(const char *path)
{
	struct err e = ERR_INIT;
	int fd = dir_make_at(scratch.fd, path, 0755, &e);

	if (fd == -1)
		fail_msg("%s", e.msg);
	close(fd);
}

static void
file(const char *path, const char *text, mode_t mode)
{
	struct err e = ERR_INIT;
	int fd = file_open_at(
	    scratch.fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &e);

	if (fd == -1 || fd_write_all(fd, text, strlen(text), &e) == -1)
		fail_msg("%s", e.msg);
	fchmod(fd, mode);
	close(fd);
}

static void
link_to(const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, scratch.fd, path), 0);
}

static void
mode(const char *path, mode_t to)
{
	assert_int_equal(fchmodat(scratch.fd, path, to, 0), 0);
}

static void
gone(const char *path)
{
	struct err e = ERR_INIT;
	struct stat st;

	if (tree_remove_at(scratch.fd, path, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(
	    fstatat(scratch.fd, path, &st, AT_SYMLINK_NOFOLLOW), -1);
}

static int
note(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	(void)dirfd;
	(void)err;
	assert_string_equal(path + strlen(path) - strlen(name), name);
	buf_printf(arg, "%s%s\n", path, S_ISDIR(st->st_mode) ? "/" : "");
	return 0;
}

static void
a_walk_goes_in_the_order_of_whole_paths(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	folder("a/x/y");
	folder("a.d");
	folder("b");
	file("a-b", "", 0644);
	file("a0", "", 0644);
	file("a/x/y/z", "", 0644);
	file("a/x.c", "", 0644);
	file("B", "", 0644);
	link_to("b", "l");
	assert_int_equal(tree_walk(scratch.fd, note, &b, &e), 0);
	assert_string_equal(b.data, "B\na/\na-b\na.d/\na/x/\na/x.c\na/x/y/\n"
				    "a/x/y/z\na0\nb/\nl\n");
}

static int
stop_at_b(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	(void)dirfd;
	(void)name;
	(void)st;
	++*(int *)arg;
	return strcmp(path, "d/b") == 0 ? err_set(err, ERR_TRUST, "enough") : 0;
}

static void
a_walk_stops_where_it_is_told(void **state)
{
	struct err e = ERR_INIT;
	int n = 0;

	(void)state;
	folder("d");
	file("d/a", "", 0644);
	file("d/b", "", 0644);
	file("d/c", "", 0644);
	assert_int_equal(tree_walk(scratch.fd, stop_at_b, &n, &e), -1);
	assert_int_equal(n, 3);
	assert_int_equal(e.cls, ERR_TRUST);
	assert_string_equal(e.msg, "enough");
}

/* A chain of `n` folders named d, made without long paths. */
static void
chain(int n)
{
	int fd = dup(scratch.fd);

	for (int i = 0; i < n; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void
a_walk_refuses_what_is_too_deep(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	chain(127);
	assert_int_equal(tree_walk(scratch.fd, note, &b, &e), 0);
	gone("d");
	chain(129);
	assert_int_equal(tree_walk(scratch.fd, note, &b, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_non_null(strstr(e.msg, "more than 128 folders deep"));
}

static void
digest_of(const char *path, struct hash *h)
{
	struct err e = ERR_INIT;
	auto_fd int fd = dir_open_at(scratch.fd, path, &e);

	if (fd == -1 || tree_digest(fd, h, &e) == -1)
		fail_msg("%s", e.msg);
}

static void
fill(const char *top, bool backwards)
{
	static const char *const names[] = { "one", "two", "three" };
	char path[100];

	folder(top);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", top,
		    names[backwards ? 2 - i : i]);
		file(path, names[backwards ? 2 - i : i], 0644);
	}
	snprintf(path, sizeof(path), "%s/sub", top);
	folder(path);
	snprintf(path, sizeof(path), "%s/sub/run", top);
	file(path, "#!", 0755);
	snprintf(path, sizeof(path), "%s/l", top);
	link_to("one", path);
}

static void
the_same_tree_has_the_same_digest(void **state)
{
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	struct hash a, b;

	(void)state;
	fill("a", false);
	fill("b", true);
	utimensat(scratch.fd, "b/one", old, 0);
	mode("b/two", 0600);
	mode("b/sub/run", 0700);
	digest_of("a", &a);
	digest_of("b", &b);
	assert_memory_equal(a.b, b.b, 32);
}

static void
every_difference_changes_the_digest(void **state)
{
	struct hash a, b;

	(void)state;
	fill("a", false);
	digest_of("a", &a);
	file("a/one", "onf", 0644);
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
	file("a/one", "one", 0755);
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
	file("a/one", "one", 0644);
	digest_of("a", &b);
	assert_memory_equal(a.b, b.b, 32);
	unlinkat(scratch.fd, "a/l", 0);
	link_to("two", "a/l");
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
	unlinkat(scratch.fd, "a/l", 0);
	file("a/l", "one", 0644);
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
	unlinkat(scratch.fd, "a/l", 0);
	link_to("one", "a/l");
	folder("a/empty");
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
	unlinkat(scratch.fd, "a/empty", AT_REMOVEDIR);
	renameat(scratch.fd, "a/sub/run", scratch.fd, "a/subrun");
	digest_of("a", &b);
	assert_memory_not_equal(a.b, b.b, 32);
}

static void
a_digest_refuses_fifos(void **state)
{
	struct err e = ERR_INIT;
	struct hash h;

	(void)state;
	folder("d");
	assert_int_equal(mkfifoat(scratch.fd, "d/pipe", 0644), 0);
	assert_int_equal(tree_digest(scratch.fd, &h, &e), -1);
	assert_int_equal(e.cls, ERR_INPUT);
	assert_string_equal(
	    e.msg, "d/pipe: neither a file, a folder nor a symbolic link");
}

static void
removing_nothing_is_success(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tree_remove_at(scratch.fd, "none", &e), 0);
	assert_int_equal(tree_remove_at(scratch.fd, "no/ne", &e), 0);
	assert_int_equal(tree_remove_at(scratch.fd, "..", &e), -1);
	assert_int_equal(tree_remove_at(scratch.fd, ".", &e), -1);
	assert_int_equal(tree_remove_at(scratch.fd, "", &e), -1);
	assert_int_equal(tree_remove_at(scratch.fd, "/", &e), -1);
	file("f", "", 0);
	gone("f");
	folder("d/e");
	gone("d/e");
	gone("d");
}

static void
removing_does_not_follow_links(void **state)
{
	(void)state;
	folder("keep");
	folder("tree/sub");
	file("keep/f", "kept", 0644);
	link_to("../keep", "tree/out");
	link_to("../../keep/f", "tree/sub/f");
	link_to("keep", "top");
	mkfifoat(scratch.fd, "tree/pipe", 0);
	gone("top");
	gone("tree");
	assert_true(file_exists_at(scratch.fd, "keep/f"));
}

static bool
remove_closed_folders(void)
{
	struct err e = ERR_INIT;
	int fd = dir_make_at(scratch.fd, "t/a/b/c", 0755, &e);

	if (fd == -1)
		return false;
	close(fd);
	file("t/a/f", "", 0);
	file("t/a/b/c/f", "", 0);
	mode("t/a/b/c", 0);
	mode("t/a/b", 0500);
	mode("t/a", 0300);
	mode("t", 0);
	if (tree_remove_at(scratch.fd, "t", &e) == -1) {
		fprintf(stderr, "%s\n", e.msg);
		return false;
	}
	return !file_exists_at(scratch.fd, "t");
}

static void
an_ordinary_user_removes_folders_of_mode_0(void **state)
{
	(void)state;
	assert_true(scratch_as_user(remove_closed_folders));
}

static bool
remove_deep(void)
{
	struct rlimit few = { 100, 100 };
	struct err e = ERR_INIT;

	if (setrlimit(RLIMIT_NOFILE, &few) == -1)
		return false;
	chain(3000);
	mode("d/d/d", 0);
	if (tree_remove_at(scratch.fd, "d", &e) == -1) {
		fprintf(stderr, "%s\n", e.msg);
		return false;
	}
	return !file_exists_at(scratch.fd, "d");
}

static void
no_depth_makes_a_tree_unremovable(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	/* In a child, since the limit stays. */
	pid = fork();
	if (pid == 0)
		_exit(scratch_as_user(remove_deep) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
many_files_and_folders_are_removed(void **state)
{
	char name[40];

	(void)state;
	folder("t");
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "t/%d", i);
		if (i % 10)
			assert_int_equal(
			    mknodat(scratch.fd, name, S_IFREG | 0644, 0), 0);
		else
			assert_int_equal(mkdirat(scratch.fd, name, 0755), 0);
	}
	for (int i = 0; i < 10000; i += 20) {
		snprintf(name, sizeof(name), "t/%d/f", i);
		assert_int_equal(
		    mknodat(scratch.fd, name, S_IFREG | 0644, 0), 0);
	}
	gone("t");
}

static void
what_is_mounted_in_a_tree_survives(void **state)
{
	char from[300], to[300];
	struct err e = ERR_INIT;

	(void)state;
	folder("keep");
	file("keep/f", "", 0644);
	folder("tree/a/mnt");
	snprintf(from, sizeof(from), "%s/keep", scratch.path);
	snprintf(to, sizeof(to), "%s/tree/a/mnt", scratch.path);
	if (mount(from, to, NULL, MS_BIND, NULL) == -1)
		skip(); /* needs root */
	assert_int_equal(tree_remove_at(scratch.fd, "tree", &e), -1);
	umount2(to, MNT_DETACH);
	assert_string_equal(
	    e.msg, "remove tree: remove mnt: something is mounted on it");
	assert_true(file_exists_at(scratch.fd, "keep/f"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_walk_goes_in_the_order_of_whole_paths),
		T(a_walk_stops_where_it_is_told),
		T(a_walk_refuses_what_is_too_deep),
		T(the_same_tree_has_the_same_digest),
		T(every_difference_changes_the_digest),
		T(a_digest_refuses_fifos),
		T(removing_nothing_is_success),
		T(removing_does_not_follow_links),
		T(an_ordinary_user_removes_folders_of_mode_0),
		T(no_depth_makes_a_tree_unremovable),
		T(many_files_and_folders_are_removed),
		T(what_is_mounted_in_a_tree_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
