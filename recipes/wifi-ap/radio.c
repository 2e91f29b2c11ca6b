#include <string.h>

#include "recipes/wifi-ap/radio.h"

static const struct security {
	const char *name, *conf;
} securities[] = {
	{ "mixed",
	    "wpa_key_mgmt=WPA-PSK SAE\nieee80211w=1\nsae_require_mfp=1\n" },
	{ "wpa2", "wpa_key_mgmt=WPA-PSK\nieee80211w=1\n" },
	{ "wpa3", "wpa_key_mgmt=SAE\nieee80211w=2\n" },
};

static int
find_security(
    const json_t *config, const struct security **out, struct fault *f)
{
	const char *name;
	size_t i;

	*out = &securities[0];
	if (json_object_get(config, "security") == NULL)
		return 0;
	if (guest_str("config", config, "security", 5, &name, f) == -1)
		return -1;
	for (i = 0; i < sizeof securities / sizeof securities[0]; i++) {
		*out = &securities[i];
		if (strcmp(name, securities[i].name) == 0)
			return 0;
	}
	return fault_set(
	    f, "security: \"%s\" is not mixed, wpa2 or wpa3", name);
}

/* 20 MHz each.  Whether a country has one is for the kernel to say. */
static bool
channel_ok(int64_t c)
{
	return (c >= 1 && c <= 13) || (c >= 36 && c <= 64 && c % 4 == 0) ||
	       (c >= 100 && c <= 144 && c % 4 == 0) ||
	       (c >= 149 && c <= 165 && c % 4 == 1);
}

static int
put_air(FILE *out, const json_t *config, struct fault *f)
{
	const char *country;
	int64_t channel = 1;

	if (guest_str("config", config, "country", 2, &country, f) == -1)
		return -1;
	if (strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
		return fault_set(f, "country: not two capital letters");
	if (json_object_get(config, "channel") != NULL &&
	    guest_int("config", config, "channel", 1, 165, &channel, f) == -1)
		return -1;
	if (!channel_ok(channel))
		return fault_set(
		    f, "channel: there is no %lld", (long long)channel);
	fprintf(out,
	    "country_code=%s\nieee80211d=1\nchannel=%lld\nhw_mode=%s\n"
	    "ieee80211n=1\nwmm_enabled=1\n",
	    country, (long long)channel,
	    channel > 14 ? "a\nieee80211h=1\nieee80211ac=1" : "g");
	return 0;
}

/* Without a button no beacon speaks of it.  With one, nothing comes of it until
 * it is pressed, and then for two minutes; no PIN is ever taken. */
static int
put_wps(
    FILE *out, const json_t *config, const struct security *s, struct fault *f)
{
	const json_t *wps = json_object_get(config, "wps");

	if (wps == NULL || json_is_false(wps))
		return 0;
	if (!json_is_true(wps))
		return fault_set(f, "config: \"wps\" is not a boolean");
	if (strcmp(s->name, "wpa3") == 0)
		return fault_set(f, "wps: it cannot give away a key of WPA3");
	fputs("eap_server=1\nwps_state=2\nap_setup_locked=1\n"
	      "config_methods=push_button virtual_push_button\n"
	      "device_name=kiln\ndevice_type=6-0050F204-1\n",
	    out);
	return 0;
}

static int
put_all(FILE *out, const json_t *config, struct fault *f)
{
	const struct security *s;
	const char *ssid, *password;

	if (find_security(config, &s, f) == -1 ||
	    guest_str("config", config, "ssid", 32, &ssid, f) == -1 ||
	    guest_str("config", config, "password", 63, &password, f) == -1)
		return -1;
	if (strlen(password) < 8)
		return fault_set(f, "password: shorter than 8");
	fputs("interface=" WIFI_CARD "\nbridge=" WIFI_BRIDGE
	      "\ndriver=nl80211\nctrl_interface=" WIFI_CONTROL "\n",
	    out);
	fprintf(out,
	    "ssid2=\"%s\"\nwpa_passphrase=%s\nwpa=2\nrsn_pairwise=CCMP\n"
	    "auth_algs=1\nsae_pwe=2\n%s",
	    ssid, password, s->conf);
	if (put_air(out, config, f) == -1)
		return -1;
	return put_wps(out, config, s, f);
}

int
wifi_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "ssid", "password", "country",
		"channel", "security", "wps", NULL };
	FILE *out;

	if (guest_only("config", config, keys, f) == -1)
		return -1;
	out = guest_file_open(files, f, WIFI_CONF);
	if (out == NULL)
		return -1;
	return guest_file_close(out, put_all(out, config, f), f);
}
