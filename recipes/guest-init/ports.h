/*
 * Through what the host speaks to a running guest: the virtio-serial port of
 * control.h and the power button.  Either may be missing.
 */
#ifndef GUEST_INIT_PORTS_H
#define GUEST_INIT_PORTS_H

#include "recipes/guest-init/guest.h"

/* The port that the agent keeps a service's state behind, and its name there.
 * Only one process at a time can have it open. */
#define STATE_PORT "org.kiln.state"
#define STATE_DEVICE "/dev/kiln-state"

struct ports {
	int control, button; /* -1: not there; never blocking */
	bool state;	     /* STATE_DEVICE is there */
};

/* Opens what is -1 and has appeared; `state_owner` 0: nobody's. */
void ports_open(struct ports *, uid_t state_owner);
/* A host that does not read its answers loses them. */
void ports_answer(const struct ports *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Reads what the button sent; was it pressed? */
bool ports_button(const struct ports *);

#endif
