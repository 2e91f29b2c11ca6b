/* rooms: recipes/guest-init recipes/dns-resolver */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "recipes/dns-resolver/unbound_conf.h"

static const struct links links = { .at = { { "192.0.2.5", AF_INET, 24 } },
	.n = 1 };
static const struct links both = { .at = { { "192.0.2.5", AF_INET, 24 },
				       { "2001:db8::5", AF_INET6, 64 } },
	.n = 2 };

static int
make(const char *config, const struct links *l, struct unbound_files *files,
    struct fault *f)
{
	auto_json json_t *j = guest_json("config", config, strlen(config), f);

	return j == NULL ? -1 : unbound_conf(j, l, files, f);
}

static void
release(struct unbound_files *files)
{
	free(files->conf);
	free(files->ca);
}

static void
check(const char *config, const struct links *l, const char *text, bool want)
{
	struct unbound_files files = { 0 };
	struct fault f = { "" };

	if (make(config, l, &files, &f) == -1)
		fail_msg("%s", f.text);
	if ((strstr(files.conf, text) != NULL) != want)
		fail_msg("%s \"%s\" in:\n%s", want ? "no" : "unwanted", text,
		    files.conf);
	release(&files);
}

static void
has(const char *config, const char *text)
{
	check(config, &links, text, true);
}

static void
refuses(const char *config, const char *why)
{
	struct unbound_files files = { 0 };
	struct fault f = { "" };

	assert_int_equal(make(config, &links, &files, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
	release(&files);
}

#define PEM "-----BEGIN CERTIFICATE----- QUJD -----END CERTIFICATE-----"
#define SHA1 "0123456789abcdef0123456789abcdef01234567"

static void
nothing_is_required(void **state)
{
	(void)state;
	has("{}", "\n\ttrust-anchor-file: \"/etc/unbound/root.key\"\n");
	has("{}", "\n\tqname-minimisation: yes\n");
	has("{}", "\n\tlog-queries: no\n");
	has("{}", "\n\ttls-cert-bundle: \"/etc/unbound/ca.pem\"\n");
	check("{}", &links, "forward-zone", false);
}

static void
its_own_networks_are_answered(void **state)
{
	(void)state;
	has("{}", "\n\tinterface: 192.0.2.5\n\tdo-ip6: no\n");
	has("{}", "\n\taccess-control: 192.0.2.5/24 allow\n");
	check("{}", &both, "\n\tinterface: 2001:db8::5\n\tdo-ip6: yes\n", true);
	has("{\"clients\":[\"10.0.0.0/8\"]}",
	    "\n\taccess-control: 10.0.0.0/8 allow\n");
	check("{\"clients\":[\"10.0.0.0/8\"]}", &links,
	    "access-control: 192.0.2.5", false);
}

static void
a_server_with_a_name_is_asked_over_tls(void **state)
{
	(void)state;
	has("{\"upstream\":[{\"address\":\"192.0.2.1\",\"name\":\"a.test\"}]}",
	    "forward-zone:\n\tname: \".\"\n"
	    "\tforward-addr: 192.0.2.1@853#a.test\n"
	    "\tforward-tls-upstream: yes\n");
	has("{\"upstream\":[{\"address\":\"2001:db8::1\",\"port\":5300}]}",
	    "\tforward-addr: 2001:db8::1@5300\n"
	    "\tforward-tls-upstream: no\n");
	refuses("{\"upstream\":[{\"address\":\"192.0.2.1\",\"name\":\"a\"},"
		"{\"address\":\"192.0.2.2\"}]}",
	    "all or none");
}

static void
a_zone_without_an_anchor_need_not_be_signed(void **state)
{
	(void)state;
	has("{\"zones\":[{\"name\":\"lan\",\"servers\":"
	    "[{\"address\":\"192.0.2.53\"}]}]}",
	    "\n\tdomain-insecure: \"lan\"\n");
	has("{\"zones\":[{\"name\":\"lan\",\"servers\":"
	    "[{\"address\":\"192.0.2.53\"}]}]}",
	    "forward-zone:\n\tname: \"lan\"\n"
	    "\tforward-addr: 192.0.2.53@53\n");
	has("{\"zones\":[{\"name\":\"a.test\",\"anchor\":\"1 13 1 " SHA1
	    "\"}]}",
	    "\n\ttrust-anchor: \"a.test. DS 1 13 1 " SHA1 "\"\n");
	check("{\"zones\":[{\"name\":\"a.test\",\"anchor\":\"1 13 1 " SHA1
	      "\"}]}",
	    &links, "domain-insecure", false);
	check("{\"zones\":[{\"name\":\"a.test\"}]}", &links, "forward-zone",
	    false);
}

static void
an_own_authority_takes_the_place_of_all_others(void **state)
{
	struct unbound_files files = { 0 };
	struct fault f = { "" };

	(void)state;
	has("{\"ca\":\"" PEM "\"}",
	    "\n\ttls-cert-bundle: \"" UNBOUND_CA "\"\n");
	assert_int_equal(make("{\"ca\":\"" PEM "\"}", &links, &files, &f), 0);
	assert_string_equal(files.ca,
	    "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n");
	release(&files);
}

static void
what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refuses("{\"log\":true}", "unknown key \"log\"");
	refuses("{\"upstream\":[]}", "is empty");
	refuses("{\"upstream\":[{\"address\":\"x\"}]}", "address");
	refuses("{\"upstream\":[{\"address\":\"192.0.2.1\","
		"\"name\":\"a#b\"}]}",
	    "not a host name");
	refuses("{\"upstream\":[\"192.0.2.1\"]}", "not an object");
	refuses("{\"ca\":\"x\"}", "not PEM");
	refuses("{\"clients\":[\"192.0.2.0\"]}", "ADDRESS/PREFIX");
	refuses("{\"clients\":[\"192.0.2.0/33\"]}", "prefix");
	refuses("{\"clients\":[\"192.0.2.0/2x\"]}", "prefix");
	refuses("{\"clients\":[\"192.0.2.0/-1\"]}", "ADDRESS/PREFIX");
	refuses("{\"zones\":[{\"name\":\"a\\\"b\"}]}", "not a domain name");
	refuses("{\"zones\":[{\"name\":\"a\",\"anchor\":\"1 13 2 zz\"}]}",
	    "not the data of a DS record");
	refuses("{\"zones\":[{\"name\":\"a\",\"servers\":[]}]}", "is empty");
}

static void
a_machine_without_an_address_is_refused(void **state)
{
	static const struct links none = { .n = 0 };
	struct unbound_files files = { 0 };
	struct fault f = { "" };

	(void)state;
	assert_int_equal(make("{}", &none, &files, &f), -1);
	assert_non_null(strstr(f.text, "no address"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_required),
		cmocka_unit_test(its_own_networks_are_answered),
		cmocka_unit_test(a_server_with_a_name_is_asked_over_tls),
		cmocka_unit_test(a_zone_without_an_anchor_need_not_be_signed),
		cmocka_unit_test(
		    an_own_authority_takes_the_place_of_all_others),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(a_machine_without_an_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
