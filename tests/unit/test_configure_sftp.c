/* rooms: recipes/guest-init recipes/storage */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/storage/sftp_conf.h"

#define HOST                                                       \
	"\"host_key\":\"-----BEGIN OPENSSH PRIVATE KEY----- QUJD " \
	"-----END OPENSSH PRIVATE KEY-----\""
#define KEY(name, key, more) \
	"{\"name\":\"" name "\",\"key\":\"" key "\"" more "}"
#define CONFIG(keys) "{" HOST ",\"keys\":[" keys "]}"

static int
make(const char *config, struct guest_files *files, struct fault *f)
{
	auto_json json_t *j = guest_json("config", config, strlen(config), f);

	if (j == NULL)
		fail_msg("%s", f->text);
	return sftp_conf(j, files, f);
}

static void
has(const char *config, size_t at, const char *text)
{
	struct guest_files files = { .n = 0 };
	struct fault f = { "" };

	if (make(config, &files, &f) == -1)
		fail_msg("%s", f.text);
	assert_int_equal(files.n, 3);
	if (strstr(files.at[at].text, text) == NULL)
		fail_msg("no \"%s\" in %s", text, files.at[at].text);
	guest_files_release(&files);
}

static void
refuses(const char *config, const char *why)
{
	struct guest_files files = { .n = 0 };
	struct fault f = { "" };

	assert_int_equal(make(config, &files, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
	guest_files_release(&files);
}

static void
every_key_is_held_to_sftp(void **state)
{
	(void)state;
	has(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")), 1,
	    "restrict,command=\"internal-sftp -d /data/files\" "
	    "ssh-ed25519 AAAAb a\n");
	has(CONFIG(KEY("a", "ssh-ed25519 AAAAb", ",\"readonly\":true")), 1,
	    "restrict,command=\"internal-sftp -d /data/files -R\" ");
	has(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")), 2,
	    "PasswordAuthentication no\n");
	has(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")), 0, "OPENSSH PRIVATE");
}

/* A key stands behind words that bind it: it must not bring its own. */
static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "host_key");
	refuses("{" HOST "}", "keys");
	refuses(CONFIG(""), "none");
	refuses(CONFIG("1"), "not an object");
	refuses(CONFIG(KEY("a", "ssh-ed25519 AAAAb me@home", "")), "public");
	refuses(CONFIG(KEY("a", "no-pty ssh-ed25519 AAAAb", "")), "public");
	refuses(CONFIG(KEY("a", "ssh-dss AAAAb", "")), "public");
	refuses(CONFIG(KEY("A b", "ssh-ed25519 AAAAb", "")), "a name is of");
	refuses(CONFIG(KEY("a", "ssh-ed25519 AAAAb", ",\"readonly\":1")),
	    "boolean");
	refuses(CONFIG(KEY("a", "ssh-ed25519 AAAAb", ",\"folder\":\"/\"")),
	    "folder");
	refuses(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "") "," KEY(
		    "b", "ssh-ed25519 AAAAb", "")),
	    "another's");
	refuses("{\"host_key\":\"x\",\"keys\":[]}", "not PEM");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_held_to_sftp),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
