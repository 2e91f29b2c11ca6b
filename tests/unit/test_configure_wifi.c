/* rooms: recipes/guest-init recipes/wifi-ap */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/wifi-ap/radio.h"

#define CONFIGURE wifi_conf
#define CONFIGURED WIFI_CONF
#include "tests/support/configured.h"

#define HOME                                                 \
	"\"ssid\":\"my home\",\"password\":\"long enough\"," \
	"\"country\":\"CH\""

static void
a_home_is_of_both_kinds(void **state)
{
	(void)state;
	assert_true(says("{" HOME "}", "\nssid2=\"my home\"\n"));
	assert_true(says("{" HOME "}", "\nwpa_passphrase=long enough\n"));
	assert_true(says("{" HOME "}", "\nwpa_key_mgmt=WPA-PSK SAE\n"));
	assert_true(says("{" HOME "}", "\ncountry_code=CH\n"));
	assert_true(says("{" HOME "}", "\nhw_mode=g\n"));
}

/* Who comes by WPA3 has management frames that nobody forges. */
static void
wpa3_protects_its_frames(void **state)
{
	(void)state;
	assert_true(says("{" HOME ",\"security\":\"wpa3\"}",
	    "\nwpa_key_mgmt=SAE\nieee80211w=2\n"));
	assert_true(says("{" HOME "}", "\nsae_require_mfp=1\n"));
	assert_false(says("{" HOME ",\"security\":\"wpa2\"}", "SAE"));
	refuses("{" HOME ",\"security\":\"wep\"}", "not mixed");
}

static void
no_beacon_speaks_of_wps_unless_wanted(void **state)
{
	(void)state;
	assert_false(says("{" HOME "}", "wps"));
	assert_false(says("{" HOME ",\"wps\":false}", "wps"));
	assert_true(says("{" HOME ",\"wps\":true}", "\nwps_state=2\n"));
	assert_false(says("{" HOME ",\"wps\":true}", "pin"));
	refuses("{" HOME ",\"wps\":true,\"security\":\"wpa3\"}", "WPA3");
	refuses("{" HOME ",\"wps\":1}", "boolean");
}

static void
five_gigahertz_have_their_channels(void **state)
{
	(void)state;
	assert_true(says("{" HOME ",\"channel\":36}", "\nhw_mode=a\n"));
	assert_true(says("{" HOME ",\"channel\":149}", "\nchannel=149\n"));
	refuses("{" HOME ",\"channel\":14}", "no 14");
	refuses("{" HOME ",\"channel\":37}", "no 37");
	refuses("{" HOME ",\"channel\":148}", "no 148");
	refuses("{" HOME ",\"channel\":0}", "channel");
}

static void
what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refuses("{}", "ssid");
	refuses("{\"country\":\"CH\",\"password\":\"long enough\"}", "ssid");
	refuses("{\"ssid\":\"x\",\"country\":\"CH\",\"password\":\"short\"}",
	    "shorter");
	refuses("{\"ssid\":\"x\",\"country\":\"ch\",\"password\":\"long "
		"enough\"}",
	    "capital");
	refuses("{" HOME ",\"bridge\":\"x\"}", "bridge");
	refuses("{\"ssid\":\"a\\nwps_state=2\",\"country\":\"CH\","
		"\"password\":\"long enough\"}",
	    "ssid");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_home_is_of_both_kinds),
		cmocka_unit_test(wpa3_protects_its_frames),
		cmocka_unit_test(no_beacon_speaks_of_wps_unless_wanted),
		cmocka_unit_test(five_gigahertz_have_their_channels),
		cmocka_unit_test(what_is_not_understood_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
