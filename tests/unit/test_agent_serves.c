/* rooms: router-agent/change/serves.c router-agent/set.c
 * router-agent/probe_spec.c */
/* What a new image must not have lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "router-agent/change/serves.h"

static const struct set_service full = {
	.name = "dns-dhcp",
	.version = "2.89",
	.probes = { { .type = PROBE_DNS,
			.name = "router.lan",
			.qtype = "A",
			.expect = PROBE_SELF,
			.value = "self" },
	    { .type = PROBE_DHCP } },
	.nprobes = 2,
	.ports = { { false, 53 }, { true, 53 }, { false, 67 } },
	.nports = 3,
	.volumes = { { "state", "/var/lib/x", 1 << 20 } },
	.nvolumes = 1,
};
static struct set old, next;

static int
setup(void **state)
{
	(void)state;
	memset(&old, 0, sizeof(old));
	old.nservices = 1;
	old.services[0] = full;
	next = old;
	strcpy(next.services[0].version, "2.90");
	return 0;
}

static void
refused(const char *why)
{
	struct err err = ERR_INIT;

	assert_int_equal(serves_said(&old, &next, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(err.msg, why);
}

static void
taken(const struct set *from)
{
	struct err err = ERR_INIT;

	if (serves_said(from, &next, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
the_same_and_more_is_taken(void **state)
{
	struct set_service *n = &next.services[0];

	(void)state;
	taken(&old);
	n->ports[n->nports++] = (struct set_port){ true, 853 };
	taken(&old);
	taken(NULL);
}

static void
a_lost_port_is_named(void **state)
{
	(void)state;
	next.services[0].nports = 2;
	refused("dns-dhcp 2.90 would serve less than 2.89, which runs: it has "
		"no port udp/67");
}

static void
the_same_number_of_the_other_protocol_is_another_port(void **state)
{
	(void)state;
	next.services[0].ports[1].tcp = false;
	refused("dns-dhcp 2.90 would serve less than 2.89, which runs: it has "
		"no port tcp/53");
}

static void
a_lost_volume_is_named(void **state)
{
	(void)state;
	next.services[0].nvolumes = 0;
	refused("dns-dhcp 2.90 would lose what 2.89, which runs, keeps: it "
		"has no volume state");
}

static void
a_service_that_is_left_out_is_the_plan_s_business(void **state)
{
	(void)state;
	strcpy(next.services[0].name, "mqtt");
	next.services[0].nports = 0;
	taken(&old);
}

static void
what_the_old_image_asked_is_asked_of_the_new(void **state)
{
	struct set_service q, n = full;

	(void)state;
	serves_questions(&full, &n, &q);
	assert_int_equal(q.nprobes, 1); /* tcp/53, which nobody asks */
	assert_int_equal(q.probes[0].type, PROBE_TCP);
	assert_int_equal(q.probes[0].port, 53);
	n.nprobes = 1; /* no word of DHCP any more */
	serves_questions(&full, &n, &q);
	assert_int_equal(q.nprobes, 2);
	assert_int_equal(q.probes[0].type, PROBE_DHCP);
	/* another expectation is another question */
	n.probes[0].expect = PROBE_ANY;
	serves_questions(&full, &n, &q);
	assert_int_equal(q.nprobes, 3);
	assert_string_equal(q.name, "dns-dhcp");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_same_and_more_is_taken, setup),
		cmocka_unit_test_setup(a_lost_port_is_named, setup),
		cmocka_unit_test_setup(
		    the_same_number_of_the_other_protocol_is_another_port,
		    setup),
		cmocka_unit_test_setup(a_lost_volume_is_named, setup),
		cmocka_unit_test_setup(
		    a_service_that_is_left_out_is_the_plan_s_business, setup),
		cmocka_unit_test(what_the_old_image_asked_is_asked_of_the_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
