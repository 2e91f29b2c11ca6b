/*
 * The control port: a virtio-serial port named CONTROL_PORT, over which the
 * host's agent sends lines and reads one answer for each, "ok" or
 * "error SENTENCE"; that to a probe begins with "probe " and may come later,
 * behind the answers to what was asked meanwhile.
 *
 *	clock SECONDS	set the wall clock (it stands still during a pause)
 *	restart		stop the services and start them anew, so that they
 *			take in the state the agent keeps; "ok" when they are
 *			started
 *	freeze		what was written to the volumes is on their disks, and
 *			whoever writes more waits, until
 *	thaw		lets them
 *	probe NAME	run a program of the image (probes.h)
 *	poweroff	stop the services and switch off
 */
#ifndef GUEST_INIT_CONTROL_H
#define GUEST_INIT_CONTROL_H

#include "recipes/guest-init/guest.h"

#define CONTROL_PORT "org.kiln.control"
#define CONTROL_LINE 128

#define CONTROL_NAME 33 /* with NUL */

enum control_verb {
	CONTROL_CLOCK,
	CONTROL_RESTART,
	CONTROL_FREEZE,
	CONTROL_THAW,
	CONTROL_PROBE,
	CONTROL_POWEROFF
};
struct control_request {
	enum control_verb verb;
	int64_t seconds;	 /* of CONTROL_CLOCK */
	char name[CONTROL_NAME]; /* of CONTROL_PROBE */
};
/* A line without its end. */
int control_parse(const char *line, struct control_request *, struct fault *);

/* Lines put together from what reads return. */
struct control_lines {
	char text[CONTROL_LINE];
	size_t n;
	bool overlong; /* the rest of this line is dropped */
};
/*
 * Takes bytes from *p (of *n left) up to and including the next line end.
 * True when a line is complete: it stands NUL-ended in `text`, or, when
 * `*bad`, was too long or held a NUL.
 */
bool control_next(struct control_lines *, const char **p, size_t *n, bool *bad);

#endif
