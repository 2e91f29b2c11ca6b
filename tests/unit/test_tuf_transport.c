/* rooms: tuf-repo */
/* Compressed and delta forms: made apart, listed after what they carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/delta.h"
#include "lib/own.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/transport.h"

static struct transport tr;

static void
child_start(void)
{
	int sv[2], leash[2];

	tr = (struct transport)TRANSPORT_INIT;
	TF_OK(ipc_pair(sv, &tf.err));
	assert_int_equal(pipe(leash), 0);
	tr.child.pid = fork();
	if (tr.child.pid == 0) {
		close(sv[0]);
		close(leash[1]);
		if (drop_to(ROLE_TRANSPORT, &tf.err) == -1)
			_exit(1);
		_exit(transport_serve(sv[1], leash[0]));
	}
	close(sv[1]);
	close(leash[0]);
	tr.sock = sv[0];
	tr.leash = leash[1];
}

static void
child_end(void)
{
	pid_t pid = tr.child.pid;

	tr.child.pid = 0;
	transport_stop(&tr);
	waitpid(pid, NULL, 0);
}

static int
setup(void **state)
{
	if (tf_setup(state) == -1)
		return -1;
	child_start();
	return 0;
}

static int
teardown(void **state)
{
	child_end();
	return tf_teardown(state);
}

static char *
text(unsigned seed)
{
	char *p = mem_alloc(300001);

	for (size_t i = 0; i < 300000; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (char)('a' + (seed >> 16) % 16);
	}
	p[300000] = '\0';
	return p;
}

/* Releases that differ by some bytes. */
static struct tf_release
release_like(int n)
{
	char *p = text(1), version[16];
	struct tf_release r;

	snprintf(version, sizeof(version), "1.%d", n);
	memcpy(p + 1000, version, 3);
	r = tf_release("dns-dhcp", version, p);
	free(p);
	return r;
}

static int
make_all(void)
{
	bool made;
	int n = 0;

	TF_OK(transport_next(&tr, &tf.repo, &tf.err));
	while (tr.busy) {
		TF_OK(transport_take(&tr, &tf.repo, &made, &tf.err));
		n += made;
		TF_OK(transport_next(&tr, &tf.repo, &tf.err));
	}
	return n;
}

static struct tuf_file *
role(void)
{
	struct tuf_file *f;

	TF_OK(role_load_newest(tf.repo.db, "transport", &f, &tf.err));
	return f;
}

static void
assert_applies(const struct tuf_target *t, const struct hash *base,
    const struct hash *image)
{
	char *name = check_target_name(t);
	struct tmp out = TMP_INIT;
	struct hash head, got;
	int64_t size;
	int old = -1, file;

	if (base)
		TF_OK(store_get(tf.repo.store, base, &old, &tf.err));
	file = openat(tf.repo.targets, name, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(file, -1);
	assert_true(hash_parse(
	    &head, json_string_value(json_object_get(t->custom, "head"))));
	TF_OK(tmp_open(&out, scratch.fd, 0600, &tf.err));
	TF_OK(delta_apply(file, old, out.fd, &head, &tf.err));
	TF_OK(hash_fd(out.fd, &got, &size, &tf.err));
	assert_true(hash_equal(&got, image));
	tmp_release(&out);
	close(file);
	if (old != -1)
		close(old);
	free(name);
}

static void
forms_come_in_the_version_after_the_set(void **state)
{
	struct tf_release one, two;
	char x[HASH_HEX], y[HASH_HEX], *path;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	one = release_like(1);
	TF_OK(tf_pass());
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM published_set"), 1);
	auto_tuf struct tuf_file *empty = role();
	assert_int_equal(empty->ntargets, 0);
	/* the full form; two bytes of a kernel do not get smaller */
	assert_int_equal(make_all(), 1);
	TF_OK(tf_pass());
	auto_tuf struct tuf_file *first = role();
	assert_int_equal(first->ntargets, 1);
	assert_applies(&first->targets[0], NULL, &one.image);
	assert_int_equal(tf_findings(), 0);

	two = release_like(2);
	TF_OK(tf_pass());
	assert_int_equal(make_all(), 2);
	TF_OK(tf_pass());
	auto_tuf struct tuf_file *second = role();
	/* the old image's form has gone from the list with it */
	assert_int_equal(second->ntargets, 2);
	hash_hex(&one.image, x);
	hash_hex(&two.image, y);
	path = mem_printf("transport/dns-dhcp/amd64/%s.from.%s", y, x);
	assert_non_null(tuf_target_find(second, path));
	assert_applies(tuf_target_find(second, path), &one.image, &two.image);
	assert_in_range(tuf_target_find(second, path)->length, 1, 2000);
	assert_int_equal(tf_findings(), 0);
	/* nothing is left to do */
	assert_int_equal(make_all(), 0);
	free(path);
}

static void
deltas_start_from_the_last_three_releases(void **state)
{
	(void)state;
	for (int i = 1; i <= 6; i++) {
		release_like(i);
		TF_OK(tf_pass());
	}
	make_all();
	assert_int_equal(tf_int(tf.repo.db,
			     "SELECT count(*) FROM transport WHERE base <> ''"),
	    3);
}

static void
a_delta_that_is_hardly_smaller_is_not_kept(void **state)
{
	char *p = text(77);

	(void)state;
	release_like(1);
	TF_OK(tf_pass());
	make_all();
	tf_release("dns-dhcp", "2", p);
	TF_OK(tf_pass());
	make_all();
	assert_string_equal(tf_text(tf.repo.db, "SELECT text FROM transport"
						" WHERE base <> ''"),
	    "it is hardly smaller");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	free(p);
}

static void
a_form_that_was_lost_is_made_again(void **state)
{
	auto_tuf struct tuf_file *f = NULL;
	char *name;

	(void)state;
	release_like(1);
	TF_OK(tf_pass());
	make_all();
	TF_OK(tf_pass());
	f = role();
	name = check_target_name(&f->targets[0]);
	TF_OK(file_remove_at(tf.repo.targets, name, &tf.err));
	TF_OK(tf_pass()); /* listed no more: a client finds all it is told of */
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(make_all(), 1);
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_true(file_exists_at(tf.repo.targets, name));
	free(name);
}

static void
a_child_that_dies_delays_nothing(void **state)
{
	struct err err = ERR_INIT;
	bool made;

	(void)state;
	release_like(1);
	TF_OK(tf_pass());
	TF_OK(transport_next(&tr, &tf.repo, &tf.err));
	assert_true(tr.busy);
	kill(tr.child.pid, SIGKILL);
	if (transport_take(&tr, &tf.repo, &made, &err) == 0)
		assert_true(made); /* it was faster */
	assert_false(tr.busy);
	release_like(2);
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
}

static void
the_child_ends_at_work_when_its_parent_is_gone(void **state)
{
	char *p = mem_alloc(40 << 20);
	int status;

	(void)state;
	for (size_t i = 0; i < 40 << 20; i++)
		p[i] = (char)(i * i >> 7 | 1);
	p[(40 << 20) - 1] = '\0';
	tf_release("dns-dhcp", "1", p);
	free(p);
	TF_OK(tf_pass());
	TF_OK(transport_next(&tr, &tf.repo, &tf.err));
	assert_true(tr.busy);
	usleep(200000); /* so that it is at work */
	own_close(&tr.leash);
	assert_int_equal(waitpid(tr.child.pid, &status, 0), tr.child.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGIO);
	tr.leash = -1;
	tr.child = (struct child)CHILD_INIT;
	transport_stop(&tr);
	child_start();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forms_come_in_the_version_after_the_set),
		TEST(deltas_start_from_the_last_three_releases),
		TEST(a_delta_that_is_hardly_smaller_is_not_kept),
		TEST(a_form_that_was_lost_is_made_again),
		TEST(a_child_that_dies_delays_nothing),
		TEST(the_child_ends_at_work_when_its_parent_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
