/* rooms: recipes/guest-init recipes/dns-authority */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/dns-authority/knot_conf.h"

static int
made(const json_t *config, struct guest_files *files, struct fault *f)
{
	return knot_conf(config, 1767225600, files, f);
}

#define CONFIGURE made
#define CONFIGURED KNOT_DIR "/knot.conf"
#include "tests/support/configured.h"

#define KEYS "\"keys\":[{\"name\":\"k\",\"secret\":\"QUJD\"}],"
#define ZONE(more) "{" KEYS "\"zones\":[{\"name\":\"a.test\"," more "}]}"
#define NO_RECORDS "\"records\":[]"

static void
a_primary_has_its_file(void **state)
{
	static const char config[] =
	    ZONE("\"records\":[{\"name\":\"@\",\"type\":\"NS\",\"data\":"
		 "\"ns\"},{\"name\":\"ns\",\"type\":\"A\",\"data\":"
		 "\"192.0.2.1\",\"ttl\":60}]");

	(void)state;
	has(config, "  - domain: a.test\n");
	has(config, "    file: " KNOT_DIR "/zone1\n");
	has(config, "key:\n  - id: k\n    algorithm: hmac-sha256\n"
		    "    secret: QUJD\n");
	has_at(config, KNOT_DIR "/zone1",
	    "$ORIGIN a.test.\n@ 3600 IN SOA ns hostmaster "
	    "1767225600 ");
	has_at(config, KNOT_DIR "/zone1",
	    "\n@ 3600 IN NS ns\nns 60 IN A 192.0.2.1\n");
}

static void
who_may_what_is_an_acl(void **state)
{
	static const char config[] =
	    ZONE(NO_RECORDS ",\"secondaries\":[{\"address\":\"192.0.2.2\","
			    "\"key\":\"k\"}],\"update\":[{\"key\":\"k\","
			    "\"name\":\"_acme-challenge\"}]");

	(void)state;
	has(config, "    key: k\n    action: update\n    update-type: [ TXT ]\n"
		    "    update-owner: name\n    update-owner-match: equal\n"
		    "    update-owner-name: [ _acme-challenge.a.test. ]\n");
	has(config,
	    "    address: 192.0.2.2\n    action: transfer\n    key: k\n");
	has(config, "    notify: [ remote0 ]\n    acl: [ acl0, acl1 ]\n");
	has(ZONE("\"primaries\":[{\"address\":\"192.0.2.3\"}]"),
	    "    master: [ remote0 ]\n    acl: [ acl0 ]\n");
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "zones");
	refuses("{\"zones\":[]}", "none");
	refuses(ZONE("\"x\":1"), "x");
	refuses("{\"zones\":[{\"name\":\"a.test\"}]}", "either");
	refuses(ZONE(NO_RECORDS ",\"primaries\":[]"), "either");
	refuses(ZONE("\"primaries\":[],\"update\":[]"), "no \"update\"");
	refuses(ZONE(NO_RECORDS ",\"update\":[{\"key\":\"z\",\"name\":\"n\"}]"),
	    "no key z");
	refuses(ZONE("\"records\":[{\"name\":\"@\",\"type\":\"SOA\","
		     "\"data\":\"x\"}]"),
	    "SOA");
	refuses(ZONE("\"records\":[{\"name\":\"$INCLUDE\",\"type\":\"A\","
		     "\"data\":\"x\"}]"),
	    "not a name");
	refuses(ZONE("\"records\":[{\"name\":\"a\",\"type\":\"A B\","
		     "\"data\":\"x\"}]"),
	    "type");
	refuses("{\"keys\":[{\"name\":\"k\",\"secret\":\"a b\"}],"
		"\"zones\":[]}",
	    "base64");
	refuses("{\"zones\":[{\"name\":\"a test\",\"records\":[]}]}",
	    "not a domain");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_primary_has_its_file),
		cmocka_unit_test(who_may_what_is_an_acl),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
