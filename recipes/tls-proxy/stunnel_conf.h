/*
 * stunnel's configuration, from the service's part of the router's
 * configuration:
 *
 *	port	where it listens; 443 unless given
 *	hosts	[{"name","certificate","key","to"}]: name is what a client asks
 *		for (SNI), "*.home.example" too; certificate and key are PEM;
 *		to {"address","port"} is who gets what came, in the clear
 *
 * Who asks for no name, or for another, is shown the first certificate and
 * reaches nobody.  Pure: nothing is written here.
 */
#ifndef TLS_PROXY_STUNNEL_CONF_H
#define TLS_PROXY_STUNNEL_CONF_H

#include "recipes/guest-init/files.h"

#define STUNNEL_UID 4430
#define STUNNEL_DIR "/run/stunnel"
#define STUNNEL_PORT 443 /* of the recipe's probe */
#define STUNNEL_HOSTS 40 /* two files each */

int stunnel_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
