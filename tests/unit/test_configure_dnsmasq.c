/* rooms: recipes/guest-init recipes/dns-dhcp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/dns-dhcp/dnsmasq_conf.h"

/* 192.0.2.53/24 with its gateway, and 2001:db8::53/64 */
static const struct lan lan = { .net = { { 0xc0000235, 0xffffff00 } },
	.n = 1,
	.gateway = 0xc0000201,
	.net6 = { { { { 0x20, 1, 0xd, 0xb8, [15] = 0x53 } } } },
	.n6 = 1 };

static char *
write_conf(const char *config, const struct lan *l, struct fault *f)
{
	auto_json json_t *j = guest_json("config", config, strlen(config), f);

	return j == NULL ? NULL : dnsmasq_conf(j, l, f);
}

static void
has(const char *config, const char *line)
{
	struct fault f = { "" };
	char *text = write_conf(config, &lan, &f);

	if (text == NULL)
		fail_msg("%s", f.text);
	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, text);
	free(text);
}

static void
has_not(const char *config, const char *line)
{
	struct fault f = { "" };
	char *text = write_conf(config, &lan, &f);

	assert_non_null(text);
	assert_null(strstr(text, line));
	free(text);
}

static void
refuses(const char *config, const char *why)
{
	struct fault f = { "" };

	assert_null(write_conf(config, &lan, &f));
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
}

#define DOMAIN "\"domain\":\"lan\""
#define DHCP(more)                                                 \
	"{" DOMAIN ",\"dhcp\":{\"start\":\"192.0.2.100\",\"end\":" \
	"\"192.0.2.200\",\"lease\":3600" more "}}"
#define HOST(name, more) "{\"name\":\"" name "\",\"address\":" more "}"
#define HOSTS(list) "{" DOMAIN ",\"hosts\":[" list "]}"

static void
a_domain_is_enough(void **state)
{
	(void)state;
	has("{" DOMAIN "}", "\ndomain=lan\nlocal=/lan/\n");
	has("{" DOMAIN "}", "\nno-resolv\n");
	has_not("{" DOMAIN "}", "dhcp");
	has_not("{" DOMAIN "}", "server=");
	has_not("{" DOMAIN "}", "log-queries");
}

static void
hosts_become_records(void **state)
{
	(void)state;
	has(HOSTS(HOST("router", "\"192.0.2.53\"")),
	    "\nhost-record=router.lan,router,192.0.2.53\n");
	has(HOSTS(HOST("router", "\"2001:db8::1\"")),
	    "\nhost-record=router.lan,router,2001:db8::1\n");
	/* without DHCP there is nothing to reserve */
	has_not(
	    HOSTS(HOST("nas", "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:07\"")),
	    "dhcp-host");
}

static void
dhcp_names_the_gateway_as_router(void **state)
{
	struct lan alone = lan;
	struct fault f;
	char *text;

	(void)state;
	has(DHCP(""), "\ndhcp-range=192.0.2.100,192.0.2.200,3600\n");
	has(DHCP(""), "\nleasefile-ro\ndhcp-script=/usr/lib/kiln/leases\n");
	has(DHCP(""), "\ndhcp-option=option:router,192.0.2.1\n");
	has(DHCP(",\"router\":\"192.0.2.9\""),
	    "\ndhcp-option=option:router,192.0.2.9\n");
	alone.gateway = 0;
	text = write_conf(DHCP(""), &alone, &f);
	assert_non_null(text);
	assert_non_null(strstr(text, "\ndhcp-option=option:router\n"));
	free(text);
}

static void
dhcp_reserves_addresses_by_mac(void **state)
{
	(void)state;
	has("{" DOMAIN
	    ",\"hosts\":[" HOST("nas", "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:"
				       "07\"") "],"
					       "\"dhcp\":{\"start\":\"192.0.2."
					       "100\",\"end\":\"192.0.2.200\","
					       "\"lease\":120}}",
	    "\ndhcp-host=02:00:00:00:00:07,192.0.2.7,nas\n");
}

/* 192.0.2.53/16 */
static const struct lan wide = {
	.net = { { 0xc0000235, 0xffff0000 } }, .n = 1, .gateway = 0xc0000201
};

static void
each_address_of_the_range_may_be_leased(void **state)
{
	static const char beside[] = "{" DOMAIN ",\"hosts\":[" HOST("nas",
	    "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:"
	    "07\"") "],"
		    "\"dhcp\":{\"start\":\"192.0.2."
		    "100\",\"end\":\"192.0.2.200\","
		    "\"lease\":120}}";
	static const char huge[] =
	    "{" DOMAIN ",\"dhcp\":{\"start\":\"192.0.8.1\","
	    "\"end\":\"192.0.47.250\",\"lease\":120}}";
	struct fault f = { "" };
	char *text = write_conf(huge, &wide, &f);

	(void)state;
	has(DHCP(""), "\ndhcp-lease-max=101\n");
	has(beside, "\ndhcp-lease-max=102\n");
	/* … as far as the agent remembers them */
	assert_non_null(text);
	assert_non_null(strstr(text, "\ndhcp-lease-max=4096\n"));
	free(text);
}

static void
upstream_and_listen_are_lists(void **state)
{
	(void)state;
	has("{" DOMAIN ",\"upstream\":[\"192.0.2.1\",\"2001:db8::1\"]}",
	    "\nserver=192.0.2.1\nserver=2001:db8::1\n");
	has("{" DOMAIN ",\"listen\":[\"192.0.2.53\"]}",
	    "\nbind-interfaces\nlisten-address=192.0.2.53\n");
	refuses("{" DOMAIN ",\"upstream\":\"192.0.2.1\"}", "not an array");
	refuses("{" DOMAIN ",\"upstream\":[1]}", "not a text");
	refuses(
	    "{" DOMAIN ",\"upstream\":[\"192.0.2.1#53\"]}", "not an address");
}

static void
unknown_keys_are_refused(void **state)
{
	(void)state;
	refuses("{}", "\"domain\" is missing");
	refuses("{" DOMAIN ",\"x\":1}", "unknown key \"x\"");
	refuses(DHCP(",\"x\":1"), "dhcp: unknown key \"x\"");
	refuses(HOSTS(HOST("a", "\"192.0.2.7\",\"x\":1")),
	    "hosts: unknown key \"x\"");
	refuses(HOSTS("1"), "not an object");
}

static void
no_text_can_add_a_line(void **state)
{
	(void)state;
	refuses("{\"domain\":\"lan\\nport=5353\"}", "printable");
	refuses("{\"domain\":\"lan/1.2.3.4\"}", "not a domain name");
	refuses(HOSTS(HOST("a,b", "\"192.0.2.7\"")), "not one label");
	refuses(HOSTS(HOST("a.b", "\"192.0.2.7\"")), "not one label");
	refuses(HOSTS(HOST("a", "\"192.0.2.7\\n\"")), "printable");
	refuses(HOSTS(HOST("a", "\"fe80::1%eth0\"")), "not an address");
}

static void
ranges_that_serve_nobody_are_refused(void **state)
{
	static const char form[] =
	    "{" DOMAIN ",\"dhcp\":{\"start\":\"%s\",\"end\":\"%s\","
	    "\"lease\":3600}}";
	static const char *const bad[][2] = {
		{ "192.0.2.200", "192.0.2.100" },
		{ "192.0.3.1", "192.0.3.9" },
		{ "192.0.2.100", "192.0.3.9" },
	};
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof text, form, bad[i][0], bad[i][1]);
		refuses(text, "not a range within a network");
	}
	refuses("{" DOMAIN ",\"dhcp\":{\"start\":\"2001:db8::1\"}}",
	    "not an IPv4 address");
	refuses("{" DOMAIN ",\"dhcp\":{\"start\":\"192.0.2.100\",\"end\":"
		"\"192.0.2.200\",\"lease\":60}}",
	    "from 120");
	refuses("{" DOMAIN ",\"dhcp\":1}", "not an object");
}

static void
two_reservations_do_not_share_a_mac_or_address(void **state)
{
	(void)state;
	refuses(HOSTS(HOST("a",
		    "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:07\"") "," HOST("b",
		    "\"192.0.2.8\",\"mac\":\"02:00:00:00:00:07\"")),
	    "named twice");
	refuses(HOSTS(HOST("a",
		    "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:07\"") "," HOST("b",
		    "\"192.0.2.7\",\"mac\":\"02:00:00:00:00:08\"")),
	    "reserved twice");
	refuses(
	    HOSTS(HOST("a", "\"2001:db8::7\",\"mac\":\"02:00:00:00:00:07\"")),
	    "needs an IPv4 address");
	refuses(HOSTS(HOST("a", "\"192.0.2.7\",\"mac\":\"02:00\"")), "\"mac\"");
}

#define RANGE6(START, END)                                                  \
	"\"dhcp6\":{\"start\":\"" START "\",\"end\":\"" END "\",\"lease\":" \
	"3600}"
#define SIX RANGE6("2001:db8::10", "2001:db8::1f")

static void
advertisements_say_who_gives_addresses(void **state)
{
	static const char nobody[] = "\nenable-ra\nra-param=*,0,0\n";

	(void)state;
	has_not("{" DOMAIN "," SIX "}", "enable-ra");
	has("{" DOMAIN "," SIX "}",
	    "\ndhcp-range=2001:db8::10,2001:db8::1f,64,3600\n"
	    "dhcp-option=option6:dns-server,[2001:db8::53]\n"
	    "dhcp-lease-max=16\n");
	has("{" DOMAIN ",\"ra\":\"slaac\",\"listen\":[\"192.0.2.53\"]}",
	    "\ndhcp-option=option6:dns-server\n");
	has("{" DOMAIN ",\"ra\":\"slaac\",\"listen\":[\"2001:db8::53\"]}",
	    "\ndhcp-option=option6:dns-server,[2001:db8::53]\n");
	/* never this machine as the way out */
	has("{" DOMAIN ",\"ra\":\"slaac\"}", nobody);
	has("{" DOMAIN ",\"ra\":\"slaac\"}",
	    "\ndhcp-range=2001:db8::,ra-stateless,64\n");
	has("{" DOMAIN ",\"ra\":\"dhcp\"," SIX "}", nobody);
	has("{" DOMAIN ",\"ra\":\"dhcp\"," SIX "}",
	    "\ndhcp-range=2001:db8::10,2001:db8::1f,64,3600\n");
	has("{" DOMAIN ",\"ra\":\"both\"," SIX "}",
	    "\ndhcp-range=2001:db8::10,2001:db8::1f,slaac,64,3600\n");
	/* there is no place for a file of leases */
	has("{" DOMAIN ",\"ra\":\"slaac\"}",
	    "\nleasefile-ro\ndhcp-script=/usr/lib/kiln/leases\n");
}

static void
leases_of_ipv6_have_room_beside_the_others(void **state)
{
	(void)state;
	has("{" DOMAIN ",\"dhcp\":{\"start\":\"192.0.2.100\",\"end\":"
	    "\"192.0.2.109\",\"lease\":120}," SIX "}",
	    "\ndhcp-lease-max=26\n");
	has("{" DOMAIN
	    "," RANGE6("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff") "}",
	    "\ndhcp-lease-max=4096\n");
}

static void
what_would_serve_nobody_is_refused_in_ipv6(void **state)
{
	static const struct {
		const char *config, *why;
	} bad[] = {
		{ "{" DOMAIN ",\"ra\":\"yes\"}", "not one of slaac" },
		{ "{" DOMAIN ",\"ra\":\"dhcp\"}", "dhcp needs \"dhcp6\"" },
		{ "{" DOMAIN ",\"ra\":\"both\"}", "both needs \"dhcp6\"" },
		{ "{" DOMAIN ",\"ra\":\"slaac\"," SIX "}",
		    "slaac beside \"dhcp6\"" },
		{ "{" DOMAIN "," RANGE6("2001:db8::2", "2001:db8::1") "}",
		    "2001:db8::2 to 2001:db8::1 is not a range" },
		{ "{" DOMAIN "," RANGE6("2001:db8::2", "2001:db8:0:1::3") "}",
		    "is not a range within a /64" },
	};
	static const char slaac[] = "{" DOMAIN ",\"ra\":\"slaac\"}";
	struct lan four = lan;
	struct fault f = { "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		refuses(bad[i].config, bad[i].why);
	four.n6 = 0;
	assert_null(write_conf(slaac, &four, &f));
	assert_non_null(strstr(f.text, "no IPv6 address of a /64"));
}

static void
dhcp_alone_answers_no_names(void **state)
{
#define RANGE                                                          \
	"\"dhcp\":{\"start\":\"192.0.2.100\",\"end\":\"192.0.2.200\"," \
	"\"lease\":3600}"
	static const char config[] =
	    "{\"domain\":\"lan\",\"dns\":[\"192.0.2.5\",\"192.0.2.6\"],"
	    "\"ntp\":[\"192.0.2.1\"]," RANGE ",\"dhcp6\":{\"start\":"
	    "\"2001:db8::10\",\"end\":\"2001:db8::1f\",\"lease\":3600,"
	    "\"dns\":[\"2001:db8::5\"]}}";
	static const char *const lines[] = { "\nport=0\n",
		"\ndhcp-option=option:dns-server,192.0.2.5,192.0.2.6\n",
		"\ndhcp-option=option:ntp-server,192.0.2.1\n",
		"\ndhcp-range=192.0.2.100,192.0.2.200,3600\n",
		"\ndhcp-range=2001:db8::10,2001:db8::1f,64,3600\n",
		"\ndhcp-option=option6:dns-server,[2001:db8::5]\n" };
	static const struct {
		const char *config, *why;
	} bad[] = {
		{ "{\"domain\":\"lan\"}", "no \"dhcp\"" },
		{ "{\"domain\":\"lan\",\"upstream\":[]," RANGE "}",
		    "upstream" },
		{ "{\"domain\":\"lan\",\"dns\":[\"2001:db8::1\"]," RANGE "}",
		    "not IPv4" },
		{ "{\"domain\":\"lan\"," RANGE ",\"dhcp6\":{\"start\":"
		  "\"192.0.2.1\",\"end\":\"2001:db8::1\",\"lease\":3600}}",
		    "not an IPv6" },
		{ "{\"domain\":\"lan\"," RANGE ",\"dhcp6\":{\"start\":"
		  "\"2001:db8:1::1\",\"end\":\"2001:db8:1::2\",\"lease\":"
		  "3600}}",
		    "not a range within a /64" },
	};
	auto_json json_t *j = NULL;
	struct fault f = { "" };
	char *text;
	size_t i;

	(void)state;
	j = guest_json("config", config, strlen(config), &f);
	text = dnsmasq_dhcp_conf(j, &lan, &f);
	if (text == NULL)
		fail_msg("%s", f.text);
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("no \"%s\" in:\n%s", lines[i], text);
	free(text);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		auto_json json_t *b = guest_json(
		    "config", bad[i].config, strlen(bad[i].config), &f);

		assert_null(dnsmasq_dhcp_conf(b, &lan, &f));
		if (strstr(f.text, bad[i].why) == NULL)
			fail_msg(
			    "expected \"%s\" in \"%s\"", bad[i].why, f.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dhcp_alone_answers_no_names),
		cmocka_unit_test(advertisements_say_who_gives_addresses),
		cmocka_unit_test(leases_of_ipv6_have_room_beside_the_others),
		cmocka_unit_test(what_would_serve_nobody_is_refused_in_ipv6),
		cmocka_unit_test(a_domain_is_enough),
		cmocka_unit_test(hosts_become_records),
		cmocka_unit_test(dhcp_names_the_gateway_as_router),
		cmocka_unit_test(dhcp_reserves_addresses_by_mac),
		cmocka_unit_test(each_address_of_the_range_may_be_leased),
		cmocka_unit_test(upstream_and_listen_are_lists),
		cmocka_unit_test(unknown_keys_are_refused),
		cmocka_unit_test(no_text_can_add_a_line),
		cmocka_unit_test(ranges_that_serve_nobody_are_refused),
		cmocka_unit_test(
		    two_reservations_do_not_share_a_mac_or_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
