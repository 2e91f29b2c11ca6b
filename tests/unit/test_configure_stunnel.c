/* rooms: recipes/guest-init recipes/tls-proxy */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/tls-proxy/stunnel_conf.h"

#define CONFIGURE stunnel_conf
#define CONFIGURED STUNNEL_DIR "/stunnel.conf"
#include "tests/support/configured.h"

#define PEM(kind) "-----BEGIN " kind "----- QUJD REVG -----END " kind "-----"
#define HOST(name, more)                                                    \
	"{\"name\":\"" name                                                 \
	"\",\"certificate\":\"" PEM("CERTIFICATE") "\",\"key\":\"" PEM(     \
	    "PRIVATE KEY") "\",\"to\":{"                                    \
			   "\"address\":\"192.0.2.10\",\"port\":8080}" more \
			   "}"
#define CONFIG(hosts) "{\"hosts\":[" hosts "]}"

static void
each_name_has_its_section(void **state)
{
	(void)state;
	has(CONFIG(HOST("a.test", "") "," HOST("*.b.test", "")),
	    "[host0]\nsni = all:a.test\ncert = " STUNNEL_DIR
	    "/0.certificate\nkey = " STUNNEL_DIR
	    "/0.key\nconnect = 192.0.2.10:8080\n[host1]\nsni = all:*.b.test\n");
	has(CONFIG(HOST("a.test", "")),
	    "[all]\naccept = :::443\nconnect = 127.0.0.1:1\n");
}

static void
as_many_as_are_allowed_have_room(void **state)
{
	char config[STUNNEL_HOSTS * 400] = "{\"hosts\":[";
	struct guest_files files;
	char one[400];
	size_t i;

	(void)state;
	for (i = 0; i < STUNNEL_HOSTS; i++) {
		snprintf(one, sizeof one, "%s" HOST("h%zu.test", ""),
		    i > 0 ? "," : "", i);
		strcat(config, one);
	}
	strcat(config, "]}");
	configured(config, &files);
	assert_int_equal(files.n, 1 + 2 + 2 * STUNNEL_HOSTS);
	guest_files_release(&files);
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "hosts");
	refuses(CONFIG(""), "none");
	refuses(CONFIG("1"), "not an object");
	refuses(CONFIG(HOST("a.test", "") "," HOST("a.test", "")), "twice");
	refuses(CONFIG(HOST("a test", "")), "full name");
	refuses(CONFIG(HOST("*", "")), "full name");
	refuses(CONFIG(HOST("a.test", ",\"verify\":1")), "verify");
	refuses("{\"hosts\":[{\"name\":\"a.test\",\"certificate\":\"x\","
		"\"key\":\"y\",\"to\":{}}]}",
	    "not PEM");
	refuses("{\"port\":0,\"hosts\":[]}", "port");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_has_its_section),
		cmocka_unit_test(as_many_as_are_allowed_have_room),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
