/*
 * Messages to the kernel over netlink.  A message is built in a buffer of the
 * caller, aligned as a header, with room for all that is put into it.
 */
#ifndef GUEST_INIT_NL_H
#define GUEST_INIT_NL_H

#include "recipes/guest-init/guest.h"

struct nlmsghdr;
/* A request that wants an acknowledgement, with `flags` besides. */
void nl_start(struct nlmsghdr *, int type, int flags, const void *body, size_t);
void nl_attr(struct nlmsghdr *, int type, const void *, size_t);
/* Attributes inside one: what nl_nest gives is for nl_nest_end. */
size_t nl_nest(struct nlmsghdr *, int type);
void nl_nest_end(struct nlmsghdr *, size_t);
/* Sends one message and waits for the kernel's word on it; errno is its. */
int nl_ask(int fd, const struct nlmsghdr *, const char *what, struct fault *);

#endif
