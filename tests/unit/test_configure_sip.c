/* rooms: recipes/guest-init recipes/voip */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/voip/sip_conf.h"

#define CONFIGURE sip_conf
#define CONFIGURED SIP_DIR "/kamailio.cfg"
#include "tests/support/configured.h"

#define HA1 "0cc175b9c0f1b6a831c399e269772661"
#define USER(name) "{\"name\":\"" name "\",\"ha1\":\"" HA1 "\"}"
#define CONFIG(users) "{\"domain\":\"home.test\",\"users\":[" users "]}"

static void
users_are_known_by_their_hashes(void **state)
{
	(void)state;
	has(CONFIG(USER("alice") "," USER("bob")),
	    "\t$sht(users=>alice) = \"" HA1 "\";\n"
	    "\t$sht(users=>bob) = \"" HA1 "\";\n");
	has(CONFIG(USER("alice")), "alias=\"home.test\"\n");
	has(CONFIG(USER("alice")),
	    "pv_www_authenticate(\"home.test\", \"$var(ha1)\", \"1\")");
}

/* A name stands in the script: it must not become a part of it. */
static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "domain");
	refuses(CONFIG(""), "none");
	refuses(CONFIG("1"), "not an object");
	refuses(CONFIG(USER("alice") "," USER("alice")), "twice");
	refuses(CONFIG(USER("a) = 1; exit; #")), "a name is of");
	refuses(CONFIG("{\"name\":\"alice\",\"ha1\":\"secret\"}"), "MD5");
	refuses(
	    CONFIG("{\"name\":\"alice\",\"password\":\"secret\"}"), "password");
	refuses("{\"domain\":\"home\\\"\",\"users\":[" USER("alice") "]}",
	    "not a name");
	refuses(
	    "{\"domain\":\"home.test\",\"users\":[],\"port\":5060}", "port");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_known_by_their_hashes),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
