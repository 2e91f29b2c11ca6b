/* rooms: recipes/guest-init recipes/openpgp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/openpgp/pgp.h"

#define CONFIGURE pgp_conf
#include "tests/support/configured.h"

#define HEX "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define KEY "\"key\":\"xVgE\""
#define CLIENT(token, may) \
	"{\"name\":\"mailer\",\"token\":\"" token "\",\"may\":[" may "]}"
#define CLIENTS "\"clients\":[" CLIENT(HEX, "\"verify\"") "]"
#define FRIEND "{\"name\":\"friend\",\"certificate\":\"xjME\"}"

static void
keys_become_files_and_leave_the_configuration(void **state)
{
	static struct guest_files files;

	(void)state;
	configured(
	    "{" KEY "," CLIENTS ",\"correspondents\":[" FRIEND "]}", &files);
	assert_int_equal(files.n, 3);
	assert_string_equal(files.at[0].path, PGP_KEY);
	assert_int_equal(files.at[0].n, 3);
	assert_memory_equal(files.at[0].text, "\xc5\x58\x04", 3);
	assert_string_equal(files.at[1].path, PGP_DIR "/friend.certificate");
	assert_string_equal(files.at[2].path, PGP_CONFIG);
	assert_null(strstr(files.at[2].text, "xVgE"));
	guest_files_release(&files);
}

/* The token of CLIENTS is the hash of "test". */
static void
a_token_is_known_by_its_hash(void **state)
{
	auto_json json_t *j = parsed("{" KEY "," CLIENTS "}");
	static struct pgp p;
	struct fault f = { "" };
	const struct pgp_client *who;
	char path[96];

	(void)state;
	if (pgp_read(j, &p, &f) == -1)
		fail_msg("%s", f.text);
	who = pgp_who(&p, "Bearer test");
	assert_non_null(who);
	assert_true(who->may == 1U << PGP_VERIFY);
	assert_null(pgp_who(&p, "Bearer tes"));
	assert_null(pgp_who(&p, "Bearer "));
	assert_null(pgp_who(&p, "test"));
	assert_null(pgp_who(&p, "Bearer " HEX));
	assert_null(pgp_who(&p, NULL));
	assert_int_equal(pgp_certificate(&p, "../key", path, sizeof path), -1);
	assert_int_equal(pgp_verb("/verify"), PGP_VERIFY);
	assert_int_equal(pgp_verb("/verify/"), PGP_VERBS);
	assert_int_equal(pgp_verb("verify"), PGP_VERBS);
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "clients");
	refuses("{" KEY ",\"clients\":[]}", "none");
	refuses("{" CLIENTS "}", "key");
	refuses("{\"key\":\"LS0t\"," CLIENTS "}", "not base64 of a key");
	refuses("{\"key\":\"-----BEGIN\"," CLIENTS "}", "not base64 of a key");
	refuses("{" KEY ",\"clients\":[" CLIENT("secret", "") "]}", "SHA-256");
	refuses("{" KEY ",\"clients\":[" CLIENT(HEX, "\"all\"") "]}", "may");
	refuses("{" KEY
		",\"clients\":[" CLIENT(HEX, "") "," CLIENT(HEX, "") "]}",
	    "one token");
	refuses("{" KEY "," CLIENTS ",\"correspondents\":[" FRIEND "," FRIEND
		"]}",
	    "twice");
	refuses("{" KEY "," CLIENTS ",\"correspondents\":[{\"name\":\"../key\","
		"\"certificate\":\"xjME\"}]}",
	    "a name is of");
	refuses("{" KEY "," CLIENTS ",\"port\":1}", "port");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_files_and_leave_the_configuration),
		cmocka_unit_test(a_token_is_known_by_its_hash),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
