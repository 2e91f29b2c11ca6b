/* rooms: tests/support/tuf */
/* TUF section 5, by the numbers of the specification, and the T rows of the
 * fault table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/tuf/tufclient.h"

static void
tuf_5_a_good_repository_is_accepted(void **state)
{
	struct repo *r = *state;

	everything_stands(r);
	assert_int_equal(tuf_root(r->t)->version, 1);
	assert_int_equal(tuf_timestamp(r->t)->version, 1);
	assert_int_equal(tuf_snapshot(r->t)->version, 1);
	assert_int_equal(tuf_role(r->t, "targets")->version, 1);
	assert_null(tuf_role(r->t, "other"));
}

/* The wall clock has no say: these run in the 2020s, the files do not. */
static void
tuf_5_1_every_expiry_is_judged_by_the_one_time_given(void **state)
{
	static const struct {
		const char *expires;
		int64_t good, late; /* the same second is late */
	} at[] = { { "2001-09-09T01:46:40Z", 999999999, 1000000000 },
		{ "2099-01-01T00:00:00Z", 4070908799, 4070908800 } };
	struct repo *r = *state;
	json_t *all[] = { r->root, r->timestamp, r->snapshot, r->targets };

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			js_set_str(all[k], "expires", at[i].expires);
		tuf_trust_free(r->t);
		r->t = tuf_trust_new(at[i].good);
		everything_stands(r);
		tuf_trust_free(r->t);
		r->t = tuf_trust_new(at[i].late);
		ok(r, trust_root(r));
		refused(r, tuf_root_done(r->t, &r->err), "freeze");
	}
}

static void
tuf_5_2_the_shipped_root_may_be_expired_but_must_be_signed(void **state)
{
	struct repo *r = *state;

	js_set_str(r->root, "expires", PAST);
	tufmake_sign(r->root, &keys[KTS], 1, &r->b);
	refused(
	    r, tuf_trust_root(r->t, r->b.data, r->b.len, &r->err), "threshold");
	ok(r, trust_root(r));
	refused(r, tuf_root_done(r->t, &r->err), "freeze");
}

static void
tuf_5_3_5_root_version_must_be_exactly_next(void **state)
{
	struct repo *r = *state;
	static const int64_t bad[] = { 1, 3, JS_INT_MAX };

	ok(r, trust_root(r));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		js_set_int(r->root, "version", bad[i]);
		refused(r, give_root(r, KROOT, 1), "root chain");
	}
	js_set_int(r->root, "version", 2);
	ok(r, give_root(r, KROOT, 1));
	js_set_int(r->root, "version", 1);
	refused(r, give_root(r, KROOT, 1), "rollback");
	assert_int_equal(tuf_root(r->t)->version, 2);
}

static void
tuf_5_3_4_root_needs_the_old_and_the_new_threshold(void **state)
{
	struct repo *r = *state;

	ok(r, trust_root(r));
	js_set_int(r->root, "version", 2);
	tufmake_root_role(r->root, "root", &keys[KA], 2, 2);
	refused(r, give_root(r, KA, 2), "by the keys of root 1");
	refused(r, give_root(r, KROOT, 1), "by its own keys");
	{
		struct tufmake_key both[3] = { keys[KROOT], keys[KA],
			keys[KB] };

		tufmake_sign(r->root, both, 2, &r->b);
		refused(r, tuf_accept_root(r->t, r->b.data, r->b.len, &r->err),
		    "1 of 2");
		tufmake_sign(r->root, both, 3, &r->b);
		ok(r, tuf_accept_root(r->t, r->b.data, r->b.len, &r->err));
	}
	/* T7: the rotated key is worth nothing now. */
	js_set_int(r->root, "version", 3);
	refused(r, give_root(r, KROOT, 1), "threshold");
}

static void
tuf_5_3_6_an_expired_root_in_the_chain_is_fine(void **state)
{
	struct repo *r = *state;

	ok(r, trust_root(r));
	js_set_int(r->root, "version", 2);
	js_set_str(r->root, "expires", PAST);
	ok(r, give_root(r, KROOT, 1));
	js_set_int(r->root, "version", 3);
	js_set_str(r->root, "expires", TUFMAKE_EXPIRES);
	ok(r, give_root(r, KROOT, 1));
	ok(r, tuf_root_done(r->t, &r->err));
}

static void
tuf_5_3_10_the_last_root_must_not_be_expired(void **state)
{
	struct repo *r = *state;

	ok(r, trust_root(r));
	js_set_int(r->root, "version", 2);
	js_set_str(r->root, "expires", PAST);
	ok(r, give_root(r, KROOT, 1));
	refused(r, tuf_root_done(r->t, &r->err), "freeze");
}

static void
tuf_5_3_11_taking_a_key_away_is_a_rotation_adding_one_is_not(void **state)
{
	struct repo *r = *state;

	ok(r, trust_root(r));
	js_set_int(r->root, "version", 2);
	tufmake_root_role(r->root, "timestamp", &keys[KTS], 2, 1);
	ok(r, give_root(r, KROOT, 1));
	assert_false(tuf_rotated(r->t));
	js_set_int(r->root, "version", 3);
	tufmake_root_role(r->root, "timestamp", &keys[KTS], 1, 1);
	ok(r, give_root(r, KROOT, 1));
	assert_true(tuf_rotated(r->t));
}

static void
tuf_5_4_2_timestamp_needs_its_own_keys(void **state)
{
	struct repo *r = *state;
	bool kept;

	root_stands(r);
	tufmake_sign(r->timestamp, &keys[KSN], 1, &r->b);
	refused(r,
	    tuf_accept_timestamp(
		r->t, r->b.data, r->b.len, false, &kept, &r->err),
	    "threshold");
	assert_null(tuf_timestamp(r->t));
}

static void
tuf_5_4_3_1_older_timestamp_is_refused(void **state)
{
	struct repo *r = *state;
	bool kept;

	js_set_int(r->timestamp, "version", 5);
	timestamp_stands(r);
	js_set_int(r->timestamp, "version", 4);
	refused(r, give_timestamp(r, false, &kept), "rollback");
	assert_int_equal(tuf_timestamp(r->t)->version, 5);
}

static void
tuf_5_4_3_2_equal_timestamp_keeps_the_old_one(void **state)
{
	struct repo *r = *state;
	bool kept;

	timestamp_stands(r);
	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(1, 100, NULL);
	ok(r, give_timestamp(r, false, &kept));
	assert_true(kept);
	assert_int_equal(
	    tuf_meta_find(tuf_timestamp(r->t), "snapshot.json")->version, 1);
}

static void
tuf_5_4_3_3_timestamp_must_not_list_an_older_snapshot(void **state)
{
	struct repo *r = *state;
	bool kept;

	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(1, 7, NULL);
	timestamp_stands(r);
	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(2, 6, NULL);
	refused(r, give_timestamp(r, false, &kept), "rollback");
}

static void
tuf_5_4_4_expired_timestamp_is_refused_and_not_kept(void **state)
{
	struct repo *r = *state;
	bool kept;

	root_stands(r);
	js_set_str(r->timestamp, "expires", PAST);
	refused(r, give_timestamp(r, false, &kept), "freeze");
	assert_null(tuf_timestamp(r->t));
	js_set_str(r->timestamp, "expires", TUFMAKE_EXPIRES);
	ok(r, give_timestamp(r, false, &kept));
}

static void
tuf_5_4_4_expiry_in_this_second_is_expired(void **state)
{
	struct repo *r = *state;
	char at[TIME_TEXT];
	bool kept;

	root_stands(r);
	time_text(NOW, at);
	js_set_str(r->timestamp, "expires", at);
	refused(r, give_timestamp(r, false, &kept), "freeze");
	time_text(NOW + 1, at);
	js_set_str(r->timestamp, "expires", at);
	ok(r, give_timestamp(r, false, &kept));
}

static void
tuf_5_4_3_1_stored_expired_timestamp_still_gives_the_floor(void **state)
{
	struct repo *r = *state;
	bool kept;

	root_stands(r);
	js_set_int(r->timestamp, "version", 5);
	js_set_str(r->timestamp, "expires", PAST);
	ok(r, give_timestamp(r, true, &kept));
	assert_null(tuf_timestamp(r->t)); /* a floor, no more */
	js_set_int(r->timestamp, "version", 4);
	js_set_str(r->timestamp, "expires", TUFMAKE_EXPIRES);
	refused(r, give_timestamp(r, false, &kept), "rollback");
	/* The same one again does not make it young. */
	js_set_int(r->timestamp, "version", 5);
	refused(r, give_timestamp(r, false, &kept), "freeze");
	js_set_int(r->timestamp, "version", 6);
	ok(r, give_timestamp(r, false, &kept));
	assert_false(kept);
}

static void
tuf_5_5_2_snapshot_bytes_must_be_the_listed_ones(void **state)
{
	struct repo *r = *state;
	auto_buf struct buf good = BUF_INIT;
	bool final;

	tufmake_sign(r->snapshot, &keys[KSN], 1, &good);
	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(1, 1, &good);
	timestamp_stands(r);
	/* The same version, other bytes (T1). */
	js_set_str(r->snapshot, "x", "y");
	refused(r, give_snapshot(r, false, &final), "wrong bytes");
	json_object_del(r->snapshot, "x");
	js_set_str(r->snapshot, "expires", "2036-01-01T00:00:00Z");
	refused(r, give_snapshot(r, false, &final), "SHA-256");
	ok(r, tuf_accept_snapshot(
		  r->t, good.data, good.len, false, &final, &r->err));
}

static void
tuf_5_5_3_snapshot_needs_its_own_keys(void **state)
{
	struct repo *r = *state;
	bool final;

	timestamp_stands(r);
	tufmake_sign(r->snapshot, &keys[KTS], 1, &r->b);
	refused(r,
	    tuf_accept_snapshot(
		r->t, r->b.data, r->b.len, false, &final, &r->err),
	    "threshold");
}

static void
tuf_5_5_4_snapshot_version_must_be_timestamps(void **state)
{
	struct repo *r = *state;
	bool final;

	timestamp_stands(r);
	js_set_int(r->snapshot, "version", 2);
	refused(r, give_snapshot(r, false, &final), "mix-and-match");
}

static void
tuf_5_5_5_1_snapshot_must_not_drop_a_role(void **state)
{
	struct repo *r = *state;
	bool final, kept;

	tufmake_snapshot_add(r->snapshot, "svc-a", 1, NULL);
	snapshot_stands(r);
	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(2, 2, NULL);
	ok(r, give_timestamp(r, false, &kept));
	js_set_int(r->snapshot, "version", 2);
	json_object_del(json_object_get(r->snapshot, "meta"), "svc-a.json");
	refused(r, give_snapshot(r, false, &final), "no longer lists");
	assert_null(tuf_snapshot(r->t));
}

static void
tuf_5_5_5_2_a_role_in_snapshot_must_not_go_back(void **state)
{
	struct repo *r = *state;
	bool final;

	timestamp_stands(r);
	tufmake_snapshot_add(r->snapshot, "svc-a", 4, NULL);
	/* From our own disk, and old: no more than a floor. */
	js_set_int(r->snapshot, "version", 3);
	js_set_str(r->snapshot, "expires", PAST);
	ok(r, give_snapshot(r, true, &final));
	assert_false(final);
	js_set_int(r->snapshot, "version", 1);
	js_set_str(r->snapshot, "expires", TUFMAKE_EXPIRES);
	tufmake_snapshot_add(r->snapshot, "svc-a", 3, NULL);
	refused(r, give_snapshot(r, false, &final), "rollback");
	tufmake_snapshot_add(r->snapshot, "svc-a", 5, NULL);
	ok(r, give_snapshot(r, false, &final));
}

static void
tuf_5_5_6_expired_snapshot_is_refused(void **state)
{
	struct repo *r = *state;
	bool final;

	timestamp_stands(r);
	js_set_str(r->snapshot, "expires", PAST);
	refused(r, give_snapshot(r, false, &final), "freeze");
	assert_null(tuf_snapshot(r->t));
}

static void
tuf_5_5_8_stored_snapshot_is_final_only_as_listed(void **state)
{
	struct repo *r = *state;
	auto_buf struct buf good = BUF_INIT;
	bool final;

	tufmake_sign(r->snapshot, &keys[KSN], 1, &good);
	json_decref(r->timestamp);
	r->timestamp = tufmake_timestamp(1, 1, &good);
	timestamp_stands(r);
	js_set_str(r->snapshot, "x", "other bytes, same version");
	ok(r, give_snapshot(r, true, &final));
	assert_false(final);
	json_object_del(r->snapshot, "x");
	ok(r, give_snapshot(r, true, &final));
	assert_true(final);
	assert_non_null(tuf_snapshot(r->t));
}

static void
tuf_5_6_1_a_role_must_be_listed_in_snapshot(void **state)
{
	struct repo *r = *state;

	snapshot_stands(r);
	tufmake_sign(r->targets, &keys[KTG], 1, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "other", "root", r->b.data, r->b.len, &r->err),
	    "does not list");
	ok(r, give_targets(r));
}

static void
tuf_5_6_3_targets_need_their_delegators_keys(void **state)
{
	struct repo *r = *state;

	snapshot_stands(r);
	tufmake_sign(r->targets, &keys[KTS], 1, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "targets", "root", r->b.data, r->b.len, &r->err),
	    "threshold");
	ok(r, give_targets(r));
}

static void
tuf_5_6_4_targets_version_must_be_snapshots(void **state)
{
	struct repo *r = *state;

	snapshot_stands(r);
	js_set_int(r->targets, "version", 2);
	refused(r, give_targets(r), "mix-and-match");
	js_set_int(r->targets, "version", 1);
	ok(r, give_targets(r));
}

static void
tuf_5_6_5_expired_targets_are_refused(void **state)
{
	struct repo *r = *state;

	snapshot_stands(r);
	js_set_str(r->targets, "expires", PAST);
	refused(r, give_targets(r), "freeze");
	js_set_str(r->targets, "expires", TUFMAKE_EXPIRES);
	ok(r, give_targets(r));
}

static void
tuf_5_6_2_targets_hash_is_checked(void **state)
{
	struct repo *r = *state;

	tufmake_sign(r->targets, &keys[KTG], 1, &r->b);
	tufmake_snapshot_add(r->snapshot, "targets", 1, &r->b);
	snapshot_stands(r);
	js_set_str(r->targets, "expires", "2036-01-01T00:00:00Z");
	refused(r, give_targets(r), "wrong bytes");
}

/* Of timestamp, of snapshot, and of neither. */
static void
tuf_5_3_11_a_key_of_either_role_taken_away_is_told(void **state)
{
	static const char *const roles[] = { "timestamp", "snapshot",
		"targets" };
	struct repo *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		auto_json json_t *first = json_deep_copy(r->root);

		tuf_trust_free(r->t);
		r->t = tuf_trust_new(NOW);
		ok(r, trust_root(r));
		assert_false(tuf_rotated(r->t));
		js_set_int(r->root, "version", 2);
		tufmake_root_role(r->root, roles[i], &keys[KA], 1, 1);
		ok(r, give_root(r, KROOT, 1));
		assert_int_equal(tuf_rotated(r->t), i < 2);
		json_decref(r->root);
		r->root = json_incref(first);
	}
}

static void
tuf_5_3_11_t2_fast_forward_is_undone_by_new_keys(void **state)
{
	struct repo *r = *state;
	struct tuf_trust *next;
	bool kept;

	root_stands(r);
	js_set_int(r->timestamp, "version", INT64_MAX);
	refused(r, give_timestamp(r, false, &kept), "2^53");
	js_set_int(r->timestamp, "version", JS_INT_MAX);
	ok(r, give_timestamp(r, false, &kept));

	/* The next run: root takes the stolen key away. */
	next = tuf_trust_new(NOW);
	tuf_trust_free(r->t);
	r->t = next;
	ok(r, trust_root(r));
	js_set_int(r->root, "version", 2);
	tufmake_root_role(r->root, "timestamp", &keys[KA], 1, 1);
	ok(r, give_root(r, KROOT, 1));
	assert_true(tuf_rotated(r->t));
	ok(r, tuf_root_done(r->t, &r->err));
	refused(r, give_timestamp(r, true, &kept), "threshold");
	js_set_int(r->timestamp, "version", 2);
	tufmake_sign(r->timestamp, &keys[KA], 1, &r->b);
	ok(r, tuf_accept_timestamp(
		  r->t, r->b.data, r->b.len, false, &kept, &r->err));
}

static void
tuf_5_7_2_all_listed_hashes_and_the_length_must_match(void **state)
{
	struct tuf_target t = { .path = (char *)"x", .length = 5 };
	struct err err = ERR_INIT;
	struct hash h, other;
	uint8_t h512[64];

	(void)state;
	hash_bytes(&h, "hello", 5);
	hash_bytes(&other, "hellO", 5);
	hash512_bytes(h512, "hello", 5);
	/* No hash that we know: nothing was promised. */
	assert_int_equal(tuf_target_check(&t, 5, &h, h512, &err), -1);
	t.sha256 = h;
	t.has_sha256 = true;
	assert_int_equal(tuf_target_check(&t, 5, &h, NULL, &err), 0);
	assert_int_equal(tuf_target_check(&t, 4, &h, NULL, &err), -1);
	assert_int_equal(tuf_target_check(&t, 5, &other, NULL, &err), -1);
	memcpy(t.sha512, h512, 64);
	t.has_sha512 = true;
	assert_int_equal(tuf_target_check(&t, 5, &h, NULL, &err), -1);
	assert_int_equal(tuf_target_check(&t, 5, &h, h512, &err), 0);
	h512[0] ^= 1;
	assert_int_equal(tuf_target_check(&t, 5, &h, h512, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_a_good_repository_is_accepted),
		T(tuf_5_1_every_expiry_is_judged_by_the_one_time_given),
		T(tuf_5_2_the_shipped_root_may_be_expired_but_must_be_signed),
		T(tuf_5_3_5_root_version_must_be_exactly_next),
		T(tuf_5_3_4_root_needs_the_old_and_the_new_threshold),
		T(tuf_5_3_6_an_expired_root_in_the_chain_is_fine),
		T(tuf_5_3_10_the_last_root_must_not_be_expired),
		T(tuf_5_3_11_taking_a_key_away_is_a_rotation_adding_one_is_not),
		T(tuf_5_4_2_timestamp_needs_its_own_keys),
		T(tuf_5_4_3_1_older_timestamp_is_refused),
		T(tuf_5_4_3_2_equal_timestamp_keeps_the_old_one),
		T(tuf_5_4_3_3_timestamp_must_not_list_an_older_snapshot),
		T(tuf_5_4_4_expired_timestamp_is_refused_and_not_kept),
		T(tuf_5_4_4_expiry_in_this_second_is_expired),
		T(tuf_5_4_3_1_stored_expired_timestamp_still_gives_the_floor),
		T(tuf_5_5_2_snapshot_bytes_must_be_the_listed_ones),
		T(tuf_5_5_3_snapshot_needs_its_own_keys),
		T(tuf_5_5_4_snapshot_version_must_be_timestamps),
		T(tuf_5_5_5_1_snapshot_must_not_drop_a_role),
		T(tuf_5_5_5_2_a_role_in_snapshot_must_not_go_back),
		T(tuf_5_5_6_expired_snapshot_is_refused),
		T(tuf_5_5_8_stored_snapshot_is_final_only_as_listed),
		T(tuf_5_6_1_a_role_must_be_listed_in_snapshot),
		T(tuf_5_6_3_targets_need_their_delegators_keys),
		T(tuf_5_6_4_targets_version_must_be_snapshots),
		T(tuf_5_6_5_expired_targets_are_refused),
		T(tuf_5_6_2_targets_hash_is_checked),
		T(tuf_5_3_11_a_key_of_either_role_taken_away_is_told),
		T(tuf_5_3_11_t2_fast_forward_is_undone_by_new_keys),
		T(tuf_5_7_2_all_listed_hashes_and_the_length_must_match),
	};

	return cmocka_run_group_tests(tests, tufclient_keys, NULL);
}
