/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* wrap: linkat */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/bake/deb.h"
#include "builder/bake/env.h"
#include "tests/support/debmake.h"
#include "tests/support/scratch.h"

/* A file system that has no link left for a file. */
static bool no_links;
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);

int
__wrap_linkat(int a, const char *from, int b, const char *to, int flags)
{
	if (no_links) {
		errno = EMLINK;
		return -1;
	}
	return __real_linkat(a, from, b, to, flags);
}

static struct store *st;
static struct env_place place;
static struct err err;
static int steps;

static void
count(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	assert_true(done <= total);
	steps++;
}

static int
setup(void **state)
{
	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755) ||
	    mkdirat(scratch.fd, "env", 0755))
		return -1;
	st = store_open(openat(scratch.fd, "s", O_RDONLY | O_CLOEXEC), &err);
	place = (struct env_place){ .dirfd = openat(scratch.fd, "env",
					O_RDONLY | O_CLOEXEC),
		.path = scratch.path,
		.store = st,
		.progress = count };
	err_clear(&err);
	steps = 0;
	return st ? 0 : -1;
}

static int
teardown(void **state)
{
	store_free(st);
	close(place.dirfd);
	return scratch_teardown(state);
}

static void
unpacks_to(const struct deb_member *m, int rc, const char *text)
{
	auto_fd int fd = -1, dir = -1;
	struct hash h;

	assert_int_equal(debmake(st, m, &h), 0);
	assert_int_equal(store_get(st, &h, &fd, &err), 0);
	assert_int_equal(tree_remove_at(scratch.fd, "u", &err), 0);
	assert_int_equal(mkdirat(scratch.fd, "u", 0755), 0);
	dir = openat(scratch.fd, "u", O_RDONLY | O_DIRECTORY);
	assert_int_equal(deb_unpack("bad.deb", fd, dir, &err), rc);
	if (rc == -1) {
		assert_int_equal(err.cls, ERR_INPUT);
		assert_non_null(strstr(err.msg, "bad.deb"));
		if (!strstr(err.msg, text))
			fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
	}
	err_clear(&err);
}

static void
names_are_merged_and_checked(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} t[] = {
		{ "./bin/sh", "usr/bin/sh" },
		{ "./usr/bin/env", "usr/bin/env" },
		{ "/sbin/init", "usr/sbin/init" },
		{ "./lib64/ld.so", "usr/lib64/ld.so" },
		{ "./libx/y", "libx/y" },
		{ "./bin/", "usr/bin" },
		{ "./", "" },
		{ ".", "" },
		{ "../x", NULL },
		{ "./a/../../x", NULL },
		{ "a/./b", NULL },
		{ "a//b", NULL },
		{ "a\nb", NULL },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		bool ok = deb_path(t[i].in, out, sizeof(out));

		assert_int_equal(ok, t[i].out != NULL);
		if (ok)
			assert_string_equal(out, t[i].out);
	}
	assert_false(deb_path("usr/share/doc", out, 8));
}

static void
an_archive_that_leaves_its_folder_is_refused(void **state)
{
	const struct deb_member up[] = {
		{ "./../../evil", S_IFREG | 0644, "x", false }, { 0 }
	};
	const struct deb_member through[] = { { "./usr/d", S_IFLNK | 0777,
						  "/tmp", false },
		{ "./usr/d/evil", S_IFREG | 0644, "x", false }, { 0 } };
	const struct deb_member hard[] = { { "./usr/h", S_IFREG | 0644,
					       "../../../etc/passwd", true },
		{ 0 } };
	const struct deb_member twice[] = { { "./usr/a", S_IFREG | 0644, "x",
						false },
		{ "./usr/a", S_IFREG | 0644, "y", false }, { 0 } };
	const struct deb_member over_link[] = { { "./usr/a", S_IFLNK | 0777,
						    "/etc/passwd", false },
		{ "./usr/a", S_IFREG | 0644, "y", false }, { 0 } };
	const struct deb_member device[] = {
		{ "./dev/null", S_IFCHR | 0666, NULL, false }, { 0 }
	};
	const struct deb_member fifo[] = {
		{ "./run/f", S_IFIFO | 0666, NULL, false }, { 0 }
	};
	auto_fd int none = -1;
	struct hash h;

	(void)state;
	unpacks_to(up, -1, "leaves the package");
	unpacks_to(hard, -1, "leaves it");
	unpacks_to(device, -1, "neither file");
	unpacks_to(fifo, -1, "neither file");
	assert_int_equal(debmake(st, through, &h), 0);
	assert_int_equal(store_get(st, &h, &none, &err), 0);
	assert_int_equal(deb_unpack("x", none, scratch.fd, &err), -1);
	assert_non_null(strstr(err.msg, "symbolic link"));
	err_clear(&err);
	close(none);
	mkdirat(scratch.fd, "v", 0755);
	auto_fd int dir = openat(scratch.fd, "v", O_RDONLY | O_DIRECTORY);
	assert_int_equal(debmake(st, twice, &h), 0);
	assert_int_equal(store_get(st, &h, &none, &err), 0);
	assert_int_equal(deb_unpack("x", none, dir, &err), -1);
	assert_int_equal(debmake(st, over_link, &h), 0);
	close(none);
	assert_int_equal(store_get(st, &h, &none, &err), 0);
	assert_int_equal(deb_unpack("x", none, dir, &err), -1);
}

static void
what_is_no_deb_is_refused(void **state)
{
	auto_fd int fd = openat(scratch.fd, "f", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "!<arch>\n", 8), 8);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(deb_unpack("f", fd, scratch.fd, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

static void
set_id_bits_owners_and_times_do_not_survive(void **state)
{
	const struct deb_member m[] = { { "./bin/su", S_IFREG | 04755, "x",
					    false },
		{ "./etc/secret", S_IFREG | 0600, "x", false },
		{ "./var/mail", S_IFDIR | 02775, NULL, false },
		{ "./bin/ln", S_IFREG | 04755, "./bin/su", true }, { 0 } };
	auto_fd int dir = -1;
	struct stat s;

	(void)state;
	unpacks_to(m, 0, NULL);
	dir = openat(scratch.fd, "u", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fstatat(dir, "usr/bin/su", &s, 0), 0);
	assert_int_equal(s.st_mode, S_IFREG | 0755);
	assert_int_equal(s.st_mtime, DEB_CLOCK);
	assert_int_equal(s.st_nlink, 2);
	assert_int_equal(fstatat(dir, "etc/secret", &s, 0), 0);
	assert_int_equal(s.st_mode, S_IFREG | 0644);
	assert_int_equal(fstatat(dir, "var/mail", &s, 0), 0);
	assert_int_equal(s.st_mode, S_IFDIR | 0755);
	assert_int_equal(s.st_mtime, DEB_CLOCK);
}

static const struct deb_member tools[] = {
	{ "./bin/gcc", S_IFREG | 0755, "gcc", false },
	{ "./usr/share/base-passwd/passwd.master", S_IFREG | 0644,
	    "root:x:0:0:root:/root:/bin/bash\n", false },
	{ 0 },
};
static const struct deb_member more[] = {
	{ "./usr/bin/mawk", S_IFREG | 0755, "mawk", false },
	{ "./usr/lib/x", S_IFLNK | 0777, "y", false },
	{ 0 },
};

static void
make(const struct deb_member *a, const struct deb_member *b, struct env *env,
    struct env_package p[2])
{
	assert_int_equal(debmake(st, a, &p[0].sha256), 0);
	assert_int_equal(debmake(st, b, &p[1].sha256), 0);
	p[0].name = "a";
	p[1].name = "b";
	if (env_make(&place, p, 2, env, &err) == -1)
		fail_msg("%s", err.msg);
}

static char *
read_in(const struct env *e, const char *path)
{
	auto_free char *whole = mem_printf(
	    "%s/env/%s/%s", scratch.path, strrchr(e->root, '/') + 1, path);
	struct buf b = BUF_INIT;

	if (file_read(whole, 1 << 20, &b, &err) == -1)
		return NULL;
	return buf_take(&b);
}

static void
packages_are_linked_and_completed_by_the_table(void **state)
{
	auto_env struct env e = ENV_INIT;
	struct env_package p[2];
	auto_free char *cc = NULL, *passwd = NULL, *awk = NULL, *id = NULL;
	struct stat s;

	(void)state;
	make(tools, more, &e, p);
	cc = read_in(&e, "bin/cc");
	awk = read_in(&e, "usr/bin/awk");
	passwd = read_in(&e, "etc/passwd");
	id = read_in(&e, "etc/machine-id");
	assert_string_equal(cc, "gcc");
	assert_string_equal(awk, "mawk");
	assert_memory_equal(passwd, "root:x:0:0:", 11);
	assert_non_null(strstr(passwd, "\nbuild:x:1000:"));
	assert_string_equal(id, "");
	/* Linked, not copied. */
	auto_free char *path =
	    mem_printf("env/%s/usr/bin/gcc", strrchr(e.root, '/') + 1);
	assert_int_equal(fstatat(scratch.fd, path, &s, 0), 0);
	assert_int_equal(s.st_nlink, 2);
	path[strlen(path) - 12] = '\0';
	auto_free char *build = mem_printf("%s/build", path);
	assert_int_equal(fstatat(scratch.fd, build, &s, 0), 0);
	assert_int_equal(s.st_mtime, DEB_CLOCK);
	assert_int_equal(steps, 2);
}

static void
a_file_with_too_many_links_is_copied(void **state)
{
	auto_env struct env e = ENV_INIT, linked = ENV_INIT;
	struct env_package p[2];
	auto_free char *cc = NULL, *path = NULL;
	struct stat s;

	(void)state;
	assert_int_equal(debmake(st, tools, &p[0].sha256), 0);
	p[0].name = "a";
	p[1] = p[0];
	assert_int_equal(env_make(&place, p, 1, &linked, &err), 0);
	assert_int_equal(
	    tree_remove_at(place.dirfd, strrchr(linked.root, '/') + 1, &err),
	    0);
	no_links = true;
	assert_int_equal(env_make(&place, p, 1, &e, &err), 0);
	no_links = false;
	assert_true(hash_equal(&e.digest, &linked.digest));
	cc = read_in(&e, "usr/bin/gcc");
	assert_string_equal(cc, "gcc");
	path = mem_printf("env/%s/usr/bin/gcc", strrchr(e.root, '/') + 1);
	assert_int_equal(fstatat(scratch.fd, path, &s, 0), 0);
	assert_int_equal(s.st_nlink, 1);
	assert_int_equal(s.st_mode, S_IFREG | 0755);
	assert_int_equal(s.st_mtime, DEB_CLOCK);
}

static void
the_same_packages_give_the_same_digest_and_no_more_work(void **state)
{
	auto_env struct env a = ENV_INIT, b = ENV_INIT, c = ENV_INIT;
	struct env_package p[2];
	struct stat before, after;
	auto_free char *path = NULL;

	(void)state;
	make(tools, more, &a, p);
	path = mem_printf("env/%s", strrchr(a.root, '/') + 1);
	assert_int_equal(fstatat(scratch.fd, path, &before, 0), 0);
	make(tools, more, &b, p);
	assert_int_equal(fstatat(scratch.fd, path, &after, 0), 0);
	assert_true(hash_equal(&a.digest, &b.digest));
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(env_make(&place, p, 1, &c, &err), 0);
	assert_false(hash_equal(&a.digest, &c.digest));
}

static void
a_half_made_environment_is_never_used(void **state)
{
	auto_env struct env e = ENV_INIT;
	struct env_package p[2];
	auto_free char *half = NULL;
	char hex[HASH_HEX];

	(void)state;
	assert_int_equal(debmake(st, tools, &p[0].sha256), 0);
	hash_hex(&p[0].sha256, hex);
	half = mem_printf("deb/new-%s/root/usr/bin", hex);
	auto_fd int dir = dir_make_at(place.dirfd, half, 0755, &err);
	assert_int_equal(file_write_at(dir, "gcc", "half", 4, 0755, &err), 0);
	make(tools, more, &e, p);
	auto_free char *cc = read_in(&e, "usr/bin/gcc");
	assert_string_equal(cc, "gcc");

	assert_int_equal(mkdirat(place.dirfd, "new-x", 0755), 0);
	assert_int_equal(mkdirat(place.dirfd, "deb/new-y", 0755), 0);
	assert_int_equal(env_recover(&place, &err), 0);
	assert_false(file_exists_at(place.dirfd, "new-x"));
	assert_false(file_exists_at(place.dirfd, "deb/new-y"));
	assert_true(file_exists_at(place.dirfd, strrchr(e.root, '/') + 1));
}

static void
a_package_that_was_changed_later_is_found(void **state)
{
	auto_env struct env e = ENV_INIT;
	struct env_package p[2];
	auto_free char *path = NULL;

	(void)state;
	make(tools, more, &e, p);
	assert_int_equal(env_check(&place, p, 2, 7, 2, &err), 0);
	path = mem_printf("env/%s/usr/bin/gcc", strrchr(e.root, '/') + 1);
	auto_fd int fd = openat(scratch.fd, path, O_WRONLY);
	assert_int_equal(pwrite(fd, "G", 1, 0), 1);
	assert_int_equal(env_check(&place, p, 2, 0, 1, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_int_equal(env_check(&place, p, 2, 1, 1, &err), 0);
}

static void
is_refused(const struct env_package p[2], const char *says)
{
	auto_env struct env e = ENV_INIT;

	assert_int_equal(env_make(&place, p, 2, &e, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	if (!strstr(err.msg, says))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, says);
	err_clear(&err);
}

static void
an_environment_that_is_not_what_it_was_is_not_used(void **state)
{
	auto_env struct env e = ENV_INIT, again = ENV_INIT;
	struct env_package p[2];
	const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	char *hex;
	auto_free char *list = NULL;
	struct stat was;

	(void)state;
	make(tools, more, &e, p);
	hex = strrchr(e.root, '/') + 1;
	auto_fd int root = openat(place.dirfd, hex, O_RDONLY | O_DIRECTORY);
	assert_int_equal(env_same(&place, &e.digest, &err), 0);
	assert_int_equal(mkdirat(root, "srv", 0755), 0);
	is_refused(p, "/srv has come");
	assert_int_equal(unlinkat(root, "srv", AT_REMOVEDIR), 0);
	assert_int_equal(env_same(&place, &e.digest, &err), 0);
	/* Through the name in the package's own tree, which it shares. */
	auto_fd int file = openat(root, "usr/bin/gcc", O_WRONLY);
	assert_int_equal(fstat(file, &was), 0);
	assert_int_equal(write(file, "evil", 4), 4);
	is_refused(p, "/usr/bin/gcc has changed");
	assert_int_equal(ftruncate(file, 3), 0);
	assert_int_equal(
	    futimens(file, (struct timespec[]){ was.st_atim, was.st_mtim }), 0);
	assert_int_equal(env_same(&place, &e.digest, &err), 0);
	assert_int_equal(utimensat(root, "etc/passwd", times, 0), 0);
	is_refused(p, "/etc/passwd has changed");
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	is_refused(p, "/etc has changed");
	assert_int_equal(fstatat(root, "usr", &was, 0), 0);
	assert_int_equal(
	    utimensat(root, "etc",
		(struct timespec[]){ was.st_mtim, was.st_mtim }, 0),
	    0);
	is_refused(p, "/etc/passwd has gone");
	/* Removed, it is made anew; so is one that has no list. */
	assert_int_equal(env_drop(&place, hex, &err), 0);
	assert_false(file_exists_at(place.dirfd, hex));
	make(tools, more, &again, p);
	list = mem_printf("%s.list", hex);
	assert_true(file_exists_at(place.dirfd, list));
	assert_int_equal(unlinkat(place.dirfd, list, 0), 0);
	env_release(&again);
	make(tools, more, &again, p);
	assert_true(file_exists_at(place.dirfd, list));
	assert_int_equal(env_drop(&place, "../s", &err), -1);
}

static void
a_changed_package_costs_one_unpack(void **state)
{
	static const struct deb_member newer[] = {
		{ "./usr/bin/mawk", S_IFREG | 0755, "mawk 2", false }, { 0 }
	};
	auto_env struct env a = ENV_INIT, b = ENV_INIT;
	struct env_package p[2], q[2];
	char kept[HASH_HEX];
	auto_free char *path = NULL, *awk = NULL;
	struct stat before, now;

	(void)state;
	make(tools, more, &a, p);
	hash_hex(&p[0].sha256, kept);
	path = mem_printf("env/deb/%s/root/usr/bin/gcc", kept);
	assert_int_equal(fstatat(scratch.fd, path, &before, 0), 0);
	/* What is unpacked already need not even be in the store. */
	char stored[STORE_PATH];
	store_path(&p[0].sha256, stored);
	auto_free char *deb = mem_printf("s/%s", stored);
	assert_int_equal(unlinkat(scratch.fd, deb, 0), 0);
	q[0] = p[0];
	q[1].name = "b";
	assert_int_equal(debmake(st, newer, &q[1].sha256), 0);
	if (env_make(&place, q, 2, &b, &err) == -1)
		fail_msg("%s", err.msg);
	assert_false(hash_equal(&a.digest, &b.digest));
	assert_int_equal(fstatat(scratch.fd, path, &now, 0), 0);
	assert_int_equal(now.st_ino, before.st_ino);
	assert_int_equal(now.st_nlink, before.st_nlink + 1);
	awk = read_in(&b, "usr/bin/awk");
	assert_string_equal(awk, "mawk 2");
	free(awk);
	awk = read_in(&a, "usr/bin/awk");
	assert_string_equal(awk, "mawk");
}

static void
two_packages_with_one_path_exclude_each_other(void **state)
{
	static const struct deb_member other[] = {
		{ "./usr/bin/gcc", S_IFREG | 0755, "another", false }, { 0 }
	};
	auto_env struct env e = ENV_INIT;
	struct env_package p[2] = { { .name = "a" }, { .name = "b" } };

	(void)state;
	assert_int_equal(debmake(st, tools, &p[0].sha256), 0);
	assert_int_equal(debmake(st, other, &p[1].sha256), 0);
	assert_int_equal(env_make(&place, p, 2, &e, &err), -1);
	assert_non_null(strstr(err.msg, "package b"));
	assert_non_null(strstr(err.msg, "/usr/bin/gcc"));
}

static void
of_what_another_architecture_shares_the_machines_own_is_there(void **state)
{
	static const struct deb_member other[] = {
		{ "./usr/bin/gcc", S_IFREG | 0755, "of arm64", false },
		{ "./usr/lib/aarch64/libc.a", S_IFREG | 0644, "libc", false },
		{ 0 }
	};
	auto_env struct env e = ENV_INIT;
	struct env_package p[2] = { { .name = "gcc" },
		{ .name = "gcc:arm64" } };
	auto_free char *gcc = NULL, *libc = NULL;

	(void)state;
	assert_int_equal(debmake(st, tools, &p[0].sha256), 0);
	assert_int_equal(debmake(st, other, &p[1].sha256), 0);
	if (env_make(&place, p, 2, &e, &err) == -1)
		fail_msg("%s", err.msg);
	gcc = read_in(&e, "usr/bin/gcc");
	libc = read_in(&e, "usr/lib/aarch64/libc.a");
	assert_string_equal(gcc, "gcc");
	assert_string_equal(libc, "libc");
}

static void
a_package_not_in_the_store_is_missing_and_a_rotten_one_not_trusted(void **state)
{
	auto_env struct env e = ENV_INIT;
	struct env_package p[2] = { { .name = "gone" }, { .name = "rotten" } };
	char path[STORE_PATH];

	(void)state;
	assert_int_equal(env_make(&place, p, 1, &e, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_int_equal(debmake(st, tools, &p[1].sha256), 0);
	store_path(&p[1].sha256, path);
	auto_free char *file = mem_printf("s/%s", path);
	fchmodat(scratch.fd, file, 0644, 0) == 0 ? (void)0 : fail();
	auto_fd int fd = openat(scratch.fd, file, O_WRONLY);
	assert_int_equal(pwrite(fd, "?", 1, 70), 1);
	assert_int_equal(env_make(&place, p + 1, 1, &e, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(names_are_merged_and_checked),
		T(an_archive_that_leaves_its_folder_is_refused),
		T(what_is_no_deb_is_refused),
		T(set_id_bits_owners_and_times_do_not_survive),
		T(packages_are_linked_and_completed_by_the_table),
		T(a_file_with_too_many_links_is_copied),
		T(the_same_packages_give_the_same_digest_and_no_more_work),
		T(a_half_made_environment_is_never_used),
		T(a_package_that_was_changed_later_is_found),
		T(an_environment_that_is_not_what_it_was_is_not_used),
		T(a_changed_package_costs_one_unpack),
		T(two_packages_with_one_path_exclude_each_other),
		T(of_what_another_architecture_shares_the_machines_own_is_there),
		T(a_package_not_in_the_store_is_missing_and_a_rotten_one_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
