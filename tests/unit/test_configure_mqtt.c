/* rooms: recipes/guest-init recipes/mqtt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/guest-init/pem.h"
#include "recipes/mqtt/mqtt_conf.h"

static int
make(const char *config, struct guest_files *files, struct fault *f)
{
	auto_json json_t *j = guest_json("config", config, strlen(config), f);

	return j == NULL ? -1 : mqtt_conf(j, files, f);
}

/* Is `text` in the file at `path`? */
static void
has(const char *config, const char *path, const char *text)
{
	struct guest_files files = { 0 };
	struct fault f = { "" };
	bool found = false;
	size_t i;

	if (make(config, &files, &f) == -1)
		fail_msg("%s", f.text);
	for (i = 0; i < files.n; i++)
		found = found || (strcmp(files.at[i].path, path) == 0 &&
				     strstr(files.at[i].text, text) != NULL);
	if (!found)
		fail_msg("no \"%s\" in %s", text, path);
	guest_files_release(&files);
}

static void
refuses(const char *config, const char *why)
{
	struct guest_files files = { 0 };
	struct fault f = { "" };

	assert_int_equal(make(config, &files, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
	guest_files_release(&files);
}

#define CONF MQTT_DIR "/mosquitto.conf"
#define FORTY4 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH "$7$101$c2FsdA==$" FORTY4 FORTY4
#define USER(name) "{\"name\":\"" name "\",\"password\":\"" HASH "\"}"
#define PEM(kind) "-----BEGIN " kind "----- QUJD REVG -----END " kind "-----"
#define TLS(more)                                                     \
	"{\"certificate\":\"" PEM("CERTIFICATE") "\",\"key\":\"" PEM( \
	    "EC PRIVATE KEY") "\"" more "}"
#define CLIENTS ",\"clients\":\"" PEM("CERTIFICATE") "\""

static void
anonymous_is_enough(void **state)
{
	(void)state;
	has("{\"anonymous\":true}", CONF, "\nlistener 1883\n");
	has("{\"anonymous\":true}", CONF, "\nallow_anonymous true\n");
	has("{\"anonymous\":true}", CONF, "\npersistence false\n");
}

static void
users_become_lines_of_the_password_file(void **state)
{
	(void)state;
	has("{\"users\":[" USER("a") "," USER("b") "]}", MQTT_DIR "/passwords",
	    "a:" HASH "\nb:" HASH "\n");
	has("{\"users\":[" USER("a") "]}", CONF, "\nallow_anonymous false\n");
	has("{\"users\":[" USER("a") "]}", CONF,
	    "\npassword_file " MQTT_DIR "/passwords\n");
}

static void
a_listener_has_files_of_its_own(void **state)
{
	static const char config[] =
	    "{\"anonymous\":true,\"listeners\":[{\"port\":1883},{\"port\":8883,"
	    "\"address\":\"192.0.2.18\",\"tls\":" TLS(CLIENTS) "}]}";

	(void)state;
	has(config, CONF,
	    "\nlistener 1883\nlistener 8883 192.0.2.18\n"
	    "certfile " MQTT_DIR "/2.certificate\n"
	    "keyfile " MQTT_DIR "/2.key\n"
	    "tls_version tlsv1.2\n"
	    "cafile " MQTT_DIR "/2.clients\n"
	    "require_certificate true\n");
	has(config, MQTT_DIR "/2.key",
	    "-----BEGIN EC PRIVATE KEY-----\nQUJDREVG\n"
	    "-----END EC PRIVATE KEY-----\n");
}

static void
nobody_can_come_in_is_refused(void **state)
{
	(void)state;
	refuses("{}", "nobody could come in");
	refuses("{\"users\":[]}", "nobody could come in");
	refuses("{\"listeners\":[{\"port\":1883,\"tls\":" TLS("") "}]}",
	    "nobody could come in");
	has("{\"listeners\":[{\"port\":1883,\"tls\":" TLS(CLIENTS) "}]}", CONF,
	    "\nuse_identity_as_username true\n");
}

static void
what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refuses("{\"persist\":true}", "unknown key \"persist\"");
	refuses("{\"anonymous\":1}", "not a boolean");
	refuses("{\"anonymous\":true,\"listeners\":[{\"port\":8883}]}",
	    "none has port 1883");
	refuses("{\"anonymous\":true,\"listeners\":[]}", "none has port 1883");
	refuses("{\"anonymous\":true,\"listeners\":[{\"port\":80}]}",
	    "1024 to 65535");
	refuses("{\"anonymous\":true,\"listeners\":[{\"port\":1883,"
		"\"address\":\"x\\ny\"}]}",
	    "printable");
	refuses("{\"users\":[{\"name\":\"a\",\"password\":\"secret\"}]}",
	    "not a hash");
	refuses("{\"users\":[{\"name\":\"a\",\"password\":\"" HASH ":\"}]}",
	    "not a hash");
	refuses("{\"users\":[" USER("a:b") "]}", "one of : + # /");
	refuses("{\"users\":[" USER("a") "," USER("a") "]}", "named twice");
}

static int
pem(const char *text, const char *label, char *out, size_t size)
{
	struct fault f = { "" };
	FILE *to = fmemopen(out, size, "w");
	int ret;

	assert_non_null(to);
	ret = pem_write("x", text, label, to, &f);
	fclose(to);
	return ret;
}

static void
pem_comes_out_in_lines_of_64(void **state)
{
	char out[512] = "";

	(void)state;
	assert_int_equal(pem("-----BEGIN CERTIFICATE-----" FORTY4 FORTY4
			     " -----END CERTIFICATE----- " PEM("CERTIFICATE"),
			     "CERTIFICATE", out, sizeof out),
	    0);
	assert_string_equal(out,
	    "-----BEGIN CERTIFICATE-----\n" FORTY4 "aaaaaaaaaaaaaaaaaaaa\n"
	    "aaaaaaaaaaaaaaaaaaaaaaaa\n-----END CERTIFICATE-----\n"
	    "-----BEGIN CERTIFICATE-----\nQUJDREVG\n"
	    "-----END CERTIFICATE-----\n");
}

static void
pem_of_another_kind_is_refused(void **state)
{
	char out[512];

	(void)state;
	assert_int_equal(pem("", "CERTIFICATE", out, sizeof out), -1);
	assert_int_equal(pem("QUJD", "CERTIFICATE", out, sizeof out), -1);
	assert_int_equal(
	    pem(PEM("PRIVATE KEY"), "CERTIFICATE", out, sizeof out), -1);
	assert_int_equal(
	    pem(PEM("XCERTIFICATE"), "CERTIFICATE", out, sizeof out), -1);
	assert_int_equal(
	    pem(PEM("ENCRYPTED PRIVATE KEY"), "PRIVATE KEY", out, sizeof out),
	    -1);
	assert_int_equal(pem("-----BEGIN CERTIFICATE----- "
			     "-----END CERTIFICATE-----",
			     "CERTIFICATE", out, sizeof out),
	    -1);
	assert_int_equal(pem("-----BEGIN CERTIFICATE----- QUJD "
			     "-----END PRIVATE KEY-----",
			     "CERTIFICATE", out, sizeof out),
	    -1);
	assert_int_equal(pem("-----BEGIN CERTIFICATE----- QU%JD "
			     "-----END CERTIFICATE-----",
			     "CERTIFICATE", out, sizeof out),
	    -1);
	assert_int_equal(
	    pem(PEM("CERTIFICATE") " x", "CERTIFICATE", out, sizeof out), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous_is_enough),
		cmocka_unit_test(users_become_lines_of_the_password_file),
		cmocka_unit_test(a_listener_has_files_of_its_own),
		cmocka_unit_test(nobody_can_come_in_is_refused),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(pem_comes_out_in_lines_of_64),
		cmocka_unit_test(pem_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
