/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/* A lock for another architecture: packages of both, proven by both indexes. */
#include "tests/support/archive/lock_hello.h"

static const char *const cross_build[] = { "cc", "libfoo-dev:arm64" };
static const char *const cross_image[] = { "writer", "tool:arm64" };

static struct lock_request
cross(void)
{
	struct lock_request rq = request();

	rq.recipe = "hello.arm64";
	rq.arch = "arm64";
	rq.on = "amd64";
	rq.build = cross_build;
	rq.nbuild = 2;
	rq.image = cross_image;
	rq.nimage = 2;
	return rq;
}

static int
setup(void **state)
{
	if (hello_setup(state) != 0)
		return -1;
	fake_arm64(&bookworm, "libfoo-dev", "1", "Depends: libc6, words\n",
	    "foo of arm64");
	fake_arm64(&bookworm, "libc6", "2", NULL, "libc of arm64");
	fake_arm64(&security, "libc6", "3", NULL, "libc of arm64, mended");
	fake_arm64(&bookworm, "tool", "1", "Depends: libc6, dash\n", "tool");
	/* The machine has one, too. */
	fake_arm64(&bookworm, "dash", "1", NULL, "dash of arm64");
	fake_all(&bookworm, "words", "1", "words");
	suites_publish();
	return hello_poll();
}

static struct lock *
must(const struct lock_request *rq, struct hash *h)
{
	struct lock *l;

	if (make(rq, h) == -1)
		fail_msg("%s", parts.err.msg);
	l = lock_load(parts.store, h, &parts.err);
	if (!l)
		fail_msg("%s", parts.err.msg);
	return l;
}

static void
both_closures_are_in_it_and_who_is_of_which_is_told(void **state)
{
	struct lock_request rq = cross();
	struct hash h;
	auto_lock struct lock *l = must(&rq, &h);
	const struct lock_package *p;

	(void)state;
	assert_string_equal(l->arch, "arm64");
	p = lock_package_find(&l->build, "cc");
	assert_non_null(p);
	assert_string_equal(p->arch, "amd64");
	p = lock_package_find(&l->build, "libfoo-dev:arm64");
	assert_non_null(p);
	assert_string_equal(p->arch, "arm64");
	/* The highest of its own suites. */
	p = lock_package_find(&l->build, "libc6:arm64");
	assert_non_null(p);
	assert_string_equal(p->version, "3");
	assert_string_equal(p->suite, "bookworm-security");
	/* Of none. */
	p = lock_package_find(&l->build, "words");
	assert_non_null(p);
	assert_string_equal(p->arch, "all");
	assert_non_null(lock_package_find(&l->image, "dash"));
	assert_non_null(lock_package_find(&l->image, "dash:arm64"));
	assert_null(lock_package_find(&l->image, "libfoo-dev:arm64"));
	assert_int_equal(lock_complete(parts.store, l, &parts.err), 0);
}

static void
its_proof_holds_and_one_that_lacks_an_index_does_not(void **state)
{
	struct lock_request rq = cross();
	struct hash h;
	auto_lock struct lock *l = must(&rq, &h);
	struct lock_suite *s = &l->suites[0];

	(void)state;
	assert_int_equal(s->nindexes, 3);
	assert_string_equal(
	    s->indexes[0].path, "main/binary-amd64/Packages.xz");
	assert_string_equal(
	    s->indexes[1].path, "main/binary-arm64/Packages.xz");
	if (lock_judge(&parts.archive, l, &parts.err) == -1)
		fail_msg("%s", parts.err.msg);
	/* A package of the one cannot pass for one of the other. */
	free(l->build.v[l->build.n - 1].arch);
	l->build.v[l->build.n - 1].arch = strdup("riscv64");
	assert_int_equal(lock_judge(&parts.archive, l, &parts.err), -1);
	assert_int_equal(parts.err.cls, ERR_TRUST);
}

static void
an_index_of_the_other_architecture_alone_is_no_proof(void **state)
{
	struct lock_request rq = cross();
	struct hash h;
	auto_lock struct lock *l = must(&rq, &h);

	(void)state;
	for (size_t i = 0; i < l->nsuites; i++) {
		struct lock_suite *s = &l->suites[i];

		free(s->indexes[1].path);
		s->indexes[1] = s->indexes[2];
		s->nindexes = 2;
	}
	parts.err = (struct err)ERR_INIT;
	assert_int_equal(lock_judge(&parts.archive, l, &parts.err), -1);
	assert_int_equal(parts.err.cls, ERR_TRUST);
	assert_non_null(strstr(parts.err.msg, "no index of its own"));
}

static void
it_is_kept_until_an_index_of_either_touches_it(void **state)
{
	struct lock_request rq = cross();
	struct hash first, again, changed;

	(void)state;
	lock_free(must(&rq, &first));
	fake_arm64(&bookworm, "other", "1", NULL, "nobody asks for it");
	bookworm.date++;
	suites_publish();
	assert_int_equal(hello_poll(), 0);
	parts.archive.kept = 0;
	lock_free(must(&rq, &again));
	assert_true(hash_equal(&first, &again));
	assert_int_equal(parts.archive.kept, 1);
	fake_arm64(
	    &security, "tool", "2", "Depends: libc6, dash\n", "new tool");
	security.date++;
	suites_publish();
	assert_int_equal(hello_poll(), 0);
	lock_free(must(&rq, &changed));
	assert_false(hash_equal(&first, &changed));
}

static void
a_package_that_the_other_has_not_is_named(void **state)
{
	static const char *const lacking[] = { "cc", "writer:arm64" };
	struct lock_request rq = cross();
	struct hash h;

	(void)state;
	rq.build = lacking;
	assert_int_equal(make(&rq, &h), -1);
	assert_string_equal(parts.err.msg,
	    "recipe hello.arm64: package writer is in none of the suites"
	    " bookworm, bookworm-security");
}

static void
another_text_for_the_same_lock_is_refused(void **state)
{
	struct hash h;
	auto_lock struct lock *l = must_make(&h);
	auto_json json_t *j = lock_json(l);
	auto_buf struct buf text = BUF_INIT;
	auto_lock struct lock *bad = NULL;

	(void)state;
	js_set_int(j, "v", 3);
	js_set(j, "files", json_array());
	assert_int_equal(canon_json(j, &text, &parts.err), 0);
	bad = lock_parse("bad", text.data, text.len, &parts.err);
	assert_null(bad);
}

int
main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, suites_teardown)
	const struct CMUnitTest tests[] = {
		T(both_closures_are_in_it_and_who_is_of_which_is_told),
		T(its_proof_holds_and_one_that_lacks_an_index_does_not),
		T(an_index_of_the_other_architecture_alone_is_no_proof),
		T(it_is_kept_until_an_index_of_either_touches_it),
		T(a_package_that_the_other_has_not_is_named),
		T(another_text_for_the_same_lock_is_refused),
	};

	return suites_main(argc, argv, tests);
}
