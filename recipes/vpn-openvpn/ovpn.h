/*
 * OpenVPN's configuration, from the service's part of the router's
 * configuration:
 *
 *	ovpn		the lines of an .ovpn file, as an array
 *	resolver	who is asked for the names of `remote`
 *	masquerade	false: a client's LAN goes in under its own addresses
 *
 * A file with `client` makes the machine a way out for the LAN, through the
 * tunnel and no other way; one with `server` a way in.  An option is known or
 * refused: none starts a program, none names a file (keys stand in the file
 * between <ca> and </ca>), and there is no compression.  Pure: nothing is
 * written here.
 */
#ifndef VPN_OPENVPN_OVPN_H
#define VPN_OPENVPN_OVPN_H

#include "recipes/guest-init/files.h"

#define OVPN_UID 1194
#define OVPN_STATUS 1195 /* of the recipe's probe: who asks is told */
#define OVPN_DIR "/run/openvpn"
#define OVPN_CONFIG OVPN_DIR "/config.json"
#define OVPN_CONTROL "/run/openvpn-control" /* the service's own */
#define OVPN_SOCKET OVPN_CONTROL "/socket"
#define OVPN_LINES 2000
#define OVPN_LINE 1024 /* bytes */

/* What both the rules and the status depend on. */
struct ovpn {
	bool server, masquerade;
};

int ovpn_conf(const json_t *config, struct guest_files *, struct fault *);
/* What ovpn_conf left in OVPN_CONFIG. */
int ovpn_read(const json_t *, struct ovpn *, struct fault *);
/* In nft's words: a guest_rules_fn. */
void ovpn_rules(const void *ovpn, FILE *);

#endif
