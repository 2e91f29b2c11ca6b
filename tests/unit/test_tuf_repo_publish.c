/* rooms: tuf-repo */
/* wrap: renameat linkat fsync unlinkat */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/death.h"
#include "tests/support/tuf_farm.h"

/* One pass of a publisher; its signer is not mortal. */
static int
one_pass(void *arg)
{
	struct pass p = { .refresh = false };

	(void)arg;
	mortal = false;
	tf_repo_open();
	mortal = true;
	if (pass_run(&tf.repo, &p, &tf.err) == -1) {
		print_message("# %s\n", tf.err.msg);
		return 1;
	}
	mortal = false;
	tf_repo_close();
	return 0;
}

static int
pass_apart(int at)
{
	return die_at(at, one_pass, NULL);
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
	tf_release("kernel", "6.1", "kernel one");
	tf_repo_close();
	tf.repo.now = tf.start;
	assert_int_equal(pass_apart(0), 0);
	for (n = 1; status == KILLED; n++) {
		tf_release_number_closed(n);
		status = pass_apart(n);
		if (status == 0)
			calls = death->count;
		else
			assert_int_equal(status, KILLED);
		/* old or new, but whole */
		assert_int_equal(tf_findings_closed(), 0);
		assert_nothing_rewritten();
		assert_int_equal(pass_apart(0), 0);
		assert_int_equal(tf_findings_closed(), 0);
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

struct founding_at {
	struct ceremony *c;
	const struct founding *f;
	int offline, online;
};

static int
found(void *arg)
{
	struct founding_at *at = arg;

	return ceremony_found(at->c, at->offline, at->online, at->f, &tf.err) ==
		       0
		   ? 0
		   : 1;
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
	for (n = 1; status == KILLED; n++) {
		char on[32], off[32];
		struct ceremony a = CEREMONY_INIT, b = CEREMONY_INIT;
		struct founding_at at = { &a, &f, -1, -1 };

		snprintf(on, sizeof(on), "again/%d/online", n);
		snprintf(off, sizeof(off), "again/%d/offline", n);
		at.online = tf_dir(on);
		at.offline = tf_dir(off);
		status = die_at(n, found, &at);
		assert_true(status == 0 || status == KILLED);
		TF_OK(ceremony_found(&a, at.offline, at.online, &f, &tf.err));
		TF_OK(ceremony_found(&b, at.offline, at.online, &f, &tf.err));
		assert_int_equal(a.root.len, b.root.len);
		assert_memory_equal(a.root.data, b.root.data, a.root.len);
		ceremony_release(&a);
		ceremony_release(&b);
		close(at.online);
		close(at.offline);
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
