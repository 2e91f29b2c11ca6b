/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge builder/doubt/proof.c builder/doubt/bytes.c */
/* A plan is believed as far as its lock goes, and no further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/doubt/proof.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"

static struct err err;

static json_t *
golden(const char *path)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	assert_int_equal(file_read(path, 1 << 20, &text, &err), 0);
	j = js_parse(path, text.data, text.len, &err);
	assert_non_null(j);
	return j;
}

/* Both take the JSON. */
static struct plan *
plan_from(json_t *j)
{
	auto_buf struct buf text = BUF_INIT;
	struct plan *p;

	assert_int_equal(canon_json(j, &text, &err), 0);
	json_decref(j);
	p = plan_parse("plan", text.data, text.len, &err);
	if (!p)
		fail_msg("%s", err.msg);
	return p;
}

static struct lock *
lock_from(json_t *j)
{
	auto_buf struct buf text = BUF_INIT;
	struct lock *l;

	assert_int_equal(canon_json(j, &text, &err), 0);
	json_decref(j);
	l = lock_parse("lock", text.data, text.len, &err);
	if (!l)
		fail_msg("%s", err.msg);
	return l;
}

static json_t *
member(json_t *j, const char *list, size_t i)
{
	return json_array_get(json_object_get(j, list), i);
}

static void
refuses(json_t *plan, json_t *lock, const char *name)
{
	auto_plan struct plan *p = plan_from(plan);
	auto_lock struct lock *l = lock_from(lock);

	err = (struct err)ERR_INIT;
	assert_int_equal(proof_plan(p, l, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	if (!strstr(err.msg, name))
		fail_msg("not named: %s", err.msg);
}

static json_t *
a_plan(void)
{
	return golden("tests/golden/plan.json");
}

static json_t *
a_lock(void)
{
	return golden("tests/golden/lock.json");
}

static void
a_plan_that_its_lock_gives_is_taken(void **state)
{
	auto_plan struct plan *p = plan_from(a_plan());
	auto_lock struct lock *l = lock_from(a_lock());

	(void)state;
	if (proof_plan(p, l, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
a_package_of_other_bytes_is_refused(void **state)
{
	json_t *j = a_plan();
	struct hash h;

	(void)state;
	hash_bytes(&h, "evil", 4);
	js_set_hash(member(j, "packages", 1), "sha256", &h);
	refuses(j, a_lock(), "libc6-dev");
}

static void
a_package_that_no_lock_has_is_refused(void **state)
{
	json_t *j = a_plan();

	(void)state;
	js_set_str(member(j, "packages", 1), "name", "libevil");
	refuses(j, a_lock(), "libevil");
}

/* What is locked for the image is not what compiles. */
static void
the_other_stages_packages_do_not_count(void **state)
{
	json_t *j = a_plan(), *lock = a_lock();
	json_t *one = member(j, "packages", 0);

	(void)state;
	js_set_str(one, "name", "erofs-utils");
	js_set_str(one, "sha256",
	    json_string_value(
		json_object_get(member(lock, "image", 0), "sha256")));
	refuses(j, lock, "erofs-utils");
}

static void
a_source_of_other_bytes_is_refused(void **state)
{
	json_t *j = a_plan();
	struct hash h;

	(void)state;
	hash_bytes(&h, "evil", 4);
	js_set_hash(member(j, "sources", 1), "sha256", &h);
	refuses(j, a_lock(), "dnsmasq_2.90.orig.tar.xz");
}

static void
another_architectures_lock_is_refused(void **state)
{
	json_t *j = a_lock();

	(void)state;
	js_set_str(j, "arch", "arm64");
	refuses(a_plan(), j, "arm64");
}

static int
count(void *arg, const struct hash *h, const char *name, struct err *e)
{
	(void)h;
	(void)name;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static void
everything_that_is_wanted_is_named(void **state)
{
	auto_plan struct plan *p = plan_from(a_plan());
	auto_lock struct lock *l = lock_from(a_lock());
	size_t n = 0;

	(void)state;
	assert_int_equal(proof_each(p, l, count, &n, &err), 0);
	/* plan, lock, InRelease, two indexes, and the plan's own. */
	assert_int_equal(n, 5 + p->ntree + p->npackages + p->nsources);
	/* Without Debian sources nobody asks for their table. */
	lock_sources_release(&l->sources);
	n = 0;
	assert_int_equal(proof_each(p, l, count, &n, &err), 0);
	assert_int_equal(n, 4 + p->ntree + p->npackages + p->nsources);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_that_its_lock_gives_is_taken),
		cmocka_unit_test(a_package_of_other_bytes_is_refused),
		cmocka_unit_test(a_package_that_no_lock_has_is_refused),
		cmocka_unit_test(the_other_stages_packages_do_not_count),
		cmocka_unit_test(a_source_of_other_bytes_is_refused),
		cmocka_unit_test(another_architectures_lock_is_refused),
		cmocka_unit_test(everything_that_is_wanted_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
