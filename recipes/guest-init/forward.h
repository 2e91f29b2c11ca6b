/*
 * What the programs of machines that forward packets share: switches of the
 * kernel, rules by nft, and the port where the recipe's probe asks.
 */
#ifndef GUEST_INIT_FORWARD_H
#define GUEST_INIT_FORWARD_H

#include <stdio.h>

#include "recipes/guest-init/guest.h"

#define FORWARD_NFT "/usr/sbin/nft"

/* Writes "1"; a kernel without that switch is none of our business. */
int guest_switch_on(const char *path, struct fault *);
/* Lets the kernel forward, both families. */
int guest_forward(struct fault *);

/* Loads what `write` writes, as one transaction: all of it or nothing. */
typedef void guest_rules_fn(const void *, FILE *);
int guest_nft(guest_rules_fn *write, const void *, struct fault *);

/* Listens on a TCP port of all addresses, without blocking.  The descriptor,
 * or -1. */
int guest_listen(int port, struct fault *);

#endif
