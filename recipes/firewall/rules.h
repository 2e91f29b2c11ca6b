/*
 * The router's rules in nft's words, from the service's part of the router's
 * configuration:
 *
 *	forward	[{"proto","port","to","to_port"}]: from the provider's side to
 *		an IPv4 address of the LAN; to_port absent: the same
 *	open	[{"proto","port","to"}]: the same to an IPv6 address, which is
 *		not translated
 *	block	[{"from","to","proto","port"}]: what the LAN may not do, all of
 *		a rule together; `to` is an address, a network or a name, whose
 *		addresses are followed (names.h)
 *	resolver	who is asked for names; needed when there are any
 *	masquerade	false: IPv4 goes out under its own addresses
 *
 * The cards are called "lan" and "wan".  What is not allowed is dropped; the
 * LAN may go out, answers come in.  Blocks stand before everything else, so a
 * connection that is open already ends when its other side becomes blocked.
 * Pure: nothing is read or written here.
 */
#ifndef FIREWALL_RULES_H
#define FIREWALL_RULES_H

#include <stdio.h>

#include "recipes/guest-init/guest.h"

#define FIREWALL_UID 4747
#define FIREWALL_PORT 4747 /* of the recipe's probe: who asks is told */
#define RULES_NAMES 64
#define RULES_ADDRESSES 16 /* of one name and family */

/* A name and what it led to when it was asked last. */
struct rules_name {
	char name[254];
	struct guest_addr at[2 * RULES_ADDRESSES];
	size_t n;
	int64_t due; /* seconds of a steady clock: when to ask again */
};

struct rules {
	const json_t *config; /* borrowed */
	struct rules_name name[RULES_NAMES];
	size_t names;
	bool has_resolver;
	struct guest_addr resolver;
};

/* Checks all of it and collects the names. */
int rules_read(const json_t *config, struct rules *, struct fault *);
/* The whole table as one transaction: it takes the place of the one before. */
void rules_write(const struct rules *, FILE *);

#endif
