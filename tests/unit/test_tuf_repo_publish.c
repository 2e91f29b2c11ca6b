/* rooms: tuf-repo */
/* wrap: renameat linkat fsync */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/support/tuf_farm.h"

#define KILLED 77

/* The call that is not survived; 0: none.  Shared with children, so that the
 * parent learns how far they came. */
static struct {
	int at, count;
} * death;

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);
int __real_fsync(int);
int __wrap_fsync(int);

static bool mortal; /* only the publisher dies, not its signer */

static void
die_here(void)
{
	if (mortal && death && ++death->count == death->at)
		_exit(KILLED);
}

int
__wrap_renameat(int from, const char *a, int to, const char *b)
{
	die_here();
	return __real_renameat(from, a, to, b);
}

int
__wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	die_here();
	return __real_linkat(from, a, to, b, flags);
}

int
__wrap_fsync(int fd)
{
	die_here();
	return __real_fsync(fd);
}

/* One pass in a process of its own; its exit status. */
static int
pass_apart(int at)
{
	int status;
	pid_t pid;

	death->at = at;
	death->count = 0;
	pid = fork();
	if (pid == 0) {
		struct pass p = { .refresh = false };

		tf_repo_open();
		mortal = true;
		if (pass_run(&tf.repo, &p, &tf.err) == -1) {
			print_message("# %s\n", tf.err.msg);
			_exit(1);
		}
		tf_repo_close();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What a stranger sees without any repository of ours open. */
static size_t
findings(void)
{
	size_t n;

	tf.repo.metadata = tf_dir("tuf/metadata");
	tf.repo.targets = tf_dir("tuf/targets");
	n = tf_findings();
	close(tf.repo.metadata);
	close(tf.repo.targets);
	tf.repo.metadata = tf.repo.targets = -1;
	return n;
}

static void
release_number(int n)
{
	char version[32], content[64];
	int store = tf_dir("store");

	snprintf(version, sizeof(version), "1.%d", n);
	snprintf(content, sizeof(content), "image %d", n);
	tf.repo.store = store_open(store, &tf.err);
	close(store);
	tf_release("dns-dhcp", version, content);
	store_free(tf.repo.store);
	tf.repo.store = NULL;
}

/* --- the files of the tree, to see that none is written twice ---------- */

struct seen {
	char path[300];
	struct hash hash;
};

static struct seen *seen;
static size_t nseen, cap_seen;

static int
see(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct hash h;
	int64_t size;
	size_t i = 0;
	int fd;

	(void)arg;
	if (!S_ISREG(st->st_mode) ||
	    strcmp(path, "metadata/timestamp.json") == 0)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || hash_fd(fd, &h, &size, err) == -1)
		return -1;
	close(fd);
	while (i < nseen && strcmp(seen[i].path, path) != 0)
		i++;
	if (i < nseen) {
		assert_true(hash_equal(&seen[i].hash, &h));
		return 0;
	}
	MEM_GROW(seen, nseen, cap_seen);
	snprintf(seen[nseen].path, sizeof(seen[nseen].path), "%s", path);
	seen[nseen++].hash = h;
	return 0;
}

static void
assert_nothing_rewritten(void)
{
	int tree = tf_dir("tuf");

	TF_OK(tree_walk(tree, see, NULL, &tf.err));
	close(tree);
}

static void
a_publisher_killed_at_any_call_is_finished_by_the_next(void **state)
{
	int n, calls = 0, status = KILLED;

	(void)state;
	death = mmap(NULL, sizeof(*death), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(death, MAP_FAILED);
	tf_release("kernel", "6.1", "kernel one");
	tf_repo_close();
	tf.repo.now = tf.start;
	assert_int_equal(pass_apart(0), 0);
	for (n = 1; status == KILLED; n++) {
		release_number(n);
		status = pass_apart(n);
		if (status == 0)
			calls = death->count;
		else
			assert_int_equal(status, KILLED);
		/* old or new, but whole */
		assert_int_equal(findings(), 0);
		assert_nothing_rewritten();
		assert_int_equal(pass_apart(0), 0);
		assert_int_equal(findings(), 0);
		assert_nothing_rewritten();
	}
	print_message("# killed before each of %d calls\n", calls);
	assert_true(calls > 10);
	tf_repo_open();
	/* every one was published in the end, each once */
	assert_int_equal(tf_int(tf.repo.db, "SELECT count(*) FROM release"
					    " WHERE service = 'dns-dhcp'"
					    " AND published_at IS NOT NULL"),
	    n - 1);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT max(counter) FROM published_set"),
	    n - 1);
	free(seen);
	seen = NULL;
	nseen = cap_seen = 0;
}

static void
founding_killed_at_any_call_goes_on_with_the_same_keys(void **state)
{
	static const char *const services[] = { "dns-dhcp" };
	struct founding f = { .demo = true,
		.services = services,
		.nservices = 1,
		.now = tf.start };
	int status = KILLED, n;

	(void)state;
	death = mmap(NULL, sizeof(*death), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(death, MAP_FAILED);
	for (n = 1; status == KILLED; n++) {
		char on[32], off[32];
		struct ceremony a = CEREMONY_INIT, b = CEREMONY_INIT;
		int online, offline;
		pid_t pid;

		snprintf(on, sizeof(on), "again/%d/online", n);
		snprintf(off, sizeof(off), "again/%d/offline", n);
		online = tf_dir(on);
		offline = tf_dir(off);
		death->at = n;
		death->count = 0;
		pid = fork();
		if (pid == 0) {
			mortal = true;
			_exit(ceremony_found(
				  &a, offline, online, &f, &tf.err) == 0
				  ? 0
				  : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		status = WEXITSTATUS(status);
		assert_true(status == 0 || status == KILLED);
		TF_OK(ceremony_found(&a, offline, online, &f, &tf.err));
		TF_OK(ceremony_found(&b, offline, online, &f, &tf.err));
		assert_int_equal(a.root.len, b.root.len);
		assert_memory_equal(a.root.data, b.root.data, a.root.len);
		ceremony_release(&a);
		ceremony_release(&b);
		close(online);
		close(offline);
	}
	print_message("# killed before each of %d calls\n", death->count);
	assert_true(n > 20);
}

static void
a_tree_that_was_tampered_with_is_not_published_over(void **state)
{
	char *path;

	(void)state;
	tf_release("dns-dhcp", "1", "image one");
	TF_OK(tf_pass());
	/* somebody left another file under the next version's name */
	path = mem_printf("tuf/metadata/3.svc-dns-dhcp.json");
	TF_OK(file_write_at(scratch.fd, path, "{}", 2, 0644, &tf.err));
	tf_release("dns-dhcp", "2", "image two");
	assert_int_equal(tf_pass(), -1);
	assert_non_null(strstr(tf.err.msg, "other content"));
	assert_int_equal(tf_findings(), 0);
	TF_OK(file_remove_at(scratch.fd, path, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_publisher_killed_at_any_call_is_finished_by_the_next),
		TEST(founding_killed_at_any_call_goes_on_with_the_same_keys),
		TEST(a_tree_that_was_tampered_with_is_not_published_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
