/* rooms: recipes/guest-init recipes/firewall */
/* libs: -lresolv */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/firewall/names.h"

static struct rules rules;

static json_t *
parse(const char *config)
{
	struct fault f;
	json_t *j = guest_json("config", config, strlen(config), &f);

	if (j == NULL)
		fail_msg("%s", f.text);
	return j;
}

static void
refuses(const char *config, const char *why)
{
	auto_json json_t *j = parse(config);
	struct fault f = { "" };

	assert_int_equal(rules_read(j, &rules, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
}

/* What nft would be told; malloc'd. */
static char *
written(const json_t *config)
{
	struct fault f;
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	if (rules_read(config, &rules, &f) == -1)
		fail_msg("%s", f.text);
	rules_write(&rules, out);
	fclose(out);
	return text;
}

static void
has(const char *config, const char *line)
{
	auto_json json_t *j = parse(config);
	char *text = written(j);

	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\" in %s", line, text);
	free(text);
}

static void
nothing_said_lets_the_lan_out_and_nobody_in(void **state)
{
	auto_json json_t *j = parse("{}");
	char *text = written(j);

	(void)state;
	assert_non_null(strstr(text, "hook forward priority filter; policy "
				     "drop\n"));
	assert_non_null(strstr(text, "hook input priority filter; policy "
				     "drop\n"));
	assert_non_null(
	    strstr(text, "iifname \"lan\" oifname \"wan\" accept\n"));
	assert_non_null(
	    strstr(text, "oifname \"wan\" meta nfproto ipv4 masquerade\n"));
	assert_null(strstr(text, "dnat ip to"));
	free(text);
	has("{}", "table inet kiln\ndelete table inet kiln\n");
}

static void
masquerade_can_be_off(void **state)
{
	auto_json json_t *j = parse("{\"masquerade\":false}");
	char *text = written(j);

	(void)state;
	assert_null(strstr(text, "masquerade"));
	free(text);
	refuses("{\"masquerade\":1}", "not a boolean");
}

static void
a_port_goes_to_one_host(void **state)
{
	(void)state;
	has("{\"forward\":[{\"proto\":\"tcp\",\"port\":8080,"
	    "\"to\":\"192.0.2.10\",\"to_port\":80}]}",
	    "iifname \"wan\" meta nfproto ipv4 tcp dport 8080 "
	    "dnat ip to 192.0.2.10:80\n");
	has("{\"forward\":[{\"proto\":\"udp\",\"port\":53,"
	    "\"to\":\"192.0.2.10\"}]}",
	    "udp dport 53 dnat ip to 192.0.2.10:53\n");
	has("{\"open\":[{\"proto\":\"tcp\",\"port\":22,"
	    "\"to\":\"2001:db8::1\"}]}",
	    "iifname \"wan\" ip6 daddr 2001:db8::1 tcp dport 22 accept\n");
	refuses("{\"forward\":[{\"proto\":\"tcp\",\"port\":80,"
		"\"to\":\"2001:db8::1\"}]}",
	    "not an IPv4");
	refuses("{\"open\":[{\"proto\":\"tcp\",\"port\":80,"
		"\"to\":\"192.0.2.1\"}]}",
	    "not an IPv6");
	refuses("{\"forward\":[{\"proto\":\"icmp\",\"port\":80,"
		"\"to\":\"192.0.2.1\"}]}",
	    "proto");
	refuses(
	    "{\"forward\":[{\"proto\":\"tcp\",\"to\":\"192.0.2.1\"}]}", "port");
}

static void
what_is_blocked_is_of_one_family(void **state)
{
	(void)state;
	has("{\"block\":[{\"to\":\"198.51.100.0/24\"}]}",
	    "iifname \"lan\" meta nfproto ipv4 ip daddr 198.51.100.0/24 "
	    "reject\n");
	has("{\"block\":[{\"from\":\"2001:db8::9\",\"proto\":\"udp\","
	    "\"port\":443}]}",
	    "iifname \"lan\" meta nfproto ipv6 ip6 saddr 2001:db8::9 "
	    "udp dport 443 reject\n");
	has("{\"block\":[{\"proto\":\"udp\"}]}",
	    "iifname \"lan\" meta nfproto ipv6 meta l4proto udp reject\n");
	refuses("{\"block\":[{}]}", "says nothing");
	refuses("{\"block\":[{\"port\":80}]}", "without \"proto\"");
	refuses("{\"block\":[{\"from\":\"192.0.2.1\",\"to\":"
		"\"2001:db8::1\"}]}",
	    "two families");
	refuses("{\"block\":[{\"to\":\"192.0.2.0/33\"}]}", "neither");
	refuses("{\"block\":[{\"to\":\"x; flush ruleset\"}]}", "neither");
	refuses("{\"block\":[{\"from\":\"a.test\"}]}", "\"from\" is neither");
	refuses("{\"blocks\":[]}", "blocks");
}

static void
a_name_has_sets_of_what_it_leads_to(void **state)
{
	static const char config[] =
	    "{\"resolver\":\"192.0.2.53\",\"block\":[{\"to\":\"ads.test\"},"
	    "{\"to\":\"ads.test\",\"proto\":\"tcp\"}]}";
	auto_json json_t *j = parse(config);
	struct fault f;
	char *text;
	size_t n;
	FILE *out;

	(void)state;
	assert_int_equal(rules_read(j, &rules, &f), 0);
	assert_int_equal(rules.names, 1); /* named twice, followed once */
	rules.name[0].n = 3;
	rules.name[0].at[0] =
	    (struct guest_addr){ AF_INET, { 203, 0, 113, 5 } };
	rules.name[0].at[1] =
	    (struct guest_addr){ AF_INET, { 203, 0, 113, 6 } };
	rules.name[0].at[2] =
	    (struct guest_addr){ AF_INET6, { 0x20, 1, 0xd, 0xb8 } };
	out = open_memstream(&text, &n);
	assert_non_null(out);
	rules_write(&rules, out);
	fclose(out);
	assert_non_null(
	    strstr(text, "elements = { 203.0.113.5, 203.0.113.6 }\n"));
	assert_non_null(strstr(text, "elements = { 2001:db8:: }\n"));
	assert_non_null(
	    strstr(text, "meta nfproto ipv4 ip daddr @name0_4 reject\n"));
	free(text);
	has(config, "set name0_4 {\n\t\ttype ipv4_addr\n\t}\n");
	refuses("{\"block\":[{\"to\":\"ads.test\"}]}", "no \"resolver\"");
}

static size_t
answer(unsigned char *out, size_t size, unsigned int rcode)
{
	static const unsigned char records[] = {
		/* pointer, A, IN, 7 s, 4 bytes; then 3600 s */
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 203, 0, 113, 5, /**/
		0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 203, 0, 113, 6
	};
	size_t n = names_question("a.test", 77, AF_INET, out, size);

	assert_int_equal(n, 24);
	out[2] |= 0x80;
	out[3] = (unsigned char)rcode;
	out[7] = rcode == 0 ? 2 : 0;
	memcpy(out + n, records, sizeof records);
	return rcode == 0 ? n + sizeof records : n;
}

static void
an_answer_gives_addresses_and_the_least_time(void **state)
{
	struct rules_name got = { .n = 0 };
	unsigned char b[512];
	size_t n = answer(b, sizeof b, 0);
	int ttl = 1000;

	(void)state;
	assert_int_equal(names_parse(b, n, 77, AF_INET, &got, &ttl), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(ttl, 7);
	assert_int_equal(got.at[1].bytes[3], 6);
	n = answer(b, sizeof b, 3); /* no such name: no address */
	got.n = 0;
	assert_int_equal(names_parse(b, n, 77, AF_INET, &got, &ttl), 0);
	assert_int_equal(got.n, 0);
}

static void
what_is_no_answer_changes_nothing(void **state)
{
	struct rules_name got = { .n = 0 };
	unsigned char b[512];
	size_t n = answer(b, sizeof b, 0), i;
	int ttl = 1000;

	(void)state;
	assert_int_equal(names_parse(b, n, 78, AF_INET, &got, &ttl), -1);
	for (i = 0; i < n; i++) {
		got.n = 0;
		assert_int_equal(
		    names_parse(b, i, 77, AF_INET, &got, &ttl), -1);
	}
	n = answer(b, sizeof b, 2); /* the server failed */
	assert_int_equal(names_parse(b, n, 77, AF_INET, &got, &ttl), -1);
	b[2] &= 0x7f;
	assert_int_equal(names_parse(b, n, 77, AF_INET, &got, &ttl), -1);
	assert_int_equal(names_question("a..b", 1, AF_INET, b, sizeof b), 0);
	assert_int_equal(names_question("a.test", 1, AF_INET, b, 20), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_lets_the_lan_out_and_nobody_in),
		cmocka_unit_test(masquerade_can_be_off),
		cmocka_unit_test(a_port_goes_to_one_host),
		cmocka_unit_test(what_is_blocked_is_of_one_family),
		cmocka_unit_test(a_name_has_sets_of_what_it_leads_to),
		cmocka_unit_test(an_answer_gives_addresses_and_the_least_time),
		cmocka_unit_test(what_is_no_answer_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
