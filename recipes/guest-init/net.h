/*
 * The network of a guest, set by rtnetlink: loopback up, each card found by
 * its MAC, its addresses and its default routes.  A guest takes nothing from
 * router advertisements: what the configuration does not say, it has not.  What
 * comes in faster than a service takes it may wait in 1 MiB for each socket,
 * not in the kernel's 208 KiB.
 */
#ifndef GUEST_INIT_NET_H
#define GUEST_INIT_NET_H

#include "recipes/guest-init/config.h"

/*
 * Cards may still be on their way when the machine starts; looks for all of
 * them for up to `wait_ms`.
 */
int net_start(const struct config *, int wait_ms, struct fault *);

/* The messages, apart from the socket that carries them. */
struct nlmsghdr;
#define NET_MSG 128 /* bytes, aligned as a header */
void net_msg_up(struct nlmsghdr *, int index);
void net_msg_name(struct nlmsghdr *, int index, const char *name);
void net_msg_address(struct nlmsghdr *, int index, const struct config_link *);
void net_msg_gateway(struct nlmsghdr *, int index, const struct config_link *);

#endif
