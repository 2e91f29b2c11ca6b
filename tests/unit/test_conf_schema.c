#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/conf_schema.h"
#include "lib/json.h"
#include "lib/own.h"

/* Every type, a list of maps, a map and a list within each other. */
static const char schema[] = "anonymous bool\n"
			     "dhcp.lease! 120..3600\n"
			     "dhcp.start! ipv4\n"
			     "dhcp6.start ipv6\n"
			     "domain! name\n"
			     "empty[] line 20\n"
			     "hosts list 2\n"
			     "hosts[].address! address\n"
			     "hosts[].mac mac\n"
			     "hosts[].name! label\n"
			     "hosts[].to.port 1..65535\n"
			     "lines[] text 20\n"
			     "nets[] network\n"
			     "proto tcp|udp\n";

static const struct conf_key config_keys[] = {
	{ .name = "config", .type = CONF_FREE },
	{ 0 },
};

static int
tried(const char *yaml, const char *form, struct err *err)
{
	auto_conf struct conf *c =
	    conf_parse("a.yaml", yaml, strlen(yaml), config_keys, err);

	if (!c)
		fail_msg("%s", err->msg);
	return conf_schema_fits(conf_root(c), "config", "svc", form, err);
}

static void
fits(const char *yaml)
{
	struct err err = ERR_INIT;

	if (tried(yaml, schema, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
refuses(const char *yaml, const char *says)
{
	struct err err = ERR_INIT;

	assert_int_equal(tried(yaml, schema, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(err.msg, says);
}

static void
what_is_listed_fits(void **state)
{
	(void)state;
	fits("config: {domain: lan}\n");
	fits("config:\n"
	     "  domain: home.example\n"
	     "  anonymous: false\n"
	     "  proto: udp\n"
	     "  dhcp: {start: 192.0.2.1, lease: 120}\n"
	     "  dhcp6: {start: \"2001:db8::1\"}\n"
	     "  hosts:\n"
	     "    - {name: a, address: 192.0.2.2, mac: \"52:54:00:0a:00:01\"}\n"
	     "    - {name: b-1, address: \"::1\", to: {port: 65535}}\n"
	     "  lines: [one, \"2\", \"true\", \"a b\"]\n"
	     "  empty: [\"\", x]\n"
	     "  nets: [192.0.2.0/24, 192.0.2.1, \"2001:db8::/64\"]\n");
	fits("config: {domain: lan, hosts: [], lines: [], dhcp6: {}}\n");
}

static void
an_unknown_option_is_told_with_its_place(void **state)
{
	(void)state;
	refuses("config:\n  domain: lan\n  hots: []\n",
	    "a.yaml:3:3: svc: unknown option \"hots\" (did you mean "
	    "\"hosts\"? allowed: anonymous, dhcp, dhcp6, domain, empty, hosts, "
	    "lines, "
	    "nets, proto)");
	refuses("config:\n  domain: lan\n  hosts:\n    - {name: a, ip: x}\n",
	    "a.yaml:4:17: svc: unknown option \"ip\" (allowed: address, mac, "
	    "name, to)");
	refuses("config: {domain: lan, \"dhcp.start\": 192.0.2.1}\n",
	    "a.yaml:1:23: svc: unknown option \"dhcp.start\" (allowed: "
	    "anonymous, dhcp, dhcp6, domain, empty, hosts, lines, nets, "
	    "proto)");
}

static void
what_is_required_is_missed_where_its_map_is(void **state)
{
	(void)state;
	refuses(
	    "config: {}\n", "a.yaml:1:9: svc: option \"domain\" is missing");
	refuses("{}\n", "a.yaml:1:1: svc: option \"domain\" is missing");
	refuses("config:\n  domain: lan\n  dhcp: {lease: 300}\n",
	    "a.yaml:3:9: svc: option \"dhcp.start\" is missing");
	refuses("config:\n  domain: lan\n  hosts: [{name: a}]\n",
	    "a.yaml:3:11: svc: option \"hosts[].address\" is missing");
}

static void
another_type_is_told_without_the_value(void **state)
{
	static const char *const cases[][2] = {
		{ "anonymous: \"true\"", "anonymous: expected true or false" },
		{ "anonymous: 1", "anonymous: expected true or false" },
		{ "dhcp: 1", "dhcp: expected a map" },
		{ "dhcp: []", "dhcp: expected a map" },
		{ "hosts: {}", "hosts: expected a list" },
		{ "hosts: x", "hosts: expected a list" },
		{ "hosts: [x]", "hosts[]: expected a map" },
		{ "hosts: [[]]", "hosts[]: expected a map" },
		{ "hosts: [{}, {}, {}]", "hosts: expected at most 2 entries" },
		{ "lines: [{}]",
		    "lines[]: expected 1 to 20 bytes of printable ASCII" },
		{ "lines: [12]", "lines[]: expected 1 to 20 bytes of printable "
				 "ASCII: put it in quotes" },
		{ "lines: [true]", "lines[]: expected 1 to 20 bytes of "
				   "printable ASCII: put it in quotes" },
		{ "lines: [\"\"]",
		    "lines[]: expected 1 to 20 bytes of printable ASCII" },
		{ "lines: [\"caf\xc3\xa9\"]",
		    "lines[]: expected 1 to 20 bytes of printable ASCII" },
		{ "lines: [123456789012345678901]",
		    "lines[]: expected 1 to 20 bytes of printable ASCII" },
		{ "empty: [123456789012345678901]",
		    "empty[]: expected 0 to 20 bytes of printable ASCII" },
		{ "nets: [192.0.2.0/33]",
		    "nets[]: expected an address or a network" },
		{ "nets: [\"2001:db8::/129\"]",
		    "nets[]: expected an address or a network" },
		{ "nets: [192.0.2.0/]",
		    "nets[]: expected an address or a network" },
		{ "proto: sctp", "proto: expected one of tcp|udp" },
		{ "proto: tcp|udp", "proto: expected one of tcp|udp" },
		{ "dhcp6: {start: 192.0.2.1}",
		    "dhcp6.start: expected an IPv6 address" },
		{ "dhcp: {start: \"::1\", lease: 300}",
		    "dhcp.start: expected an IPv4 address" },
		{ "dhcp: {start: 192.0.2.1, lease: 119}",
		    "dhcp.lease: expected a number from 120 to 3600" },
		{ "dhcp: {start: 192.0.2.1, lease: \"300\"}",
		    "dhcp.lease: expected a number from 120 to 3600" },
		{ "hosts: [{name: a.b, address: \"::1\"}]",
		    "hosts[].name: expected one label of a name" },
		{ "hosts: [{name: A, address: \"::1\"}]",
		    "hosts[].name: expected one label of a name" },
		{ "hosts: [{name: a, address: \"::1\", mac: \"1:2\"}]",
		    "hosts[].mac: expected a MAC address, as "
		    "52:54:00:00:00:01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[200], at[300];
		struct err err = ERR_INIT;

		snprintf(yaml, sizeof(yaml), "config:\n  domain: lan\n  %s\n",
		    cases[i][0]);
		snprintf(at, sizeof(at), ": svc: %s", cases[i][1]);
		assert_int_equal(tried(yaml, schema, &err), -1);
		assert_non_null(strstr(err.msg, "a.yaml:3:"));
		if (strcmp(strstr(err.msg, ": svc"), at) != 0)
			fail_msg("%s: \"%s\"", cases[i][0], err.msg);
	}
	refuses("config: {domain: lan.}\n",
	    "a.yaml:1:18: svc: domain: expected a domain name");
	refuses("config: {domain: [lan]}\n",
	    "a.yaml:1:18: svc: domain: expected a domain name");
	refuses("config: [x]\n", "a.yaml:1:9: svc: config: expected a map");
	refuses("config: x\n", "a.yaml:1:9: svc: config: expected a map");
}

static void
anything_fits_where_there_is_no_schema(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(tried("config: {x: [1, {}]}\n", "", &err), 0);
	assert_int_equal(tried("{}\n", "", &err), 0);
}

static void
a_required_list_may_be_empty_and_not_absent(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    tried("config: {a: []}\n", "a! list\na[].b text\n", &err), 0);
	assert_int_equal(
	    tried("config: {}\n", "a! list\na[].b text\n", &err), -1);
}

static void
a_schema_out_of_form_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "a\n", "\"a\": no such type" },
		{ "a texts\n", "\"a texts\": no such type" },
		{ "a text 0\n", "\"a text 0\": no such type" },
		{ "a text x\n", "\"a text x\": no such type" },
		{ "a label 3\n", "\"a label 3\": no such type" },
		{ "a 3..1\n", "\"a 3..1\": no such type" },
		{ "a 1..\n", "\"a 1..\": no such type" },
		{ "a x|\n", "\"a x|\": no such type" },
		{ "a |x\n", "\"a |x\": no such type" },
		{ "a text", "the last option has no end" },
		{ "A text\n", "\"A text\": not a path of words, dots and []" },
		{ "a. text\n",
		    "\"a. text\": not a path of words, dots and []" },
		{ "a[ text\n",
		    "\"a[ text\": not a path of words, dots and []" },
		{ ".a text\n",
		    "\".a text\": not a path of words, dots and []" },
		{ "[] text\n",
		    "\"[] text\": not a path of words, dots and []" },
		{ "a!! text\n",
		    "\"a!! text\": not a path of words, dots and []" },
		{ "a text\na! text\n", "\"a! text\": the path comes twice" },
		{ "a list\na.b text\n", "\"a list\": there are paths below it:"
					" a map or a list?" },
		{ "a text\na[] text\n", "\"a text\": there are paths below it:"
					" a map or a list?" },
		{ "a list\na.b text\na[] text\n",
		    "\"a list\": both a map and a list" },
		{ "a.a.a.a.a.a.a.a.a text\n",
		    "\"a.a.a.a.a.a.a.a.a text\": not a path of words, dots "
		    "and []" },
	};
	auto_buf struct buf many = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err_clear(&err);
		assert_int_equal(conf_schema_check(cases[i][0], &err), -1);
		assert_string_equal(err.msg, cases[i][1]);
	}
	for (int i = 0; i <= CONF_SCHEMA_LINES; i++)
		buf_printf(&many, "a%d text\n", i);
	err_clear(&err);
	assert_int_equal(conf_schema_check(many.data, &err), -1);
	assert_string_equal(err.msg, "over 64 options");
	err_clear(&err);
	assert_int_equal(conf_schema_check(schema, &err), 0);
	assert_int_equal(conf_schema_check("", &err), 0);
}

static void
a_map_becomes_sorted_lines(void **state)
{
	auto_json json_t *good = json_pack(
	    "{s:s,s:s,s:s}", "b!", "text 5", "a[]", "mac", "a", "list");
	auto_json json_t *number = json_pack("{s:i}", "a", 1);
	auto_json json_t *blank = json_pack("{s:s}", "a b", "text");
	auto_json json_t *lines = json_pack("{s:s}", "a", "text\nb text");
	auto_json json_t *none = json_object(), *back = NULL;
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(conf_schema_text(good, &text, &err), 0);
	assert_string_equal(text.data, "a list\na[] mac\nb! text 5\n");
	back = conf_schema_map(text.data);
	assert_true(json_equal(back, good));
	assert_int_equal(conf_schema_text(number, &text, &err), -1);
	assert_int_equal(conf_schema_text(blank, &text, &err), -1);
	assert_int_equal(conf_schema_text(lines, &text, &err), -1);
	assert_int_equal(conf_schema_text(none, &text, &err), -1);
	assert_int_equal(conf_schema_text(NULL, &text, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_fits),
		cmocka_unit_test(an_unknown_option_is_told_with_its_place),
		cmocka_unit_test(what_is_required_is_missed_where_its_map_is),
		cmocka_unit_test(another_type_is_told_without_the_value),
		cmocka_unit_test(anything_fits_where_there_is_no_schema),
		cmocka_unit_test(a_required_list_may_be_empty_and_not_absent),
		cmocka_unit_test(a_schema_out_of_form_is_refused),
		cmocka_unit_test(a_map_becomes_sorted_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
