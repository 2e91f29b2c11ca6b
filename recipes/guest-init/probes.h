/*
 * /etc/kiln/probes: programs of the image that tell whether its services are
 * well, in the form of /etc/kiln/services,
 *
 *	NAME UID CAPABILITIES /absolute/program argument …
 *
 * The host asks for one by its name, over the control port.  It is well when
 * the program ends with 0 within PROBES_WAIT; else the first line it wrote,
 * to either output, says why not.  One runs at a time.
 */
#ifndef GUEST_INIT_PROBES_H
#define GUEST_INIT_PROBES_H

#include "recipes/guest-init/guest.h"
#include "recipes/guest-init/services.h"

#define PROBES_FILE "/etc/kiln/probes"
#define PROBES_WAIT 3000 /* ms until it is killed with all it started */
#define PROBES_SAID 160	 /* bytes of its first line, with NUL */

struct probes {
	struct services list;
	char *text;
	pid_t pid;     /* 0: none runs */
	int out;       /* what it writes, never blocking */
	int64_t until; /* ms */
	bool late;     /* it was killed */
	char said[PROBES_SAID];
	size_t nsaid;
	bool ended; /* its first line */
};

/* An image without the file has none. */
int probes_read(struct probes *, struct fault *);
/* Starts one; -1: there is none of that name, or one runs already. */
int probes_start(
    struct probes *, const char *name, int64_t now_ms, struct fault *);
/* Takes bytes of its output; what lies behind the first line is dropped. */
void probes_hear(struct probes *, const char *, size_t);
/* Reads what it wrote so far, kills it when it is late.  ms until the next
 * look, or -1. */
int probes_due(struct probes *, int64_t now_ms);
/* It ended: 0 well, -1 not, with the reason.  Its output is closed. */
int probes_end(struct probes *, int status, struct fault *);

#endif
