/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/* The router's own rules: each test spoils one thing of what is in order. */
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
an_image_that_says_another_service_is_refused(void **state)
{
	(void)state;
	js_set_str(custom_of("dns-dhcp", f.image), "service", "ntp");
	refuses("metadata");
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
	json_t *s = json_object();
	char hex[HASH_HEX];

	(void)state;
	digest("anything", hex);
	js_set_str(s, "service", "ntp");
	js_set_str(s, "kind", "solo5");
	js_set_str(s, "image", hex);
	json_array_append_new(json_object_get(f.set, "services"), s);
	assert_int_equal(judge(), 0);
	assert_int_equal(f.got.nservices, 1);
}

/* A second service, ntp, in the set and on the router. */
static json_t *
add_ntp_of(const char *kind)
{
	json_t *svc = add_role("svc-ntp", 2), *c, *s = json_object();
	char hex[HASH_HEX];

	c = target(svc, "ntp", "a clock", kind);
	js_set(c, "probes", json_array());
	js_set_str(c, "handover", "parallel");
	tufmake_delegate(
	    f.r->targets, "svc-ntp", &keys[KA], 3, 1, true, "images/ntp/*/*");
	digest("a clock", hex);
	js_set_str(s, "service", "ntp");
	js_set_str(s, "kind", kind);
	js_set_str(s, "image", hex);
	json_array_append_new(json_object_get(f.set, "services"), s);
	f.services[1] = "ntp";
	f.rules.nservices = 2;
	return c;
}

static json_t *
add_ntp(void)
{
	return add_ntp_of("vm");
}

static void
a_unikernel_says_what_it_is_given(void **state)
{
	json_t *c = add_ntp_of("solo5");

	(void)state;
	js_set_str(c, "solo5", "spt 2 net:service");
	assert_int_equal(judge(), 0);
	assert_string_equal(
	    set_service(&f.got, "ntp")->solo5, "spt 2 net:service");
	assert_string_equal(set_service(&f.got, "dns-dhcp")->solo5, "");
}

static void
a_unikernel_that_says_nothing_of_itself_is_refused(void **state)
{
	(void)state;
	add_ntp_of("solo5");
	refuses("metadata");
}

static void
a_unikernel_with_words_out_of_form_is_refused(void **state)
{
	(void)state;
	js_set_str(add_ntp_of("solo5"), "solo5", "spt 2 net:../x");
	refuses("metadata");
}

static void
an_image_for_qemu_is_no_unikernel(void **state)
{
	json_t *list = json_object_get(f.set, "services");

	(void)state;
	add_ntp();
	js_set_str(json_array_get(list, 1), "kind", "solo5");
	refuses("metadata");
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
	add_ntp();
	name_ntp_s_image();
	refuses("not-listed");
	assert_non_null(strstr(f.err.msg, "svc-dns-dhcp does not list"));
}

static void
a_service_s_role_lists_images_of_no_other_service(void **state)
{
	json_t *c;

	(void)state;
	add_ntp();
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
	json_t *s = json_object();
	char hex[HASH_HEX];

	target(add_role("svc-kiln-agent", keys_n), "kiln-agent", "a program",
	    type);
	tufmake_delegate(f.r->targets, "svc-kiln-agent", &keys[KA], 3, 1, true,
	    "images/kiln-agent/*/*");
	digest("a program", hex);
	js_set_str(s, "service", "kiln-agent");
	js_set_str(s, "kind", "agent");
	js_set_str(s, "image", hex);
	json_array_append_new(json_object_get(f.set, "services"), s);
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
volume(const char *name, const char *path, int64_t size)
{
	js_set(custom_of("dns-dhcp", f.image), "volumes",
	    json_pack("[{s:s,s:s,s:I}]", "name", name, "path", path, "size",
		(json_int_t)size));
}

static void
ports_are_read(void **state)
{
	const struct set_service *s = &f.got.services[0];

	(void)state;
	js_set(custom_of("dns-dhcp", f.image), "ports",
	    json_pack("[s,s]", "udp/53", "tcp/53"));
	assert_int_equal(judge(), 0);
	assert_int_equal(s->nports, 2);
	assert_true(s->ports[1].tcp && s->ports[1].number == 53);
}

static void
a_port_that_is_none_is_refused(void **state)
{
	(void)state;
	js_set(custom_of("dns-dhcp", f.image), "ports",
	    json_pack("[s]", "sctp/5"));
	refuses("metadata");
}

static void
volumes_are_read(void **state)
{
	(void)state;
	volume("state", "/var/lib/x", 16 << 20);
	assert_int_equal(judge(), 0);
	assert_int_equal(f.got.services[0].nvolumes, 1);
	assert_string_equal(f.got.services[0].volumes[0].name, "state");
	assert_string_equal(f.got.services[0].volumes[0].path, "/var/lib/x");
	assert_int_equal(f.got.services[0].volumes[0].size, 16 << 20);
}

static void
a_volume_that_two_machines_would_write_is_refused(void **state)
{
	(void)state;
	volume("state", "/var/lib/x", 16 << 20);
	js_set_str(custom_of("dns-dhcp", f.image), "handover", "parallel");
	refuses("metadata");
}

static void
a_program_of_the_image_is_a_probe(void **state)
{
	json_t *probe = js_record_new("kiln/probe", 1);
	const struct set_service *s = &f.got.services[0];

	(void)state;
	js_set_str(probe, "type", "program");
	js_set_str(probe, "name", "well");
	js_set(
	    custom_of("dns-dhcp", f.image), "probes", json_pack("[o]", probe));
	assert_int_equal(judge(), 0);
	assert_int_equal(s->nprobes, 1);
	assert_int_equal(s->probes[0].type, PROBE_PROGRAM);
	assert_string_equal(s->probes[0].name, "well");
}

static void
a_program_s_name_is_a_plain_word(void **state)
{
	json_t *probe = js_record_new("kiln/probe", 1);

	(void)state;
	js_set_str(probe, "type", "program");
	js_set_str(probe, "name", "well\npoweroff");
	js_set(
	    custom_of("dns-dhcp", f.image), "probes", json_pack("[o]", probe));
	assert_int_equal(judge(), -1);
}

static void
what_is_needed_comes_first(void **state)
{
	json_t *ntp = add_ntp();

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
	add_ntp();
	assert_int_equal(judge(), 0);
	assert_string_equal(f.got.services[0].name, "dns-dhcp");
}

static void
a_need_that_nobody_meets_is_refused(void **state)
{
	json_t *ntp = add_ntp();

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
	json_t *ntp = add_ntp(), *dns = custom_of("dns-dhcp", f.image);

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
an_unknown_probe_is_refused(void **state)
{
	json_t *p = json_array_get(
	    json_object_get(custom_of("dns-dhcp", f.image), "probes"), 0);

	(void)state;
	js_set_str(p, "type", "shell");
	refuses("unsupported");
}

static void
an_unknown_hand_over_is_refused(void **state)
{
	(void)state;
	js_set_str(custom_of("dns-dhcp", f.image), "handover", "thrown");
	refuses("metadata");
}

static void
a_machine_type_with_a_path_is_refused(void **state)
{
	(void)state;
	js_set_str(
	    custom_of("kernel", f.vmlinuz), "machine", "microvm,dumpdtb=/x");
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
		T(the_agent_s_own_program_is_judged_as_any_image),
		T(a_program_for_the_agent_by_too_few_keys_is_refused),
		T(a_machine_s_image_is_no_program_for_the_agent),
		T(ports_are_read),
		T(a_port_that_is_none_is_refused),
		T(volumes_are_read),
		T(a_volume_that_two_machines_would_write_is_refused),
		T(a_program_of_the_image_is_a_probe),
		T(a_program_s_name_is_a_plain_word),
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
		T(an_image_that_says_another_service_is_refused),
		T(a_set_that_names_a_withdrawn_image_is_refused),
		T(a_set_that_names_another_service_s_image_is_refused),
		T(a_service_s_role_lists_images_of_no_other_service),
		T(an_image_that_targets_lists_itself_is_refused),
		T(a_role_that_comes_before_is_refused),
		T(a_role_behind_that_lists_it_too_is_refused),
		T(a_service_that_the_router_runs_must_be_there),
		T(what_the_router_does_not_run_is_left_out),
		T(a_unikernel_says_what_it_is_given),
		T(a_unikernel_that_says_nothing_of_itself_is_refused),
		T(a_unikernel_with_words_out_of_form_is_refused),
		T(an_image_for_qemu_is_no_unikernel),
		T(what_is_needed_comes_first),
		T(without_needs_the_set_s_order_stays),
		T(a_need_that_nobody_meets_is_refused),
		T(needs_in_a_ring_are_refused),
		T(other_keys_than_before_wait),
		T(other_keys_do_not_stop_what_runs),
		T(an_unknown_key_in_a_set_is_refused),
		T(an_unknown_probe_is_refused),
		T(an_unknown_hand_over_is_refused),
		T(a_machine_type_with_a_path_is_refused),
		T(the_attack_gives_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
