/* rooms: builder/schema.c builder/progress.c builder/inputs */
/*
 * The closure of the archive that this machine's apt is set up for, against
 * what apt-get would install into an empty system.  Skipped where the
 * archive cannot be reached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "builder/inputs/index.h"
#include "lib/spawn.h"
#include "tests/support/archive/farm_parts.h"

/* The suites that the sources name, in their order, Debian's only. */
static const char *suites[ARCHIVE_SUITES];
static size_t nsuites;

static int
setup(void **state)
{
	(void)state;
	if (scratch_setup(state) == -1 || parts_open() == -1)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	parts_close();
	return scratch_teardown(state);
}

static bool
reach_archive(void)
{
#ifdef KILN_ASAN
	/* libsolv grows its arrays by realloc, which the sanitizer turns into
	 * copies: minutes for an archive of 60,000 packages. */
	return false;
#endif
	static const char *const known[] = { "bookworm", "bookworm-updates",
		"bookworm-security" };
	struct archive_news news;

	if (apt_sources_read(&parts.sources, NULL, &parts.err) == -1)
		return false;
	nsuites = 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		for (size_t k = 0; k < parts.sources.n; k++)
			if (strcmp(parts.sources.v[k].dist, known[i]) == 0) {
				suites[nsuites++] = known[i];
				break;
			}
	if (nsuites == 0)
		return false;
	if (archive_poll(&parts.archive, suites, nsuites, "amd64", 0, &news,
		&parts.err) == 0)
		return true;
	if (parts.err.cls != ERR_BUSY)
		fail_msg("%s", parts.err.msg);
	return false;
}

static void
open_index(void)
{
	struct index_suite v[ARCHIVE_SUITES] = { 0 };

	for (size_t i = 0; i < nsuites; i++) {
		struct archive_suite s;
		struct err *err = &parts.err;

		v[i] = (struct index_suite){
			.name = suites[i], .arch = "amd64", .sources_fd = -1
		};
		if (archive_suite_load(
			&parts.archive, suites[i], "amd64", &s, err) == -1 ||
		    store_get(parts.store, &s.indexes[ARCHIVE_PACKAGES],
			&v[i].packages_fd, err) == -1)
			fail_msg("%s", err->msg);
		v[i].packages = s.indexes[ARCHIVE_PACKAGES];
		archive_suite_release(&s);
	}
	if (index_open(&parts.workers.index, v, nsuites, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	for (size_t i = 0; i < nsuites; i++)
		close(v[i].packages_fd);
}

/* An apt with a system of its own, in which nothing is installed. */
static void
make_apt(void)
{
	static const char *const dirs[] = { "apt/lists/partial",
		"apt/cache/archives/partial", "apt/etc" };
	auto_buf struct buf conf = BUF_INIT, list = BUF_INIT;
	struct err *err = &parts.err;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		close(dir_make_at(scratch.fd, dirs[i], 0755, err));
	for (size_t i = 0; i < parts.sources.n; i++)
		for (size_t k = 0; k < nsuites; k++)
			if (strcmp(parts.sources.v[i].dist, suites[k]) == 0)
				buf_printf(&list,
				    "deb [signed-by=%s] %s %s main\n",
				    parts.sources.v[i].keyring,
				    parts.sources.v[i].uri, suites[k]);
	buf_printf(&conf,
	    "Dir::State \"%s/apt\";\nDir::State::lists \"%s/apt/lists\";\n"
	    "Dir::State::status \"/dev/null\";\nDir::Cache \"%s/apt/cache\";\n"
	    "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n"
	    "Dir::Etc::preferences \"/dev/null\";\n"
	    "Dir::Etc::preferencesparts \"/dev/null\";\n"
	    "Dir::Etc::sourceparts \"/dev/null\";\n"
	    "Dir::Etc::sourcelist \"%s/apt/etc/sources.list\";\n"
	    "Acquire::ForceHash \"SHA256\";\nAcquire::Languages \"none\";\n"
	    "Acquire::Check-Valid-Until \"false\";\n"
	    "APT::Architecture \"amd64\";\nAPT::Architectures \"amd64\";\n"
	    "APT::Install-Recommends \"false\";\nAPT::Sandbox::User \"\";\n",
	    scratch.path, scratch.path, scratch.path, scratch.path);
	if (file_write_at(scratch.fd, "apt/etc/sources.list", list.data,
		list.len, 0644, err) == -1 ||
	    file_write_at(scratch.fd, "apt/etc/apt.conf", conf.data, conf.len,
		0644, err) == -1)
		fail_msg("%s", err->msg);
}

static void
run_apt(const char *const *argv, struct buf *out)
{
	auto_free char *env =
	    mem_printf("APT_CONFIG=%s/apt/etc/apt.conf", scratch.path);
	const char *const vars[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", env,
		NULL };
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	sp.env = vars;
	if (spawn_capture(&sp, 120000, 1 << 22, out, NULL, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
}

/* The digests of what apt would fetch: "'URI' FILE SIZE SHA256:HEX". */
static void
apt_closure(const char *const *names, size_t n, struct lock_names *out)
{
	const char *argv[64] = { "apt-get", "--print-uris", "-y", "-qq",
		"install" };
	auto_buf struct buf text = BUF_INIT;
	struct span rest, line;

	memcpy(argv + 5, names, n * sizeof(*names));
	run_apt(argv, &text);
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		auto_free char *s = mem_strn(line.p, line.n);
		const char *sum = strstr(s, " SHA256:");

		if (sum)
			lock_names_add(out, sum + 8);
	}
	lock_names_sort(out);
}

static void
same_as_apt(const char *const *wanted)
{
	struct lock_names from = { 0 }, theirs = { 0 }, ours = { 0 },
			  looked = { 0 };
	struct lock_packages packages = { 0 };

	for (; *wanted; wanted++)
		lock_names_add(&from, *wanted);
	for (size_t i = 0; lock_base[i]; i++)
		lock_names_add(&from, lock_base[i]);
	apt_closure((const char *const *)from.v, from.n, &theirs);
	if (index_solve(&parts.workers.index, "amd64",
		(const char *const *)from.v, from.n, &packages, &looked,
		&parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	for (size_t i = 0; i < packages.n; i++) {
		char hex[HASH_HEX];

		hash_hex(&packages.v[i].sha256, hex);
		lock_names_add(&ours, hex);
	}
	lock_names_sort(&ours);
	assert_true(theirs.n > from.n);
	print_message("%zu packages, apt: %zu\n", ours.n, theirs.n);
	for (size_t i = 0; i < packages.n; i++) {
		char hex[HASH_HEX], *key = hex;
		bool found = false;

		hash_hex(&packages.v[i].sha256, key);
		for (size_t k = 0; k < theirs.n; k++)
			found |= strcmp(theirs.v[k], hex) == 0;
		if (!found)
			print_message("apt has no %s %s\n", packages.v[i].name,
			    packages.v[i].version);
	}
	assert_int_equal(ours.n, theirs.n);
	for (size_t i = 0; i < ours.n; i++)
		assert_string_equal(ours.v[i], theirs.v[i]);
	lock_names_release(&from);
	lock_names_release(&theirs);
	lock_names_release(&ours);
	lock_names_release(&looked);
	lock_packages_release(&packages);
}

static void
closures_are_those_of_apt(void **state)
{
	static const char *const sets[][24] = {
		{ "gcc", "make" },
		{ "dpkg-dev", "gcc", "libc6-dev", "make", "patch" },
		{ "erofs-utils" },
		{ "build-essential", "flex", "bison", "bc", "libssl-dev",
		    "libelf-dev", "kmod", "cpio", "rsync" },
		{ "dpkg-dev", "gcc", "libc6-dev", "make", "autoconf",
		    "automake", "libtool", "pkg-config", "libssl-dev",
		    "libexpat1-dev", "libevent-dev", "libnl-3-dev",
		    "libcap-dev", "musl-tools" },
		/* apt prefers lsb-base to sysvinit-utils, which provides it
		 * and is there already: named, both have it. */
		{ "nftables", "iproute2", "openvpn", "unbound", "git",
		    "lsb-base" },
	};
	static const char *const update[] = { "apt-get", "-qq", "update",
		NULL };
	auto_buf struct buf out = BUF_INIT;

	(void)state;
	if (access("/usr/bin/apt-get", X_OK) == -1 || !reach_archive())
		skip();
	make_apt();
	run_apt(update, &out);
	open_index();
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		same_as_apt(sets[i]);
}

static void
same_request_gives_the_same_closure_in_a_fresh_worker(void **state)
{
	static const char *const names[] = { "git", "python3", "nginx" };
	struct lock_packages one = { 0 }, two = { 0 };
	struct lock_names looked = { 0 };

	(void)state;
	if (access("/usr/bin/apt-get", X_OK) == -1 || !reach_archive())
		skip();
	open_index();
	assert_int_equal(index_solve(&parts.workers.index, "amd64", names,
			     ARRAY_LEN(names), &one, &looked, &parts.err),
	    0);
	workers_stop(&parts.workers);
	assert_int_equal(workers_start(&parts.workers, &parts.err), 0);
	open_index();
	assert_int_equal(index_solve(&parts.workers.index, "amd64", names,
			     ARRAY_LEN(names), &two, &looked, &parts.err),
	    0);
	assert_int_equal(one.n, two.n);
	for (size_t i = 0; i < one.n; i++)
		assert_true(hash_equal(&one.v[i].sha256, &two.v[i].sha256));
	lock_packages_release(&one);
	lock_packages_release(&two);
	lock_names_release(&looked);
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(closures_are_those_of_apt),
		T(same_request_gives_the_same_closure_in_a_fresh_worker),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
