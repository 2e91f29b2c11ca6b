/* rooms: router-agent/owner/import_dnsmasq.c
 * router-agent/owner/dnsmasq_words.c router-agent/conf.c
 * recipes/dns-dhcp/dnsmasq_conf.c recipes/dns-dhcp/dnsmasq_dhcp.c
 * recipes/guest-init/guest.c */
/*
 * dnsmasq.conf in, the service's configuration out: the agent reads it, and
 * the service's own configure takes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "recipes/dns-dhcp/dnsmasq_conf.h"
#include "router-agent/conf.h"
#include "router-agent/owner/import_dnsmasq.h"

static const char home[] =
    "# of an old router\n"
    "interface=br-lan\n"
    "domain=Home.example # ours\n"
    "local=/home.example/\n"
    "expand-hosts\n"
    "\n"
    "server=192.0.2.1\r\n"
    "server=2001:db8::1#53\n"
    "server=192.0.2.1#5353\n"
    "server=/corp.example/192.0.2.9\n"
    "dhcp-range=set:lan,192.0.2.100,192.0.2.200,12h\n"
    "dhcp-range=192.0.2.100,192.0.2.200,255.255.255.0,12h\n"
    "dhcp-host=AA:BB:CC:00:11:22,nas,192.0.2.7\n"
    "dhcp-host=aa:bb:cc:00:11:23,192.0.2.8,45m\n"
    "dhcp-host=id:whatever,192.0.2.9\n"
    "dhcp-option=3,192.0.2.1\n"
    "dhcp-option=option:ntp-server,192.0.2.1\n"
    "host-record=printer.home.example,printer,192.0.2.20\n"
    "host-record=www.elsewhere.example,192.0.2.21\n"
    "address=/tv.home.example/192.0.2.30\n"
    "address=/ads.example/0.0.0.0\n"
    "log-queries\n"
    "no-such-option=1\n";

static void
take(const char *text, struct import *m)
{
	struct err err = ERR_INIT;

	if (import_dnsmasq(text, strlen(text), m, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
verdict(const struct import *m, size_t number, enum import_verdict want)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->lines[i].number != number)
			continue;
		if (m->lines[i].verdict != want)
			fail_msg("line %zu, %s: %s", number, m->lines[i].text,
			    import_verdict_name(m->lines[i].verdict));
		assert_int_equal(
		    *m->lines[i].why == '\0', want == IMPORT_TAKEN);
		return;
	}
	fail_msg("no verdict on line %zu", number);
}

static void
each_line_has_its_verdict(void **state)
{
	static const enum import_verdict want[] = { [2] = IMPORT_CHANGED,
		[3] = IMPORT_TAKEN,
		[4] = IMPORT_TAKEN,
		[5] = IMPORT_TAKEN,
		[7] = IMPORT_TAKEN,
		[8] = IMPORT_TAKEN,
		[9] = IMPORT_UNSUPPORTED,
		[10] = IMPORT_UNSUPPORTED,
		[11] = IMPORT_UNSUPPORTED,
		[12] = IMPORT_CHANGED,
		[13] = IMPORT_TAKEN,
		[14] = IMPORT_CHANGED,
		[15] = IMPORT_UNSUPPORTED,
		[16] = IMPORT_TAKEN,
		[17] = IMPORT_UNSUPPORTED,
		[18] = IMPORT_TAKEN,
		[19] = IMPORT_UNSUPPORTED,
		[20] = IMPORT_CHANGED,
		[21] = IMPORT_UNSUPPORTED,
		[22] = IMPORT_UNSUPPORTED,
		[23] = IMPORT_UNSUPPORTED };
	struct import m;

	(void)state;
	take(home, &m);
	assert_int_equal(m.n, 21);
	for (size_t i = 2; i < ARRAY_LEN(want); i++)
		if (i != 6)
			verdict(&m, i, want[i]);
	import_release(&m);
}

static void
the_agent_and_the_service_take_what_comes_out(void **state)
{
	static const char start[] = "state: /var/lib/x\n"
				    "server: [\"http://farm.example\"]\n"
				    "channel: edge\n"
				    "trust: {root: /etc/root.json}\n"
				    "lan: {address: 192.0.2.1, prefix: 24}\n"
				    "services:\n"
				    "  dns-dhcp:\n"
				    "    address: 192.0.2.53\n";
	const struct lan lan = { .net = { { 0xc0000235, 0xffffff00 } },
		.n = 1,
		.gateway = 0xc0000201 };
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_buf struct buf yaml = BUF_INIT;
	struct err err = ERR_INIT;
	struct fault fault = { "" };
	struct import m;
	char *text;

	(void)state;
	take(home, &m);
	buf_str(&yaml, start);
	import_yaml(&m, &yaml);
	if (agent_conf_parse(&conf, "agent.yaml", yaml.data, yaml.len, &err) ==
	    -1)
		fail_msg("%s\n%s", err.msg, yaml.data);
	assert_true(json_equal(conf.services[0].config, m.config));
	text = dnsmasq_conf(conf.services[0].config, &lan, &fault);
	if (!text)
		fail_msg("%s", fault.text);
	assert_non_null(strstr(text, "\ndomain=home.example\n"));
	assert_non_null(strstr(text, "\nserver=192.0.2.1\n"));
	assert_non_null(strstr(text, "\nserver=2001:db8::1\n"));
	assert_null(strstr(text, "192.0.2.9"));
	assert_non_null(
	    strstr(text, "\ndhcp-range=192.0.2.100,192.0.2.200,43200\n"));
	assert_non_null(
	    strstr(text, "\ndhcp-host=aa:bb:cc:00:11:22,192.0.2.7,nas\n"));
	assert_non_null(
	    strstr(text, "\ndhcp-host=aa:bb:cc:00:11:23,192.0.2.8,host-1\n"));
	assert_non_null(strstr(
	    text, "\nhost-record=printer.home.example,printer,192.0.2.20\n"));
	assert_non_null(
	    strstr(text, "\nhost-record=tv.home.example,tv,192.0.2.30\n"));
	free(text);
	import_release(&m);
}

static void
an_empty_file_gives_a_domain(void **state)
{
	struct import m;

	(void)state;
	take("", &m);
	assert_int_equal(m.n, 0);
	assert_string_equal(
	    json_string_value(json_object_get(m.config, "domain")), "lan");
	import_release(&m);
}

static void
a_range_in_ipv6_is_not_taken(void **state)
{
	struct import m;

	(void)state;
	take("dhcp-range=::100,::200,constructor:br-lan,12h\n"
	     "dhcp-option=3,192.0.2.1\n",
	    &m);
	verdict(&m, 1, IMPORT_UNSUPPORTED);
	/* A way out alone would make no DHCP. */
	assert_null(json_object_get(m.config, "dhcp"));
	import_release(&m);
}

static void
what_is_no_text_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct import m;

	(void)state;
	assert_int_equal(import_dnsmasq("a\0b", 3, &m, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_its_verdict),
		cmocka_unit_test(the_agent_and_the_service_take_what_comes_out),
		cmocka_unit_test(an_empty_file_gives_a_domain),
		cmocka_unit_test(a_range_in_ipv6_is_not_taken),
		cmocka_unit_test(what_is_no_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
