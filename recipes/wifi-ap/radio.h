/*
 * An access point, from the service's part of the router's configuration:
 *
 *	ssid		1 to 32 bytes of printable ASCII
 *	password	8 to 63 of them
 *	country		whose law the radio keeps, as ISO 3166 writes it: "CH"
 *	channel		1 to 13, or one of 5 GHz; 1 unless given
 *	security	"mixed" (unless given), "wpa2" or "wpa3"
 *	wps		true: there is a button; never a PIN
 *
 * Pure: hostapd's configuration is made here, and written elsewhere.
 */
#ifndef WIFI_AP_RADIO_H
#define WIFI_AP_RADIO_H

#include "recipes/guest-init/files.h"

#define WIFI_UID 8021
#define WIFI_STATUS 8021 /* of the recipe's probe; the button is there, too */
#define WIFI_DIR "/run/wifi"
#define WIFI_CONF WIFI_DIR "/hostapd.conf"
#define WIFI_CONTROL "/run/hostapd" /* the service's own */
#define WIFI_CARD "wlan0"
#define WIFI_BRIDGE "br0"

int wifi_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
