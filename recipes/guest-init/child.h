/*
 * Children of init: a service with the user and the capabilities of its line
 * and no way to more, and the image's configure program.
 */
#ifndef GUEST_INIT_CHILD_H
#define GUEST_INIT_CHILD_H

#include "recipes/guest-init/services.h"

/* Each returns the pid, in a session of its own. */
pid_t child_service(const struct service *, struct fault *);
/* The same of a line of /etc/kiln/probes; what it writes goes into `out`. */
pid_t child_probe(const struct service *, int out, struct fault *);
pid_t child_configure(const char *program, struct fault *);

/*
 * How long to wait before the n-th start in a row, in ms: at once, then from
 * 100 ms doubling up to 30 s.  A service that ran for CHILD_STEADY ms begins
 * anew.
 */
#define CHILD_STEADY 60000
int child_backoff(unsigned int n);

#endif
