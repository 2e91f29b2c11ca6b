/* rooms: recipes/guest-init recipes/storage */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/storage/sftp_conf.h"

#define CONFIGURE sftp_conf
#define CONFIGURED SFTP_DIR "/sshd_config"
#include "tests/support/configured.h"

#define HOST                                                       \
	"\"host_key\":\"-----BEGIN OPENSSH PRIVATE KEY----- QUJD " \
	"-----END OPENSSH PRIVATE KEY-----\""
#define KEY(name, key, more) \
	"{\"name\":\"" name "\",\"key\":\"" key "\"" more "}"
#define CONFIG(keys) "{" HOST ",\"keys\":[" keys "]}"

static void
every_key_is_held_to_sftp(void **state)
{
	(void)state;
	has_at(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")),
	    SFTP_DIR "/authorized_keys",
	    "restrict,command=\"internal-sftp -d /data/files\" "
	    "ssh-ed25519 AAAAb a\n");
	has_at(CONFIG(KEY("a", "ssh-ed25519 AAAAb", ",\"readonly\":true")),
	    SFTP_DIR "/authorized_keys",
	    "restrict,command=\"internal-sftp -d /data/files -R\" ");
	has(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")),
	    "PasswordAuthentication no\n");
	has_at(CONFIG(KEY("a", "ssh-ed25519 AAAAb", "")), SFTP_DIR "/host_key",
	    "OPENSSH PRIVATE");
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
