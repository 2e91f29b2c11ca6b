/*
 * Kamailio's configuration, from the service's part of the router's
 * configuration:
 *
 *	domain	of the users, and the realm of their passwords
 *	users	[{"name","ha1"}]: ha1 is the MD5 of NAME:DOMAIN:PASSWORD in
 *		hex, as digest authentication has it, so that no password
 *		stands in the configuration
 *
 * Who has a name registers where it is and is called there; nobody else is
 * served, and nothing leads out of the domain.  Pure: nothing is written here.
 */
#ifndef VOIP_SIP_CONF_H
#define VOIP_SIP_CONF_H

#include "recipes/guest-init/files.h"

#define SIP_UID 5060
#define SIP_DIR "/run/sip"
#define SIP_OWN "/run/sip-own" /* the service's to write */
#define SIP_USERS 256

int sip_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
