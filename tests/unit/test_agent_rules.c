/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/* The router's own rules of sets: each test spoils one thing of what is in
 * order. */
#include "tests/support/rules_farm.h"

static void
a_set_in_order_is_taken(void **state)
{
	(void)state;
	if (judge() == -1)
		fail_msg("%s: %s", f.word, f.err.msg);
	assert_int_equal(f.got.counter, 3);
	assert_int_equal(f.got.nservices, 1);
	assert_string_equal(f.got.services[0].name, "dns-dhcp");
	assert_int_equal(f.got.services[0].keys, 2);
	assert_int_equal(f.got.services[0].image.size, 8);
	assert_int_equal(f.got.services[0].probes[0].expect, PROBE_SELF);
	assert_int_equal(f.got.services[0].handover, HANDOVER_HANDOFF);
	assert_string_equal(f.got.machine, "microvm,pit=on");
	assert_int_equal(f.got.metadata.targets, 1);
}

static void
a_demonstration_is_refused_unless_wanted(void **state)
{
	(void)state;
	js_set_bool(f.r->targets, "demo", true);
	refuses("demo");
}

static void
a_demonstration_is_taken_when_wanted(void **state)
{
	(void)state;
	js_set_bool(f.r->targets, "demo", true);
	f.rules.demo = true;
	assert_int_equal(judge(), 0);
}

static void
another_channel_is_refused(void **state)
{
	(void)state;
	js_set_str(f.set, "channel", "stable");
	refuses("channel");
}

static void
another_architecture_is_refused(void **state)
{
	(void)state;
	js_set_str(f.set, "arch", "arm64");
	refuses("arch");
}

static void
a_channel_without_a_set_is_refused(void **state)
{
	(void)state;
	f.rules.channel = "stable";
	refuses("no-set");
}

static void
an_older_set_is_refused(void **state)
{
	(void)state;
	f.rules.counter = 4;
	refuses("rollback");
}

static void
the_same_number_with_other_content_is_refused(void **state)
{
	(void)state;
	f.rules.counter = 3;
	refuses("counter-reused");
}

static void
too_few_keys_are_refused(void **state)
{
	(void)state;
	f.rules.min_keys = 3;
	refuses("too-few-keys");
}

static void
a_demanded_key_must_have_signed(void **state)
{
	static struct sig_public want;

	(void)state;
	want = keys[KC].pub; /* may sign, and did not */
	f.rules.require_keys = &want;
	f.rules.nrequire_keys = 1;
	refuses("missing-key");
}

static void
a_demanded_key_that_signed_is_enough(void **state)
{
	static struct sig_public want;

	(void)state;
	want = keys[KB].pub;
	f.rules.require_keys = &want;
	f.rules.nrequire_keys = 1;
	assert_int_equal(judge(), 0);
}

static void
a_set_that_names_an_unreproduced_image_is_refused(void **state)
{
	char hex[HASH_HEX];

	(void)state;
	digest("another image", hex);
	js_set_str(json_array_get(json_object_get(f.set, "services"), 0),
	    "image", hex);
	refuses("not-listed");
}

static void
a_set_that_names_a_withdrawn_image_is_refused(void **state)
{
	(void)state;
	js_set_int(role_of("svc-dns-dhcp"), "min_serial", 5);
	refuses("withdrawn");
}

static void
an_image_that_targets_lists_itself_is_refused(void **state)
{
	(void)state;
	tufmake_target(f.r->targets, "images/dns-dhcp/amd64/x", "an image");
	refuses("other-role");
}

static void
a_role_that_comes_before_is_refused(void **state)
{
	json_t *roles = json_object_get(
	    json_object_get(f.r->targets, "delegations"), "roles");
	json_t *evil;

	(void)state;
	evil = add_role("evil", 1);
	js_set(
	    target(evil, "dns-dhcp", "an image", "vm"), "probes", json_array());
	tufmake_delegate(
	    f.r->targets, "evil", &keys[KA], 1, 1, true, "images/dns-dhcp/*/*");
	json_array_insert(
	    roles, 0, json_array_get(roles, json_array_size(roles) - 1));
	json_array_remove(roles, json_array_size(roles) - 1);
	refuses("wrong-role");
}

static void
a_role_behind_that_lists_it_too_is_refused(void **state)
{
	json_t *evil = add_role("evil", 1);

	(void)state;
	js_set(
	    target(evil, "dns-dhcp", "an image", "vm"), "probes", json_array());
	tufmake_delegate(
	    f.r->targets, "evil", &keys[KA], 1, 1, true, "images/*/*/*");
	refuses("other-role");
}

static void
a_service_that_the_router_runs_must_be_there(void **state)
{
	(void)state;
	f.services[1] = "ntp";
	f.rules.nservices = 2;
	refuses("not-in-set");
}

static void
what_the_router_does_not_run_is_left_out(void **state)
{
	(void)state;
	set_names("ntp", "solo5", "anything");
	assert_int_equal(judge(), 0);
	assert_int_equal(f.got.nservices, 1);
}

/* The set names ntp's image, which ntp's role lists, as dns-dhcp. */
static void
name_ntp_s_image(void)
{
	json_t *list = json_object_get(f.set, "services");
	char hex[HASH_HEX];

	digest("a clock", hex);
	js_set_str(json_array_get(list, 0), "image", hex);
}

static void
a_set_that_names_another_service_s_image_is_refused(void **state)
{
	(void)state;
	add_ntp("vm");
	name_ntp_s_image();
	refuses("not-listed");
	assert_non_null(strstr(f.err.msg, "svc-dns-dhcp does not list"));
}

static void
a_service_s_role_lists_images_of_no_other_service(void **state)
{
	json_t *c;

	(void)state;
	add_ntp("vm");
	name_ntp_s_image();
	c = target(role_of("svc-ntp"), "dns-dhcp", "a clock", "vm");
	js_set(c, "probes", a_probe());
	js_set_str(c, "handover", "handoff");
	refuses("not-listed");
}

/* The set names a program for the agent, of `type`, signed by `keys_n`. */
static void
add_agent(const char *type, int keys_n)
{
	target(add_role("svc-kiln-agent", keys_n), "kiln-agent", "a program",
	    type);
	tufmake_delegate(f.r->targets, "svc-kiln-agent", &keys[KA], 3, 1, true,
	    "images/kiln-agent/*/*");
	set_names("kiln-agent", "agent", "a program");
}

static void
the_agent_s_own_program_is_judged_as_any_image(void **state)
{
	struct hash h;

	(void)state;
	add_agent("agent", 2);
	assert_int_equal(judge(), 0);
	assert_int_equal(f.got.nservices, 1); /* it is no machine */
	assert_true(f.got.has_agent);
	hash_bytes(&h, "a program", 9);
	assert_true(hash_equal(&f.got.agent.hash, &h));
}

static void
a_program_for_the_agent_by_too_few_keys_is_refused(void **state)
{
	(void)state;
	add_agent("agent", 1);
	refuses("too-few-keys");
}

static void
a_machine_s_image_is_no_program_for_the_agent(void **state)
{
	(void)state;
	add_agent("vm", 2);
	refuses("metadata");
}

static void
what_is_needed_comes_first(void **state)
{
	json_t *ntp = add_ntp("vm");

	(void)state;
	js_set(ntp, "provides", json_pack("[s]", "time/1"));
	js_set(custom_of("dns-dhcp", f.image), "needs",
	    json_pack("[s]", "time/1"));
	assert_int_equal(judge(), 0);
	assert_int_equal(f.got.nservices, 2);
	assert_string_equal(f.got.services[0].name, "ntp");
	assert_string_equal(f.got.services[1].name, "dns-dhcp");
}

static void
without_needs_the_set_s_order_stays(void **state)
{
	(void)state;
	add_ntp("vm");
	assert_int_equal(judge(), 0);
	assert_string_equal(f.got.services[0].name, "dns-dhcp");
}

static void
a_need_that_nobody_meets_is_refused(void **state)
{
	json_t *ntp = add_ntp("vm");

	(void)state;
	js_set(ntp, "provides", json_pack("[s]", "time/1"));
	js_set(custom_of("dns-dhcp", f.image), "needs",
	    json_pack("[s]", "time/2"));
	refuses("needs");
	assert_non_null(strstr(f.err.msg, "dns-dhcp needs time/2"));
}

static void
needs_in_a_ring_are_refused(void **state)
{
	json_t *ntp = add_ntp("vm"), *dns = custom_of("dns-dhcp", f.image);

	(void)state;
	js_set(ntp, "provides", json_pack("[s]", "time/1"));
	js_set(ntp, "needs", json_pack("[s]", "dns/1"));
	js_set(dns, "provides", json_pack("[s]", "dns/1"));
	js_set(dns, "needs", json_pack("[s]", "time/1"));
	refuses("needs");
	assert_non_null(strstr(f.err.msg, "ring"));
}

/* The router knows svc-dns-dhcp with other keys than the repository's. */
static struct keysets *
other_keys(void)
{
	static struct keysets known;
	struct hash h;

	memset(&known, 0, sizeof(known));
	hash_bytes(&h, "others", 6);
	assert_int_equal(
	    keyset_judge(&known, "svc-dns-dhcp", &h, NOW - 1, 100, false),
	    NOW - 1);
	return &known;
}

static void
other_keys_than_before_wait(void **state)
{
	(void)state;
	f.rules.keysets = other_keys();
	f.rules.hold_keys_s = 100;
	refuses("new-keys");
	assert_int_equal(f.rules.keysets->at[0].since, NOW);
	/* Their days are over. */
	f.rules.keysets->at[0].since = NOW - 100;
	assert_int_equal(rules_judge(&f.rules, &f.got, f.word, &f.err), 0);
}

static void
other_keys_do_not_stop_what_runs(void **state)
{
	(void)state;
	f.rules.keysets = other_keys();
	f.rules.hold_keys_s = 100;
	f.rules.has_current = true;
	assert_int_equal(canon_json(f.set, &f.set_bytes, &f.err), 0);
	hash_bytes(&f.rules.current, f.set_bytes.data, f.set_bytes.len);
	buf_clear(&f.set_bytes);
	assert_int_equal(judge(), 0);
	assert_int_equal(f.rules.keysets->at[0].since, NOW);
}

static void
an_unknown_key_in_a_set_is_refused(void **state)
{
	(void)state;
	js_set_int(f.set, "extra", 1);
	refuses("metadata");
}

static void
the_attack_gives_its_word(void **state)
{
	struct err err = ERR_INIT;
	char word[RULES_WORD];

	(void)state;
	err_set(&err, ERR_TRUST, "timestamp: version 3 after 4 (rollback)");
	rules_word(&err, word);
	assert_string_equal(word, "rollback");
	err_set(&err, ERR_TRUST, "snapshot: (wrong bytes)");
	rules_word(&err, word);
	assert_string_equal(word, "wrong-bytes");
	err_set(&err, ERR_TRUST, "a sentence (with a word) inside");
	rules_word(&err, word);
	assert_string_equal(word, "not-trusted");
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_set_in_order_is_taken),
		T(a_demonstration_is_refused_unless_wanted),
		T(a_demonstration_is_taken_when_wanted),
		T(another_channel_is_refused),
		T(another_architecture_is_refused),
		T(a_channel_without_a_set_is_refused),
		T(an_older_set_is_refused),
		T(the_same_number_with_other_content_is_refused),
		T(too_few_keys_are_refused),
		T(a_demanded_key_must_have_signed),
		T(a_demanded_key_that_signed_is_enough),
		T(a_set_that_names_an_unreproduced_image_is_refused),
		T(a_set_that_names_a_withdrawn_image_is_refused),
		T(an_image_that_targets_lists_itself_is_refused),
		T(a_role_that_comes_before_is_refused),
		T(a_role_behind_that_lists_it_too_is_refused),
		T(a_service_that_the_router_runs_must_be_there),
		T(what_the_router_does_not_run_is_left_out),
		T(a_set_that_names_another_service_s_image_is_refused),
		T(a_service_s_role_lists_images_of_no_other_service),
		T(the_agent_s_own_program_is_judged_as_any_image),
		T(a_program_for_the_agent_by_too_few_keys_is_refused),
		T(a_machine_s_image_is_no_program_for_the_agent),
		T(what_is_needed_comes_first),
		T(without_needs_the_set_s_order_stays),
		T(a_need_that_nobody_meets_is_refused),
		T(needs_in_a_ring_are_refused),
		T(other_keys_than_before_wait),
		T(other_keys_do_not_stop_what_runs),
		T(an_unknown_key_in_a_set_is_refused),
		T(the_attack_gives_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
