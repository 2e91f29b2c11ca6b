/* rooms: tuf-repo */
/* Hash bins of the transport role: their geometry, and a farm that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf_ceremony.h"
#include "tests/support/tuf_farm.h"
#include "tests/support/tuf_forms.h"
#include "tuf-repo/bins.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/publish.h"
#include "tuf-repo/transport.h"

/* --- geometry --------------------------------------------------------------
 */

/* A targets file that delegates to so many bins. */
static struct tuf_file *
delegating(size_t bins)
{
	struct tuf_file by = { .nroles = 0 };
	auto_json json_t *d = bins_delegations(bins, &by, "transport");
	auto_json json_t *part = meta_signed("transport", 1, 4102444800);
	auto_buf struct buf bytes = BUF_INIT, file = BUF_INIT;
	struct tuf_file *f;

	js_set(part, "targets", json_object());
	json_object_set(part, "delegations", d);
	assert_int_equal(canon_json(part, &bytes, &tf.err), 0);
	assert_int_equal(
	    meta_file(bytes.data, bytes.len, NULL, 0, &file, &tf.err), 0);
	f = tuf_read(TUF_TARGETS, "transport", file.data, file.len, &tf.err);
	if (!f)
		fail_msg("%s", tf.err.msg);
	return f;
}

static void
tuf_6_9_2_every_path_is_in_one_bin_and_in_the_one_it_was_put(void **state)
{
	(void)state;
	for (size_t bins = BINS_MIN; bins <= BINS_MAX; bins *= 2) {
		auto_tuf struct tuf_file *f = delegating(bins);

		assert_int_equal(f->nroles, bins);
		for (int i = 0; i < 1000; i++) {
			char path[64], name[BIN_NAME];
			size_t covering = 0;

			snprintf(path, sizeof(path), "transport/x/%d.zst", i);
			bin_name(bins, bin_of(bins, path), name);
			for (size_t k = 0; k < f->nroles; k++)
				covering += tuf_role_covers(&f->roles[k], path);
			assert_int_equal(covering, 1);
			assert_true(
			    tuf_role_covers(tuf_role_find(f, name), path));
		}
	}
}

static void
names_of_bins_stay_when_they_are_halved(void **state)
{
	(void)state;
	for (size_t bins = BINS_MIN; bins < BINS_MAX; bins *= 2) {
		auto_tuf struct tuf_file *few = delegating(bins);
		auto_tuf struct tuf_file *many = delegating(2 * bins);

		for (size_t i = 0; i < few->nroles; i++) {
			assert_non_null(
			    tuf_role_find(many, few->roles[i].name));
			assert_true(role_is_bin(few->roles[i].name));
		}
	}
}

static void
bins_are_as_many_as_make_a_router_fetch_least(void **state)
{
	(void)state;
	assert_int_equal(bins_for(0), 0);
	assert_int_equal(bins_for(BINS_PLAIN), 0);
	assert_int_equal(bins_for(BINS_PLAIN + 1), 32);
	assert_int_equal(bins_for(1000), 64);
	assert_int_equal(bins_for(10000), 256);
	assert_int_equal(bins_for(100000), 512);
	assert_int_equal(bins_for(10000000), BINS_MAX);
}

static void
other_names_are_no_bins(void **state)
{
	(void)state;
	assert_true(role_is_bin("transport-0a0"));
	assert_false(role_is_bin("transport-0a"));
	assert_false(role_is_bin("transport-0a00"));
	assert_false(role_is_bin("transport-0A0"));
	assert_false(role_is_bin("transport-0a/"));
	assert_false(role_is_bin("transport"));
	assert_null(rule_of("transport-x"));
	assert_string_equal(role_parent("transport-0a0"), "transport");
	assert_string_equal(role_parent("transport"), "targets");
	assert_string_equal(role_parent("snapshot"), "root");
}

/* --- a farm ------------------------------------------------------------------
 */

static struct tuf_file *
newest(const char *role)
{
	struct tuf_file *f;

	TF_OK(role_load_newest(tf.repo.db, role, &f, &tf.err));
	return f;
}

static size_t
published_bins(void)
{
	auto_tuf struct tuf_file *f = newest("snapshot");
	size_t n = 0;

	for (size_t i = 0; i < f->nmeta; i++)
		n += strncmp(f->meta[i].name, "transport-", 10) == 0;
	return n;
}

static int64_t
listed_transport(void)
{
	auto_tuf struct tuf_file *f = newest("snapshot");

	return tuf_meta_find(f, "transport.json")->version;
}

static int64_t
highest_bin(void)
{
	return tf_int(tf.repo.db, "SELECT max(version) FROM role WHERE name"
				  " GLOB 'transport-*'");
}

static void
a_short_list_has_no_bins(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, BINS_PLAIN, &tf.err));
	TF_OK(tf_pass());
	auto_tuf struct tuf_file *f = newest("transport");
	assert_int_equal(f->ntargets, BINS_PLAIN);
	assert_int_equal(published_bins(), 0);
	assert_int_equal(tf_findings(), 0);
}

static void
tuf_6_9_1_a_long_list_goes_into_bins_where_clients_find_it(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 300, &tf.err));
	TF_OK(tf_pass());
	auto_tuf struct tuf_file *f = newest("transport");
	assert_int_equal(f->ntargets, 0);
	assert_int_equal(f->nroles, 32);
	assert_int_equal(published_bins(), 32);
	/* the check looks for each target as a client does */
	assert_int_equal(tf_findings(), 0);
	/* nothing new: nothing is signed */
	TF_OK(tf_pass());
	assert_int_equal(highest_bin(), 1);

	/* one more: one bin changes, and transport itself does not */
	TF_OK(forms_add(&tf.repo, 300, 1, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(highest_bin(), 2);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM role WHERE version = 2"
			       " AND name GLOB 'transport-*'"),
	    1);
	assert_int_equal(listed_transport(), f->version);
	assert_int_equal(tf_findings(), 0);
}

static void
tuf_6_4_3_bins_become_more_and_never_fewer(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 300, &tf.err));
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 300, 600, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(published_bins(), 64);
	assert_int_equal(tf_findings(), 0);
	/* most of them go: the bins stay, and snapshot's entries with them */
	TF_OK(db_exec(tf.repo.db, "DELETE FROM transport WHERE rowid % 100 > 0",
	    &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(published_bins(), 64);
	assert_int_equal(tf_findings(), 0);
}

static void
bins_are_signed_again_before_they_end(void **state)
{
	int64_t until;

	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 300, &tf.err));
	TF_OK(tf_pass());
	until = tf_int(tf.repo.db, "SELECT min(expires) FROM role"
				   " WHERE name GLOB 'transport-*'");
	tf.repo.now = until - 59 * DAY;
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(tf_int(tf.repo.db,
			     "SELECT count(DISTINCT name) FROM role"
			     " WHERE name GLOB 'transport-*' AND version = 2"),
	    32);
}

/* Half of the bins are signed, then whoever did it was killed. */
static void
bins_are_published_together_or_not_at_all(void **state)
{
	bool complete, switched;
	int64_t before;

	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 300, &tf.err));
	TF_OK(tf_pass());
	before = listed_transport();
	TF_OK(forms_add(&tf.repo, 300, 600, &tf.err));
	TF_OK(transport_propose(&tf.repo, &tf.err));
	TF_OK(collect_sign(
	    &tf.repo, "transport", before + 1, &complete, &tf.err));
	assert_true(complete);
	for (size_t i = 0; i < 20; i++) {
		char name[BIN_NAME];

		bin_name(64, i, name);
		TF_OK(collect_sign(
		    &tf.repo, name, i % 2 ? 1 : 2, &complete, &tf.err));
		assert_true(complete);
	}
	/* what cannot wait, a brake for one, is published all the same */
	TF_OK(publish_snapshot(&tf.repo, &tf.err));
	TF_OK(publish_timestamp(&tf.repo, true, &tf.err));
	TF_OK(publish_switch(&tf.repo, &switched, &tf.err));
	assert_true(switched);
	assert_int_equal(listed_transport(), before);
	assert_int_equal(published_bins(), 32);
	assert_int_equal(tf_findings(), 0);
	/* and the next run finishes */
	TF_OK(tf_pass());
	assert_int_equal(listed_transport(), before + 1);
	assert_int_equal(published_bins(), 64);
	assert_int_equal(tf_findings(), 0);
}

/* A new key of transport is one of its bins as well, at once. */
static void
tuf_6_8_1_bins_follow_their_role_to_a_new_key(void **state)
{
	static const char *const by[] = { "targets-1" };
	auto_json json_t *part = NULL;
	struct sig_public next;
	uid_t uid = role_walls() ? role_uid(ROLE_SIGNER) : (uid_t)-1;
	gid_t gid = role_walls() ? role_gid(ROLE_SIGNER) : (gid_t)-1;

	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 150, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(highest_bin(), 1);
	TF_OK(
	    key_make(tf.online, "transport-2", NULL, uid, gid, &next, &tf.err));
	part = next_of("targets");
	{
		json_t *keys = json_object_get(
		    json_object_get(part, "delegations"), "keys");
		auto_json json_t *signers = meta_keyids(&next, 1, 1, keys);

		json_object_update(delegation(part, "transport"), signers);
	}
	TF_OK(give("targets", part, by, 1));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(published_bins(), 32);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(DISTINCT name) FROM role"
			       " WHERE name GLOB 'transport-*' AND version = 2"
			       " AND published_at IS NOT NULL"),
	    32);
}

/* What a mistake in the publisher could sign: a prefix that no bin has, or
 * that two have. */
static void
bend(bool twice)
{
	auto_tuf struct tuf_file *f = newest("transport");
	auto_json json_t *part = json_deep_copy(f->signed_json);
	const json_t *roles =
	    json_object_get(json_object_get(part, "delegations"), "roles");
	json_t *one =
	    json_object_get(json_array_get(roles, 3), "path_hash_prefixes");
	json_t *two =
	    json_object_get(json_array_get(roles, 4), "path_hash_prefixes");
	bool complete, switched;

	if (twice)
		json_array_append(two, json_array_get(one, 0));
	else
		json_array_remove(one, 0);
	js_set_int(part, "version", f->version + 1);
	TF_OK(collect_propose(&tf.repo, "transport", part, &tf.err));
	TF_OK(collect_sign(
	    &tf.repo, "transport", f->version + 1, &complete, &tf.err));
	assert_true(complete);
	TF_OK(publish_snapshot(&tf.repo, &tf.err));
	TF_OK(publish_timestamp(&tf.repo, true, &tf.err));
	assert_int_equal(publish_switch(&tf.repo, &switched, &tf.err), -1);
	assert_non_null(
	    strstr(tf.err.msg, "do not cover every path exactly once"));
	err_clear(&tf.err);
	/* clients see the old tree, and the next run mends it */
	assert_int_equal(tf_findings(), 0);
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
}

static void
tuf_6_9_2_bins_with_a_gap_or_an_overlap_are_not_published(void **state)
{
	(void)state;
	TF_OK(tf_pass());
	TF_OK(forms_add(&tf.repo, 0, 150, &tf.err));
	TF_OK(tf_pass());
	bend(false);
	bend(true);
}

#define FARM(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    tuf_6_9_2_every_path_is_in_one_bin_and_in_the_one_it_was_put),
		cmocka_unit_test(names_of_bins_stay_when_they_are_halved),
		cmocka_unit_test(bins_are_as_many_as_make_a_router_fetch_least),
		cmocka_unit_test(other_names_are_no_bins),
		FARM(a_short_list_has_no_bins),
		FARM(
		    tuf_6_9_1_a_long_list_goes_into_bins_where_clients_find_it),
		FARM(tuf_6_4_3_bins_become_more_and_never_fewer),
		FARM(bins_are_signed_again_before_they_end),
		FARM(tuf_6_9_2_bins_with_a_gap_or_an_overlap_are_not_published),
		FARM(tuf_6_8_1_bins_follow_their_role_to_a_new_key),
		FARM(bins_are_published_together_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
