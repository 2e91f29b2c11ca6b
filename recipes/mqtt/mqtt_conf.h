/*
 * mosquitto's own files, from the service's part of the router's
 * configuration:
 *
 *	listeners	[{"port","address","tls"}]; absent: port 1883 without
 *			TLS.  One must have port 1883, where the machine is
 *			probed.  address absent: all of this machine.
 *	  tls		{"certificate","key","clients"}: PEM; clients, the
 *			authority of client certificates, demands one, and its
 *			common name is the user's name
 *	users		[{"name","password"}]; password is a hash as
 *			mosquitto_passwd makes it, $7$ROUNDS$SALT$HASH
 *	anonymous	true: who gives no name may do all
 *
 *	history		[{"topic","keep"}]: what history.h keeps; absent: the
 *			collector has nothing to do
 *
 * Somebody must be able to come in.  Nothing outlives the machine: retained
 * messages lie in memory.  Pure: nothing is written here.
 */
#ifndef MQTT_CONF_H
#define MQTT_CONF_H

#include "recipes/guest-init/files.h"

#define MQTT_UID 1883
#define MQTT_PORT 1883	/* of the recipe's probe */
#define MQTT_INNER 1884 /* the collector's way in, of this machine alone */
#define MQTT_DIR "/run/mosquitto"
#define MQTT_HISTORY MQTT_DIR "/history.json"
#define MQTT_HISTORY_UID 1884
#define MQTT_LISTENERS 8

/* Fills `files`, {0} before; they are released in any case. */
int mqtt_conf(const json_t *config, struct guest_files *files, struct fault *);

#endif
