/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/bake/collect.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct store *st;
static int out;
static struct err err;
static struct outputs got;
static const char *const names[] = { "b", "a" };

static int
setup(void **state)
{
	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755) ||
	    mkdirat(scratch.fd, "out", 0755))
		return -1;
	st = store_open(openat(scratch.fd, "s", O_RDONLY | O_CLOEXEC), &err);
	out = openat(scratch.fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err_clear(&err);
	got = (struct outputs){ 0 };
	return st ? 0 : -1;
}

static int
teardown(void **state)
{
	outputs_release(&got);
	store_free(st);
	close(out);
	return scratch_teardown(state);
}

static void
put(const char *name, const char *text, mode_t mode)
{
	assert_int_equal(
	    file_write_at(out, name, text, strlen(text), mode, &err), 0);
}

static void
refused(const char *expected, const char *text)
{
	const char *cause = NULL;

	assert_int_equal(
	    collect(out, names, 2, 1000, st, &got, &cause, &err), -1);
	assert_string_equal(cause, expected);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
	assert_int_equal(got.n, 0);
	err_clear(&err);
}

static void
declared_files_are_hashed_into_the_store(void **state)
{
	const char *cause;
	struct hash h;

	(void)state;
	put("a", "first", 0644);
	put("b", "", 0755);
	assert_int_equal(
	    collect(out, names, 2, 1000, st, &got, &cause, &err), 0);
	assert_null(cause);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.v[0].name, "a");
	assert_int_equal(got.v[0].size, 5);
	assert_int_equal(got.v[1].size, 0);
	hash_bytes(&h, "first", 5);
	assert_true(hash_equal(&h, &got.v[0].sha256));
	assert_true(store_has(st, &h));
}

static void
what_is_missing_or_too_much_is_refused(void **state)
{
	(void)state;
	put("a", "x", 0644);
	refused("output-missing", "/out/b");
	put("b", "x", 0644);
	put("c\n\x1b[31m", "x", 0644);
	refused("output-undeclared", "/out/c??[31m");
	unlinkat(out, "c\n\x1b[31m", 0);
	put(".hidden", "x", 0644);
	refused("output-undeclared", "/out/.hidden");
	unlinkat(out, ".hidden", 0);
	mkdirat(out, "dir", 0);
	refused("output-undeclared", "/out/dir");
}

static void
only_plain_files_are_taken(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	put("a", "x", 0644);
	assert_int_equal(symlinkat("/etc/passwd", out, "b"), 0);
	refused("output-type", "a symbolic link");
	unlinkat(out, "b", 0);
	assert_int_equal(symlinkat("a", out, "b"), 0);
	refused("output-type", "a symbolic link");
	unlinkat(out, "b", 0);
	assert_int_equal(mkfifoat(out, "b", 0644), 0);
	refused("output-type", "a pipe");
	unlinkat(out, "b", 0);
	assert_int_equal(mkdirat(out, "b", 0755), 0);
	refused("output-type", "a folder");
	unlinkat(out, "b", AT_REMOVEDIR);
	put("b", "x", 0644);
	assert_int_equal(fchmodat(out, "b", 04755, 0), 0);
	refused("output-type", "set-id");
	unlinkat(out, "b", 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/b", out);
	assert_int_equal(bind(sock, (struct sockaddr *)&sun, sizeof(sun)), 0);
	refused("output-type", "a socket");
	unlinkat(out, "b", 0);
	if (geteuid() == 0 &&
	    mknodat(out, "b", S_IFCHR | 0666, makedev(1, 3)) == 0)
		refused("output-type", "a device");
}

static void
the_budget_is_for_all_outputs_together(void **state)
{
	char big[700];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put("a", big, 0644);
	put("b", big, 0644);
	refused("output-size", "larger than the budget");
	/* A hole counts as its length: it would be copied in full. */
	put("a", "", 0644);
	auto_fd int fd = openat(out, "b", O_WRONLY);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	refused("output-size", "larger than the budget");
}

static bool
closed_modes(void)
{
	const char *cause;
	bool ok;

	ok = fchmodat(out, "a", 0, 0) == 0 && fchmodat(out, "b", 0, 0) == 0 &&
	     fchmod(out, 0) == 0 &&
	     collect(out, names, 2, 1000, st, &got, &cause, &err) == 0;
	if (!ok)
		fprintf(stderr, "%s\n", err.msg);
	return ok;
}

static void
modes_that_lock_us_out_do_not(void **state)
{
	(void)state;
	put("a", "x", 0644);
	put("b", "y", 0644);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(out, "a", 65534, 65534, 0), 0);
		assert_int_equal(fchownat(out, "b", 65534, 65534, 0), 0);
		assert_int_equal(fchown(out, 65534, 65534), 0);
		assert_int_equal(fchownat(scratch.fd, "s", 65534, 65534, 0), 0);
	}
	assert_true(scratch_as_user(closed_modes));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(declared_files_are_hashed_into_the_store),
		T(what_is_missing_or_too_much_is_refused),
		T(only_plain_files_are_taken),
		T(the_budget_is_for_all_outputs_together),
		T(modes_that_lock_us_out_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
