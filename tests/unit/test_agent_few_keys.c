/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/*
 * k-1 good signatures under a service's role and anything else beside them
 * install nothing: neither where the repository asks for k, nor where only the
 * router's own min_keys does.
 */
#include "tests/support/rules_farm.h"

/* KA's signature, and then another, which the test gives its keyid. */
static void
sign_pair(const json_t *part, const struct tufmake_key *second, struct buf *out)
{
	const struct tufmake_key pair[] = { keys[KA], *second };

	tufmake_sign(part, pair, ARRAY_LEN(pair), out);
}

static void
one_twice(const json_t *part, struct buf *out)
{
	sign_pair(part, &keys[KA], out);
}

/* The keyid of what is KA's key, too, see other_name. */
static struct tufmake_key renamed;

static void
one_under_two_names(const json_t *part, struct buf *out)
{
	sign_pair(part, &renamed, out);
}

static void
and_an_unknown_one(const json_t *part, struct buf *out)
{
	sign_pair(part, &keys[KEYS - 1], out);
}

static void
and_that_of_targets(const json_t *part, struct buf *out)
{
	sign_pair(part, &keys[KTG], out);
}

/* A stranger's signature that says to be KB's. */
static void
and_a_forged_one(const json_t *part, struct buf *out)
{
	struct tufmake_key forger = keys[KEYS - 1];

	memcpy(forger.keyid, keys[KB].keyid, sizeof(forger.keyid));
	sign_pair(part, &forger, out);
}

/* KB's own signature, of another version. */
static void
and_one_of_before(const json_t *part, struct buf *out)
{
	auto_buf struct buf was = BUF_INIT;
	auto_json json_t *old = json_deep_copy(part), *old_file, *file;
	struct err err = ERR_INIT;

	js_set_int(old, "version", 7);
	tufmake_sign(old, &keys[KB], 1, &was);
	tufmake_sign(part, &keys[KA], 1, out);
	old_file = js_parse("old", was.data, was.len, &err);
	file = js_parse("file", out->data, out->len, &err);
	assert_non_null(old_file);
	assert_non_null(file);
	json_array_extend(json_object_get(file, "signatures"),
	    json_object_get(old_file, "signatures"));
	buf_clear(out);
	js_text(file, false, out);
}

static void
with_both(const json_t *part, struct buf *out)
{
	sign_pair(part, &keys[KB], out);
}

/* A fresh client, and how many must sign by whose word. */
static int
judged(int64_t by_role, int64_t by_router)
{
	json_t *d = json_object_get(f.r->targets, "delegations");
	size_t i;
	json_t *role;

	json_array_foreach(json_object_get(d, "roles"), i, role)
	{
		if (strcmp(json_string_value(json_object_get(role, "name")),
			"svc-dns-dhcp") == 0)
			js_set_int(role, "threshold", by_role);
	}
	f.rules.min_keys = by_router;
	tuf_trust_free(f.r->t);
	f.r->t = tuf_trust_new(NOW);
	buf_clear(&f.set_bytes);
	return judge();
}

static void
installs_nothing(void (*sign)(const json_t *, struct buf *))
{
	f.sign[0] = with_both;
	assert_string_equal(f.name[0], "svc-dns-dhcp");
	assert_int_equal(judged(2, 2), 0);
	assert_int_equal(f.got.services[0].keys, 2);

	f.sign[0] = sign;
	assert_int_equal(judged(2, 1), -1);
	assert_string_equal(f.word, "threshold");
	assert_int_equal(judged(1, 2), -1);
	if (strcmp(f.word, "threshold") != 0)
		assert_string_equal(f.word, "too-few-keys");
}

static void
one_signature_given_twice_is_not_two(void **state)
{
	(void)state;
	installs_nothing(one_twice);
}

static void
one_public_key_under_two_keyids_is_not_two(void **state)
{
	json_t *d = json_object_get(f.r->targets, "delegations"), *role;
	json_t *known = json_object_get(d, "keys");
	size_t i;

	(void)state;
	renamed = keys[KA];
	memset(renamed.keyid, 'e', sizeof(renamed.keyid) - 1);
	json_object_set(
	    known, renamed.keyid, json_object_get(known, keys[KA].keyid));
	json_array_foreach(json_object_get(d, "roles"), i, role)
	{
		json_array_append_new(json_object_get(role, "keyids"),
		    json_string(renamed.keyid));
	}
	installs_nothing(one_under_two_names);
}

static void
an_unknown_key_counts_for_nothing(void **state)
{
	(void)state;
	installs_nothing(and_an_unknown_one);
}

static void
the_key_of_another_role_counts_for_nothing(void **state)
{
	(void)state;
	installs_nothing(and_that_of_targets);
}

static void
a_forged_signature_counts_for_nothing(void **state)
{
	(void)state;
	installs_nothing(and_a_forged_one);
}

static void
a_signature_of_another_version_counts_for_nothing(void **state)
{
	(void)state;
	installs_nothing(and_one_of_before);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_signature_given_twice_is_not_two),
		T(one_public_key_under_two_keyids_is_not_two),
		T(an_unknown_key_counts_for_nothing),
		T(the_key_of_another_role_counts_for_nothing),
		T(a_forged_signature_counts_for_nothing),
		T(a_signature_of_another_version_counts_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
