/*
 * /etc/kiln/services: what an image runs, one line each,
 *
 *	NAME UID CAPABILITIES /absolute/program argument …
 *
 * separated by blanks; a word that begins with '#' ends the line.  UID is
 * also the group, and never 0: a service that needs a right of root names it
 * in CAPABILITIES (net_bind_service,net_raw), or writes "-".  It gets these as
 * ambient capabilities and can gain no others.  The word "state" among them
 * is no capability: it gives one service the port STATE_DEVICE, through which
 * the agent keeps what must outlive this machine.  There is no quoting.
 */
#ifndef GUEST_INIT_SERVICES_H
#define GUEST_INIT_SERVICES_H

#include "recipes/guest-init/guest.h"

#define SERVICES_FILE "/etc/kiln/services"
#define SERVICES_SIZE 16384U /* bytes of the file */
#define SERVICES_MAX 16
#define SERVICES_WORDS 32 /* program and arguments */

struct service {
	const char *name;
	uid_t uid;
	uint64_t caps;			/* bit n: capability n */
	bool state;			/* the state port is its */
	char *argv[SERVICES_WORDS + 1]; /* NULL-ended; argv[0] is absolute */
};

struct services {
	struct service at[SERVICES_MAX];
	size_t n;		     /* at least 1 */
	const struct service *state; /* whose the state port is, or NULL */
};

/* `text` is NUL-ended, is cut into words, and must outlive the result. */
int services_parse(char *text, struct services *, struct fault *);

#endif
