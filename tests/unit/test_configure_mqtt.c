/* rooms: recipes/guest-init recipes/mqtt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/guest-init/pem.h"
#include "recipes/mqtt/history.h"
#include "recipes/mqtt/mqtt_conf.h"

#define CONFIGURE mqtt_conf
#include "tests/support/configured.h"

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
	has_at("{\"anonymous\":true}", CONF, "\nlistener 1883\n");
	has_at("{\"anonymous\":true}", CONF, "\nallow_anonymous true\n");
	has_at("{\"anonymous\":true}", CONF, "\npersistence false\n");
}

static void
users_become_lines_of_the_password_file(void **state)
{
	(void)state;
	has_at("{\"users\":[" USER("a") "," USER("b") "]}",
	    MQTT_DIR "/passwords", "a:" HASH "\nb:" HASH "\n");
	has_at(
	    "{\"users\":[" USER("a") "]}", CONF, "\nallow_anonymous false\n");
	has_at("{\"users\":[" USER("a") "]}", CONF,
	    "\npassword_file " MQTT_DIR "/passwords\n");
}

static void
a_listener_has_files_of_its_own(void **state)
{
	static const char config[] =
	    "{\"anonymous\":true,\"listeners\":[{\"port\":1883},{\"port\":8883,"
	    "\"address\":\"192.0.2.18\",\"tls\":" TLS(CLIENTS) "}]}";

	(void)state;
	has_at(config, CONF,
	    "\nlistener 1883\nallow_anonymous true\n"
	    "listener 8883 192.0.2.18\nallow_anonymous true\n"
	    "certfile " MQTT_DIR "/2.certificate\n"
	    "keyfile " MQTT_DIR "/2.key\n"
	    "tls_version tlsv1.2\n"
	    "cafile " MQTT_DIR "/2.clients\n"
	    "require_certificate true\n");
	has_at(config, MQTT_DIR "/2.key",
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
	has_at("{\"listeners\":[{\"port\":1883,\"tls\":" TLS(CLIENTS) "}]}",
	    CONF, "\nuse_identity_as_username true\n");
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

static void
the_collector_has_a_door_of_its_own(void **state)
{
	static const char config[] =
	    "{\"users\":[" USER("a") "],\"history\":[{\"topic\":\"a/#\","
				     "\"keep\":5}]}";
	struct guest_files files;

	(void)state;
	has_at(config, CONF,
	    "listener 1883\nallow_anonymous false\npassword_file " MQTT_DIR
	    "/passwords\nlistener 1884 127.0.0.1\nallow_anonymous true\n");
	has_at(config, MQTT_HISTORY,
	    "{\"history\":[{\"topic\":\"a/#\",\"keep\":5}]}");
	configured(config, &files);
	assert_int_equal(files.at[files.n - 1].uid, MQTT_HISTORY_UID);
	guest_files_release(&files);
	refuses(
	    "{\"anonymous\":true,\"history\":[{\"topic\":\"a#\"}]}", "filter");
	refuses("{\"anonymous\":true,\"history\":[{\"topic\":\"a/#/b\"}]}",
	    "filter");
	refuses("{\"anonymous\":true,\"history\":[{\"topic\":\"$SYS/#\"}]}",
	    "filter");
	refuses("{\"anonymous\":true,\"history\":[{\"keep\":1}]}", "topic");
	refuses("{\"anonymous\":true,\"history\":{}}", "not a list");
}

static void
filters_match_as_mqtt_says(void **state)
{
	(void)state;
	assert_true(history_matches("a/+/c", "a/b/c"));
	assert_true(history_matches("a/#", "a/b/c"));
	assert_true(history_matches("a/#", "a"));
	assert_true(history_matches("#", "a/b"));
	assert_true(history_matches("+/+", "/b"));
	assert_false(history_matches("a/+", "a/b/c"));
	assert_false(history_matches("a/b", "a"));
	assert_false(history_matches("a", "a/b"));
	assert_false(history_matches("ab", "a"));
	assert_false(history_matches("#", "$SYS/x"));
}

static struct history kept;

static void
keeps(const char *list)
{
	auto_json json_t *j = json_loads(list, 0, NULL);
	struct fault f;

	assert_non_null(j);
	if (history_read(j, &kept, &f) == -1)
		fail_msg("%s", f.text);
}

static void
answers(const char *question, const char *want)
{
	char *to = NULL,
	     *text = history_answer(&kept, question, strlen(question), &to);

	assert_string_equal(text != NULL ? text : "nothing", want);
	if (text != NULL)
		assert_string_equal(to, "history/answer/x");
	free(text);
	free(to);
}

#define ASK(more) "{\"topic\":\"s/t\",\"to\":\"history/answer/x\"" more "}"

static void
a_topic_s_last_messages_are_told(void **state)
{
	char payload[2] = "0";
	int i;

	(void)state;
	keeps("[{\"topic\":\"s/#\",\"keep\":3}]");
	for (i = 0; i < 5; i++) {
		payload[0] = (char)('0' + i);
		history_take(&kept, "s/t", 100 + i, payload, 1);
		history_take(&kept, "elsewhere", 100 + i, payload, 1);
	}
	assert_int_equal(kept.messages, 3);
	answers(ASK(""), "{\"topic\":\"s/t\",\"messages\":["
			 "{\"at\":102,\"text\":\"2\"},"
			 "{\"at\":103,\"text\":\"3\"},"
			 "{\"at\":104,\"text\":\"4\"}]}");
	answers(ASK(",\"last\":1"), "{\"topic\":\"s/t\",\"messages\":["
				    "{\"at\":104,\"text\":\"4\"}]}");
	answers(ASK(",\"since\":103,\"last\":1"),
	    "{\"topic\":\"s/t\",\"messages\":["
	    "{\"at\":104,\"text\":\"4\"}]}");
	history_take(&kept, "s/b", 1, "\xff\x00\x01\x02", 4);
	answers("{\"topic\":\"s/b\",\"to\":\"history/answer/x\"}",
	    "{\"topic\":\"s/b\",\"messages\":["
	    "{\"at\":1,\"base64\":\"/wABAg==\"}]}");
	answers("{\"topic\":\"s/none\",\"to\":\"history/answer/x\"}",
	    "{\"topic\":\"s/none\",\"messages\":[]}");
	history_release(&kept);
}

static void
a_bad_question_is_told_so_or_nobody_is(void **state)
{
	(void)state;
	keeps("[]");
	answers(ASK(",\"last\":0"),
	    "{\"error\":\"question: \\\"last\\\" is not an integer from "
	    "1 to 500\"}");
	answers("{\"topic\":\"s/t\",\"to\":\"door/open\"}", "nothing");
	answers("{\"topic\":\"s/t\",\"to\":\"history/answer/#\"}", "nothing");
	answers("{\"topic\":\"s/t\"}", "nothing");
	answers("x", "nothing");
}

static void
memory_has_an_end(void **state)
{
	static char large[HISTORY_PAYLOAD + 1];
	char name[16];
	int i;

	(void)state;
	keeps("[{\"topic\":\"#\",\"keep\":10000}]");
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "t%d", i % 7);
		history_take(&kept, name, i, large, HISTORY_PAYLOAD);
	}
	assert_true(kept.bytes <= HISTORY_BYTES);
	assert_true(kept.messages > 300);
	assert_true(kept.messages < 2000);
	i = (int)kept.messages;
	history_take(&kept, "t0", 3000, large, sizeof large);
	assert_int_equal(kept.messages, i);
	history_release(&kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_collector_has_a_door_of_its_own),
		cmocka_unit_test(filters_match_as_mqtt_says),
		cmocka_unit_test(a_topic_s_last_messages_are_told),
		cmocka_unit_test(a_bad_question_is_told_so_or_nobody_is),
		cmocka_unit_test(memory_has_an_end),
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
