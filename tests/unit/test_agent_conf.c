/* rooms: router-agent/conf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/conf.h"

#define HEAD                                  \
	"state: /var/lib/kiln-agent\n"        \
	"server: [\"http://198.51.100.1/\", " \
	"\"https://mirror.example/kiln\"]\n"  \
	"channel: edge\n"
#define TRUST "trust: {root: /etc/kiln/root.json, min_keys: 2}\n"
#define LAN "lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}\n"
#define SERVICES                    \
	"services:\n"               \
	"  dns-dhcp:\n"             \
	"    address: 192.0.2.53\n" \
	"    config: {domain: lan, hosts: [{name: router, n: 3}]}\n"
#define GOOD HEAD TRUST LAN SERVICES

static void
refuses(const char *text, const char *says)
{
	struct agent_conf c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(
	    agent_conf_parse(&c, "agent.yaml", text, strlen(text), &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	if (!strstr(err.msg, says))
		print_error("\"%s\" lacks \"%s\"\n", err.msg, says);
	assert_non_null(strstr(err.msg, says));
}

static void
a_whole_configuration_is_read(void **state)
{
	auto_agent_conf struct agent_conf c = { 0 };
	struct err err = ERR_INIT;
	const struct agent_service *s;

	(void)state;
	assert_int_equal(
	    agent_conf_parse(&c, "agent.yaml", GOOD, strlen(GOOD), &err), 0);
	assert_int_equal(c.nservers, 2);
	assert_string_equal(c.servers[0], "http://198.51.100.1");
	assert_string_equal(c.servers[1], "https://mirror.example/kiln");
	assert_string_equal(c.arch, agent_arch());
	assert_int_equal(c.min_keys, 2);
	assert_int_equal(c.poll_s, 6 * 3600);
	assert_int_equal(c.accel, ACCEL_AUTO);
	assert_int_equal(c.reports, REPORTS_OFF);
	assert_false(c.demo);
	s = agent_conf_service(&c, "dns-dhcp");
	assert_non_null(s);
	assert_string_equal(
	    json_string_value(json_object_get(s->config, "domain")), "lan");
	assert_null(agent_conf_service(&c, "ntp"));
}

static void
what_an_owner_wants_is_read(void **state)
{
	static const char text[] = GOOD
	    "updates: ask\n"
	    "probation: 30m\n"
	    "link: {budget: 50MiB, metered: true}\n"
	    "notices: {mail: [/usr/sbin/sendmail, root], led: [/bin/led],\n"
	    "  webhook: \"http://198.51.100.1/hook\"}\n";
	auto_agent_conf struct agent_conf c = { 0 }, plain = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (agent_conf_parse(&c, "agent.yaml", text, strlen(text), &err) == -1)
		fail_msg("%s", err.msg);
	assert_true(c.ask);
	assert_int_equal(c.probation_s, 1800);
	assert_int_equal(c.budget, 50 << 20);
	assert_true(c.metered);
	assert_string_equal(c.mail[0], "/usr/sbin/sendmail");
	assert_string_equal(c.mail[1], "root");
	assert_null(c.mail[2]);
	assert_null(c.led[1]);
	assert_string_equal(c.webhook, "http://198.51.100.1/hook");
	assert_int_equal(c.hold_keys_s, 7 * 86400);
	assert_int_equal(
	    agent_conf_parse(&plain, "agent.yaml", GOOD, strlen(GOOD), &err),
	    0);
	assert_false(plain.ask);
	assert_int_equal(plain.probation_s, 600);
	assert_int_equal(plain.budget, 0);
	assert_null(plain.mail);
}

#define WAN "wan: {bridge: br-wan}\n"
#define CARD "address: 203.0.113.2, prefix: 24, gateway: 203.0.113.1"
#define FIREWALL(more) \
	HEAD TRUST LAN WAN "services: {fw: {address: 192.0.2.3, " more "}}\n"

static void
a_machine_may_have_a_second_card(void **state)
{
	static const char text[] =
	    FIREWALL("address6: \"2001:db8:1::3\", prefix6: 64, wan: {" CARD
		     ", address6: \"2001:db8:2::2\", prefix6: 64,"
		     " gateway6: \"2001:db8:2::1\"}");
	auto_agent_conf struct agent_conf c = { 0 };
	struct err err = ERR_INIT;
	const struct agent_service *s;

	(void)state;
	if (agent_conf_parse(&c, "agent.yaml", text, strlen(text), &err) == -1)
		fail_msg("%s", err.msg);
	s = agent_conf_service(&c, "fw");
	assert_string_equal(c.wan_bridge, "br-wan");
	assert_string_equal(s->address6, "2001:db8:1::3");
	assert_int_equal(s->prefix6, 64);
	assert_string_equal(s->wan->address, "203.0.113.2");
	assert_string_equal(s->wan->gateway, "203.0.113.1");
	assert_string_equal(s->wan->gateway6, "2001:db8:2::1");
}

static void
a_second_card_that_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses(HEAD TRUST LAN "services: {fw: {address: 192.0.2.3, wan: {" CARD
			       "}}}\n",
	    "no \"wan\"");
	refuses(FIREWALL("wan: {address: 1.2.3, prefix: 24}"), "not an IPv4");
	refuses(FIREWALL("address6: \"2001:db8::1\""), "come together");
	refuses(FIREWALL("wan: {" CARD ", gateway6: \"2001:db8::1\"}"),
	    "no address6");
	refuses(
	    HEAD TRUST LAN "wan: {bridge: br-lan}\n" SERVICES, "LAN's bridge");
}

static void
programs_have_paths_and_links_have_limits(void **state)
{
	(void)state;
	refuses(GOOD "notices: {mail: [sendmail, root]}\n", "absolute path");
	refuses(GOOD "notices: {webhook: \"ftp://x/\"}\n", "http://");
	refuses(GOOD "link: {budget: 1KiB}\n", "budget");
	refuses(GOOD "updates: never\n", "ask");
	refuses(GOOD "probation: 0s\n", "probation");
}

static void
an_unknown_key_is_named_with_its_line(void **state)
{
	(void)state;
	refuses(GOOD "acel: kvm\n", "agent.yaml:10:");
	refuses(GOOD "acel: kvm\n", "accel");
	refuses(HEAD TRUST LAN "services: {x: {address: 192.0.2.9, adr: 1}}\n",
	    "adr");
}

static void
what_is_missing_is_named(void **state)
{
	(void)state;
	refuses(HEAD LAN SERVICES, "trust");
	refuses(HEAD TRUST SERVICES, "lan");
	refuses(HEAD TRUST LAN, "services");
}

static void
addresses_must_fit_the_lan(void **state)
{
	(void)state;
	refuses(HEAD TRUST LAN "services: {a: {address: 192.0.3.1}}\n",
	    "outside the LAN");
	refuses(HEAD TRUST LAN "services: {a: {address: 192.0.2.1}}\n",
	    "the router's own");
	refuses(HEAD TRUST LAN "services: {a: {address: 192.0.2.255}}\n",
	    "broadcast");
	refuses(HEAD TRUST LAN "services: {a: {address: 192.0.2.7}, "
			       "b: {address: 192.0.2.7}}\n",
	    "also the address of a");
	refuses(HEAD TRUST LAN "services: {a: {address: fe80::1}}\n",
	    "not an IPv4 address");
}

static void
keys_must_be_keys(void **state)
{
	(void)state;
	refuses(HEAD LAN SERVICES "trust: {root: /r, require_keys: [abcd]}\n",
	    "require_keys");
	/* a point of small order */
	refuses(HEAD LAN SERVICES
	    "trust: {root: /r, require_keys: "
	    "[\"0000000000000000000000000000000000000000000000000000000000000"
	    "000\"]}\n",
	    "require_keys");
	refuses(
	    HEAD LAN SERVICES "trust: {root: /r, min_keys: 0}\n", "min_keys");
}

static void
servers_must_be_urls(void **state)
{
	(void)state;
	refuses("state: /s\nserver: [ftp://x]\nchannel: e\n" TRUST LAN SERVICES,
	    "http://");
	refuses(
	    "state: /s\nserver: []\nchannel: e\n" TRUST LAN SERVICES, "server");
	refuses("state: s\nserver: [http://x]\nchannel: e\n" TRUST LAN SERVICES,
	    "absolute");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_configuration_is_read),
		cmocka_unit_test(what_an_owner_wants_is_read),
		cmocka_unit_test(a_machine_may_have_a_second_card),
		cmocka_unit_test(a_second_card_that_cannot_be_is_refused),
		cmocka_unit_test(programs_have_paths_and_links_have_limits),
		cmocka_unit_test(an_unknown_key_is_named_with_its_line),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(addresses_must_fit_the_lan),
		cmocka_unit_test(keys_must_be_keys),
		cmocka_unit_test(servers_must_be_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
