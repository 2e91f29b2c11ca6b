/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/* What an image is signed to be: each test spoils one thing of what its role
 * says. */
#include "tests/support/rules_farm.h"

static void
an_image_that_says_another_service_is_refused(void **state)
{
	(void)state;
	js_set_str(custom_of("dns-dhcp", f.image), "service", "ntp");
	refuses("metadata");
}

static void
a_unikernel_says_what_it_is_given(void **state)
{
	json_t *c = add_ntp("solo5");

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
	add_ntp("solo5");
	refuses("metadata");
}

static void
a_unikernel_with_words_out_of_form_is_refused(void **state)
{
	(void)state;
	js_set_str(add_ntp("solo5"), "solo5", "spt 2 net:../x");
	refuses("metadata");
}

static void
an_image_for_qemu_is_no_unikernel(void **state)
{
	json_t *list = json_object_get(f.set, "services");

	(void)state;
	add_ntp("vm");
	js_set_str(json_array_get(list, 1), "kind", "solo5");
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

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_image_that_says_another_service_is_refused),
		T(a_unikernel_says_what_it_is_given),
		T(a_unikernel_that_says_nothing_of_itself_is_refused),
		T(a_unikernel_with_words_out_of_form_is_refused),
		T(an_image_for_qemu_is_no_unikernel),
		T(ports_are_read),
		T(a_port_that_is_none_is_refused),
		T(volumes_are_read),
		T(a_volume_that_two_machines_would_write_is_refused),
		T(a_program_of_the_image_is_a_probe),
		T(a_program_s_name_is_a_plain_word),
		T(an_unknown_probe_is_refused),
		T(an_unknown_hand_over_is_refused),
		T(a_machine_type_with_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
