/* rooms: tuf-repo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/own.h"
#include "tests/support/tuf_farm.h"

#define DAYS(n) ((n)*INT64_C(86400))

static void
exec_farm(const char *sql)
{
	TF_OK(db_exec(tf.farm, sql, &tf.err));
}

static int64_t
version_of(const char *role)
{
	int64_t v;

	TF_OK(role_newest(tf.repo.db, role, true, &v, &tf.err));
	return v;
}

static json_t *
newest_set(void)
{
	const char *text = tf_text(tf.repo.db,
	    "SELECT t.bytes FROM published_set s JOIN own_target t"
	    " ON t.digest = s.digest ORDER BY s.counter DESC LIMIT 1");
	json_t *set =
	    js_record("set", "kiln/set", 1, text, strlen(text), &tf.err);

	if (!set)
		fail_msg("%s", tf.err.msg);
	return set;
}

static void
assert_image(const json_t *set, size_t n, const struct hash *image)
{
	const json_t *o = json_array_get(json_object_get(set, "services"), n);
	char hex[HASH_HEX];

	hash_hex(image, hex);
	assert_string_equal(
	    json_string_value(json_object_get(o, "image")), hex);
}

static void
first_pass_publishes_an_empty_tree_that_is_whole(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM publication"), 1);
	assert_int_equal(version_of("svc-dns-dhcp"), 1);
	assert_int_equal(version_of("sets-edge"), 1);
}

static void
a_pass_with_nothing_to_do_writes_nothing(void **state)
{
	int64_t before;

	(void)state;
	tf_release("dns-dhcp", "1", "image one");
	tf_release("ntp", "1", "other image");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	before = tf_int(tf.repo.db, "SELECT total_changes()");
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, "SELECT total_changes()"), before);
}

static void
a_release_is_listed_and_a_set_is_made_once_it_is_whole(void **state)
{
	struct tf_release dns;

	(void)state;
	dns = tf_release("dns-dhcp", "2.90", "image one");
	TF_OK(tf_pass());
	assert_int_equal(version_of("svc-dns-dhcp"), 2);
	assert_string_equal(tf_text(tf.repo.db, "SELECT text FROM set_waiting"),
	    "no kernel is published yet");
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM published_set"), 0);

	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT counter FROM published_set"), 1);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM set_waiting"), 0);
	auto_json json_t *set = newest_set();
	assert_image(set, 0, &dns.image);
}

static void
a_set_waits_for_what_a_service_needs(void **state)
{
	(void)state;
	tf_release_full("dns-dhcp", "1", "image one", "time/1", NULL);
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, "SELECT text FROM set_waiting"),
	    "dns-dhcp needs time/1, which nothing provides");
	tf_release_full("ntp", "1", "image ntp", NULL, "time/1");
	TF_OK(tf_pass());
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM published_set"), 1);
	assert_int_equal(tf_findings(), 0);
}

static void
an_equal_set_is_not_made_again(void **state)
{
	(void)state;
	tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	/* the same image under another version: a new serial, the same set */
	tf_release("dns-dhcp", "2", "image one");
	TF_OK(tf_pass());
	assert_int_equal(version_of("svc-dns-dhcp"), 3);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT max(counter) FROM published_set"), 1);
}

static const char refusal_cause[] = "SELECT cause FROM refusal";

static void
refuses_what_was_not_reproduced(void **state)
{
	(void)state;
	tf_release("dns-dhcp", "1", "image one");
	exec_farm("UPDATE plan SET verdict = 'differs'");
	TF_OK(tf_pass());
	assert_string_equal(
	    tf_text(tf.repo.db, refusal_cause), "not-reproduced");
	assert_int_equal(version_of("svc-dns-dhcp"), 1);
	exec_farm("UPDATE plan SET verdict = 'reproduced'");
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, refusal_cause), "");
	assert_int_equal(version_of("svc-dns-dhcp"), 2);
}

static void
refuses_a_release_whose_bytes_are_missing(void **state)
{
	struct tf_release r = tf_release("dns-dhcp", "1", "image one");
	char path[STORE_PATH], *whole;

	(void)state;
	store_path(&r.image, path);
	whole = mem_printf("store/%s", path);
	TF_OK(file_remove_at(scratch.fd, whole, &tf.err));
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, refusal_cause), "missing");
	assert_int_equal(version_of("svc-dns-dhcp"), 1);
	free(whole);
}

static void
refuses_a_release_whose_bytes_are_others(void **state)
{
	struct tf_release r = tf_release("dns-dhcp", "1", "image one");
	char path[STORE_PATH], *whole;

	(void)state;
	store_path(&r.image, path);
	whole = mem_printf("store/%s", path);
	TF_OK(file_write_at(scratch.fd, whole, "image two", 9, 0444, &tf.err));
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, refusal_cause), "not-trusted");
	assert_int_equal(tf_findings(), 0);
	free(whole);
}

static void
refuses_what_the_verdict_record_does_not_name(void **state)
{
	struct tf_release a = tf_release("dns-dhcp", "1", "image one");
	struct tf_release b = tf_release("ntp", "1", "image two");
	char sql[512], x[HASH_HEX], y[HASH_HEX];

	(void)state;
	/* farm.db says the release belongs to another plan, reproduced too */
	hash_hex(&a.digest, x);
	hash_hex(&b.plan, y);
	snprintf(sql, sizeof(sql),
	    "UPDATE release SET plan = '%s' WHERE digest = '%s'", y, x);
	exec_farm(sql);
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, "SELECT cause FROM refusal"
						" WHERE service = 'dns-dhcp'"),
	    "not-trusted");
}

static void
refuses_a_service_that_is_not_delegated(void **state)
{
	(void)state;
	tf_release("web", "1", "image one");
	TF_OK(tf_pass());
	assert_string_equal(
	    tf_text(tf.repo.db, refusal_cause), "not-delegated");
	assert_string_equal(tf_text(tf.repo.db, "SELECT text FROM refusal"),
	    "service web is not delegated; run kiln-tuf delegate --service"
	    " web");
}

static void
a_bad_new_release_leaves_the_good_old_one(void **state)
{
	struct tf_release old = tf_release("dns-dhcp", "1", "image one");

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	tf_release("dns-dhcp", "2", "image two");
	exec_farm("UPDATE plan SET verdict = 'differs'"
		  " WHERE made_at = 1 AND recipe = 'dns-dhcp' AND digest IN"
		  " (SELECT plan FROM release WHERE made_at = 3)");
	TF_OK(tf_pass());
	auto_json json_t *set = newest_set();
	assert_image(set, 0, &old.image);
	assert_int_equal(version_of("svc-dns-dhcp"), 2);
}

static void
going_back_to_an_older_plan_goes_back_to_its_image(void **state)
{
	struct tf_release one = tf_release("dns-dhcp", "1", "image one");
	char sql[512], hex[HASH_HEX];

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	tf_release("dns-dhcp", "2", "image two");
	TF_OK(tf_pass());
	hash_hex(&one.plan, hex);
	snprintf(sql, sizeof(sql),
	    "UPDATE current SET plan = '%s' WHERE recipe = 'dns-dhcp'", hex);
	exec_farm(sql);
	TF_OK(tf_pass());
	auto_json json_t *set = newest_set();
	assert_image(set, 0, &one.image);
	assert_int_equal(
	    json_integer_value(json_object_get(set, "counter")), 3);
	assert_int_equal(version_of("svc-dns-dhcp"), 3);
}

static void
a_withdrawn_release_never_comes_back(void **state)
{
	struct tf_release one, two;

	(void)state;
	one = tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass()); /* serial 2 */
	TF_OK(db_exec(tf.repo.db,
	    "INSERT INTO withdrawal(service, min_serial, at, reason)"
	    " VALUES ('dns-dhcp', 3, 1, 'test')",
	    &tf.err));
	TF_OK(tf_pass());
	assert_string_equal(tf_text(tf.repo.db, refusal_cause), "withdrawn");
	assert_string_equal(tf_text(tf.repo.db, "SELECT text FROM set_waiting"),
	    "all releases of dns-dhcp are withdrawn");
	/* no set any more: it named what is gone */
	auto_tuf struct tuf_file *edge = NULL;
	TF_OK(role_load_newest(tf.repo.db, "sets-edge", &edge, &tf.err));
	assert_int_equal(edge->ntargets, 0);
	assert_int_equal(tf_findings(), 0);
	/* the same bytes under another name */
	tf_release("dns-dhcp", "1.1", "image one");
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, "SELECT count(*) FROM refusal"
					    " WHERE cause = 'withdrawn'"),
	    2);
	two = tf_release("dns-dhcp", "2", "image two");
	TF_OK(tf_pass());
	auto_json json_t *set = newest_set();
	assert_image(set, 0, &two.image);
	auto_tuf struct tuf_file *f = NULL;
	TF_OK(role_load_newest(tf.repo.db, "svc-dns-dhcp", &f, &tf.err));
	assert_int_equal(f->ntargets, 1);
	assert_true(hash_equal(&f->targets[0].sha256, &two.image));
	assert_false(hash_equal(&f->targets[0].sha256, &one.image));
	assert_int_equal(tf_findings(), 0);
}

static void
a_timestamp_is_signed_daily_and_a_snapshot_before_it_ends(void **state)
{
	int64_t timestamps = 1, snapshots;

	(void)state;
	TF_OK(tf_pass());
	snapshots = version_of("snapshot");
	for (int day = 1; day <= 30; day++) {
		tf.repo.now = tf.start + DAYS(day) + day;
		TF_OK(tf_pass());
		assert_int_equal(version_of("timestamp"), ++timestamps);
		assert_int_equal(tf_findings(), 0);
	}
	assert_in_range(version_of("snapshot"), snapshots + 3, snapshots + 5);
}

static void
online_roles_are_signed_again_before_they_end(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	tf.repo.now = tf.start + DAYS(310);
	TF_OK(tf_pass());
	assert_int_equal(version_of("svc-dns-dhcp"), 2);
	assert_int_equal(version_of("transport"), 2);
	assert_int_equal(tf_findings(), 0);
}

static int64_t
alarms(const char *role)
{
	auto_free char *sql = mem_printf("SELECT count(*) FROM event WHERE"
					 " kind = 'alarm' AND subject = '%s'",
	    role);
	auto_db struct db *db = NULL;
	auto_free char *path = tf_path("tuf.db");

	db = db_open_reader(path, &tf.err);
	assert_non_null(db);
	return tf_int(db, sql);
}

static void
tuf_6_5_4_what_ends_soon_is_told_once_a_day(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	assert_int_equal(alarms("targets"), 0);
	tf.repo.now += 310 * 86400; /* of a year */
	TF_OK(tf_pass());
	assert_int_equal(alarms("targets"), 1);
	assert_int_equal(alarms("sets-stable"), 1);
	/* two years; and the farm's own, which the pass has signed again */
	assert_int_equal(alarms("root"), 0);
	assert_int_equal(alarms("timestamp"), 0);
	assert_int_equal(alarms("svc-ntp"), 0);
	TF_OK(tf_pass());
	assert_int_equal(alarms("targets"), 1);
	tf.repo.now += 86400;
	TF_OK(tf_pass());
	assert_int_equal(alarms("targets"), 2);
	/* a pass that fails tells it, too: the signer is gone */
	tf.repo.now += 86400;
	close(tf.repo.signer);
	tf.repo.signer = -1;
	assert_int_equal(tf_pass(), -1);
	assert_int_equal(alarms("targets"), 3);
	err_clear(&tf.err);
}

static void
an_unsigned_proposal_is_signed_by_the_next_pass(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	tf_release("dns-dhcp", "1", "image one");
	close(tf.repo.signer);
	waitpid(tf.signer, NULL, 0);
	tf.repo.signer = -1;
	assert_int_equal(tf_pass(), -1);
	assert_int_equal(tf_findings(), 0);
	tf_signer_start();
	TF_OK(tf_pass());
	assert_int_equal(version_of("svc-dns-dhcp"), 2);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM role WHERE file IS NULL"),
	    0);
	assert_int_equal(tf_findings(), 0);
}

static void
served_cycle_follows_the_finished_one(void **state)
{
	(void)state;
	exec_farm("INSERT INTO cycle(id, started_at, finished_at)"
		  " VALUES (7, 1, 2), (8, 3, NULL)");
	TF_OK(tf_pass());
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT cycle FROM served_cycle"), 7);
}

static int
setup_quorum(void **state)
{
	return tf_setup_with(state, false);
}

static void
real_farms_need_two_of_three_keys(void **state)
{
	auto_tuf struct tuf_file *root = NULL;

	(void)state;
	TF_OK(tf_pass());
	TF_OK(role_load_newest(tf.repo.db, "root", &root, &tf.err));
	assert_int_equal(root->nsignatures, 3);
	assert_int_equal(tuf_role_find(root, "root")->threshold, 2);
	assert_int_equal(tuf_role_find(root, "targets")->threshold, 2);
	assert_int_equal(tf_findings(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_pass_publishes_an_empty_tree_that_is_whole),
		TEST(a_pass_with_nothing_to_do_writes_nothing),
		TEST(a_release_is_listed_and_a_set_is_made_once_it_is_whole),
		TEST(a_set_waits_for_what_a_service_needs),
		TEST(an_equal_set_is_not_made_again),
		TEST(refuses_what_was_not_reproduced),
		TEST(refuses_a_release_whose_bytes_are_missing),
		TEST(refuses_a_release_whose_bytes_are_others),
		TEST(refuses_what_the_verdict_record_does_not_name),
		TEST(refuses_a_service_that_is_not_delegated),
		TEST(a_bad_new_release_leaves_the_good_old_one),
		TEST(going_back_to_an_older_plan_goes_back_to_its_image),
		TEST(a_withdrawn_release_never_comes_back),
		TEST(a_timestamp_is_signed_daily_and_a_snapshot_before_it_ends),
		TEST(online_roles_are_signed_again_before_they_end),
		TEST(tuf_6_5_4_what_ends_soon_is_told_once_a_day),
		TEST(an_unsigned_proposal_is_signed_by_the_next_pass),
		TEST(served_cycle_follows_the_finished_one),
		cmocka_unit_test_setup_teardown(
		    real_farms_need_two_of_three_keys, setup_quorum,
		    tf_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
