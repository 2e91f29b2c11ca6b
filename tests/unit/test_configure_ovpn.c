/* rooms: recipes/guest-init recipes/vpn-openvpn */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/vpn-openvpn/ovpn.h"

#define CONFIGURE ovpn_conf
#include "tests/support/configured.h"

#define CLIENT "\"client\",\"dev tun\",\"remote vpn.test 1194\""
#define SERVER "\"dev tun\",\"server 10.0.0.0 255.255.255.0\""
#define CONFIG(lines) "{\"ovpn\":[" lines "]}"

#define CONF OVPN_DIR "/openvpn.conf"

static void
a_provider_s_file_is_taken(void **state)
{
	(void)state;
	has_at(
	    CONFIG(CLIENT ",\"# words\",\"user nobody\",\"\",\"<ca>\","
			  "\"-----BEGIN\",\"</ca>\",\"cipher AES-256-GCM\\t\""),
	    CONF,
	    "client\nremote vpn.test 1194\n<ca>\n-----BEGIN\n</ca>\n"
	    "cipher AES-256-GCM\t\ndev tun0\n");
	has_at(CONFIG(CLIENT), CONF, "script-security 0\n");
	has_at(CONFIG(CLIENT), OVPN_CONFIG,
	    "{\"server\":false,\"masquerade\":true}");
	has_at(CONFIG(SERVER), OVPN_CONFIG,
	    "{\"server\":true,\"masquerade\":false}");
	has_at("{\"resolver\":\"192.0.2.53\",\"ovpn\":[" CLIENT "]}",
	    OVPN_DIR "/resolv.conf", "nameserver 192.0.2.53\n");
}

static void
a_login_becomes_a_file(void **state)
{
	static const char config[] =
	    CONFIG(CLIENT ",\"<auth-user-pass>\",\"me\",\"secret\","
			  "\"</auth-user-pass>\"");

	(void)state;
	has_at(config, CONF, "auth-user-pass " OVPN_DIR "/login\n");
	has_at(config, OVPN_DIR "/login", "me\nsecret\n");
}

/* No option starts a program, names a file or weakens what is there. */
static void
what_is_not_known_is_refused_with_its_line(void **state)
{
	(void)state;
	refuses(CONFIG(CLIENT ",\"up /bin/sh\""), "line 4: up is not known");
	refuses(CONFIG(CLIENT ",\"script-security 2\""), "script-security");
	refuses(CONFIG(CLIENT ",\"plugin x.so\""), "plugin");
	refuses(CONFIG(CLIENT ",\"management 0.0.0.0 1\""), "management");
	refuses(CONFIG(CLIENT ",\"ca /etc/ca.pem\""), "names a file");
	refuses(CONFIG(CLIENT ",\"auth-user-pass\""), "nobody is asked");
	refuses(CONFIG(CLIENT ",\"comp-lzo\""), "comp-lzo");
	refuses(CONFIG(CLIENT ",\"allow-compression yes\""), "compression");
	refuses(CONFIG(CLIENT ",\"dev tap\""), "tun");
	refuses(CONFIG(CLIENT ",\"<up>\",\"x\",\"</up>\""), "not known");
	refuses(CONFIG(CLIENT ",\"<ca>\",\"x\""), "line 4: <ca> has no end");
	refuses(CONFIG(CLIENT ",\"a\\u0001b\""), "printable");
	refuses(CONFIG(CLIENT ",1"), "no text");
}

static void
one_file_is_of_one_side(void **state)
{
	(void)state;
	refuses("{}", "ovpn");
	refuses(CONFIG("\"dev tun\""), "neither");
	refuses(CONFIG(CLIENT "," SERVER), "both");
	refuses(
	    CONFIG(CLIENT ",\"push \\\"route 1.2.3.4\\\"\""), "options of a");
	refuses(CONFIG(SERVER ",\"remote a 1\""), "options of a");
	refuses(CONFIG("\"client\""), "remote");
	refuses("{\"masquerade\":true,\"ovpn\":[" SERVER "]}", "masquerade");
	refuses("{\"port\":1,\"ovpn\":[" SERVER "]}", "port");
}

static void
rules(bool server, bool masquerade, char *out, size_t n)
{
	const struct ovpn o = { .server = server, .masquerade = masquerade };
	FILE *f = fmemopen(out, n, "w");

	assert_non_null(f);
	ovpn_rules(&o, f);
	fclose(f);
}

static void
a_client_s_lan_has_one_way_out(void **state)
{
	char text[4096];

	(void)state;
	rules(false, true, text, sizeof text);
	assert_non_null(strstr(text, "forward priority filter; policy drop;\n"
				     "\t\toifname \"tun0\" accept\n"
				     "\t\tiifname \"tun0\" ct state "
				     "established,related accept\n\t}\n"));
	assert_non_null(strstr(text, "oifname \"tun0\" masquerade"));
	rules(true, false, text, sizeof text);
	assert_non_null(strstr(text, "\t\tiifname \"tun0\" accept\n\t}\n"));
	assert_null(strstr(text, "masquerade"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_provider_s_file_is_taken),
		cmocka_unit_test(a_login_becomes_a_file),
		cmocka_unit_test(what_is_not_known_is_refused_with_its_line),
		cmocka_unit_test(one_file_is_of_one_side),
		cmocka_unit_test(a_client_s_lan_has_one_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
