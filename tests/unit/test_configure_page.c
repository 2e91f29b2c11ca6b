/* rooms: recipes/router-config/page.c recipes/router-config/html.c
 * recipes/guest-init/guest.c recipes/guest-init/files.c
 * recipes/guest-init/pem.c */
/* The router's page: forms that come back, and what is shown of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/router-config/page.h"

#define CONFIGURE page_conf
#define CONFIGURED PAGE_CONFIG
#include "tests/support/configured.h"

static struct fault f;

static void
edited(const char *config, const char *body, const char *want)
{
	auto_json json_t *j = parsed(config), *got = NULL;
	char *text;

	got = page_edited(j, body, strlen(body), &f);
	if (got == NULL) {
		if (want != NULL)
			fail_msg("%s", f.text);
		return;
	}
	text = json_dumps(got, JSON_COMPACT);
	if (want == NULL)
		fail_msg("taken: %s", text);
	assert_string_equal(text, want);
	free(text);
}

static void
a_form_changes_scalars_and_keeps_their_kinds(void **state)
{
	static const char was[] =
	    "{\"domain\":\"lan\",\"dhcp\":{\"lease\":3600,\"on\":true},"
	    "\"hosts\":[{\"name\":\"a\"},{\"name\":\"b\"}]}";

	(void)state;
	edited(was,
	    "%2Fdomain=home&%2Fdhcp%2Flease=60&%2Fdhcp%2Fon=false"
	    "&%2Fhosts%2F1%2Fname=c+d",
	    "{\"domain\":\"home\",\"dhcp\":{\"lease\":60,\"on\":false},"
	    "\"hosts\":[{\"name\":\"a\"},{\"name\":\"c d\"}]}");
	edited(was, "token=x&%2Fother=1", was);
	edited(was, "%2Fdhcp%2Flease=much", NULL);
	edited(was, "%2Fdomain=%ff", NULL); /* not UTF-8 */
	edited("{\"a~b/c\":\"x\"}", "%2Fa~0b~1c=y", "{\"a~b/c\":\"y\"}");
}

static void
what_is_cleared_goes_and_a_list_has_room_for_one_more(void **state)
{
	static const char was[] =
	    "{\"dhcp\":{\"lease\":60},\"hosts\":[{\"name\":\"a\",\"port\":1}],"
	    "\"up\":[\"x\"],\"empty\":{},\"line\":\"\"}";

	(void)state;
	edited(was, "%2Fdhcp%2Flease=",
	    "{\"hosts\":[{\"name\":\"a\",\"port\":1}],\"up\":[\"x\"],"
	    "\"empty\":{},\"line\":\"\"}");
	edited(was,
	    "%2Fhosts%2F1%2Fname=b&%2Fhosts%2F1%2Fport=7&%2Fup%2F1=&%2Fline=",
	    "{\"dhcp\":{\"lease\":60},\"hosts\":[{\"name\":\"a\",\"port\":1},"
	    "{\"name\":\"b\",\"port\":7}],\"up\":[\"x\"],\"empty\":{},"
	    "\"line\":\"\"}");
	edited(was, "%2Fhosts%2F0%2Fname=&%2Fhosts%2F0%2Fport=&%2Fup%2F0=",
	    "{\"dhcp\":{\"lease\":60},\"hosts\":[],\"up\":[],\"empty\":{},"
	    "\"line\":\"\"}");
	edited(was, "%2Fhosts%2F0%2Fport=&%2Fhosts%2F1%2Fname=b",
	    "{\"dhcp\":{\"lease\":60},\"hosts\":[{\"name\":\"a\"},"
	    "{\"name\":\"b\"}],\"up\":[\"x\"],\"empty\":{},\"line\":\"\"}");
	edited(was, "%2Fhosts%2F1%2Fport=many", NULL);
}

static void
a_text_takes_the_place_of_all(void **state)
{
	(void)state;
	edited("{\"a\":1}", "text=%7B%22b%22%3A2%7D", "{\"b\":2}");
	edited("{\"a\":1}", "text=%5B%5D", NULL);
	edited("{\"a\":1}", "text=%7B%22b%22", NULL);
	edited("{\"a\":1}", "text=", NULL);
}

static void
broken_escapes_are_no_field(void **state)
{
	static const char *const bodies[] = { "a=%", "a=%4", "a=%zz", "a=x%00y",
		"b=1", "a", "", "&&&", "%zz=1" };

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
		assert_null(page_field(bodies[i], strlen(bodies[i]), "a"));
}

static void
only_its_own_names_and_addresses_are_the_page(void **state)
{
	auto_json json_t *j = parsed("{\"names\":[\"router.lan\"]}");
	struct page_own own;

	(void)state;
	assert_int_equal(page_read(j, &own, &f), 0);
	assert_true(page_host_ok(&own, "router.lan"));
	assert_true(page_host_ok(&own, "Router.lan:80"));
	assert_true(page_host_ok(&own, "192.0.2.80"));
	assert_true(page_host_ok(&own, "192.0.2.80:8080"));
	assert_true(page_host_ok(&own, "[2001:db8::1]:80"));
	assert_false(page_host_ok(&own, NULL));
	assert_false(page_host_ok(&own, ""));
	assert_false(page_host_ok(&own, "evil.example"));
	assert_false(page_host_ok(&own, "router.lan.evil.example"));
	assert_false(page_host_ok(&own, "[2001:db8::1"));
	assert_true(page_origin_ok(NULL, "router.lan"));
	assert_true(page_origin_ok("http://router.lan", "router.lan"));
	assert_false(page_origin_ok("http://evil.example", "router.lan"));
	assert_false(page_origin_ok("null", "router.lan"));
}

static void
unknown_options_are_refused(void **state)
{
	(void)state;
	has("{\"names\":[\"router.lan\"],\"reset\":2}", "router.lan");
	refuses("{\"password\":\"x\"}", "password");
	refuses("{\"names\":\"router.lan\"}", "names");
	refuses("{\"names\":[\"a b\"]}", "entry 1 is no name");
	refuses("{\"reset\":-1}", "reset");
	refuses("{\"reset\":\"1\"}", "reset");
}

#define HOSTILE "\"'><script>alert(1)</script>&amp;"

/* As a JSON string. */
#define QUOTED "\"\\\"'><script>alert(1)</script>&amp;\""

static void
no_value_becomes_markup(void **state)
{
	auto_json json_t *j =
	    parsed("{\"answer\":\"ok\",\"router\":{\"phase\":" QUOTED
		   ",\"error\":" QUOTED ",\"channel\":" QUOTED ",\"set\":3},"
		   "\"services\":[{\"service\":" QUOTED ",\"state\":\"undone\","
		   "\"why\":" QUOTED ",\"back\":true,\"config\":{" QUOTED
		   ":" QUOTED ",\"list\":[" QUOTED ",true,7]}}]}");
	char *text = NULL;
	size_t n = 0;
	FILE *o = open_memstream(&text, &n);

	(void)state;
	assert_non_null(o);
	page_settings(o, j, HOSTILE, HOSTILE);
	page_first(o, HOSTILE, HOSTILE);
	page_login(o, HOSTILE, HOSTILE);
	assert_int_equal(fclose(o), 0);
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "\"'"));
	assert_null(strstr(text, "&amp; "));
	assert_non_null(strstr(text, "&lt;script&gt;alert(1)"));
	assert_non_null(strstr(text, "list 2 "));
	free(text);
}

static void
tokens_are_compared_whole(void **state)
{
	static const char mine[] = "0123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(page_token_ok(mine, mine));
	assert_false(page_token_ok(mine, NULL));
	assert_false(page_token_ok(mine, ""));
	assert_false(page_token_ok("", ""));
	assert_false(page_token_ok(mine, "0123456789abcdef0123456789abcdee"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_changes_scalars_and_keeps_their_kinds),
		cmocka_unit_test(
		    what_is_cleared_goes_and_a_list_has_room_for_one_more),
		cmocka_unit_test(a_text_takes_the_place_of_all),
		cmocka_unit_test(broken_escapes_are_no_field),
		cmocka_unit_test(only_its_own_names_and_addresses_are_the_page),
		cmocka_unit_test(unknown_options_are_refused),
		cmocka_unit_test(no_value_becomes_markup),
		cmocka_unit_test(tokens_are_compared_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
