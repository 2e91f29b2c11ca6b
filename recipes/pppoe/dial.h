/*
 * A PPPoE line, from the service's part of the router's configuration:
 *
 *	user, password	as the provider gave them
 *	auth		how the password may be shown: ["chap","pap"], or one
 *	service		its name, where the provider wants one
 *	concentrator	the name of the only one to be called
 *	mtu		of the line; 1492 unless given
 *
 * Pure: the options of pppd and the rules in nft's words are made here, and
 * written or loaded elsewhere.
 */
#ifndef PPPOE_DIAL_H
#define PPPOE_DIAL_H

#include "recipes/guest-init/files.h"

#define PPPOE_UID 8863
#define PPPOE_STATUS 8863 /* of the recipe's probe: who asks is told */
#define PPPOE_DIR "/run/pppoe"
#define PPPOE_OPTIONS PPPOE_DIR "/options"
#define PPPOE_CARD "ppp0"

int pppoe_conf(const json_t *config, struct guest_files *, struct fault *);
/* A guest_rules_fn: the LAN goes out by the line, and only answers come in. */
void pppoe_rules(const void *, FILE *);
/* What pppd's exit status says of a line that is down, in one word. */
const char *pppoe_word(int status);
/* Seconds until the next call: a provider locks out who is refused often. */
int pppoe_pause(int status);

#endif
