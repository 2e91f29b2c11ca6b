/* rooms: tests/support/tuf */
/* TUF section 5, by the numbers of the specification, and the T rows of the
 * fault table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf/tufmake.h"

#define NOW 1900000000 /* 2030 */
#define PAST "2029-01-01T00:00:00Z"

enum { KROOT, KTS, KSN, KTG, KA, KB, KC, KEYS = 12 };
static struct tufmake_key keys[KEYS];

/* A repository of one version each, and a client that has not begun. */
struct repo {
	json_t *root, *timestamp, *snapshot, *targets;
	struct buf b;
	struct tuf_trust *t;
	struct err err;
};

static int
make_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		tufmake_key(&keys[i], i);
	return 0;
}

static json_t *
plain_root(int64_t version)
{
	json_t *j = tufmake_root(version);

	tufmake_root_role(j, "root", &keys[KROOT], 1, 1);
	tufmake_root_role(j, "timestamp", &keys[KTS], 1, 1);
	tufmake_root_role(j, "snapshot", &keys[KSN], 1, 1);
	tufmake_root_role(j, "targets", &keys[KTG], 1, 1);
	return j;
}

static int
setup(void **state)
{
	struct repo *r = mem_zero(1, sizeof(*r));

	buf_init(&r->b);
	r->root = plain_root(1);
	r->timestamp = tufmake_timestamp(1, 1, NULL);
	r->snapshot = tufmake_snapshot(1);
	tufmake_snapshot_add(r->snapshot, "targets", 1, NULL);
	r->targets = tufmake_targets(1);
	r->t = tuf_trust_new(NOW);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct repo *r = *state;

	json_decref(r->root);
	json_decref(r->timestamp);
	json_decref(r->snapshot);
	json_decref(r->targets);
	buf_release(&r->b);
	tuf_trust_free(r->t);
	free(r);
	return 0;
}

/* Signs by `n` keys from `first` on and offers; the calls below do so too. */
static int
give_root(struct repo *r, unsigned first, size_t n)
{
	tufmake_sign(r->root, &keys[first], n, &r->b);
	return tuf_accept_root(r->t, r->b.data, r->b.len, &r->err);
}

static int
trust_root(struct repo *r)
{
	tufmake_sign(r->root, &keys[KROOT], 1, &r->b);
	return tuf_trust_root(r->t, r->b.data, r->b.len, &r->err);
}

static int
give_timestamp(struct repo *r, bool stored, bool *kept)
{
	tufmake_sign(r->timestamp, &keys[KTS], 1, &r->b);
	return tuf_accept_timestamp(
	    r->t, r->b.data, r->b.len, stored, kept, &r->err);
}

static int
give_snapshot(struct repo *r, bool stored, bool *final)
{
	tufmake_sign(r->snapshot, &keys[KSN], 1, &r->b);
	return tuf_accept_snapshot(
	    r->t, r->b.data, r->b.len, stored, final, &r->err);
}

static int
give_targets(struct repo *r)
{
	tufmake_sign(r->targets, &keys[KTG], 1, &r->b);
	return tuf_accept_targets(
	    r->t, "targets", "root", r->b.data, r->b.len, &r->err);
}

static void
ok(struct repo *r, int rc)
{
	if (rc == -1)
		print_error("%s\n", r->err.msg);
	assert_int_equal(rc, 0);
}

/* Refused as not trusted, with `word` in the sentence. */
static void
refused(struct repo *r, int rc, const char *word)
{
	assert_int_equal(rc, -1);
	if (!strstr(r->err.msg, word))
		print_error("\"%s\" lacks \"%s\"\n", r->err.msg, word);
	assert_non_null(strstr(r->err.msg, word));
	assert_int_equal(r->err.cls, ERR_TRUST);
	err_clear(&r->err);
}

static void
root_stands(struct repo *r)
{
	ok(r, trust_root(r));
	ok(r, tuf_root_done(r->t, &r->err));
}

static void
timestamp_stands(struct repo *r)
{
	bool kept;

	root_stands(r);
	ok(r, give_timestamp(r, false, &kept));
	assert_false(kept);
}

static void
snapshot_stands(struct repo *r)
{
	bool final;

	timestamp_stands(r);
	ok(r, give_snapshot(r, false, &final));
	assert_true(final);
}

static void
everything_stands(struct repo *r)
{
	snapshot_stands(r);
	ok(r, give_targets(r));
}

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
tuf_5_3_3_root_version_must_be_exactly_next(void **state)
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
tuf_5_3_5_an_expired_root_in_the_chain_is_fine_the_last_is_not(void **state)
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
tuf_5_4_3_older_timestamp_is_refused(void **state)
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
tuf_5_4_3_equal_timestamp_keeps_the_old_one(void **state)
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
tuf_5_4_3_timestamp_must_not_list_an_older_snapshot(void **state)
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
tuf_5_4_stored_expired_timestamp_still_gives_the_floor(void **state)
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
tuf_5_5_5_snapshot_must_not_drop_a_role(void **state)
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
tuf_5_5_5_a_role_in_snapshot_must_not_go_back(void **state)
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
tuf_5_5_stored_snapshot_is_final_only_with_listed_version_and_hash(void **state)
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
tuf_5_6_targets_must_be_as_snapshot_lists_them(void **state)
{
	struct repo *r = *state;

	snapshot_stands(r);
	js_set_int(r->targets, "version", 2);
	refused(r, give_targets(r), "mix-and-match");
	js_set_int(r->targets, "version", 1);
	js_set_str(r->targets, "expires", PAST);
	refused(r, give_targets(r), "freeze");
	js_set_str(r->targets, "expires", TUFMAKE_EXPIRES);
	tufmake_sign(r->targets, &keys[KTS], 1, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "targets", "root", r->b.data, r->b.len, &r->err),
	    "threshold");
	refused(r,
	    tuf_accept_targets(
		r->t, "other", "root", r->b.data, r->b.len, &r->err),
	    "does not list");
	ok(r, give_targets(r));
}

static void
tuf_5_6_targets_hash_is_checked(void **state)
{
	struct repo *r = *state;

	tufmake_sign(r->targets, &keys[KTG], 1, &r->b);
	tufmake_snapshot_add(r->snapshot, "targets", 1, &r->b);
	snapshot_stands(r);
	js_set_str(r->targets, "expires", "2036-01-01T00:00:00Z");
	refused(r, give_targets(r), "wrong bytes");
}

static void
tuf_t2_fast_forward_beyond_2_53_is_refused_and_below_recovers_by_keys(
    void **state)
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

/* --- counting ------------------------------------------------------------ */

static struct tuf_file *
sign_root_with(struct repo *r, const struct tufmake_key *k, size_t n)
{
	struct tuf_file *f;

	tufmake_sign(r->root, k, n, &r->b);
	f = tuf_read(TUF_ROOT, "root", r->b.data, r->b.len, &r->err);
	assert_non_null(f);
	return f;
}

static void
tuf_t4_one_key_under_two_keyids_counts_once(void **state)
{
	struct repo *r = *state;
	struct tufmake_key two[2] = { keys[KA], keys[KA] };
	auto_tuf struct tuf_file *f = NULL;

	memset(two[1].keyid, 'f', 64);
	tufmake_root_role(r->root, "root", two, 2, 2);
	f = sign_root_with(r, two, 2);
	assert_int_equal(tuf_role_find(f, "root")->nkeyids, 2);
	assert_true(tuf_key_find(f, two[1].keyid)->usable);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	refused(r, tuf_threshold(f, "root", f, &r->err), "1 of 2");
}

static void
tuf_t4_bad_and_unknown_signatures_do_not_count_nor_spoil(void **state)
{
	struct repo *r = *state;
	struct tufmake_key signers[4] = { keys[KA], keys[KB], keys[KC],
		keys[KROOT] };
	auto_tuf struct tuf_file *f = NULL;

	/* Under C's keyid, but by another key; and by one nobody asked. */
	tufmake_root_role(r->root, "root", &keys[KA], 3, 2);
	memcpy(signers[2].seed.b, keys[KTS].seed.b, 32);
	f = sign_root_with(r, signers, 4);
	assert_int_equal(tuf_keys_signed(f, "root", f), 2);
	ok(r, tuf_threshold(f, "root", f, &r->err));
}

static void
tuf_t4_a_threshold_above_the_keys_is_never_met(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	tufmake_root_role(r->root, "root", &keys[KA], 2, JS_INT_MAX);
	f = sign_root_with(r, &keys[KA], 2);
	refused(r, tuf_threshold(f, "root", f, &r->err), "2 of");
}

static void
tuf_t4_keyids_without_a_key_are_skipped(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	tufmake_root_role(r->root, "root", &keys[KA], 2, 1);
	json_object_del(json_object_get(r->root, "keys"), keys[KA].keyid);
	f = sign_root_with(r, &keys[KA], 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
}

static void
tuf_t4_keys_of_unknown_types_do_not_count_nor_spoil(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;
	json_t *key;

	tufmake_root_role(r->root, "root", &keys[KA], 2, 1);
	key = json_object_get(json_object_get(r->root, "keys"), keys[KA].keyid);
	js_set_str(key, "scheme", "ed448");
	f = sign_root_with(r, &keys[KA], 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	ok(r, tuf_threshold(f, "root", f, &r->err));
}

static void
tuf_t4_non_canonical_s_does_not_count(void **state)
{
	/* The order of the group, little-endian: S + L verifies under lax
	 * rules. */
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
		0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
		0x14, [31] = 0x10 };
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;
	unsigned carry = 0;

	f = sign_root_with(r, &keys[KROOT], 1);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	for (size_t i = 0; i < 32; i++) {
		carry += f->signatures[0].sig.b[32 + i] + order[i];
		f->signatures[0].sig.b[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(tuf_keys_signed(f, "root", f), 0);
}

static void
tuf_signatures_cover_unknown_members(void **state)
{
	struct repo *r = *state;
	auto_tuf struct tuf_file *f = NULL;

	js_set(r->root, "custom",
	    json_pack(
		"{s:[i,b,n],s:s}", "deep", 1, 1, "text", "line\n\x01\"\\"));
	f = sign_root_with(r, &keys[KROOT], 1);
	assert_int_equal(tuf_keys_signed(f, "root", f), 1);
	js_set_int(f->signed_json, "custom", 2);
	assert_int_equal(tuf_keys_signed(f, "root", f), 0);
}

/* --- delegations --------------------------------------------------------- */

/* Delegated files by role name, and the order in which they were asked for. */
struct tree {
	struct repo *r;
	struct {
		const char *name;
		json_t *j;
	} files[40];
	size_t n;
	unsigned key;
	struct buf asked;
};

static json_t *
file_of(struct tree *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->files[i].name, name) == 0)
			return t->files[i].j;
	t->files[t->n].name = name;
	return t->files[t->n++].j = tufmake_targets(1);
}

static void
delegate(struct tree *t, const char *from, const char *to, bool terminating,
    const char *path)
{
	json_t *j =
	    strcmp(from, "targets") == 0 ? t->r->targets : file_of(t, from);

	file_of(t, to);
	tufmake_delegate(j, to, &keys[KA], 1, 1, terminating, path);
}

static int
need(void *arg, const char *role, const char *parent, struct err *err)
{
	struct tree *t = arg;

	buf_printf(&t->asked, "%s ", role);
	tufmake_sign(file_of(t, role), &keys[KA], 1, &t->r->b);
	return tuf_accept_targets(
	    t->r->t, role, parent, t->r->b.data, t->r->b.len, err);
}

static void
tree_stands(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		tufmake_snapshot_add(t->r->snapshot, t->files[i].name, 1, NULL);
	everything_stands(t->r);
}

static void
tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		json_decref(t->files[i].j);
	buf_release(&t->asked);
}

/* `who`: the role that lists it; NULL: nobody. */
static void
search_gives(
    struct tree *t, const char *path, const char *who, const char *asked)
{
	const struct tuf_target *found = NULL;
	const char *role = NULL;

	buf_clear(&t->asked);
	ok(t->r, tuf_find(t->r->t, path, need, t, &found, &role, &t->r->err));
	if (who) {
		assert_non_null(found);
		assert_string_equal(role, who);
		assert_string_equal(found->path, path);
	} else {
		assert_null(found);
	}
	assert_string_equal(t->asked.data, asked);
}

static void
tuf_5_6_7_search_is_pre_order_by_appearance(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", false, "*");
	delegate(&t, "A", "D", false, "*");
	delegate(&t, "C", "E", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A C E D B ");
	search_gives(&t, "x", NULL, ""); /* nothing is asked for twice */
	tree_release(&t);
}

static void
tuf_5_6_7_first_in_order_supplies_the_target(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", false, "*");
	tufmake_target(file_of(&t, "C"), "x", "from C");
	tufmake_target(file_of(&t, "B"), "x", "from B");
	tree_stands(&t);
	search_gives(&t, "x", "C", "A C ");
	tree_release(&t);
}

static void
tuf_5_6_7_terminating_stops_siblings_of_the_whole_chain(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", true, "*");
	delegate(&t, "A", "D", false, "*");
	delegate(&t, "C", "E", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A C E ");
	tree_release(&t);
}

static void
tuf_5_6_7_terminating_counts_only_where_its_paths_match(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", true, "a/*");
	delegate(&t, "targets", "B", false, "*/*");
	tufmake_target(file_of(&t, "B"), "a/x", "evil");
	tufmake_target(file_of(&t, "B"), "b/x", "fine");
	tree_stands(&t);
	search_gives(&t, "b/x", "B", "B ");
	search_gives(&t, "a/x", NULL, "A ");
	tree_release(&t);
}

static void
tuf_5_6_7_a_role_is_entered_only_where_every_link_matches(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "a/*");
	delegate(&t, "A", "B", false, "*/*");
	tufmake_target(file_of(&t, "B"), "b/x", "outside of A's paths");
	tree_stands(&t);
	search_gives(&t, "b/x", NULL, "");
	tree_release(&t);
}

static void
tuf_5_6_7_a_cycle_ends(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "A", "B", false, "*");
	delegate(&t, "B", "A", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A B ");
	tree_release(&t);
}

static void
tuf_5_6_7_at_most_32_roles_are_searched(void **state)
{
	static char names[36][16];
	struct tree t = { .r = *state, .asked = BUF_INIT };
	size_t asked = 0;

	for (int i = 0; i < 36; i++) {
		snprintf(names[i], sizeof(names[i]), "r%d", i);
		delegate(&t, "targets", names[i], false, "*");
	}
	tufmake_target(file_of(&t, "r35"), "x", "too far");
	tree_stands(&t);
	{
		const struct tuf_target *found;
		const char *role;

		ok(t.r,
		    tuf_find(t.r->t, "x", need, &t, &found, &role, &t.r->err));
		assert_null(found);
	}
	for (const char *p = t.asked.data; *p; p++)
		asked += *p == ' ';
	assert_int_equal(asked, TUF_ROLES_MAX - 1); /* and targets itself */
	tree_release(&t);
}

static void
tuf_5_6_7_a_role_that_cannot_be_verified_ends_the_search(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };
	const struct tuf_target *found;
	const char *role;

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	tufmake_target(file_of(&t, "B"), "x", "from B");
	js_set_str(file_of(&t, "A"), "expires", PAST);
	tree_stands(&t);
	refused(t.r, tuf_find(t.r->t, "x", need, &t, &found, &role, &t.r->err),
	    "freeze");
	assert_string_equal(t.asked.data, "A ");
	tree_release(&t);
}

static void
tuf_5_6_a_role_is_trusted_by_its_delegators_keys_not_by_its_name(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };
	const struct tuf_target *found;
	const char *role;

	/* A delegates C to key A; B delegates the same name to key B. */
	delegate(&t, "targets", "A", false, "a");
	delegate(&t, "targets", "B", false, "b");
	delegate(&t, "A", "C", false, "a");
	tufmake_delegate(file_of(&t, "B"), "C", &keys[KB], 1, 1, false, "b");
	tufmake_target(file_of(&t, "C"), "a", "yes");
	tufmake_target(file_of(&t, "C"), "b", "not by A's word");
	tree_stands(&t);
	search_gives(&t, "a", "C", "A C ");
	refused(t.r, tuf_find(t.r->t, "b", need, &t, &found, &role, &t.r->err),
	    "threshold");
	tree_release(&t);
}

static void
tuf_10_delegated_threshold_of_two_of_three(void **state)
{
	struct repo *r = *state;
	auto_json json_t *svc = tufmake_targets(1);
	struct tufmake_key twice[2] = { keys[KA], keys[KROOT] };

	tufmake_delegate(r->targets, "svc", &keys[KA], 3, 2, true, "*");
	tufmake_snapshot_add(r->snapshot, "svc", 1, NULL);
	everything_stands(r);
	tufmake_sign(svc, &keys[KA], 1, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "svc", "targets", r->b.data, r->b.len, &r->err),
	    "1 of 2");
	tufmake_sign(svc, twice, 2, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "svc", "targets", r->b.data, r->b.len, &r->err),
	    "1 of 2");
	tufmake_sign(svc, &keys[KB], 2, &r->b);
	ok(r, tuf_accept_targets(
		  r->t, "svc", "targets", r->b.data, r->b.len, &r->err));
	assert_int_equal(tuf_keys_signed(tuf_role(r->t, "targets"), "svc",
			     tuf_role(r->t, "svc")),
	    2);
}

/* --- targets ------------------------------------------------------------- */

static void
tuf_5_7_all_listed_hashes_and_the_length_must_match(void **state)
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_a_good_repository_is_accepted),
		T(tuf_5_2_the_shipped_root_may_be_expired_but_must_be_signed),
		T(tuf_5_3_3_root_version_must_be_exactly_next),
		T(tuf_5_3_4_root_needs_the_old_and_the_new_threshold),
		T(tuf_5_3_5_an_expired_root_in_the_chain_is_fine_the_last_is_not),
		T(tuf_5_3_11_taking_a_key_away_is_a_rotation_adding_one_is_not),
		T(tuf_5_4_2_timestamp_needs_its_own_keys),
		T(tuf_5_4_3_older_timestamp_is_refused),
		T(tuf_5_4_3_equal_timestamp_keeps_the_old_one),
		T(tuf_5_4_3_timestamp_must_not_list_an_older_snapshot),
		T(tuf_5_4_4_expired_timestamp_is_refused_and_not_kept),
		T(tuf_5_4_4_expiry_in_this_second_is_expired),
		T(tuf_5_4_stored_expired_timestamp_still_gives_the_floor),
		T(tuf_5_5_2_snapshot_bytes_must_be_the_listed_ones),
		T(tuf_5_5_3_snapshot_needs_its_own_keys),
		T(tuf_5_5_4_snapshot_version_must_be_timestamps),
		T(tuf_5_5_5_snapshot_must_not_drop_a_role),
		T(tuf_5_5_5_a_role_in_snapshot_must_not_go_back),
		T(tuf_5_5_6_expired_snapshot_is_refused),
		T(tuf_5_5_stored_snapshot_is_final_only_with_listed_version_and_hash),
		T(tuf_5_6_targets_must_be_as_snapshot_lists_them),
		T(tuf_5_6_targets_hash_is_checked),
		T(tuf_t2_fast_forward_beyond_2_53_is_refused_and_below_recovers_by_keys),
		T(tuf_t4_one_key_under_two_keyids_counts_once),
		T(tuf_t4_bad_and_unknown_signatures_do_not_count_nor_spoil),
		T(tuf_t4_a_threshold_above_the_keys_is_never_met),
		T(tuf_t4_keyids_without_a_key_are_skipped),
		T(tuf_t4_keys_of_unknown_types_do_not_count_nor_spoil),
		T(tuf_t4_non_canonical_s_does_not_count),
		T(tuf_signatures_cover_unknown_members),
		T(tuf_5_6_7_search_is_pre_order_by_appearance),
		T(tuf_5_6_7_first_in_order_supplies_the_target),
		T(tuf_5_6_7_terminating_stops_siblings_of_the_whole_chain),
		T(tuf_5_6_7_terminating_counts_only_where_its_paths_match),
		T(tuf_5_6_7_a_role_is_entered_only_where_every_link_matches),
		T(tuf_5_6_7_a_cycle_ends),
		T(tuf_5_6_7_at_most_32_roles_are_searched),
		T(tuf_5_6_7_a_role_that_cannot_be_verified_ends_the_search),
		T(tuf_5_6_a_role_is_trusted_by_its_delegators_keys_not_by_its_name),
		T(tuf_10_delegated_threshold_of_two_of_three),
		T(tuf_5_7_all_listed_hashes_and_the_length_must_match),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
