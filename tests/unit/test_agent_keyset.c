/* rooms: router-agent/trust/keyset.c tests/support/tuf */
/* Who vouches for a service, and how long others wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "router-agent/trust/keyset.h"
#include "tests/support/scratch.h"
#include "tests/support/tuf/tufmake.h"

#define DAY ((int64_t)86400)
#define HOLD (7 * DAY)
#define T0 ((int64_t)1800000000)

static struct hash
of(const char *text)
{
	struct hash h;

	hash_bytes(&h, text, strlen(text));
	return h;
}

static void
the_first_that_is_seen_counts(void **state)
{
	struct keysets k = { 0 };
	struct hash a = of("a");

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	assert_true(k.changed);
	k.changed = false;
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &a, T0 + DAY, HOLD, false), T0 + DAY);
	assert_false(k.changed);
}

static void
another_waits_for_its_days(void **state)
{
	struct keysets k = { 0 };
	struct hash a = of("a"), b = of("b");

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	for (int64_t d = 0; d < 7; d++)
		assert_int_equal(
		    keyset_judge(&k, "svc-x", &b, T0 + d * DAY, HOLD, false),
		    T0 + HOLD);
	/* Another role is another matter. */
	assert_int_equal(keyset_judge(&k, "svc-y", &b, T0, HOLD, false), T0);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &b, T0 + HOLD, HOLD, false), T0 + HOLD);
	/* From now on the old ones are the others. */
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0 + HOLD, HOLD, false),
	    T0 + 2 * HOLD);
}

static void
going_back_forgets_the_other(void **state)
{
	struct keysets k = { 0 };
	struct hash a = of("a"), b = of("b");

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &b, T0, HOLD, false), T0 + HOLD);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &a, T0 + DAY, HOLD, false), T0 + DAY);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &b, T0 + 2 * DAY, HOLD, false),
	    T0 + 2 * DAY + HOLD);
}

static void
the_owner_s_own_key_needs_no_days(void **state)
{
	struct keysets k = { 0 };
	struct hash a = of("a"), b = of("b");

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, true), T0);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &b, T0 + 1, HOLD, true), T0 + 1);
}

static void
what_is_remembered_comes_back(void **state)
{
	struct keysets k = { 0 }, back;
	struct hash a = of("a"), b = of("b");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	assert_int_equal(
	    keyset_judge(&k, "svc-x", &b, T0, HOLD, false), T0 + HOLD);
	assert_int_equal(keysets_save(scratch.fd, &k, &err), 0);
	keysets_load(scratch.fd, &back);
	assert_int_equal(
	    keyset_judge(&back, "svc-x", &b, T0 + DAY, HOLD, false), T0 + HOLD);
	assert_false(back.changed);
}

/* A bit of a digest makes known keys look new, and an update wait for days. */
static void
what_rotted_is_as_never_seen(void **state)
{
	struct keysets k = { 0 }, back;
	struct hash a = of("a");
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	assert_int_equal(keysets_save(scratch.fd, &k, &err), 0);
	assert_int_equal(
	    file_read_at(scratch.fd, KEYSET_FILE, 4096, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 4;
		assert_int_equal(file_write_at(scratch.fd, KEYSET_FILE,
				     text.data, text.len, 0600, &err),
		    0);
		text.data[i] ^= 4;
		keysets_load(scratch.fd, &back);
		assert_int_equal(
		    keyset_judge(&back, "svc-x", &a, T0, HOLD, false), T0);
	}
}

/* As an agent wrote it that knew no sums. */
static void
a_file_without_a_sum_counts(void **state)
{
	struct keysets k = { 0 }, back;
	struct hash a = of("a"), b = of("b");
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char *sum;

	(void)state;
	assert_int_equal(keyset_judge(&k, "svc-x", &a, T0, HOLD, false), T0);
	assert_int_equal(keysets_save(scratch.fd, &k, &err), 0);
	assert_int_equal(
	    file_read_at(scratch.fd, KEYSET_FILE, 4096, &text, &err), 0);
	sum = strstr(text.data, "\"sum\":\"");
	assert_non_null(sum);
	/* with the comma behind it */
	memmove(sum, sum + 73, strlen(sum + 73) + 1);
	assert_int_equal(file_write_at(scratch.fd, KEYSET_FILE, text.data,
			     strlen(text.data), 0600, &err),
	    0);
	keysets_load(scratch.fd, &back);
	assert_int_equal(
	    keyset_judge(&back, "svc-x", &b, T0, HOLD, false), T0 + HOLD);
}

static void
more_roles_than_fit_lose_the_oldest(void **state)
{
	struct keysets k = { 0 };
	struct hash a = of("a"), b = of("b");
	char role[32];

	(void)state;
	for (int i = 0; i <= (int)KEYSET_MAX; i++) {
		snprintf(role, sizeof(role), "svc-%d", i);
		assert_int_equal(
		    keyset_judge(&k, role, &a, T0, HOLD, false), T0);
	}
	assert_int_equal(
	    keyset_judge(&k, "svc-1", &b, T0, HOLD, false), T0 + HOLD);
	assert_int_equal(keyset_judge(&k, "svc-0", &b, T0, HOLD, false), T0);
}

/* Targets that delegate svc-x to `n` keys from the first on. */
static struct hash
keys_of(size_t from, size_t n, int64_t threshold)
{
	auto_json json_t *t = tufmake_targets(1);
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	struct tufmake_key keys[4];
	struct err err = ERR_INIT;
	struct hash h;

	for (size_t i = 0; i < 4; i++)
		tufmake_key(&keys[i], (int)i + 1);
	tufmake_delegate(
	    t, "svc-x", &keys[from], n, threshold, true, "images/x/*/*");
	tufmake_sign(t, keys, 1, &bytes);
	f = tuf_read(TUF_TARGETS, "targets", bytes.data, bytes.len, &err);
	assert_non_null(f);
	assert_false(keyset_of(f, "svc-z", &h));
	assert_true(keyset_of(f, "svc-x", &h));
	return h;
}

static void
keys_and_their_number_make_the_set(void **state)
{
	struct hash a = keys_of(0, 2, 2), b = keys_of(0, 2, 2);
	struct hash c = keys_of(0, 2, 1), d = keys_of(1, 2, 2);
	struct hash e = keys_of(0, 3, 2);

	(void)state;
	assert_true(hash_equal(&a, &b));
	assert_false(hash_equal(&a, &c));
	assert_false(hash_equal(&a, &d));
	assert_false(hash_equal(&a, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_is_seen_counts),
		cmocka_unit_test(another_waits_for_its_days),
		cmocka_unit_test(going_back_forgets_the_other),
		cmocka_unit_test(the_owner_s_own_key_needs_no_days),
		cmocka_unit_test_setup_teardown(what_is_remembered_comes_back,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_rotted_is_as_never_seen,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_file_without_a_sum_counts,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test(more_roles_than_fit_lose_the_oldest),
		cmocka_unit_test(keys_and_their_number_make_the_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
