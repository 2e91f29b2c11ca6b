/* rooms: router-agent/lease.c */
/* The leases of a DHCP service, kept on the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "router-agent/lease.h"
#include "tests/support/scratch.h"

#define TOKEN "0123456789abcdef"

static struct err err;
static struct leases all;

static int
setup(void **state)
{
	(void)state;
	err_clear(&err);
	return scratch_setup(state);
}

static int
teardown(void **state)
{
	leases_release(&all);
	return scratch_teardown(state);
}

static void
say(const char *line, int64_t now)
{
	struct lease_word w;

	if (lease_read(line, &w, &err) == -1)
		fail_msg("%s: %s", line, err.msg);
	leases_take(&all, &w, now);
}

static void
lists(int64_t now, const char *expected)
{
	auto_buf struct buf b = BUF_INIT;

	leases_text(&all, TOKEN, now, &b);
	assert_string_equal(b.data, expected);
}

static void
a_word_out_of_form_is_refused(void **state)
{
	static const char *const bad[] = { "", "lease", "init", "init 12",
		"init 0123456789abcdeg", "init " TOKEN " x", "shell ls",
		"lease 192.0.2 02:00:00:00:00:01 60 - -",
		"lease 192.0.2.7 nonsense 60 - -",
		"lease 192.0.2.7 02:00:00:00:00:01 -1 - -",
		"lease 192.0.2.7 02:00:00:00:00:01 99999999999 - -",
		"lease 192.0.2.7 02:00:00:00:00:01 60 a/b -",
		"lease 192.0.2.7 02:00:00:00:00:01 60 - xyz",
		"lease 192.0.2.7 02:00:00:00:00:01 60 -",
		"lease 192.0.2.7 02:00:00:00:00:01 60 - - -",
		"lease 0.0.0.0 02:00:00:00:00:01 60 - -",
		"lease  192.0.2.7 02:00:00:00:00:01 60 - -", "gone 192.0.2.7" };
	struct lease_word w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (lease_read(bad[i], &w, &err) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void
what_is_left_is_handed_over_in_seconds(void **state)
{
	(void)state;
	say("lease 192.0.2.9 02:00:00:00:00:09 3600 phone 01:02", 1000);
	say("lease 192.0.2.7 02:00:00:00:00:07 60 - -", 1000);
	lists(1010, "begin " TOKEN "\n"
		    "lease 192.0.2.7 02:00:00:00:00:07 50 - -\n"
		    "lease 192.0.2.9 02:00:00:00:00:09 3590 phone 01:02\n"
		    "end " TOKEN "\n");
	lists(1060, "begin " TOKEN "\n"
		    "lease 192.0.2.9 02:00:00:00:00:09 3540 phone 01:02\n"
		    "end " TOKEN "\n");
}

static void
a_clock_that_was_set_back_lends_no_time(void **state)
{
	(void)state;
	say("lease 192.0.2.7 02:00:00:00:00:07 60 - -", 500000);
	lists(1000, "begin " TOKEN "\n"
		    "lease 192.0.2.7 02:00:00:00:00:07 60 - -\n"
		    "end " TOKEN "\n");
}

static void
a_lease_for_ever_stays_one(void **state)
{
	(void)state;
	say("lease 192.0.2.7 02:00:00:00:00:07 0 - -", 1000);
	lists(9000, "begin " TOKEN "\n"
		    "lease 192.0.2.7 02:00:00:00:00:07 0 - -\n"
		    "end " TOKEN "\n");
}

static void
one_that_is_gone_is_not_handed_over(void **state)
{
	(void)state;
	say("lease 192.0.2.7 02:00:00:00:00:07 60 - -", 1000);
	say("gone 192.0.2.7 02:00:00:00:00:08", 1000); /* somebody else's */
	say("lease 192.0.2.8 02:00:00:00:00:08 60 - -", 1000);
	say("gone 192.0.2.7 02:00:00:00:00:07", 1000);
	lists(1000, "begin " TOKEN "\n"
		    "lease 192.0.2.8 02:00:00:00:00:08 60 - -\n"
		    "end " TOKEN "\n");
}

static void
a_client_with_a_new_address_gives_up_the_old_one(void **state)
{
	(void)state;
	say("lease 192.0.2.7 02:00:00:00:00:07 60 - -", 1000);
	say("lease 192.0.2.8 02:00:00:00:00:07 60 - -", 1000);
	lists(1000, "begin " TOKEN "\n"
		    "lease 192.0.2.8 02:00:00:00:00:07 60 - -\n"
		    "end " TOKEN "\n");
}

static void
a_full_list_forgets_what_ends_first(void **state)
{
	char line[100];

	(void)state;
	for (int i = 0; i <= LEASES_MAX; i++) {
		snprintf(line, sizeof(line),
		    "lease 10.0.%d.%d 02:00:00:00:%02x:%02x %d - -", i >> 8,
		    i & 255, i >> 8, i & 255, 100000 - i);
		say(line, 1000);
	}
	assert_int_equal(all.n, LEASES_MAX);
	say("gone 10.0.0.0 02:00:00:00:00:00", 1000);
	assert_int_equal(all.n, LEASES_MAX - 1); /* it was still there */
}

static void
the_list_is_the_same_after_a_restart(void **state)
{
	auto_buf struct buf before = BUF_INIT, after = BUF_INIT;

	(void)state;
	say("lease 192.0.2.9 06-02:00:00:00:00:09 3600 phone.lan 01:02", 1000);
	say("lease 192.0.2.7 02:00:00:00:00:07 0 - -", 1000);
	leases_text(&all, TOKEN, 1010, &before);
	assert_int_equal(leases_save(scratch.fd, "dns-dhcp", &all, &err), 0);
	leases_release(&all);
	assert_int_equal(leases_load(scratch.fd, "dns-dhcp", &all, &err), 0);
	leases_text(&all, TOKEN, 1010, &after);
	assert_string_equal(after.data, before.data);
	assert_false(all.news || all.renewals);
}

static void
a_flipped_bit_in_the_file_is_found(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	char *at;

	(void)state;
	say("lease 192.0.2.9 02:00:00:00:00:09 3600 phone 01:02", 1000);
	assert_int_equal(leases_save(scratch.fd, "dns-dhcp", &all, &err), 0);
	assert_int_equal(
	    file_read_at(scratch.fd, "dns-dhcp", 1 << 20, &b, &err), 0);
	at = strstr(b.data, "192.0.2.9");
	assert_non_null(at);
	at[8] ^= 1;
	assert_int_equal(
	    file_write_at(scratch.fd, "dns-dhcp", b.data, b.len, 0600, &err),
	    0);
	leases_release(&all);
	assert_int_equal(leases_load(scratch.fd, "dns-dhcp", &all, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(all.n, 0);
}

static void
news_is_written_soon_and_renewals_late(void **state)
{
	(void)state;
	assert_false(leases_due(&all, 1));
	say("lease 192.0.2.9 02:00:00:00:00:09 3600 phone -", 1000);
	assert_true(leases_due(&all, 1));
	assert_int_equal(leases_save(scratch.fd, "dns-dhcp", &all, &err), 0);
	assert_false(leases_due(&all, all.saved_ms + 3600000));
	say("lease 192.0.2.9 02:00:00:00:00:09 3600 phone -", 1500);
	assert_false(leases_due(&all, all.saved_ms + 2000));
	assert_true(leases_due(&all, all.saved_ms + 600000));
	say("lease 192.0.2.8 02:00:00:00:00:08 3600 - -", 1500);
	assert_false(leases_due(&all, all.saved_ms + 10));
	assert_true(leases_due(&all, all.saved_ms + 1000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_word_out_of_form_is_refused),
		TEST(what_is_left_is_handed_over_in_seconds),
		TEST(a_clock_that_was_set_back_lends_no_time),
		TEST(a_lease_for_ever_stays_one),
		TEST(one_that_is_gone_is_not_handed_over),
		TEST(a_client_with_a_new_address_gives_up_the_old_one),
		TEST(a_full_list_forgets_what_ends_first),
		TEST(the_list_is_the_same_after_a_restart),
		TEST(a_flipped_bit_in_the_file_is_found),
		TEST(news_is_written_soon_and_renewals_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
