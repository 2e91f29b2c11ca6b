/* rooms: recipes/guest-init recipes/web-git */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/web-git/web.h"

#define CONFIGURE web_conf
#include "tests/support/configured.h"

#define REPO "\"repository\":\"https://git.test/a.git\""
#define HOOK "\"hook\":\"0123456789abcdef\""

static void
git_is_told_whom_to_believe(void **state)
{
	(void)state;
	has_at("{" REPO "," HOOK "}", WEB_GITCONFIG,
	    "sslCAInfo = /etc/ssl/authorities.pem\n");
	has_at("{" REPO "," HOOK ",\"authority\":\"-----BEGIN CERTIFICATE----- "
	       "QUJD -----END CERTIFICATE-----\"}",
	    WEB_GITCONFIG, "sslCAInfo = " WEB_DIR "/authority.pem\n");
	has_at("{" REPO "," HOOK ",\"authorization\":\"token x\"}",
	    WEB_GITCONFIG, "extraHeader = \"Authorization: token x\"\n");
	has_at("{" REPO "," HOOK ",\"resolver\":\"192.0.2.53\"}",
	    WEB_DIR "/resolv.conf", "nameserver 192.0.2.53\n");
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{" HOOK "}", "repository");
	refuses("{" REPO "}", "no change would be seen");
	refuses("{\"repository\":\"ext::sh -c x\"," HOOK "}", "no address");
	refuses("{\"repository\":\"-u\"," HOOK "}", "no address");
	refuses("{\"repository\":\"/etc\"," HOOK "}", "no address");
	refuses("{\"repository\":\"https://a:b@git.test/\"," HOOK "}",
	    "no address");
	refuses("{" REPO "," HOOK ",\"branch\":\"-f\"}", "branch");
	refuses("{" REPO "," HOOK ",\"branch\":\"a:refs/heads/b\"}", "branch");
	refuses("{" REPO ",\"hook\":\"short\"}", "16 letters");
	refuses("{" REPO "," HOOK ",\"authority\":\"x\"}", "not PEM");
	refuses("{" REPO "," HOOK ",\"authorization\":\"a\\\" b\"}", "holds");
	refuses("{" REPO ",\"every\":1441}", "every");
	refuses("{" REPO "," HOOK ",\"port\":1}", "port");
}

/* RFC 4231, test case 2, with a key of another name there. */
static void
a_hook_is_known_by_its_secret(void **state)
{
	static const char body[] = "what do ya want for nothing?",
			  good[] = "sha256="
				   "5bdcc146bf60754e6a042426089575c7"
				   "5a003f089d2739839dec58b964ec3843";

	(void)state;
	assert_true(web_hook_ok("Jefe", good, body, sizeof body - 1));
	assert_false(web_hook_ok("Jeff", good, body, sizeof body - 1));
	assert_false(web_hook_ok("Jefe", good, body, sizeof body - 2));
	assert_false(web_hook_ok("Jefe", good + 7, body, sizeof body - 1));
	assert_false(web_hook_ok("Jefe", "sha256=5b", body, sizeof body - 1));
	assert_false(web_hook_ok("Jefe", NULL, body, sizeof body - 1));
	assert_false(web_hook_ok(NULL, good, body, sizeof body - 1));
}

static void
a_path_stays_where_it_is(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(web_path("/", out, sizeof out), 0);
	assert_string_equal(out, "index.html");
	assert_int_equal(web_path("/a/b.css", out, sizeof out), 0);
	assert_string_equal(out, "a/b.css");
	assert_int_equal(web_path("/a/", out, sizeof out), 0);
	assert_string_equal(out, "a/index.html");
	assert_int_equal(web_path("/../x", out, sizeof out), -1);
	assert_int_equal(web_path("/a/.git/config", out, sizeof out), -1);
	assert_int_equal(web_path("//etc/passwd", out, sizeof out), -1);
	assert_int_equal(web_path("x", out, sizeof out), -1);
	assert_int_equal(web_path("/a", out, 4), -1);
	assert_string_equal(web_type("a.b/c.css"), "text/css; charset=utf-8");
	assert_string_equal(web_type("css"), "application/octet-stream");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(git_is_told_whom_to_believe),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_hook_is_known_by_its_secret),
		cmocka_unit_test(a_path_stays_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
