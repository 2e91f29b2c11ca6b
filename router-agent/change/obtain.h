/*
 * The files of a verified set, fetched into the store under the hashes that
 * the verifier named, by the smallest form that works; and what the store need
 * not keep any more.
 */
#ifndef AGENT_OBTAIN_H
#define AGENT_OBTAIN_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/set.h"
#include "router-agent/trust/forms.h"

struct agent;

/* What is here already is not fetched again; what came of a file stays for
 * the next try, also of another process. */
int obtain_set(struct agent *, const struct set *, const struct forms *,
    struct err *) KILN_MUST;
/* Is the day's budget gone? */
bool obtain_spent(const struct agent *);
/* Hashes a file again.  What rotted is taken away and `damaged` set, so that
 * the next pass fetches it. */
int obtain_check(
    struct agent *, const struct set_file *, struct err *) KILN_MUST;
/* Are all of its files here, with their hashes? */
bool obtain_whole(struct agent *, const struct set *);
/* Removes what neither the running, the previous, the golden nor the set on
 * trial names, and parts of downloads. */
int obtain_sweep(struct agent *, struct err *) KILN_MUST;

#endif
